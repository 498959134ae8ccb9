"""Raw text in, answers out: what every exported and served form of a kind of task agrees on."""

from __future__ import annotations

import abc
import array
import dataclasses
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar, overload

import numpy as np
import numpy.typing as npt

from xtremedistil_tf.corpus.example import AnyExample, TextExample, texts_of
from xtremedistil_tf.corpus.files import encoding_problem, quoted
from xtremedistil_tf.corpus.text_columns import PAIR_KEYS, TEXT_KEYS
from xtremedistil_tf.errors import DataError

if TYPE_CHECKING:
    from xtremedistil_tf.tasks.task import Task

TEXTS = "a text, or two texts with a tab between them"
Item = TypeVar("Item")
#: Outputs of a signature by name, each [batch, ...].
Outputs = Mapping[str, np.ndarray]
TEXT, FLOAT, INT = "string", "float32", "int32"
TEXT_FORMS = "a text, or of pairs a tuple (text, pair)"
#: Input of a signature -> the keys under which JSON objects may have it, the first one found counts.
INPUT_KEYS = {"texts": TEXT_KEYS, "pairs": PAIR_KEYS, "questions": ("question",), "contexts": ("context",)}


class LineFormat(NamedTuple):
    """How a kind of task reads and writes lines.

    Attributes:
        parse: (line, its number, its source) -> example, None for a line that holds nothing.
        show: (example, prediction) -> line.
        expected: what a line holds, for help texts.
        answer: what is written, for help texts.
    """

    parse: Callable[[str, int, str], AnyExample | None]
    show: Callable[[Any, Any], str]
    expected: str
    answer: str


def text_of_line(line: str, number: int, source: str) -> TextExample | None:
    """A text, or a pair of texts with a tab between them."""
    text, _, pair = line.partition("\t")
    return TextExample(text, pair or None, None, None, source, number) if line.strip() else None


class Output(NamedTuple):
    """Attributes:
        dtype: TensorFlow's name of the type.
        rank: number of axes, the batch's included.
    """

    dtype: str
    rank: int = 1


class Spans(Sequence[tuple[int, int]]):
    """Where words stand: in a long text numbers alone take a tenth of the memory of tuples of them.

    Args:
        places: start and end of each word, one after another.
    """

    def __init__(self, places: array.array[int]):
        self._places = places

    def __len__(self) -> int:
        return len(self._places) // 2

    @overload
    def __getitem__(self, index: int) -> tuple[int, int]: ...
    @overload
    def __getitem__(self, index: slice) -> list[tuple[int, int]]: ...
    def __getitem__(self, index: int | slice) -> tuple[int, int] | list[tuple[int, int]]:
        if isinstance(index, slice):
            return [*zip(self._places[::2][index], self._places[1::2][index])]
        place = 2 * range(len(self))[index]
        return self._places[place], self._places[place + 1]


@dataclasses.dataclass(frozen=True)
class Asked:
    """One thing that was asked.

    Attributes:
        example: for the task.
        text: of a tagger, the text that was given; of given words, the words with spaces between them.
        spans: of a tagger, (first character, the one after the last) of each word in it.
    """

    example: AnyExample
    text: str = ""
    spans: Sequence[tuple[int, int]] = ()

    @property
    def texts(self) -> tuple[str, ...]:
        """The texts as they were given."""
        return (self.text,) if self.spans else texts_of(self.example)


class Several(Sequence[Item], abc.ABC):
    """An answer of several parts, which is a sequence of them."""

    @property
    @abc.abstractmethod
    def parts(self) -> tuple[Item, ...]:
        """The parts in order."""

    def __len__(self) -> int:
        return len(self.parts)

    @overload
    def __getitem__(self, index: int) -> Item: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[Item, ...]: ...
    def __getitem__(self, index: int | slice) -> Item | tuple[Item, ...]:
        return self.parts[index]


