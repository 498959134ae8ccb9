"""WordPiece tokenization inside a TensorFlow graph, equal to Hugging Face's fast BERT tokenizer.

What a character becomes (nothing, itself, a unit of its own, its lower-case letters ...) does not depend on
its neighbours, so Hugging Face's own normalizer and pre-tokenizer are asked once about every Unicode
character and their answers kept as a table. The graph decodes text to characters, looks them up, and hands
the resulting units to tensorflow-text's WordPiece. No second set of Unicode tables (ICU's, RE2's) has a say.

One thing does depend on neighbours: combining characters are sorted by their class before accents are
stripped. Nearly all of them are stripped then; `_combining_ranks` serves the few that are not.

A program that loads a SavedModel holding this module must `import tensorflow_text` first.
"""

from __future__ import annotations

import functools
import json
import re
import sys
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import tensorflow as tf
import tensorflow_text as tf_text

from xtremedistil_tf.errors import ModelLoadError

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

# Marks around the literal special tokens of a text. To str.split() they are whitespace: no word holds them.
_OPEN, _CLOSE, _SPACE = "\x1e", "\x1f", " "
# Stands in a rule's output for the character that the rule is applied to.
_ITSELF = "\x00"
# Parts the characters that are asked about: no character becomes it or is changed by it.
_SEPARATOR = "\ua66e"
_PAGE = 256
# The longest piece, in bytes, that tensorflow-text can hold.
_LONGEST_PIECE = 256
# Surrogates are no characters, and planes 4 to 13 have none: Hugging Face keeps them as they are.
_ASSIGNABLE = (range(0xD800), range(0xE000, 0x40000), range(0xE0000, sys.maxunicode + 1))


class _Rule(NamedTuple):
    """What becomes of a character: its output, and how it takes part in sorting combining characters."""

    output: str
    kind: str = "text"
    is_starter: bool = True
    rank: int = 0


_FIXED_RULES = (
    _Rule("", kind="space"),
    _Rule(_ITSELF),
    _Rule(_SPACE + _ITSELF, kind="mark"),
    _Rule(_SPACE, kind="mark"),
)
_SPACE_RULE, _KEEP_RULE, _OPEN_RULE, _CLOSE_RULE = range(4)


class _CharacterRules(NamedTuple):
    """The rules, and for every character the number of its rule, in pages; equal pages are kept once."""

    rules: tuple[_Rule, ...]
    page_of: np.ndarray  # int32 [characters / _PAGE]
    pages: np.ndarray  # int32 [distinct pages * _PAGE]


