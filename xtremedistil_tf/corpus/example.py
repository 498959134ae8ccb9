"""One example of a corpus, when two are the same text, and honest text: what is measured must not be learned from."""

from __future__ import annotations

import hashlib
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Given = Sequence[Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Example:
    """One pre-split sentence, for tagging.

    Attributes:
        words: none is empty, none holds white space.
        tags: one per word (`O`, `B-type`, `I-type`); None where the sentence is not labelled.
        language: such as `de`; None where unknown.
        source, line: file and line (from 1) that the sentence came from, for messages.
        original: what the teacher reads in its place, such as the same sentence in its own case; None: the same.
        given: what teachers that are not run here said of it, see `answered`; None: nothing is known.
    """

    words: tuple[str, ...]
    tags: tuple[str, ...] | None = None
    language: str | None = None
    source: str = ""
    line: int = 0
    original: Example | None = None
    given: Given | None = None


@dataclass(frozen=True, slots=True)
class TextExample:
    """A text, or a pair of texts, for classification, regression and multi-label classification.

    Attributes:
        text: the (first) text.
        pair: the second text, None where the task has one text only.
        label: name of the class, the target of a regression, or names of several labels; None where not labelled.
        language, source, line, original, given: as in `Example`.
    """

    text: str
    pair: str | None = None
    label: str | float | tuple[str, ...] | None = None
    language: str | None = None
    source: str = ""
    line: int = 0
    original: TextExample | None = None
    given: Given | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer as it stands in its context.

    Attributes:
        text: the answer.
        start: offset of its first character in the context, in Unicode characters.
    """

    text: str
    start: int


@dataclass(frozen=True, slots=True)
class QuestionExample:
    """A question about a text, for extractive question answering.

    Attributes:
        id: unique in its file.
        question, context: texts.
        answers: the right answers; empty where the context holds none, None where not labelled.
        language, source, original, given: as in `Example`.
        line: number of the question in its file, from 1.
    """

    id: str
    question: str
    context: str
    answers: tuple[Answer, ...] | None = None
    language: str | None = None
    source: str = ""
    line: int = 0
    original: QuestionExample | None = None
    given: Given | None = None


AnyExample = Example | TextExample | QuestionExample


def texts_of(example: AnyExample) -> tuple[str, ...]:
    """The texts that an example consists of; of a sentence its words with spaces between them."""
    if isinstance(example, Example):
        return (" ".join(example.words),)
    if isinstance(example, QuestionExample):
        return example.question, example.context
    return (example.text,) if example.pair is None else (example.text, example.pair)


def normalised(text: str) -> str:
    """The text without differences of case, white space and Unicode's compatibility forms (NFKC)."""
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())


def parts_of(example: AnyExample) -> tuple[str, ...]:
    """The normalised texts that an example consists of."""
    texts = tuple(map(normalised, texts_of(example)))
    return (*texts, "") if isinstance(example, TextExample) and example.pair is None else texts


def digest(parts: tuple[str, ...]) -> int:
    """8 bytes that stand for an example's texts."""
    joined = "\0".join(parts).encode("utf-8", "surrogatepass")
    return int.from_bytes(hashlib.blake2b(joined, digest_size=8).digest(), "little")


class MeasuredTexts:
    """The texts of the examples that a run is measured on, as 8-byte digests.

    Two texts are the same where they differ only in case, white space (so that words and raw text agree) and
    Unicode's compatibility forms. Of a pair both texts count, in either order; of a question the question and
    its context together: another question about the same context is another example. Parts of a text are
    not looked for.

    Args:
        examples: of dev and test.
    """

    def __init__(self, examples: Iterable[AnyExample]):
        self._digests = set(map(_text_digest, examples))

    def __contains__(self, example: AnyExample) -> bool:
        return bool(self._digests) and _text_digest(example) in self._digests

    @property
    def digests(self) -> list[int]:
        """Sorted, for a fingerprint."""
        return sorted(self._digests)


class Decontaminated:
    """A stream without the examples whose text is measured; reads `examples` once.

    Args:
        examples: a stream.
        measured: what must not stand in it.

    Attributes:
        left_out: examples that were left out so far.
    """

    def __init__(self, examples: Iterable[AnyExample], measured: MeasuredTexts):
        self._examples, self._measured = examples, measured
        self.left_out = 0

    def __iter__(self) -> Iterator[AnyExample]:
        for example in self._examples:
            if example in self._measured:
                self.left_out += 1
            else:
                yield example


def _text_digest(example: AnyExample) -> int:
    parts = [part.replace(" ", "") for part in parts_of(example)]
    return digest(tuple(sorted(parts) if isinstance(example, TextExample) else parts))
