"""Task folders: train, dev and test of one or several languages, and the labels that they use."""

from __future__ import annotations

import itertools
import logging
import os
import pathlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeAlias

from xtremedistil_tf.corpus.example import AnyExample, Decontaminated, MeasuredTexts
from xtremedistil_tf.corpus.files import listing
from xtremedistil_tf.corpus.kinds import Kind
from xtremedistil_tf.corpus.label_files import label_file, raw_names
from xtremedistil_tf.corpus.parallel import Parallel
from xtremedistil_tf.corpus.reading import BY_CONTENT, Reading, UnlabelledError
from xtremedistil_tf.corpus.sampling import held_out, sample, say_repeated
from xtremedistil_tf.corpus.splits import Source, language_folders, missing, only_file, split_files
from xtremedistil_tf.errors import ConfigError, DataError

log = logging.getLogger(__name__)

_Place: TypeAlias = "tuple[str | None, pathlib.Path, dict[str, list[Source]]]"
_SPLITS = ("train", "dev", "test")
_REMEDY = {
    "train": "Put the labelled training sentences there.",
    "dev": "The best model is chosen on it: `dev_fraction=0.1` takes every tenth training example for it.",
}


@dataclass(frozen=True)
class TaskCorpus:
    """The examples of a task.

    Attributes:
        train, dev, test: labelled examples; test may be empty.
        labels: tags (`O` first), names of classes, or names of the outputs.
        languages: sorted languages of train, dev and test; empty where none is known.
        surplus: training examples beyond `max_train`, which can serve as transfer text.
        extra_dev: further dev sets that are measured beside the test set, such as MNLI's `mismatched`.
        unmeasured: dev and test examples beyond `max_dev` and `max_test`, which can serve as transfer text.
        left_out: training examples that were left out because their text is measured.
    """

    train: list[AnyExample]
    dev: list[AnyExample]
    test: list[AnyExample]
    labels: list[str]
    languages: list[str]
    surplus: list[AnyExample] = field(default_factory=list)
    extra_dev: dict[str, list[AnyExample]] = field(default_factory=dict)
    unmeasured: list[AnyExample] = field(default_factory=list)
    left_out: int = 0

    @property
    def measured_texts(self) -> MeasuredTexts:
        """The texts of dev, test and the extra dev sets."""
        return MeasuredTexts(itertools.chain(self.dev, self.test, *self.extra_dev.values()))

    @property
    def has_pairs(self) -> bool:
        """Whether the examples are pairs of texts."""
        return getattr(self.train[0], "pair", None) is not None


def read_folder(folder: str | os.PathLike[str], kind: Kind, languages: Sequence[str] | None = None, *,
                max_train: int | None = None, max_dev: int | None = None, max_test: int | None = None,
                decontaminate: bool = False, reading: Reading = BY_CONTENT, dev_fraction: float = 0.0) -> TaskCorpus:
    """Reads the train, dev and test files of a task folder, and the same files in `folder/<language>/`.

    docs/data.md says how files may be called and what they may hold. A language folder is a subfolder that holds one of
    the files and has a language code for a name, or is listed. A file of labels may stand in the task folder, in
    language folders, or nowhere: then tags are inferred from all examples and classes from those of train. Tags of
    several files are united, `O` first; several files of classes must be equal.

    Args:
        folder: the task folder, or its only file.
        kind: how the kind of task keeps its examples, see `tasks.opening.kind_named`.
        languages: only sentences of these languages; None or empty: all.
        max_train, max_dev, max_test: keep so many sentences of each language, see `sample`.
        decontaminate: leave out training examples whose text stands in dev or test, see `MeasuredTexts`.
        reading: tag scheme and columns, where they are known.
        dev_fraction: share of the training examples that become the dev set where there is none.

    Raises:
        DataError: train or dev is missing, a split has two files in one folder, a language is not
            there, or a file is faulty (see the readers of the kind).
        ConfigError: a maximum is below 1.
    """
    _check_limits({"train": max_train, "dev": max_dev, "test": max_test})
    folder, wanted = pathlib.Path(folder), set(languages or ())
    places, named = _places(folder, kind, wanted)
    label_files = [file for _, path, sources in places if (file := label_file(path, _labels_of_texts(sources)))]
    labels = kind.read_labels(label_files) if label_files else None
    if label_files and kind.tagged:
        reading = replace(reading, names=raw_names(label_files[0]))
    splits = _read_splits(places, kind, labels, reading)
    if wanted:
        _check_languages(folder, wanted, splits, named)
        splits = {name: [e for e in examples if e.language in wanted] for name, examples in splits.items()}
    splits = _with_dev(splits, dev_fraction, folder)
    for split in ("train", "dev"):
        if not splits[split]:
            raise missing(folder, kind, split, wanted, _REMEDY[split])
    labels = labels or kind.infer_labels(splits)
    say_repeated(splits, decontaminate)
    whole = TaskCorpus(splits["train"], splits["dev"], splits["test"], labels, [])
    corpus = limited(whole, max_train, max_dev, max_test, decontaminate)
    known = {e.language for name in _SPLITS for e in getattr(corpus, name) if e.language}
    return replace(corpus, languages=sorted(known))


