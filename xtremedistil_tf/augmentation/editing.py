"""One view of all kinds of examples: a text of which words can be exchanged, and which words those are."""

from __future__ import annotations

import dataclasses
import functools
import random
import re
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from xtremedistil_tf.corpus.example import AnyExample, Example, QuestionExample, TextExample
from xtremedistil_tf.tokenization.raw_words import AT_SPACES, RawWords
from xtremedistil_tf.tokenization.words import encode_words, needs_spaces

_RUN = re.compile(r"\S+")
# Chinese characters are words by themselves, as in BERT's vocabularies.
_RANGES = "\u2e80-\u2fdf\u3005-\u3007\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
_IDEOGRAPHS = re.compile(f"[{_RANGES}]|[^{_RANGES}]+")


@functools.lru_cache(maxsize=1 << 16)
def is_word(text: str) -> bool:
    """Whether a text is letters and their marks only, and no single letter of an alphabet."""
    if not text or any(unicodedata.category(character)[0] not in "LM" for character in text):
        return False
    # Ideographs and syllables without case have no alphabet to be a letter of.
    return len(text) > 1 or (unicodedata.category(text) == "Lo" and text > "\u2e7f")


def kind_of(word: str) -> tuple[str, str]:
    """(script, case) of a word, such as ("LATIN", "title"); case is empty where the script has none."""
    script = next((unicodedata.name(c, "").split(" ")[0].split("-")[0] for c in word if c.isalpha()), "")
    for case in ("lower", "upper", "title"):
        if getattr(word, f"is{case}")():
            return script, case
    return script, "mixed" if word.lower() != word.upper() else ""


def recased(word: str, like: str) -> str:
    """A lower-case word in the case of another."""
    case = kind_of(like)[1]
    return {"upper": word.upper(), "title": word[:1].upper() + word[1:]}.get(case, word)


@dataclasses.dataclass(frozen=True)
class WholeWords:
    """Attributes:
        ids: int32 [words], their pieces.
        words: each as it stands in a text.
    """

    ids: np.ndarray
    words: list[str]

    @classmethod
    def of(cls, tokenizer: Any) -> WholeWords:
        """All words of letters that the tokenizer encodes as one piece, special tokens aside.

        Args:
            tokenizer: as `load_tokenizer` gives it.
        """
        special, decode = set(tokenizer.all_special_ids), _decoder(tokenizer)
        texts = {i: text for i in range(len(tokenizer))
                 if i not in special and is_word(text := decode(i).strip())}
        before = [""] if needs_spaces(tokenizer) else []  # words as they stand within a text
        encoded = encode_words(tokenizer, ([*before, text] for text in texts.values()))
        # A piece that continues words is decoded to a text that is encoded otherwise.
        whole = [i for i, word in zip(texts, encoded) if list(word.ids) == [i]]
        return cls(np.array(whole, np.int32), [texts[i] for i in whole])

    @functools.cached_property
    def row_of(self) -> dict[str, int]:
        """Row in `ids` of each word."""
        return {word: row for row, word in enumerate(self.words)}

    @functools.cached_property
    def cased(self) -> bool:
        """Whether any word has a capital letter."""
        return any(word != word.lower() for word in self.words)

    def find(self, word: str) -> int:
        """Row of a word, of its lower case where the vocabulary has no other; -1 if it is not one piece."""
        return self.row_of.get(word if self.cased else word.lower(), -1)


def _decoder(tokenizer: Any) -> Callable[[int], str]:
    if tokenizer.is_fast:
        decode = tokenizer.backend_tokenizer.decode
        return lambda i: decode([i], skip_special_tokens=False)
    tokens: Sequence[str] = tokenizer.convert_ids_to_tokens(range(len(tokenizer)))
    return lambda i: tokenizer.convert_tokens_to_string([tokens[i]])


def side_of(example: AnyExample, rng: random.Random) -> str:
    """The field to vary: `words`, `text`, of a pair `text` or `pair` by chance, of a question `question`."""
    if isinstance(example, TextExample) and example.pair is not None:
        return rng.choice(("text", "pair"))
    return first_side(example)


