"""The augmented stream: every original, and after it its variants that are new, kept on disk."""

from __future__ import annotations

import array
import dataclasses
import gzip
import itertools
import json
import logging
import os
import pathlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Protocol

import numpy as np

from xtremedistil_tf.atomic import atomic_directory, read_json, write_json
from xtremedistil_tf.augmentation.augmenter import (
    ORIGINAL,
    Augmented,
    Augmenter,
    Counts,
    Tally,
    VariantPlan,
    code_column,
    plans_of,
    provenance,
)
from xtremedistil_tf.corpus.example import Answer, AnyExample, MeasuredTexts, QuestionExample, digest, parts_of
from xtremedistil_tf.errors import DataError
from xtremedistil_tf.fingerprint import fingerprint

log = logging.getLogger(__name__)
# Above so many characters to a word, the script has no spaces between words.
_LONGEST_MEAN_WORD = 12
#: A variant this similar to its original, or to another variant of it, is dropped; see `similarity`.
NEAR_DUPLICATE = 0.9
_VARIANTS, _FACTS = "variants.jsonl.gz", "facts.json"
# Of the examples wanted; fewer is worth a warning.
_FEW_VARIANTS = 0.1
Chooser = Callable[[Iterator[Augmented], Tally], Iterator[Augmented]]


def without_measured(stream: Iterable[Augmented], measured: MeasuredTexts, tally: Tally) -> Iterator[Augmented]:
    """Passes on the originals, and the variants whose text is not measured; the counts of `tally` are corrected."""
    for item in stream:
        if item.augmenter != ORIGINAL and item.example in measured:
            tally.of(item.augmenter).measured += 1
            tally.of(item.augmenter).kept -= 1
        else:
            yield item


class DigestSet:
    """A set of 8-byte digests in 12 to 24 bytes each, where Python's own set takes 100: this is what an
    augmented stream remembers of every example."""

    def __init__(self) -> None:
        self._slots = array.array("Q", bytes(8 * 1024))
        self._used = 0

    def __len__(self) -> int:
        return self._used

    def add(self, value: int) -> bool:
        """Adds a digest and tells whether it was new."""
        if 3 * self._used >= 2 * len(self._slots):
            self._grow()
        new = self._put(value or 1)  # 0 marks a free slot
        self._used += new
        return new

    def _put(self, value: int) -> bool:
        slots, last = self._slots, len(self._slots) - 1
        place = value & last
        while found := slots[place]:
            if found == value:
                return False
            place = (place + 1) & last
        slots[place] = value
        return True

    def _grow(self) -> None:
        old, self._slots = self._slots, array.array("Q", bytes(16 * len(self._slots)))
        for value in old:
            if value:
                self._put(value)


def similarity(first: tuple[str, ...], second: tuple[str, ...]) -> float:
    """Jaccard similarity of the pairs of neighbouring words, in [0, 1]; of several texts the least, since a
    changed question beside an unchanged context is another example.

    Of scripts without spaces, pairs of characters are compared.

    Args:
        first, second: what `parts_of` gave.
    """
    return min((1.0 if one == other else _jaccard(_shingles(one), _shingles(other))
                for one, other in zip(first, second)), default=1.0)


def _jaccard(first: set[Any], second: set[Any]) -> float:
    return len(first & second) / max(1, len(first | second))


def _shingles(text: str) -> set[tuple[str, ...]]:
    units = text.split()
    if len(text) > _LONGEST_MEAN_WORD * len(units):
        units = list(text.replace(" ", ""))
    return set(itertools.pairwise(units)) if len(units) > 1 else {(unit,) for unit in units}


def augmented(examples: Iterable[AnyExample], augmenters: Sequence[Augmenter], factor: float, seed: int,
              tally: Tally | None = None, near: float = NEAR_DUPLICATE) -> Iterator[Augmented]:
    """Yields all originals in their order, each followed by its variants.

    A variant is dropped that equals an example before it (but for case and white space), or is nearly its
    original or another variant of it. Memory: what the augmenters read ahead and hold, and 12 to 24 bytes
    for each example.

    Args:
        examples: the originals.
        augmenters: each name once; which they are matters, their order only for the order of variants.
        factor: most new examples for each original on average, shared evenly among the augmenters.
        seed: same seed and examples, same variants.
        tally: receives the counts.
        near: similarity from which on a variant is a near-duplicate.

    Raises:
        ConfigError: see `plans_of`; and whatever the augmenters raise.
    """
    plans = plans_of([augmenter.name for augmenter in augmenters], factor, seed)
    return _stream(examples, augmenters, plans, Tally() if tally is None else tally, near)