@dataclasses.dataclass(frozen=True)
class RawText:
    """How a kind of task answers raw text, in Python and in the signature `raw_strings`, see `export_saved_model`.

    Attributes:
        inputs: names of the signature's inputs, each string [batch], in the order in which one reads them.
        optional: inputs that only tasks on pairs of texts have.
        outputs: the signature's outputs by name.
        asked: (task, what a user gives) -> what is asked; None where it has no form that is known.
        forms: what a user may give, for messages.
        answer: (task, what was asked, prediction of `Task.decode_scored`) -> the answer.
        arrays: (task, answers) -> the signature's outputs, strings as UTF-8 bytes.
        read: outputs of a server -> one answer per text.
        needed: those outputs that `read` reads.
        telling: those by which a model is known that only its signature is known of.
        method: of `ServingClient`, that asks such a model.
        prediction: what the task's own `decode` would give, from an answer.
        example: (what was asked, its answer) -> the example that the prediction is of.
        answer_class: of answers, a dataclass; its fields are what formats with names write.
        counted: output -> the output that says how many values each of its rows has; the others are padding.
    """

    inputs: tuple[str, ...]
    optional: frozenset[str]
    outputs: Mapping[str, Output]
    asked: Callable[[Any, Any], Asked | None]
    forms: str
    answer: Callable[[Any, Asked, Any], Any]
    arrays: Callable[[Any, Sequence[Any]], dict[str, np.ndarray]]
    read: Callable[[Outputs], list[Any]]
    needed: frozenset[str]
    telling: frozenset[str]
    method: str = "ask"
    prediction: Callable[[Any], Any] = lambda answer: answer
    example: Callable[[Any, Any], Any] = lambda example, answer: example
    answer_class: type = dataclasses.field(kw_only=True)
    counted: Mapping[str, str] = dataclasses.field(default_factory=dict, kw_only=True)

    def names(self, pairs: bool) -> tuple[str, ...]:
        """The inputs that a task has; with `pairs` also those that only tasks on pairs of texts have."""
        return tuple(name for name in self.inputs if pairs or name not in self.optional)


def asked(task: Task, given: Any, number: int = 0) -> Asked:
    """One thing to answer.

    Args:
        task: that answers.
        number: which one it is, from 1, for messages; 0: it is alone.
        given: a text; words (tagging); `(text, pair)`; `(question, context)`; a mapping with these names; an example.

    Raises:
        DataError: it has another form.
    """
    found = task.asked(given)
    if found is None:
        place = f", item {number}" if number else ""
        raise DataError(f"predict{place}: {quoted(given)}, expected {task.raw_text.forms}.")
    return found


def asked_text(task: Task, given: Any) -> Asked | None:
    """A text or a pair of texts."""
    if isinstance(given, TextExample):
        return Asked(given)
    if isinstance(given, Mapping):
        given = (given.get("text"), given.get("pair", given.get("text_pair")))
    elif isinstance(given, str):
        given = (given, None)
    if not (isinstance(given, Sequence) and len(given) == 2 and isinstance(given[0], str)
            and (given[1] is None or isinstance(given[1], str))):
        return None
    return Asked(TextExample(*given))


def text_in(record: Mapping[str, Any], key: str) -> str:
    """The text that a JSON object has under a key.

    Raises:
        DataError: it is no text, or one that UTF-8 cannot hold.
    """
    text = record[key]
    if not isinstance(text, str):
        raise DataError(f"{key!r} is {quoted(text)}, expected a text")
    if problem := encoding_problem(text.replace("\0", "")):
        raise DataError(f"{key!r}: {problem}")
    return text


def utf8(texts: Iterable[str]) -> np.ndarray:
    """object [texts], of bytes."""
    return np.array([text.encode() for text in texts], object)


def padded(rows: Iterable[Any], fill: Any, dtype: npt.DTypeLike = object) -> np.ndarray:
    """Rows of unequal length as one array [rows, longest]."""
    rows = list(rows)
    table = np.full((len(rows), max(map(len, rows), default=0)), fill, dtype)
    for number, row in enumerate(rows):
        table[number, : len(row)] = row
    return table
