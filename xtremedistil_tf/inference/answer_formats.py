"""The output of prediction: how the answer to each record is written."""

from __future__ import annotations

import csv
import dataclasses
import io
import json
import math
from collections.abc import Mapping, Sequence
from typing import Any

from xtremedistil_tf.errors import ConfigError
from xtremedistil_tf.inference.predictor import Predictor
from xtremedistil_tf.inference.records import Record
from xtremedistil_tf.tasks.raw_text import Asked
from xtremedistil_tf.tasks.task import Task

#: What begins the line of a record that could not be answered, in formats without a field for it.
ERROR = "ERROR"
# JSON may hold them as they are, but some readers of lines break lines at them.
_LINE_ENDS = {ord(character): f"\\u{ord(character):04x}" for character in "\x85\u2028\u2029"}
_DECIMALS = 6


class TsvWriter:
    """A line a record, as the kind of task has it, see `LineFormat`; an empty line for a record that holds nothing.

    Args:
        task: that answers.
    """

    suffix = ".txt"

    def __init__(self, task: Task):
        self._task = task

    def answers(self, predictor: Predictor, asked: Sequence[Asked]) -> Sequence[Any]:
        """What `shown` needs to know of what was asked, in order."""
        return predictor.predict([one.example for one in asked])

    def header(self) -> str:
        """What stands before the first record."""
        return ""

    def shown(self, record: Record, answer: Any) -> str:
        """The line of a record, with its end.

        Args:
            record: the record.
            answer: see `answers`; anything where nothing was asked.
        """
        if record.fault:
            return f"{ERROR}\t{record.fault}\n"
        if record.asked is None:
            return "\n"
        return f"{self._task.lines.show(record.asked.example, answer)}\n"


class JsonWriter(TsvWriter):
    """An object a record: `line`, the texts, and the answer's fields; `blank` or `error` where there is none."""

    suffix = ".jsonl"

    def answers(self, predictor: Predictor, asked: Sequence[Asked]) -> Sequence[Any]:
        return predictor.answers(asked)

    def shown(self, record: Record, answer: Any) -> str:
        found: dict[str, Any] = {"line": record.line}
        if record.fault:
            found["error"] = record.fault
        elif record.asked is None:
            found["blank"] = True
        else:
            found |= dict(zip(self._text_names, record.asked.texts)) | fields_of(answer)
        return json_line(found) + "\n"

    @property
    def _text_names(self) -> list[str]:
        return [name.removesuffix("s") for name in self._task.raw_text.inputs]


class CsvWriter(JsonWriter):
    """A table with a header: `line`, the texts, the answer's fields (lists and the like as JSON), `error`."""

    suffix = ".csv"

    def header(self) -> str:
        return _csv_row(self._columns)

    @property
    def _columns(self) -> list[str]:
        fields = [field.name for field in dataclasses.fields(self._task.raw_text.answer_class)]
        return ["line", *self._text_names, *fields, "error"]

    def shown(self, record: Record, answer: Any) -> str:
        found: dict[str, Any] = {"line": record.line, "error": record.fault}
        if record.asked:
            found |= dict(zip(self._text_names, record.asked.texts)) | fields_of(answer)
        cells = [found.get(name) for name in self._columns]
        return _csv_row([json_line(cell) if isinstance(cell, list | dict) else cell for cell in cells])


class ConllWriter(TsvWriter):
    """A `word<TAB>tag` line a word and an empty line a record, which begins with the comment `# line <number>`."""

    suffix = ".conll"

    def shown(self, record: Record, answer: Any) -> str:
        # Our reader takes a line for a comment that has more words than a token and its tag.
        begin = f"# line {record.line}" + (f" {ERROR}: {record.fault}" if record.fault else "")
        words = zip(record.asked.example.words, answer) if record.asked else ()  # type: ignore[union-attr]  # of a tagger
        return "\n".join([begin, *(f"{word}\t{tag}" for word, tag in words), "", ""])


FORMATS: Mapping[str, type[TsvWriter]] = {"tsv": TsvWriter, "jsonl": JsonWriter, "conll": ConllWriter, "csv": CsvWriter}


def writer_of(name: str, task: Task) -> TsvWriter:
    """What writes a format.

    Raises:
        ConfigError: the task has no tags.
    """
    if FORMATS[name] is ConllWriter and not task.has_entities:
        raise ConfigError(f"`output_format={name}` is for taggers, this student is for {task.kind.replace('_', ' ')}. "
                          f"Expected one of {', '.join(other for other in FORMATS if other != name)}.")
    return FORMATS[name](task)


def fields_of(answer: Any) -> dict[str, Any]:
    """The fields of an answer as JSON has them; numbers with six decimals, None where they are not finite."""
    found: dict[str, Any] = _plain(answer)
    return found


def _plain(value: Any) -> Any:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: _plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, float):
        return round(float(value), _DECIMALS) if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {name: _plain(part) for name, part in value.items()}
    return [_plain(part) for part in value] if isinstance(value, list | tuple) else value


def json_line(value: Any) -> str:
    """JSON on one line, for all readers of lines."""
    return json.dumps(value, ensure_ascii=False).translate(_LINE_ENDS)


def _csv_row(cells: Sequence[Any]) -> str:
    line = io.StringIO()
    # A field with one of the characters of the line end is quoted: both are line ends to readers.
    csv.writer(line, lineterminator="\r\n").writerow(cells)
    return line.getvalue().removesuffix("\r\n") + "\n"
