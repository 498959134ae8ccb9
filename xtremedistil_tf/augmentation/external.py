"""Variants that a user's own function makes, or that a file holds: back-translations, a language model's."""

from __future__ import annotations

import functools
import inspect
import json
import os
import pathlib
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from xtremedistil_tf.augmentation.augmenter import Augmenter, VariantPlan, blocks
from xtremedistil_tf.augmentation.editing import first_side, side_of, text_of, with_text
from xtremedistil_tf.corpus.example import AnyExample, Example
from xtremedistil_tf.corpus.files import Faults, encoding_problem, open_lines, quoted, stem_and_suffix, words_problem
from xtremedistil_tf.errors import ConfigError, DataError
from xtremedistil_tf.fingerprint import file_fingerprint
from xtremedistil_tf.teachers.answering import function_named

_SHAPE = "expected a list of texts or examples for each one given, in order"


class ExternalFunction(Augmenter):
    """Variants by a function.

    It is called with a list of examples, or of their texts if its first parameter is called `texts` (of a
    pair one side, by chance; of a question the question), and returns a list of variants for each one, in
    order: texts, or examples. It is called again for the next ones.

    Args:
        name: `module:function`, importable.
        block: most examples in a call.

    Raises:
        ConfigError: there is no such function; or, when it is called, it raises or returns something else.
    """

    name, keeps_label = "external", True

    def __init__(self, name: str, block: int = 256):
        self._name, self._block = name, block
        self._function = function_named(name, "augment_function")
        first = next(iter(inspect.signature(self._function).parameters), "")
        self._takes_texts = first == "texts"

    @functools.cached_property
    def settings(self) -> dict[str, Any]:
        file = inspect.getsourcefile(inspect.unwrap(self._function))
        source = file_fingerprint(file) if file and os.path.isfile(file) else ""
        return {"function": self._name, "source": source}

    def variants(self, examples: Iterable[AnyExample], plan: VariantPlan) -> Iterator[Sequence[AnyExample]]:
        for first, block in blocks(examples, self._block):
            sides = [side_of(example, plan.random(first + i)) for i, example in enumerate(block)]
            texts = [text_of(example, side) for example, side in zip(block, sides)]
            answers = self._called(texts if self._takes_texts else block)
            if len(answers) != len(block):
                raise self._wrong(f"returned {len(answers)} items for {len(block)} examples, {_SHAPE}")
            for example, side, answer in zip(block, sides, answers):
                yield [self._variant(example, side, item) for item in answer]

    def _called(self, block: list[Any]) -> list[list[Any]]:
        try:
            answers: list[Any] = [answer if isinstance(answer, str) else list(answer)
                                  for answer in self._function(block)]
        except Exception as error:  # whatever a stranger's code raises
            raise self._wrong(f"failed: {type(error).__name__}: {error}") from error
        if text := next((answer for answer in answers if isinstance(answer, str)), None):
            raise self._wrong(f"returned {quoted(text)} for an example, {_SHAPE}")
        return answers

    def _variant(self, example: AnyExample, side: str, item: Any) -> AnyExample:
        if isinstance(item, str):
            if problem := _text_problem(item):
                raise self._wrong(f"returned {problem}")
            return with_text(example, side, item)
        if type(item) is not type(example):
            raise self._wrong(f"returned {quoted(item)}, expected texts or examples of type "
                              f"{type(example).__name__}")
        if problem := words_problem(item.words) if isinstance(item, Example) else None:
            raise self._wrong(f"returned an example whose {problem}")
        return item

    def _wrong(self, what: str) -> ConfigError:
        return ConfigError(f"`augment=external`: {self._name} {what}.")