def _stream(examples: Iterable[AnyExample], augmenters: Sequence[Augmenter], plans: dict[str, VariantPlan],
            tally: Tally, near: float) -> Iterator[Augmented]:
    originals, *copies = itertools.tee(examples, len(augmenters) + 1)
    makers = {a.name: a.variants(copy, plans[a.name]) for a, copy in zip(augmenters, copies)}
    passed = _read_by_students(augmenters)
    seen = DigestSet()
    for index, original in enumerate(originals):
        group = _Group(parts_of(original), seen, near)
        tally.originals += 1
        yield Augmented(original, ORIGINAL, index)
        for name, maker in makers.items():
            candidates, wanted = next(maker), plans[name].wanted(index)
            tally.of(name).wanted += wanted
            choose = group.any if name in passed else group.fresh
            for number, variant in enumerate(choose(candidates, wanted, tally.of(name)), 1):
                yield Augmented(_named(variant, f"{name}{number}"), name, index)
    for maker in makers.values():  # so that it can say what is wrong with the end
        next(maker, None)


class _Group:
    """An original and the variants of it that were kept."""

    def __init__(self, original: tuple[str, ...], seen: DigestSet, near: float):
        self._kept, self._seen, self._near = [original], seen, near
        seen.add(digest(original))

    def fresh(self, candidates: Iterable[AnyExample], wanted: int, counts: Counts) -> Iterator[AnyExample]:
        """The first `wanted` candidates that are not dropped."""
        stream = iter(candidates)
        while wanted and (variant := next(stream, None)) is not None:
            parts = parts_of(variant)
            if parts == self._kept[0]:
                counts.unchanged += 1
            elif any(similarity(parts, other) >= self._near for other in self._kept):
                counts.near += 1
            elif not self._seen.add(digest(parts)):
                counts.repeated += 1
            else:
                self._kept.append(parts)
                counts.kept += 1
                wanted -= 1
                yield variant

    @staticmethod
    def any(candidates: Iterable[AnyExample], wanted: int, counts: Counts) -> Iterator[AnyExample]:
        """The first `wanted` candidates, however near."""
        for variant in itertools.islice(candidates, wanted):
            counts.kept += 1
            yield variant


def _read_by_students(augmenters: Iterable[Augmenter]) -> frozenset[str]:
    """The names of those whose originals the teacher reads."""
    return frozenset(augmenter.name for augmenter in augmenters if augmenter.teacher_reads_original)


def _named(variant: AnyExample, suffix: str) -> AnyExample:
    """A question with an id of its own."""
    if isinstance(variant, QuestionExample):
        return dataclasses.replace(variant, id=f"{variant.id}-{suffix}")
    return variant


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

    Attributes:
        sentences, fingerprint: as of `Originals`.
        has_originals: whether the teacher reads other texts than the student in places, see `Example.original`.

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
        self._read_by_students = _read_by_students(augmenters)
        self.has_originals = bool(self._read_by_students)
        for counts, line in zip(self.tally.counts.values(), self.tally.lines()):
            log.log(logging.WARNING if counts.kept < _FEW_VARIANTS * counts.wanted else logging.INFO, "%s", line)

    def __iter__(self) -> Iterator[AnyExample]:
        return (item.example for item in self.items())

    def items(self) -> Iterator[Augmented]:
        """The examples with where each came from."""
        records = self._records()
        record = next(records, None)
        for index, original in enumerate(self._originals):
            yield Augmented(original, ORIGINAL, index)
            while record and record["index"] == index:
                variant = _variant(original, record)
                if record["augmenter"] in self._read_by_students:
                    variant = dataclasses.replace(variant, original=original)  # type: ignore[arg-type]  # of one type
                yield Augmented(variant, record["augmenter"], index)
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
    changed.pop("original", None)  # is beside it in the stream
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
