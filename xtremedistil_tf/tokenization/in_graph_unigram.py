"""Unigram (SentencePiece) tokenization inside a TensorFlow graph, equal to Hugging Face's fast tokenizers.

The graph does what Hugging Face's code does, in the same order: it finds the added tokens, normalizes the
text between them, parts it into words, and finds each word's best segmentation. SentencePiece's own
operations differ from that (other tables of Unicode, single precision, other handling of clusters) in a few
lines of every hundred thousand, so none is used.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import tensorflow as tf

from xtremedistil_tf.errors import NoGraphFormError
from xtremedistil_tf.tokenization.graph import text as graph_text
from xtremedistil_tf.tokenization.graph.added_tokens import AddedTokens
from xtremedistil_tf.tokenization.graph.normalizer import steps_of, unsupported_step
from xtremedistil_tf.tokenization.graph.segmentation import UnigramSegmentation, byte_pieces
from xtremedistil_tf.tokenization.graph.text import FIRST_ADDED, Text, begins_group
from xtremedistil_tf.tokenization.spec import tokenizer_spec

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

_SPACE = " "


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
        parts = _pre_tokenizers(spec["pre_tokenizer"])
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

        def by_row(values):
            return tf.RaggedTensor.from_value_rowids(values, row_of_word, rows, validate=False)

        return {"words": by_row(words), "pieces": by_row(ids), "starts": by_row(starts),
                "ends": by_row(tf.math.segment_max(text.ends, word))}

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

        def by_row(values):
            return tf.RaggedTensor.from_value_rowids(values, row, rows, validate=False)

        return {"pieces": by_row(pieces.ids), "starts": by_row(tf.gather(text.starts, pieces.firsts)),
                "ends": by_row(tf.gather(text.ends, pieces.lasts))}

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


def _pre_tokenizers(pre_tokenizer: dict[str, Any] | None) -> list[dict[str, Any]]:
    if pre_tokenizer is None:
        return []
    if pre_tokenizer["type"] == "Sequence":
        return [part for child in pre_tokenizer["pretokenizers"] for part in _pre_tokenizers(child)]
    return [pre_tokenizer]


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
        return "one that falls back to bytes and lacks pieces for some"
    step = unsupported_step(spec["normalizer"])
    if step:
        return f"one whose normalizer holds {step}"
    parts = _pre_tokenizers(spec["pre_tokenizer"])
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
