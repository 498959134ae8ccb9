"""WordPiece tokenization inside a TensorFlow graph, equal to Hugging Face's fast BERT tokenizer.

The graph decodes text to characters, looks up what becomes of each (`character_rules`), and hands the
resulting units to tensorflow-text's WordPiece.

A program that loads a SavedModel holding this module must `import tensorflow_text` first.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import tensorflow as tf

from xtremedistil_tf.errors import NoGraphFormError
from xtremedistil_tf.process import register_text_ops
from xtremedistil_tf.tokenization.graph.character_rules import (
    CLOSE_RULE,
    KEEP_RULE,
    OPEN_RULE,
    PAGE,
    SPACE,
    SPACE_RULE,
    CharacterRules,
    character_rules,
)
from xtremedistil_tf.tokenization.graph.text import Outputs, encode, joined, runs, valid, white_space
from xtremedistil_tf.tokenization.texts import tokenizer_spec

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast


# Marks around the literal special tokens of a text. To str.split() they are white space: no word holds them.
_OPEN, _CLOSE = "\x1e", "\x1f"
# In a whole text the two are control characters like this one, which the normalizer deletes.
_DELETED = "\x1d"
# The longest piece, in bytes, that tensorflow-text can hold.
_LONGEST_PIECE = 256


class InGraphWordPiece(tf.Module):
    """Splits raw strings into WordPiece ids with TensorFlow operations only.

    Attributes:
      takes_whole_texts: whether `tokenize_texts` may be used.
    """

    def __init__(self, rules: CharacterRules, added_tokens: dict[str, int], vocabulary: dict[str, int],
                 model: dict[str, Any], takes_whole_texts: bool):
        """Use `from_tokenizer`."""
        super().__init__(name="in_graph_wordpiece")
        self.takes_whole_texts = takes_whole_texts
        self._max_characters = model["max_input_chars_per_word"]
        self._unknown = _OPEN + model["unk_token"]
        self._added_pattern = "(" + "|".join(
            re.escape(token) for token in sorted(added_tokens, key=len, reverse=True)) + ")"
        self._build_tables(rules)
        marked = {_OPEN + token: number for token, number in added_tokens.items()}
        entries = {**vocabulary, **marked, self._unknown: vocabulary[model["unk_token"]]}
        self._id_of_entry = tf.constant(list(entries.values()), tf.int32)
        self._length_of_entry = tf.constant([len(entry) for entry in entries], tf.int32)
        self._is_unknown = tf.constant([entry in (model["unk_token"], self._unknown) for entry in entries])
        self._prefix_length = len(model["continuing_subword_prefix"])
        import tensorflow_text  # there is none for Windows

        self._wordpiece = tensorflow_text.FastWordpieceTokenizer(
            vocab=list(entries), suffix_indicator=model["continuing_subword_prefix"],
            unknown_token=model["unk_token"], token_out_type=tf.int32, no_pretokenization=True,
            # This limit counts bytes; the one that counts characters is applied in `_pieces`.
            max_bytes_per_word=4 * max(self._max_characters, *map(len, added_tokens)) + 1)

    @classmethod
    def from_tokenizer(cls, tokenizer: PreTrainedTokenizerFast,
                       whole_texts: bool = False) -> InGraphWordPiece:
        """Builds the graph form of a Hugging Face fast tokenizer with a WordPiece vocabulary.

        Args:
          tokenizer: fast tokenizer of transformers.
          whole_texts: whether `tokenize_texts` will be used.

        Raises NoGraphFormError if the tokenizer is of another type or set up in a way that has no graph form.
        """
        spec = tokenizer_spec(tokenizer)
        reason = unsupported(tokenizer, spec, whole_texts)
        if not reason and not register_text_ops():
            reason = "a WordPiece one, whose graph needs the package tensorflow_text, which is not installed"
        if reason:
            raise NoGraphFormError(reason)
        normalizer = {key: value for key, value in spec["normalizer"].items() if key != "type"}
        model = spec["model"]
        return cls(character_rules(**normalizer), _reachable_added(spec), _reachable_pieces(model), model,
                   _unfit_for_whole_texts(spec) is None)

    def tokenize(self, texts: tf.Tensor) -> dict[str, tf.RaggedTensor]:
        """Splits strings into words, as Python's `str.split()` does, and words into WordPiece ids.

        Args:
          texts: string [batch], UTF-8. Malformed bytes count as U+FFFD.

        Returns a dict of RaggedTensors:
          words: string [batch, words], the words as they stand in the text.
          pieces: int32 [batch, words, pieces], without special tokens. A word may have no piece at all.
          starts, ends: int32 [batch, words], offsets in Unicode characters; `text[start:end]` is the word.

        Source: equal to `tokenizer(text.split(), is_split_into_words=True, add_special_tokens=False)`.
        """
        rows, rules = self._characters(valid(texts), split_words=True)
        in_word = tf.not_equal(rules, SPACE_RULE)
        word, row_of_word = runs(in_word, rows.value_rowids())
        word_count = tf.size(row_of_word, tf.int64)

        characters = tf.boolean_mask(rows.flat_values, in_word)
        rules_in_words = tf.boolean_mask(rules, in_word)
        is_text = tf.logical_not(tf.gather(self._is_mark, rules_in_words))
        word_of_text = tf.boolean_mask(word, is_text)
        words = encode(tf.boolean_mask(characters, is_text), word_of_text, word_count)
        offsets = tf.boolean_mask(self._offsets(rows, rules), in_word)
        pieces = self._pieces(characters, rules_in_words, offsets, word, word_count)["pieces"]
        offsets = tf.boolean_mask(offsets, is_text)

        by_row = tf.RaggedTensor.from_value_rowids(words, row_of_word, nrows=rows.nrows(), validate=False)
        return {
            "words": by_row,
            "pieces": by_row.with_values(pieces),
            "starts": by_row.with_values(tf.math.segment_min(offsets, word_of_text)),
            "ends": by_row.with_values(tf.math.segment_max(offsets, word_of_text) + 1),
        }

    def tokenize_texts(self, texts: tf.Tensor) -> dict[str, tf.Tensor | tf.RaggedTensor]:
        """Splits whole strings into WordPiece ids; white space is what the tokenizer takes for it.

        Args:
          texts: string [batch], UTF-8. Malformed bytes count as U+FFFD.

        Returns a dict:
          texts: string [batch], the texts with U+FFFD for malformed bytes.
          pieces: RaggedTensor int32 [batch, pieces], without special tokens.
          starts, ends: RaggedTensors int32 [batch, pieces], offsets in Unicode characters.

        Source: equal to `tokenizer(text, add_special_tokens=False, return_offsets_mapping=True)`, except that
        white space that a special token takes in (`lstrip`, `rstrip`) is not counted to its piece, and that
        a combining character which is sorted and not stripped keeps its own offset.
        """
        texts = valid(texts)
        rows, rules = self._characters(texts, split_words=False)
        return {"texts": texts} | self._pieces(rows.flat_values, rules, self._offsets(rows, rules),
                                               rows.value_rowids(), rows.nrows())

    def _characters(self, texts: tf.Tensor, split_words: bool) -> tuple[tf.RaggedTensor, tf.Tensor]:
        """string [batch] -> ragged int32 [batch, characters], marks included, and int32 [n], their rules."""
        texts = tf.strings.regex_replace(texts, f"[{_OPEN}{_CLOSE}]", SPACE if split_words else _DELETED)
        texts = tf.strings.regex_replace(texts, self._added_pattern, rf"{_OPEN}\1{_CLOSE}")
        rows = tf.strings.unicode_decode(texts, "UTF-8")
        characters = rows.flat_values
        page = tf.gather(self._page_of, characters // PAGE)
        rules = tf.gather(self._pages, page * PAGE + characters % PAGE)
        if split_words:
            rules = tf.where(self._is_white_space(characters), SPACE_RULE, rules)
        opens, closes = tf.equal(characters, ord(_OPEN)), tf.equal(characters, ord(_CLOSE))
        inside = tf.cumsum(tf.cast(opens, tf.int32) - tf.cast(closes, tf.int32)) > 0
        rules = tf.where(inside, KEEP_RULE, rules)
        return rows, tf.where(opens, OPEN_RULE, tf.where(closes, CLOSE_RULE, rules))

    def _build_tables(self, rules: CharacterRules) -> None:
        self._page_of, self._pages = tf.constant(rules.page_of), tf.constant(rules.pages)
        self._outputs = Outputs([rule.output for rule in rules.rules])
        self._is_mark = tf.constant([rule.kind == "mark" for rule in rules.rules])
        self._is_starter = tf.constant([rule.is_starter for rule in rules.rules])
        self._rank = tf.constant([rule.rank for rule in rules.rules], tf.int64)
        self._is_white_space = white_space(python=True)

    def _offsets(self, rows: tf.RaggedTensor, rules: tf.Tensor) -> tf.Tensor:
        """int32 [n]: how many characters of the text stand before each one in its row; marks do not count."""
        is_text = tf.logical_not(tf.gather(self._is_mark, rules))
        before = tf.concat([[0], tf.cumsum(tf.cast(is_text, tf.int32))], 0)
        return before[:-1] - tf.gather(tf.gather(before, rows.row_starts()), rows.value_rowids())

    def _pieces(self, characters, rules, offsets, word, word_count) -> dict[str, tf.RaggedTensor]:
        """int32 [n] characters, rules and offsets, int64 [n] word numbers -> ragged int32 [words, pieces]."""
        characters, rules, offsets = self._sort_combining(characters, rules, offsets, word)
        characters, source, _ = self._outputs.replace(characters, rules)
        visible = tf.not_equal(characters, ord(SPACE))
        characters, source_of_visible = tf.boolean_mask(characters, visible), tf.boolean_mask(source, visible)
        unit, word_of_unit = runs(visible, tf.gather(word, source))
        strings = encode(characters, unit, tf.size(word_of_unit, tf.int64))
        length = tf.math.segment_sum(tf.ones_like(characters), unit)
        is_added = tf.equal(tf.strings.substr(strings, 0, 1), _OPEN)
        too_long = tf.logical_and(length > self._max_characters, tf.logical_not(is_added))
        entries = self._wordpiece.tokenize(tf.where(too_long, self._unknown, strings))
        last = tf.cumsum(self._piece_lengths(entries, length))
        first = tf.concat([[0], last], 0)[:-1]
        offsets = tf.gather(offsets, source_of_visible)

        pieces = entries.with_values(tf.gather(self._id_of_entry, entries.flat_values))
        by_word = joined(tf.RaggedTensor.from_value_rowids(pieces, word_of_unit, nrows=word_count, validate=False))
        return {"pieces": by_word, "starts": by_word.with_values(tf.gather(offsets, first)),
                "ends": by_word.with_values(tf.gather(offsets, last - 1) + 1)}

    def _piece_lengths(self, entries: tf.RaggedTensor, unit_length: tf.Tensor) -> tf.Tensor:
        """int32 [pieces]: how many characters of its unit each piece stands for."""
        numbers, units = entries.flat_values, entries.value_rowids()
        continues = tf.range(tf.size(numbers, tf.int64)) > tf.gather(entries.row_starts(), units)
        lengths = tf.gather(self._length_of_entry, numbers) - tf.where(continues, self._prefix_length, 0)
        return tf.where(tf.gather(self._is_unknown, numbers), tf.gather(unit_length, units), lengths)

    def _sort_combining(self, characters, rules, offsets, word):
        """Puts the combining characters after each starter in the order of their ranks (Unicode, D109)."""
        rank = tf.gather(self._rank, rules)

        def sort():
            starters = tf.cumsum(tf.cast(tf.gather(self._is_starter, rules), tf.int64))
            # A new word ends the sequence as a new starter does: both numbers only grow, so does their sum.
            order = tf.argsort((starters + word) * PAGE + rank, stable=True)
            return tuple(tf.gather(values, order) for values in (characters, rules, offsets))

        return tf.cond(tf.reduce_any(rank > 0), sort, lambda: (characters, rules, offsets))


def _reachable_added(backend: dict[str, Any]) -> dict[str, int]:
    """The added tokens without whitespace; the others are never met inside a whitespace word."""
    return {token["content"]: token["id"] for token in backend["added_tokens"]
            if token["content"] and not any(map(str.isspace, token["content"]))}


def _reachable_pieces(model: dict[str, Any]) -> dict[str, int]:
    """The vocabulary without the pieces that no unit contains, some of which tensorflow-text cannot hold."""
    longest = model["max_input_chars_per_word"] + len(model["continuing_subword_prefix"])
    return {piece: number for piece, number in model["vocab"].items()
            if piece == model["unk_token"] or (0 < len(piece) <= longest and "\x00" not in piece)}


def _unfit_for_whole_texts(spec: dict[str, Any]) -> str | None:
    for token in spec["added_tokens"]:
        if any(map(str.isspace, token["content"])):
            return f"one whose added token {token['content']!r} holds white space"
    return None if spec["normalizer"]["clean_text"] else "one whose normalizer keeps control characters"


def unsupported(tokenizer: PreTrainedTokenizerFast, spec: dict[str, Any],
                whole_texts: bool = False) -> str | None:
    """What the tokenizer is, if it has no graph form ("a slow one ..."); else None.

    Args:
      tokenizer: fast tokenizer of transformers.
      spec: its `tokenizer_spec`.
      whole_texts: whether `tokenize_texts` will be used.
    """
    if not spec:
        return f"a slow one ({type(tokenizer).__name__})"
    model = spec["model"]
    for part, expected in (("model", "WordPiece"), ("normalizer", "BertNormalizer"),
                           ("pre_tokenizer", "BertPreTokenizer")):
        found = (spec[part] or {}).get("type")
        if found != expected:
            return f"one whose {part.replace('_', '-')} is {found} instead of {expected}"
    if model["unk_token"] not in model["vocab"]:
        return f"one without its unknown token {model['unk_token']!r}"
    if not model["continuing_subword_prefix"]:
        return "one without a prefix for continuing subwords"
    for token in spec["added_tokens"]:
        if token["normalized"] or token["single_word"]:
            return f"one whose added token {token['content']!r} is sought in normalized text or as a word"
    unfit = _unfit_for_whole_texts(spec) if whole_texts else None
    if unfit:
        return unfit
    for piece in (*_reachable_pieces(model), *(_OPEN + token for token in _reachable_added(spec))):
        if len(piece.encode()) > _LONGEST_PIECE:
            return f"one with a subword of more than {_LONGEST_PIECE} bytes ({piece[:20]!r}...)"
    if tokenizer.split_special_tokens:
        return "one with split_special_tokens"
    if None in (tokenizer.cls_token_id, tokenizer.sep_token_id, tokenizer.pad_token_id):
        return "one without a [CLS], [SEP] or [PAD] token"
    if tokenizer("")["input_ids"] != [tokenizer.cls_token_id, tokenizer.sep_token_id]:
        return "one that does not put text between [CLS] and [SEP]"
    return None


def not_as_bert(spec: dict[str, Any]) -> str | None:
    """What a WordPiece tokenizer is, for operators that normalize as BERT's two published ways do; else None."""
    normalizer = spec["normalizer"]
    if normalizer["strip_accents"] not in (None, normalizer["lowercase"]):
        return "one that lower-cases without stripping accents, or the other way about"
    if not normalizer["handle_chinese_chars"]:
        return "one that does not split Chinese characters"
    return None
