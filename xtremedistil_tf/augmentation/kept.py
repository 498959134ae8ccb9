"""An augmented transfer set on disk: variants are made once, and read as often as wanted."""

from __future__ import annotations

import dataclasses
import gzip
import json
import logging
import os
import pathlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Protocol

import numpy as np

from xtremedistil_tf.atomic import atomic_directory, read_json, write_json
from xtremedistil_tf.augmentation.augmenter import Augmented, Augmenter
from xtremedistil_tf.augmentation.provenance import ORIGINAL, Tally, code_column, provenance
from xtremedistil_tf.augmentation.stream import NEAR_DUPLICATE, augmented
from xtremedistil_tf.corpus.example import Answer, AnyExample
from xtremedistil_tf.errors import DataError
from xtremedistil_tf.fingerprint import fingerprint

log = logging.getLogger(__name__)

_VARIANTS, _FACTS = "variants.jsonl.gz", "facts.json"
# Of the examples wanted; fewer is worth a warning.
_FEW = 0.1

Chooser = Callable[[Iterator[Augmented], Tally], Iterator[Augmented]]


class Originals(Protocol):
    """What is augmented, such as `TransferText`.

    Attributes:
        sentences: number of examples.
        fingerprint: of the examples.
    """

    sentences: int
    fingerprint: str

    def __iter__(self) -> Iterator[AnyExample]:
        """The examples, the same every time."""


class AugmentedText:
    """Originals with their variants, read as a stream, as often as wanted, in the same order; stands in for
    the `TransferText` that it is made of.

    The variants are written to `<root>/augmented-<fingerprint>` as JSON lines: `index`, `augmenter` and the
    fields in which a variant is not its original. Those that are there already are not made again.

    Args:
        originals: to augment.
        augmenters, factor, seed, near: see `augmented`.
        root: where the folder is made.
        choose: passes on the good ones of a stream, such as `confident` with a teacher; None: all.
        choice: JSON-able, stands for `choose`.

    Raises:
        ConfigError, DataError and others: see `augmented` and the augmenters.
    """

    def __init__(self, originals: Originals, augmenters: Sequence[Augmenter], factor: float, seed: int,
                 root: str | os.PathLike[str], near: float = NEAR_DUPLICATE, choose: Chooser | None = None,
                 choice: Any = None):
        self._originals = originals
        self._settings = (augmenters, factor, seed)
        identity = fingerprint({"text": originals.fingerprint, "factor": factor, "seed": seed, "near": near,
                                "choice": choice, "augmenters": [[a.name, a.settings] for a in augmenters]})
        self._folder = pathlib.Path(root) / f"augmented-{identity}"
        if not self._folder.is_dir():
            tally = Tally()
            stream = augmented(originals, augmenters, factor, seed, tally, near)
            self._write(choose(stream, tally) if choose else stream, tally)
        facts = read_json(self._folder / _FACTS)
        self.tally = Tally.from_json(facts)
        self.sentences = facts["sentences"]
        self.fingerprint = f"{identity}-{self.sentences}"
        for counts, line in zip(self.tally.counts.values(), self.tally.lines()):
            log.log(logging.WARNING if counts.kept < _FEW * counts.wanted else logging.INFO, "%s", line)

    def __iter__(self) -> Iterator[AnyExample]:
        return (item.example for item in self.items())

    def items(self) -> Iterator[Augmented]:
        """The examples with where each came from."""
        records = self._records()
        record = next(records, None)
        for index, original in enumerate(self._originals):
            yield Augmented(original, ORIGINAL, index)
            while record and record["index"] == index:
                yield Augmented(_variant(original, record), record["augmenter"], index)
                record = next(records, None)

    def codes(self) -> np.ndarray:
        """int8 [sentences], see `code_column`."""
        return code_column(self.items())

    @property
    def provenance(self) -> dict[str, Any]:
        """For a manifest, see `provenance`."""
        return provenance(*self._settings, self.tally)

    def _write(self, stream: Iterable[Augmented], tally: Tally) -> None:
        with atomic_directory(self._folder) as part:
            sentences = 0
            with gzip.open(part / _VARIANTS, "wt", encoding="utf-8") as file:
                original = None
                for sentences, item in enumerate(stream, 1):  # noqa: B007  their number is written below
                    if item.augmenter == ORIGINAL:
                        original = item.example
                    else:
                        file.write(json.dumps(_record(item, original), ensure_ascii=False) + "\n")
            write_json(part / _FACTS, tally.to_json() | {"sentences": sentences})

    def _records(self) -> Iterator[dict[str, Any]]:
        path = self._folder / _VARIANTS
        try:
            with gzip.open(path, "rt", encoding="utf-8") as file:
                yield from map(json.loads, file)
        except (OSError, EOFError, ValueError) as error:
            raise DataError(f"{path}: damaged ({error}). Delete {self._folder}; the next run "
                            "creates it again.") from error


def _record(item: Augmented, original: AnyExample) -> dict[str, Any]:
    changed = {field.name: value for field in dataclasses.fields(original)
               if (value := getattr(item.example, field.name)) != getattr(original, field.name)}
    if changed.get("answers"):
        changed["answers"] = [dataclasses.asdict(answer) for answer in changed["answers"]]
    return {"index": item.index, "augmenter": item.augmenter} | changed


def _variant(original: AnyExample, record: dict[str, Any]) -> AnyExample:
    changed: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else value for name, value in record.items()
        if name not in ("index", "augmenter")}
    if changed.get("answers"):
        changed["answers"] = tuple(Answer(**answer) for answer in changed["answers"])
    return dataclasses.replace(original, **changed)