def first_side(example: AnyExample) -> str:
    """The field to vary where there is no second text: `words`, `text` or `question`."""
    if isinstance(example, Example):
        return "words"
    return "question" if isinstance(example, QuestionExample) else "text"


def text_of(example: AnyExample, side: str) -> str:
    """A field as text."""
    value = getattr(example, side)
    return value if isinstance(value, str) else " ".join(value)


def rule_facts(rule: RawWords) -> dict[str, Any]:
    """For the settings of an augmenter; empty for white space, as it always was."""
    return {} if rule.is_whitespace else {"raw_words": rule.facts()}


def with_text(example: AnyExample, side: str, text: str, rule: RawWords = AT_SPACES) -> AnyExample:
    """The example with another text in a field; tags stay where the number of words does, else they go.

    Args:
        rule: how the text becomes words, of a sentence.
    """
    if isinstance(example, Example):
        words = rule.words(text)
        tags = example.tags if len(words) == len(example.words) else None
        return dataclasses.replace(example, words=words, tags=tags)
    changed: dict[str, Any] = {side: text}
    return dataclasses.replace(example, **changed)


def without_label(example: AnyExample) -> AnyExample:
    """The example without tags, label or answers."""
    if isinstance(example, Example):
        return dataclasses.replace(example, tags=None)
    if isinstance(example, QuestionExample):
        return dataclasses.replace(example, answers=None)
    return dataclasses.replace(example, label=None)


@dataclasses.dataclass(frozen=True)
class Editable:
    """A field of an example as words.

    Attributes:
        example, side: the field.
        words: of a text also its punctuation marks.
        gaps: of a text what stands before each word and after the last one; joined they are the text.
    """

    example: AnyExample
    side: str
    words: tuple[str, ...]
    gaps: tuple[str, ...] = ()

    @classmethod
    def of(cls, example: AnyExample, side: str) -> Editable:
        value = getattr(example, side)
        if not isinstance(value, str):
            return cls(example, side, tuple(value))
        spans = word_spans(value)
        edges = [0, *(edge for span in spans for edge in span), len(value)]
        gaps = tuple(value[begin:end] for begin, end in zip(edges[::2], edges[1::2]))
        return cls(example, side, tuple(value[begin:end] for begin, end in spans), gaps)

    @functools.cached_property
    def exchangeable(self) -> list[int]:
        """Indices of words of letters; where there are tags, of those outside of entities."""
        tags = getattr(self.example, "tags", None)
        return [i for i, word in enumerate(self.words) if is_word(word) and (tags is None or tags[i] == "O")]

    def with_words(self, new: Mapping[int, str]) -> AnyExample:
        """The example with other words at some indices."""
        words = [new.get(i, word) for i, word in enumerate(self.words)]
        changed: dict[str, Any] = {self.side: tuple(words)}
        if self.gaps:
            changed[self.side] = self.gaps[0] + "".join(word + gap for word, gap in zip(words, self.gaps[1:]))
        return dataclasses.replace(self.example, **changed)


def chosen(places: Sequence[int], words: int, share: float, rng: random.Random) -> list[int]:
    """A random choice among `places`, as many as make a share of `words`, at least one where there is one."""
    count = min(len(places), max(1, round(share * words)))
    return sorted(rng.sample(places, count))


def word_spans(text: str) -> list[tuple[int, int]]:
    """(first character, one after the last) of every word and run of punctuation; only white space is left
    out. Punctuation inside of a word belongs to it."""
    spans: list[tuple[int, int]] = []
    for run in _RUN.finditer(text):
        begin, end = run.span()
        while begin < end and not _of_word(text[begin]):
            begin += 1
        while end > begin and not _of_word(text[end - 1]):
            end -= 1
        core = [match.span() for match in _IDEOGRAPHS.finditer(text, begin, end)]
        spans += [span for span in ((run.start(), begin), *core, (end, run.end())) if span[0] < span[1]]
    return spans


def _of_word(character: str) -> bool:
    return character.isalnum() or unicodedata.category(character)[0] == "M"  # vowel signs and accents
