"""Unigram (SentencePiece) tokenization inside a TensorFlow graph, equal to Hugging Face's fast tokenizers.

The graph does what Hugging Face's code does, in the same order: it finds the added tokens, normalizes the
text between them, parts it into words, and finds each word's best segmentation. SentencePiece's own
operations differ from that (other tables of Unicode, single precision, other handling of clusters) in a few
lines of every hundred thousand, so none is used.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import tensorflow as tf

from xtremedistil_tf.errors import NoGraphFormError
from xtremedistil_tf.tokenization.graph import text as graph_text
from xtremedistil_tf.tokenization.graph.added_tokens import AddedTokens, Trie, on_paths
from xtremedistil_tf.tokenization.graph.normalizer import steps_of, unsupported_step
from xtremedistil_tf.tokenization.graph.text import FIRST_ADDED, Text, begins_group, repeated, where
from xtremedistil_tf.tokenization.texts import flat_steps, tokenizer_spec

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast


# By how much an unknown character scores less than the worst piece (Hugging Face's K_UNK_PENALTY).
_UNKNOWN_PENALTY = 10.0
_SPACE = " "


class Pieces(NamedTuple):
    """Attributes:
        ids: int32 [pieces].
        firsts, lasts: int64 [pieces], the first and the last character of each piece.
    """

    ids: tf.Tensor
    firsts: tf.Tensor
    lasts: tf.Tensor


class UnigramSegmentation:
    """Finds the pieces of words with the highest sum of scores.

    Sums are of the same float64 numbers in the same order as Hugging Face's, and of equal sums the one whose
    last piece is longer wins, so that ties and nearly equal sums come out the same way.

    Args:
        model: the model in the tokenizer's file.
        added_ids: ids of the added tokens, which stand in the text as `FIRST_ADDED` plus their place here.
    """

    # Beyond the strings of the trie, "pieces" are numbered: one for each added token, the unknown character.

    def __init__(self, model: dict[str, Any], added_ids: list[int]):
        ids = {piece: number for number, (piece, _) in enumerate(model["vocab"])}
        pieces = [piece for piece in ids if piece]
        scores = [model["vocab"][ids[piece]][1] for piece in pieces]
        unknown_score = min(score for _, score in model["vocab"]) - _UNKNOWN_PENALTY
        self._trie = Trie(pieces)
        self._first_added, self._unknown = len(pieces), len(pieces) + len(added_ids)
        self._ids = tf.constant([*(ids[piece] for piece in pieces), *added_ids, model["unk_id"]], tf.int32)
        # The last score is that of "no piece".
        self._scores = tf.constant([*scores, *[0.0] * len(added_ids), unknown_score, -np.inf], tf.float64)
        self._is_unknown = tf.constant([ids[piece] == model["unk_id"] for piece in pieces]
                                       + [False] * len(added_ids) + [True])
        self._byte_ids = None
        if model.get("byte_fallback"):
            self._byte_ids = tf.constant([ids[piece] for piece in byte_pieces()], tf.int32)

    def __call__(self, characters: tf.Tensor, begins: tf.Tensor) -> Pieces:
        """Splits words into pieces.

        Args:
          characters: int32 [n].
          begins: bool [n], where a word begins.
        """
        starts = tf.where(begins)[:, 0]
        ends = tf.concat([starts[1:], [tf.size(characters, tf.int64)]], 0)[:tf.size(starts)]
        word = repeated(ends - starts)
        by_end = self._pieces_by_end(characters, tf.gather(ends, word))
        lengths = self._best_lengths(by_end, starts, ends - starts)
        index = tf.range(tf.size(characters, tf.int64))
        word_start = tf.gather(starts, word)
        before = index - lengths
        links = tf.where(before < word_start, index, before)
        longest = tf.reduce_max(tf.concat([ends - starts, [0]], 0))
        lasts = tf.where(on_paths(links, ends - 1, longest))[:, 0]
        lengths = tf.gather(lengths, lasts)
        pieces = tf.gather(tf.reshape(by_end, [-1]), lasts * self._longest + self._longest - lengths)
        return self._fuse(pieces, lasts - lengths + 1, lasts, characters, word_start)

    @property
    def _longest(self) -> int:
        return self._trie.longest

    def _pieces_by_end(self, characters, limits) -> tf.Tensor:
        """int32 [n, longest]: the piece that ends at each character, for each length; long ones first."""
        size = tf.size(characters, tf.int64)
        index = tf.range(size)
        found = self._trie.matches(characters, index, limits)
        cells = (found.starts + found.lengths - 1) * self._longest + self._longest - found.lengths
        none = tf.size(self._scores) - 1
        table = tf.fill([size * self._longest], none)
        table = tf.tensor_scatter_nd_update(table, cells[:, None], found.strings)
        table = tf.reshape(table, [-1, self._longest])
        added = characters - FIRST_ADDED
        single = tf.where(added >= 0, self._first_added + added, table[:, -1])
        single = tf.where(tf.equal(single, none), self._unknown, single)
        return tf.concat([table[:, :-1], single[:, None]], 1)

    def _best_lengths(self, by_end, starts, lengths) -> tf.Tensor:
        """int64 [n]: the length of the best path's last piece up to each character."""
        order = tf.argsort(lengths, direction="DESCENDING")
        starts = tf.gather(starts, order)
        longest = tf.reduce_max(tf.concat([lengths, [0]], 0))
        counts = tf.math.bincount(tf.cast(lengths, tf.int32), dtype=tf.int64)
        active = tf.size(starts, tf.int64) - tf.cumsum(counts)
        # The best sums up to the last few characters; nothing comes before a word.
        window = tf.constant([[-np.inf] * (self._longest - 1) + [0.0]], tf.float64)
        window = tf.tile(window, [tf.size(starts), 1])
        piece_lengths = tf.range(self._longest, 0, -1, tf.int64)
        arrays = [tf.TensorArray(tf.int64, 0, dynamic_size=True, infer_shape=False, element_shape=[None])
                  for _ in range(2)]

        def step(t, window, places, chosen):
            window = window[:active[t]]
            place = starts[:active[t]] + t
            sums = tf.gather(self._scores, tf.gather(by_end, place)) + window
            best = tf.reduce_max(sums, 1, keepdims=True)
            length = tf.reduce_max(tf.where(tf.equal(sums, best), piece_lengths, 0), 1)
            number = tf.cast(t, tf.int32)
            window = tf.concat([window[:, 1:], best], 1)
            return t + 1, window, places.write(number, place), chosen.write(number, length)

        t, _, *arrays = tf.while_loop(
            lambda t, *_: t < longest, step, [tf.constant(0, tf.int64), window, *arrays],
            [tf.TensorShape([]), tf.TensorShape([None, self._longest]), *[tf.TensorShape(None)] * 2])
        # A TensorArray that nothing was written to cannot be joined.
        empty = tf.zeros([0], tf.int64)
        places, chosen = (array.write(tf.cast(t, tf.int32), empty).concat() for array in arrays)
        return tf.scatter_nd(places[:, None], chosen, [tf.shape(by_end, tf.int64)[0]])

    def _fuse(self, pieces, firsts, lasts, characters, word_start) -> Pieces:
        """Makes one piece of neighbouring unknown characters of a word, or their bytes."""
        is_unknown = tf.gather(self._is_unknown, pieces)
        word = tf.gather(word_start, firsts)
        goes_on = is_unknown[1:] & is_unknown[:-1] & tf.equal(word[1:], word[:-1])
        begins = tf.concat([tf.ones_like(is_unknown[:1]), tf.logical_not(goes_on)], 0)
        ends = tf.concat([tf.logical_not(goes_on), tf.ones_like(is_unknown[:1])], 0)
        entries, firsts = where(begins, pieces, firsts)
        fused = Pieces(tf.gather(self._ids, entries), firsts, *where(ends, lasts))
        if self._byte_ids is None:
            return fused
        # Written out, the unknown piece is itself in the vocabulary.
        written_out = tf.logical_and(tf.not_equal(pieces, self._unknown), ends)
        as_bytes = tf.logical_and(is_unknown, tf.logical_not(written_out))
        return self._spell(fused, *where(begins, as_bytes), characters)

    def _spell(self, pieces: Pieces, as_bytes: tf.Tensor, characters: tf.Tensor) -> Pieces:
        """Replaces pieces by the bytes of their characters; each byte stands for the whole piece."""
        lengths = tf.where(as_bytes, pieces.lasts - pieces.firsts + 1, 0)
        unknown = tf.ragged.range(pieces.firsts, pieces.firsts + lengths)
        unknown = unknown.with_values(tf.gather(characters, unknown.values))
        strings = tf.strings.unicode_encode(unknown, "UTF-8")
        found = tf.strings.bytes_split(strings)
        numbers = tf.cast(tf.reshape(tf.io.decode_raw(found.values, tf.uint8), [-1]), tf.int32)
        counts = tf.where(as_bytes, found.row_lengths(), 1)
        source = repeated(counts)
        pieces = Pieces(*(tf.gather(values, source) for values in pieces))
        places = tf.where(tf.gather(as_bytes, source))
        return pieces._replace(ids=tf.tensor_scatter_nd_update(pieces.ids, places,
                                                               tf.gather(self._byte_ids, numbers)))