class InGraphWordPiece(tf.Module):
    """Splits raw strings into whitespace words and WordPiece ids with TensorFlow operations only."""

    def __init__(self, rules: _CharacterRules, added_tokens: dict[str, int], vocabulary: dict[str, int],
                 model: dict[str, Any], special_ids: tuple[int, int, int]):
        """Use `from_tokenizer`."""
        super().__init__(name="in_graph_wordpiece")
        self.cls_id, self.sep_id, self.pad_id = special_ids
        self._max_characters = model["max_input_chars_per_word"]
        self._unknown = _OPEN + model["unk_token"]
        self._added_pattern = "(" + "|".join(
            re.escape(token) for token in sorted(added_tokens, key=len, reverse=True)) + ")"
        self._build_tables(rules)
        marked = {_OPEN + token: number for token, number in added_tokens.items()}
        entries = {**vocabulary, **marked, self._unknown: vocabulary[model["unk_token"]]}
        self._id_of_entry = tf.constant(list(entries.values()), tf.int32)
        self._wordpiece = tf_text.FastWordpieceTokenizer(
            vocab=list(entries), suffix_indicator=model["continuing_subword_prefix"],
            unknown_token=model["unk_token"], token_out_type=tf.int32, no_pretokenization=True,
            # This limit counts bytes; the one that counts characters is applied in `_pieces_of_words`.
            max_bytes_per_word=4 * max(self._max_characters, *map(len, added_tokens)) + 1)

    @classmethod
    def from_tokenizer(cls, tokenizer: PreTrainedTokenizerFast) -> InGraphWordPiece:
        """Builds the graph form of a Hugging Face fast tokenizer with a WordPiece vocabulary.

        Raises ModelLoadError if the tokenizer is of another type or set up in a way that has no graph form.
        """
        reason = _unsupported(tokenizer)
        if reason:
            raise ModelLoadError(
                f"The raw-string signature is available for WordPiece vocabularies; this tokenizer is "
                f"{reason}; use the token-id signature.")
        backend = json.loads(tokenizer.backend_tokenizer.to_str())
        normalizer = {key: value for key, value in backend["normalizer"].items() if key != "type"}
        model = backend["model"]
        special_ids = (tokenizer.cls_token_id, tokenizer.sep_token_id, tokenizer.pad_token_id)
        return cls(_character_rules(**normalizer), _reachable_added(backend), _reachable_pieces(model), model,
                   special_ids)

    @staticmethod
    def supports(tokenizer: PreTrainedTokenizerFast) -> bool:
        """Whether `from_tokenizer` can build the graph form of this tokenizer."""
        return _unsupported(tokenizer) is None

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
        texts = tf.strings.unicode_transcode(texts, "UTF-8", "UTF-8", errors="replace")
        texts = tf.strings.regex_replace(texts, f"[{_OPEN}{_CLOSE}]", _SPACE)
        texts = tf.strings.regex_replace(texts, self._added_pattern, rf"{_OPEN}\1{_CLOSE}")
        rows = tf.strings.unicode_decode(texts, "UTF-8")
        rules = self._rules_of(rows.flat_values)
        in_word = tf.not_equal(rules, _SPACE_RULE)
        word, row_of_word = _runs(in_word, rows.value_rowids())
        word_count = tf.size(row_of_word, tf.int64)

        characters = tf.boolean_mask(rows.flat_values, in_word)
        rules_in_words = tf.boolean_mask(rules, in_word)
        is_text = tf.logical_not(tf.gather(self._is_mark, rules_in_words))
        word_of_text = tf.boolean_mask(word, is_text)
        words = _encode(tf.boolean_mask(characters, is_text), word_of_text, word_count)
        offsets = tf.boolean_mask(tf.boolean_mask(self._offsets(rows, rules), in_word), is_text)

        def by_row(values):
            return tf.RaggedTensor.from_value_rowids(values, row_of_word, nrows=rows.nrows(), validate=False)

        return {
            "words": by_row(words),
            "pieces": by_row(self._pieces_of_words(characters, rules_in_words, word, word_count)),
            "starts": by_row(tf.math.segment_min(offsets, word_of_text)),
            "ends": by_row(tf.math.segment_max(offsets, word_of_text) + 1),
        }

    def encode(self, pieces: tf.RaggedTensor) -> dict[str, tf.RaggedTensor]:
        """Joins the pieces of each text to `[CLS] pieces [SEP]`, without truncation.

        Args:
          pieces: int32 [batch, words, pieces], from `tokenize`.

        Returns a dict of RaggedTensors:
          input_ids: int32 [batch, time].
          word_starts: int32 [batch, words], where its first piece is in `input_ids`; -1 if none.
        """
        joined = pieces.merge_dims(1, 2)
        one_per_row = tf.ones([pieces.nrows(), 1], tf.int32)
        input_ids = tf.concat([one_per_row * self.cls_id, joined, one_per_row * self.sep_id], axis=1)
        counts = pieces.row_lengths(axis=2)
        before_word = tf.cumsum(counts.flat_values, exclusive=True)
        before_row = tf.gather(joined.row_starts(), counts.value_rowids())
        position = tf.where(counts.flat_values > 0, before_word - before_row + 1, -1)
        return {"input_ids": input_ids, "word_starts": counts.with_values(tf.cast(position, tf.int32))}

    def _build_tables(self, rules: _CharacterRules) -> None:
        outputs = [rule.output for rule in rules.rules]
        lengths = np.array([len(output) for output in outputs])
        self._page_of, self._pages = tf.constant(rules.page_of), tf.constant(rules.pages)
        self._outputs = tf.constant([ord(character) for character in "".join(outputs)], tf.int32)
        self._output_length = tf.constant(lengths, tf.int64)
        self._output_start = tf.constant(np.cumsum(lengths) - lengths, tf.int64)
        self._is_mark = tf.constant([rule.kind == "mark" for rule in rules.rules])
        self._is_starter = tf.constant([rule.is_starter for rule in rules.rules])
        self._rank = tf.constant([rule.rank for rule in rules.rules], tf.int64)

    def _rules_of(self, characters: tf.Tensor) -> tf.Tensor:
        """int32 [n] characters -> int32 [n] rule numbers; the inside of a literal special token is kept."""
        page = tf.gather(self._page_of, characters // _PAGE)
        rules = tf.gather(self._pages, page * _PAGE + characters % _PAGE)
        opens, closes = tf.equal(characters, ord(_OPEN)), tf.equal(characters, ord(_CLOSE))
        inside = tf.cumsum(tf.cast(opens, tf.int32) - tf.cast(closes, tf.int32)) > 0
        rules = tf.where(inside, _KEEP_RULE, rules)
        return tf.where(opens, _OPEN_RULE, tf.where(closes, _CLOSE_RULE, rules))

    def _offsets(self, rows: tf.RaggedTensor, rules: tf.Tensor) -> tf.Tensor:
        """int32 [n]: how many characters of the text stand before each one in its row; marks do not count."""
        is_text = tf.logical_not(tf.gather(self._is_mark, rules))
        before = tf.concat([[0], tf.cumsum(tf.cast(is_text, tf.int32))], 0)
        return before[:-1] - tf.gather(tf.gather(before, rows.row_starts()), rows.value_rowids())

    def _pieces_of_words(self, characters, rules, word, word_count) -> tf.RaggedTensor:
        """int32 [n] characters and rules, int64 [n] word numbers -> ragged int32 [words, pieces]."""
        characters, rules = self._sort_combining(characters, rules, word)
        characters, word = self._apply(characters, rules, word)
        visible = tf.not_equal(characters, ord(_SPACE))
        unit, word_of_unit = _runs(visible, word)
        characters, unit_count = tf.boolean_mask(characters, visible), tf.size(word_of_unit, tf.int64)
        strings = _encode(characters, unit, unit_count)
        length = tf.math.segment_sum(tf.ones_like(characters), unit)
        is_added = tf.equal(tf.strings.substr(strings, 0, 1), _OPEN)
        too_long = tf.logical_and(length > self._max_characters, tf.logical_not(is_added))
        entries = self._wordpiece.tokenize(tf.where(too_long, self._unknown, strings))
        pieces = entries.with_values(tf.gather(self._id_of_entry, entries.flat_values))
        by_word = tf.RaggedTensor.from_value_rowids(pieces, word_of_unit, nrows=word_count, validate=False)
        return by_word.merge_dims(1, 2)

    def _sort_combining(self, characters, rules, word):
        """Puts the combining characters after each starter in the order of their ranks (Unicode, D109)."""
        rank = tf.gather(self._rank, rules)

        def sort():
            starters = tf.cumsum(tf.cast(tf.gather(self._is_starter, rules), tf.int64))
            # A new word ends the sequence as a new starter does: both numbers only grow, so does their sum.
            order = tf.argsort((starters + word) * _PAGE + rank, stable=True)
            return tf.gather(characters, order), tf.gather(rules, order)

        return tf.cond(tf.reduce_any(rank > 0), sort, lambda: (characters, rules))

    def _apply(self, characters, rules, word):
        """Replaces each character by its rule's output: int32 [m] characters and int64 [m] word numbers."""
        lengths = tf.gather(self._output_length, rules)
        source = tf.repeat(tf.range(tf.size(rules)), lengths)
        within = tf.range(tf.size(source, tf.int64)) - tf.gather(tf.cumsum(lengths, exclusive=True), source)
        start = tf.gather(self._output_start, tf.gather(rules, source))
        output = tf.gather(self._outputs, start + within)
        output = tf.where(tf.equal(output, ord(_ITSELF)), tf.gather(characters, source), output)
        return output, tf.gather(word, source)


def _runs(visible: tf.Tensor, group: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Numbers the longest runs of visible items inside one group.

    Args:
      visible: bool [n].
      group: int64 [n], never falling.

    Returns int64 [visible items], the run of each visible item, and int64 [runs], the group of each run.
    """
    after_visible = tf.concat([visible[:1], visible[:-1]], 0)
    new_group = tf.concat([tf.ones_like(visible[:1]), tf.not_equal(group[1:], group[:-1])], 0)
    begins = tf.logical_and(visible, tf.logical_or(new_group, tf.logical_not(after_visible)))
    run = tf.cumsum(tf.cast(begins, tf.int64)) - 1
    return tf.boolean_mask(run, visible), tf.boolean_mask(group, begins)


def _encode(characters: tf.Tensor, string: tf.Tensor, count: tf.Tensor) -> tf.Tensor:
    """int32 [n] characters, int64 [n] numbers of their strings -> string [count]."""
    ragged = tf.RaggedTensor.from_value_rowids(characters, string, nrows=count, validate=False)
    return tf.strings.unicode_encode(ragged, "UTF-8")


def _reachable_added(backend: dict[str, Any]) -> dict[str, int]:
    """The added tokens without whitespace; the others are never met inside a whitespace word."""
    return {token["content"]: token["id"] for token in backend["added_tokens"]
            if token["content"] and not any(map(str.isspace, token["content"]))}


def _reachable_pieces(model: dict[str, Any]) -> dict[str, int]:
    """The vocabulary without the pieces that no unit contains, some of which tensorflow-text cannot hold."""
    longest = model["max_input_chars_per_word"] + len(model["continuing_subword_prefix"])
    return {piece: number for piece, number in model["vocab"].items()
            if piece == model["unk_token"] or (0 < len(piece) <= longest and "\x00" not in piece)}


def _unsupported(tokenizer: PreTrainedTokenizerFast) -> str | None:
    """What the tokenizer is, if it has no graph form; else None."""
    backend = getattr(tokenizer, "backend_tokenizer", None)
    if backend is None:
        return f"a slow one ({type(tokenizer).__name__})"
    spec = json.loads(backend.to_str())
    model = spec["model"]
    for part, expected in (("model", "WordPiece"), ("normalizer", "BertNormalizer"),
                           ("pre_tokenizer", "BertPreTokenizer")):
        found = (spec[part] or {}).get("type")
        if found != expected:
            return f"one whose {part.replace('_', '-')} is {found} instead of {expected}"
    if model["unk_token"] not in model["vocab"]:
        return f"one without its unknown token {model['unk_token']!r}"
    if not model["continuing_subword_prefix"]:
        return "one without a prefix for continuing pieces"
    for token in spec["added_tokens"]:
        if token["normalized"] or token["single_word"]:
            return f"one whose added token {token['content']!r} is sought in normalized text or as a word"
    for piece in (*_reachable_pieces(model), *(_OPEN + token for token in _reachable_added(spec))):
        if len(piece.encode()) > _LONGEST_PIECE:
            return f"one with a piece of more than {_LONGEST_PIECE} bytes ({piece[:20]!r}...)"
    if tokenizer.split_special_tokens:
        return "one with split_special_tokens"
    if None in (tokenizer.cls_token_id, tokenizer.sep_token_id, tokenizer.pad_token_id):
        return "one without a [CLS], [SEP] or [PAD] token"
    if tokenizer("")["input_ids"] != [tokenizer.cls_token_id, tokenizer.sep_token_id]:
        return "one that does not put text between [CLS] and [SEP]"
    return None


@functools.lru_cache(maxsize=4)
def _character_rules(clean_text: bool, handle_chinese_chars: bool, strip_accents: bool | None,
                     lowercase: bool) -> _CharacterRules:
    """Asks Hugging Face's normalizer and pre-tokenizer about every Unicode character (1 to 2 s, cached)."""
    characters = [chr(number) for block in _ASSIGNABLE for number in block if chr(number) != _SEPARATOR]
    outputs = _outputs(characters, clean_text, handle_chinese_chars, strip_accents, lowercase)
    sorts = lowercase if strip_accents is None else strip_accents
    non_starters = _non_starters(characters) if sorts else set()
    ranks = _combining_ranks([character for character in characters
                              if character in non_starters and outputs[character]])
    # Text is cleaned before combining characters are sorted: what cleaning deletes does not part them.
    blank = [character for character in characters if not outputs[character]]
    cleaned = _outputs(blank, clean_text, False, False, False)
    transparent = non_starters.union(character for character in blank if not cleaned[character])
    numbers = {rule: number for number, rule in enumerate(_FIXED_RULES)}
    table = np.full(sys.maxunicode + 1, _KEEP_RULE, np.int32)
    for character, output in outputs.items():
        rank = ranks.get(character, 0)
        if output != character or rank:
            rule = _Rule(output.replace(character, _ITSELF), "text", character not in transparent, rank)
            table[ord(character)] = numbers.setdefault(rule, len(numbers))
    table[[ord(character) for character in characters if character.isspace()]] = _SPACE_RULE
    pages, page_of = np.unique(table.reshape(-1, _PAGE), axis=0, return_inverse=True)
    return _CharacterRules(tuple(numbers), page_of.reshape(-1).astype(np.int32), pages.reshape(-1))


def _outputs(characters: list[str], clean_text: bool, handle_chinese_chars: bool, strip_accents: bool | None,
             lowercase: bool) -> dict[str, str]:
    """What each character becomes by itself; spaces in it part units."""
    from tokenizers.normalizers import BertNormalizer
    from tokenizers.pre_tokenizers import BertPreTokenizer

    normalizer = BertNormalizer(clean_text, handle_chinese_chars, strip_accents, lowercase)
    pre_tokenizer = BertPreTokenizer()

    def ask(text: str) -> str:
        return _SPACE.join(unit for unit, _ in pre_tokenizer.pre_tokenize_str(normalizer.normalize_str(text)))

    return dict(zip(characters, _ask(ask, characters)))


def _non_starters(characters: list[str]) -> set[str]:
    """The characters that Hugging Face's canonical decomposition moves among their neighbours."""
    from tokenizers.normalizers import NFD

    # Two marks in the wrong order: they are put right exactly if nothing but non-starters stands between.
    above, below = "\u0301", "\u0316"
    answers = _ask(NFD().normalize_str, [above + character + below for character in characters])
    return {character for character, answer in zip(characters, answers) if answer[0] != above}


def _combining_ranks(characters: list[str]) -> dict[str, int]:
    """Numbers from 1 that order the given non-starters as their canonical combining classes do."""
    from tokenizers.normalizers import NFD

    pairs = [first + second for first in characters for second in characters]
    swapped = [answer != pair for pair, answer in zip(pairs, _ask(NFD().normalize_str, pairs))]
    lower = np.reshape(swapped, (len(characters), len(characters))).sum(axis=1)
    ranks = np.unique(lower, return_inverse=True)[1] + 1
    return dict(zip(characters, ranks.tolist()))


def _ask(normalize, strings: list[str]) -> list[str]:
    """Normalizes many short strings in few calls."""
    answers, chunk = [], 4096
    for begin in range(0, len(strings), chunk):
        text = _SEPARATOR.join(["", *strings[begin:begin + chunk], ""])
        answers += normalize(text).split(_SEPARATOR)[1:-1]
    return answers