def _with_dev(splits: dict[str, list[AnyExample]], fraction: float,
              folder: pathlib.Path) -> dict[str, list[AnyExample]]:
    if not splits["train"] or splits["dev"] or not fraction:
        return splits
    train, dev = held_out(splits["train"], fraction)
    log.info("%s: no dev file; `dev_fraction=%g` of the training examples (%d) are the dev set", folder, fraction,
             len(dev))
    return splits | {"train": train, "dev": dev}


def _places(folder: pathlib.Path, kind: Kind, wanted: set[str]) -> tuple[list[_Place], dict[str, pathlib.Path]]:
    """(language, folder, its split files) of all that is read, and all language folders."""
    if folder.is_file():
        return [(None, folder.parent, {"train": [folder]})], {}
    if not folder.is_dir():
        raise DataError(f"{folder}: no such task folder; {listing(folder.parent)}.")
    named, own = language_folders(folder, kind, wanted), split_files(folder, kind)
    if not own and not named:
        only = only_file(folder, kind)
        if only is None:
            raise missing(folder, kind, "train", set(), _REMEDY["train"])
        own = {"train": [only]}
    places: list[_Place] = [(None, folder, own)]
    return places + [(name, named[name], split_files(named[name], kind)) for name in named
                     if not wanted or name in wanted], named


def _labels_of_texts(sources: dict[str, list[Source]]) -> list[pathlib.Path]:
    return [source.labels for of_split in sources.values() for source in of_split if isinstance(source, Parallel)]


def limited(corpus: TaskCorpus, max_train: int | None, max_dev: int | None, max_test: int | None,
            decontaminate: bool = False) -> TaskCorpus:
    """So many examples of each language, see `sample`; what training loses becomes surplus.

    With `decontaminate`, training examples whose text stands in what is left of dev and test are left out first.

    Raises:
        ConfigError: a maximum is below 1.
        DataError: no training example is left.
    """
    limits = {"train": max_train, "dev": max_dev, "test": max_test}
    _check_limits(limits)
    measured = {name: sample(getattr(corpus, name), limits[name]) for name in ("dev", "test")}
    extra = {name: sample(examples, max_dev) for name, examples in corpus.extra_dev.items()}
    rest = [example for _, beyond in (*measured.values(), *extra.values()) for example in beyond]
    corpus = replace(corpus, dev=measured["dev"][0], test=measured["test"][0], unmeasured=corpus.unmeasured + rest,
                     extra_dev={name: kept for name, (kept, _) in extra.items()})
    if decontaminate:
        corpus = _decontaminated(corpus)
    train, surplus = sample(corpus.train, max_train)
    return replace(corpus, train=train, surplus=corpus.surplus + surplus)


def _decontaminated(corpus: TaskCorpus) -> TaskCorpus:
    honest = Decontaminated(corpus.train, corpus.measured_texts)
    train = list(honest)
    if not train:
        raise DataError(f"{corpus.train[0].source}: the text of every training example also occurs in dev or test, so "
                        "none is left to train on. Give other sentences, or train on these with `keep_test_text`.")
    return replace(corpus, train=train, left_out=corpus.left_out + honest.left_out)


def _check_limits(limits: dict[str, int | None]) -> None:
    for name, limit in limits.items():
        if limit is not None and limit < 1:
            raise ConfigError(f"max_{name} is {limit}. Expected at least 1, or None for no limit.")


def _check_languages(folder: pathlib.Path, wanted: set[str], splits: dict[str, list[AnyExample]],
                     named: Iterable[str]) -> None:
    there = {*named, *(e.language for examples in splits.values() for e in examples if e.language)}
    if unknown := sorted(wanted - there):
        what = f"it has: {', '.join(sorted(there))}" if there else \
            "its sentences have no language; put each language into a subfolder named by its code"
        raise DataError(f"{folder}: no data for language {', '.join(unknown)}; {what}.")


def _read_splits(places: Sequence[_Place], kind: Kind, labels: list[str] | None,
                 reading: Reading) -> dict[str, list[AnyExample]]:
    splits: dict[str, list[AnyExample]] = {split: [] for split in _SPLITS}
    for split in _SPLITS:
        for language, _, sources in places:
            for source in sources.get(split, ()):
                try:
                    splits[split] += kind.read(source, labels, language, reading)
                except UnlabelledError as error:
                    if split != "test":
                        raise
                    log.warning("%s The dev set is measured instead", error)
        if split == "train":
            # A small file may not show what all of them hold.
            reading = kind.settled(reading, splits[split])
    return splits