def byte_pieces() -> list[str]:
    """The pieces that stand for the 256 bytes."""
    return [f"<0x{byte:02X}>" for byte in range(256)]


class InGraphUnigram(tf.Module):
    """Splits raw strings into the pieces of a Unigram model with TensorFlow operations only.

    Handles tokenizers such as those of XLM-RoBERTa, multilingual-e5, CamemBERT, ALBERT, XLNet, DeBERTa-v2,
    RemBERT, BigBird, mBART, T5 and mT5. No difference from Hugging Face's is known. A program that loads a
    SavedModel with this module needs TensorFlow's own operations only.

    The segmentation goes through the words of a batch side by side, one character at a time: time grows with
    the longest word of a batch, which in Chinese, Japanese or Thai is as long as a phrase.
    """

    #: Whether `tokenize_texts` may be used.
    takes_whole_texts = True

    def __init__(self, tokenizer: PreTrainedTokenizerFast, spec: dict[str, Any]):
        """Use `from_tokenizer`."""
        super().__init__(name="in_graph_unigram")
        parts = flat_steps(spec["pre_tokenizer"], "pretokenizers")
        self._metaspace = parts[-1]
        self._splits_white_space = len(parts) > 1
        self._is_white_space = graph_text.white_space()
        self._is_word_separator = graph_text.white_space(python=True)
        tokens = dict(enumerate(spec["added_tokens"]))
        self._before = _added(tokens, normalized=False)
        self._steps = steps_of(spec["normalizer"])
        self._after = _added(tokens, True, lambda content: _normalized(tokenizer.backend_tokenizer, content))
        self._segmentation = UnigramSegmentation(spec["model"], [token["id"] for token in tokens.values()])

    @classmethod
    def from_tokenizer(cls, tokenizer: PreTrainedTokenizerFast, whole_texts: bool = False) -> InGraphUnigram:
        """Builds the graph form of a Hugging Face fast tokenizer with a Unigram vocabulary.

        Args:
          tokenizer: fast tokenizer of transformers.
          whole_texts: whether `tokenize_texts` will be used.

        Raises NoGraphFormError if the tokenizer is of another type or set up in a way that has no graph form.
        """
        del whole_texts  # They ask for nothing more of a tokenizer.
        spec = tokenizer_spec(tokenizer)
        reason = unsupported(tokenizer, spec)
        if reason:
            raise NoGraphFormError(reason)
        return cls(tokenizer, spec)

    def tokenize(self, texts: tf.Tensor) -> dict[str, tf.RaggedTensor]:
        """Splits strings into words, as Python's `str.split()` does, and words into pieces.

        Args:
          texts: string [batch], UTF-8. Malformed bytes count as U+FFFD.

        Returns a dict of RaggedTensors:
          words: string [batch, words], the words as they stand in the text.
          pieces: int32 [batch, words, pieces], without special tokens. A word may have no piece at all.
          starts, ends: int32 [batch, words], offsets in Unicode characters; `text[start:end]` is the word.

        Source: equal to `tokenizer(text.split(), is_split_into_words=True, add_special_tokens=False)`.
        """
        texts = graph_text.valid(texts)
        text = Text.decode(texts)
        visible = tf.logical_not(self._is_word_separator(text.characters))
        word, row_of_word = graph_text.runs(visible, text.row)
        count = tf.size(row_of_word, tf.int64)
        text = text.where(visible)
        starts = tf.gather(text.starts, graph_text.begin_indices(word))
        words = graph_text.encode(text.characters, word, count)
        # Each word is a text of its own, and begins at 0.
        single = text._replace(starts=text.starts - tf.gather(starts, word), segment=word, row=word)
        ids = self._pieces(single, count)["pieces"]
        rows = tf.size(texts, tf.int64)

        by_row = tf.RaggedTensor.from_value_rowids(words, row_of_word, rows, validate=False)
        return {"words": by_row, "pieces": by_row.with_values(ids), "starts": by_row.with_values(starts),
                "ends": by_row.with_values(tf.math.segment_max(text.ends, word))}

    def tokenize_texts(self, texts: tf.Tensor) -> dict[str, tf.Tensor | tf.RaggedTensor]:
        """Splits whole strings into pieces.

        Args:
          texts: string [batch], UTF-8. Malformed bytes count as U+FFFD.

        Returns a dict:
          texts: string [batch], the texts with U+FFFD for malformed bytes.
          pieces: RaggedTensor int32 [batch, pieces], without special tokens.
          starts, ends: RaggedTensors int32 [batch, pieces], offsets in Unicode characters.

        Source: equal to `tokenizer(text, add_special_tokens=False, return_offsets_mapping=True)`.
        """
        texts = graph_text.valid(texts)
        return {"texts": texts} | self._pieces(Text.decode(texts), tf.size(texts, tf.int64))

    def _pieces(self, text: Text, rows: tf.Tensor) -> dict[str, tf.RaggedTensor]:
        for step in (self._before, *self._steps, self._after):
            text = step(text)
        text, begins = self._words(text)
        pieces = self._segmentation(text.characters, begins)
        row = tf.gather(text.row, pieces.firsts)

        by_row = tf.RaggedTensor.from_value_rowids(pieces.ids, row, rows, validate=False)
        return {"pieces": by_row, "starts": by_row.with_values(tf.gather(text.starts, pieces.firsts)),
                "ends": by_row.with_values(tf.gather(text.ends, pieces.lasts))}

    def _words(self, text: Text) -> tuple[Text, tf.Tensor]:
        """The text with a mark (▁) before words, as bool [n] where they begin."""
        mark = ord(self._metaspace["replacement"])
        is_added = text.characters >= FIRST_ADDED
        if self._splits_white_space:
            visible = tf.logical_not(self._is_white_space(text.characters))
            part, _ = graph_text.runs(visible, text.segment)
            text, is_added = text.where(visible), *graph_text.where(visible, is_added)
        else:
            part = text.segment
        characters = tf.where(tf.equal(text.characters, ord(_SPACE)), mark, text.characters)
        text, begins = text._replace(characters=characters), begins_group(part)
        lacks = begins & tf.not_equal(text.characters, mark) & tf.logical_not(is_added)
        scheme = self._metaspace["prepend_scheme"]
        if scheme == "first":
            lacks &= tf.equal(text.starts, 0)
        elif scheme == "never":
            lacks = tf.zeros_like(lacks)
        # The mark is aligned to the same character as what it stands before.
        source = graph_text.repeated(1 + tf.cast(lacks, tf.int64))
        text, begins = text.gather(source), tf.gather(begins, source)
        places = tf.where(lacks)[:, 0]
        places += tf.range(tf.size(places, tf.int64))
        marks = tf.fill(tf.shape(places), mark)
        characters = tf.tensor_scatter_nd_update(text.characters, places[:, None], marks)
        begins = tf.tensor_scatter_nd_update(begins, places[:, None] + 1, tf.zeros_like(places, tf.bool))
        return text._replace(characters=characters), begins | tf.equal(characters, mark)