class ExternalFile(Augmenter):
    """Variants out of a file, plain, .gz or .xz, in the order of the originals.

    `index<TAB>text` lines (pairs: `index<TAB>text<TAB>text`), or in a `.jsonl` file objects with `index` and
    `text` (pairs also `pair`); `index` is the original's in the transfer set, from 0. The text of a tagged
    sentence is its words with spaces between them, that of a question the question. The file is streamed; it
    is checked whole before its first variant is used.

    Args:
        path: the file.
        pairs: whether examples are pairs.

    Raises:
        DataError: the file cannot be read or is empty, or lines are faulty: one error that names the first
            ten places. At the end of the stream: an index beyond it.
    """

    name, keeps_label = "external", True

    def __init__(self, path: str | os.PathLike[str], pairs: bool = False):
        self._path, self._pairs = pathlib.Path(path), pairs
        faults, found = Faults(path), False
        for _ in self._rows(faults):
            found = True
        faults.raise_if_any()
        if not found:
            raise DataError(f"{path}: empty, expected {self._expected}.")
        self.settings: dict[str, Any] = {"file": file_fingerprint(path)}

    @property
    def _expected(self) -> str:
        if stem_and_suffix(self._path)[1] == ".jsonl":
            pair = ', "pair": "..."' if self._pairs else ""
            return f'{{"index": 0, "text": "..."{pair}}} lines'
        return "`index<TAB>text<TAB>text` lines" if self._pairs else "`index<TAB>text` lines"

    def variants(self, examples: Iterable[AnyExample], plan: VariantPlan) -> Iterator[Sequence[AnyExample]]:
        rows, total = self._rows(None), 0
        row = next(rows, None)
        for index, example in enumerate(examples):
            found, total = [], index + 1
            while row and row[1] == index:
                found.append(self._variant(example, row[2]))
                row = next(rows, None)
            yield found
        if row:
            raise DataError(f"{self._path}:{row[0]}: index {row[1]}, but the transfer set has {total} "
                            f"examples, 0 to {total - 1}. The file belongs to another transfer set.")

    def _variant(self, example: AnyExample, texts: Sequence[str]) -> AnyExample:
        for side, text in zip((first_side(example), "pair"), texts):
            example = with_text(example, side, text)
        return example

    def _rows(self, faults: Faults | None) -> Iterator[tuple[int, int, Sequence[str]]]:
        """(line, index, texts); the file is known to be good where there is no `faults`."""
        parse, remedy = _tsv, " (sort -s -n -k1,1)"
        if stem_and_suffix(self._path)[1] == ".jsonl":
            parse, remedy = _json, ""
        last = 0
        for number, line in open_lines(self._path):
            if not line.strip():
                continue
            index, texts, problem = parse(line, self._pairs)
            if not problem and index < last:
                problem = f"index {index} after {last}, expected the order of the transfer set{remedy}"
            problem = problem or next(filter(None, map(_text_problem, texts)), None)
            if problem and faults:
                expected = "" if "expected" in problem else f", expected {self._expected}"
                faults.add(number, problem + expected)
                continue
            last = index
            yield number, index, texts


def _tsv(line: str, pairs: bool) -> tuple[int, Sequence[str], str | None]:
    index, *texts = line.split("\t")
    if len(texts) != 1 + pairs:
        return 0, (), f"{len(texts)} tabs"
    if not index.isdecimal():
        return 0, (), f"index {quoted(index)}"
    return int(index), texts, None


def _json(line: str, pairs: bool) -> tuple[int, Sequence[str], str | None]:
    try:
        record = json.loads(line)
    except (ValueError, RecursionError) as error:
        return 0, (), f"not JSON ({error})"
    if not isinstance(record, dict):
        return 0, (), quoted(record)
    index, texts = record.get("index"), [record.get(key) for key in ("text", "pair")[: 1 + pairs]]
    if type(index) is not int or index < 0:
        return 0, (), f"index {quoted(index)}"
    return index, texts, None


def _text_problem(text: Any) -> str | None:
    if not isinstance(text, str) or not text.strip():
        return f"text {quoted(text)}"
    return encoding_problem(text)