def _added(tokens: dict[int, dict[str, Any]], normalized: bool, sought: Callable[[str], str] = str):
    """The step that finds the tokens sought in normalized text, or those sought in the raw one."""
    wanted = {number: token for number, token in tokens.items()
              if token["content"] and token["normalized"] == normalized}
    contents = [sought(token["content"]) for token in wanted.values()]
    return AddedTokens(wanted, contents) if wanted else lambda text: text


def _normalized(backend, content: str) -> str:
    return backend.normalizer.normalize_str(content) if backend.normalizer else content


def unsupported(tokenizer: PreTrainedTokenizerFast, spec: dict[str, Any]) -> str | None:
    """What the tokenizer is, if it has no graph form ("a slow one ..."); else None.

    Args:
      tokenizer: fast tokenizer of transformers.
      spec: its `tokenizer_spec`.
    """
    if not spec:
        return f"a slow one ({type(tokenizer).__name__})"
    model = spec["model"]
    if model["type"] != "Unigram":
        return f"one whose model is {model['type']} instead of Unigram"
    if model["unk_id"] is None:
        return "one without an unknown token"
    if model.get("byte_fallback") and not {piece for piece, _ in model["vocab"]}.issuperset(byte_pieces()):
        return "one that falls back to bytes and lacks subwords for some"
    step = unsupported_step(spec["normalizer"])
    if step:
        return f"one whose normalizer holds {step}"
    parts = flat_steps(spec["pre_tokenizer"], "pretokenizers")
    kinds = [part["type"] for part in parts]
    if kinds not in (["Metaspace"], ["WhitespaceSplit", "Metaspace"]) or not parts[-1]["split"]:
        return f"one whose pre-tokenizer is {spec['pre_tokenizer']} instead of a Metaspace that splits"
    for token in spec["added_tokens"]:
        if token["single_word"]:
            return f"one whose added token {token['content']!r} is sought as a word"
        if any(map(str.isspace, token["content"])):
            return f"one whose added token {token['content']!r} holds white space"
        if token["normalized"] and not _normalized(tokenizer.backend_tokenizer, token["content"]):
            return f"one whose added token {token['content']!r} is nothing when normalized"
    if tokenizer.split_special_tokens:
        return "one with split_special_tokens"
    if tokenizer.pad_token_id is None:
        return "one without a token for padding"
    return None
