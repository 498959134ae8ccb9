"""Task folders: train, dev and test of one or several languages, and the labels that they use."""

from __future__ import annotations

import itertools
import os
import pathlib
import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace

from xtremedistil_tf.corpus.conll import is_iob2
from xtremedistil_tf.corpus.example import AnyExample, Decontaminated, Example, MeasuredTexts
from xtremedistil_tf.corpus.files import COMPRESSED, Faults, entries, listing, open_lines, stem_and_suffix
from xtremedistil_tf.corpus.kinds import Kind
from xtremedistil_tf.errors import ConfigError, DataError

# Classes that the original adds for continued pieces and special tokens; here those have weight 0.
_NOT_LABELS = frozenset({"X", "[CLS]", "[SEP]", "[PAD]"})


def read_labels(path: str | os.PathLike[str]) -> list[str]:
    """Reads one label a line, or `index<TAB>label` lines, which are put in the order of the index.

    Blank lines and the classes X, [CLS], [SEP], [PAD] are left out.

    Raises:
        DataError: the file cannot be read, holds no label, or has faulty lines: a label that is not
            `O`, `B-type` or `I-type`, or a label or index that occurs twice.
    """
    labels = [label for label in _indexed(path, _tag_problem) if label not in _NOT_LABELS]
    if not labels:
        raise DataError(f"{path}: empty, expected one label a line, such as O, B-LOC, I-LOC. Delete the "
                        "file to have the labels inferred from the tags.")
    return labels


def read_class_names(path: str | os.PathLike[str]) -> list[str]:
    """Reads the names of classes: one a line, or `index<TAB>name` lines, put in the order of the index.

    Raises:
        DataError: the file cannot be read, names fewer than two classes, or has faulty lines.
    """
    names = _indexed(path, lambda name: None, dense=True)
    if len(names) < 2:
        raise DataError(f"{path}: {len(names)} classes, expected at least two, one a line. Delete the file to have "
                        "them inferred from the labels.")
    return names


def _indexed(path: str | os.PathLike[str], problem_of: Callable[[str], str | None], dense: bool = False) -> list[str]:
    faults = Faults(path)
    by_index: dict[int, str] = {}
    for number, text in open_lines(path):
        if not text.strip():
            continue
        columns = [column.strip() for column in text.split("\t")]
        index, label = columns if len(columns) == 2 else (str(len(by_index)), columns[0])
        if problem := _problem(columns, index, label, by_index) or problem_of(label):
            faults.add(number, problem)
            continue
        by_index[int(index)] = label
    faults.raise_if_any()
    missing = next((index for index in range(len(by_index)) if index not in by_index), None)
    if dense and missing is not None:
        # Data files may name classes by index: closing the gap would silently give them other classes.
        raise DataError(f"{path}: no class with index {missing}, expected the indices 0 to {len(by_index) - 1}. "
                        "Number the classes from 0 without gaps, here and in the data.")
    return [label for _, label in sorted(by_index.items())]


def _tag_problem(label: str) -> str | None:
    if label in _NOT_LABELS or is_iob2(label):
        return None
    return f"label {label!r}, expected O, B-type or I-type"


def infer_labels(examples: Iterable[Example]) -> list[str]:
    """`O`, then B- and I- of each type that occurs in the tags, types in alphabetical order.

    Both are listed for a type that occurs only as B- (or only as I-) here: longer (or any) entities
    of it may occur elsewhere.

    Raises:
        DataError: a tag is not `O`, `B-type` or `I-type`.
    """
    seen: set[str] = set()
    for example in examples:
        for tag in set(example.tags or ()) - seen:
            if not is_iob2(tag):
                raise DataError(f"{example.source}:{example.line}: malformed tag {tag!r}, expected O, "
                                "B-type or I-type. Correct that tag.")
            seen.add(tag)
    types = sorted({tag[2:] for tag in seen if tag != "O"})
    return ["O"] + [prefix + kind for kind in types for prefix in ("B-", "I-")]


def _problem(columns: list[str], index: str, label: str, known: dict[int, str]) -> str | None:
    if len(columns) > 2:
        return f"{len(columns)} columns, expected a label, or an index, a tab and a label"
    if not re.fullmatch("[0-9]{1,6}", index):
        return f"index {index!r}, expected a whole number from 0 and after the tab the label"
    if int(index) in known:
        return f"label {label!r} has the same index as {known[int(index)]!r}, expected each index once"
    if label in known.values():
        return f"label {label!r} for the second time, expected each label once"
    return None


_SPLITS = ("train", "dev", "test")
_LABELS = "labels.tsv"
_REMEDY = {
    "train": "Put the labelled training sentences there.",
    "dev": "The best model is chosen on it; move, for example, every tenth sentence of the training file "
           "to a dev file.",
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
                decontaminate: bool = False) -> TaskCorpus:
    """Reads `folder/train.tsv`, `dev.tsv`, `test.tsv` and the same files in `folder/<language>/`.

    A language folder is a subfolder that holds at least one of the files; its name is the language of
    its examples. Files of tagging may also be `.conll` or `.jsonl`, of classification and regression `.jsonl`,
    of question answering they are SQuAD's `.json` (`train-v2.0.json` too); all may be compressed (`.gz`, `.xz`);
    dev may be called `valid` or `validation`. `labels.tsv` may stand in the task folder, in language folders, or
    nowhere: then tags are inferred from all examples and classes from those of train. Tags of several files are
    united in order of first appearance, `O` is put first, and added where it is missing; several files of classes
    must be equal.

    Args:
        folder: the task folder.
        kind: how the kind of task keeps its examples, see `tasks.opening.kind_named`.
        languages: only sentences of these languages; None or empty: all.
        max_train, max_dev, max_test: keep the first so many sentences of each language.
        decontaminate: leave out training examples whose text stands in dev or test, see `MeasuredTexts`.

    Raises:
        DataError: train or dev is missing, a split has two files in one folder, a language is not
            there, or a file is faulty (see the readers of the kind).
        ConfigError: a maximum is below 1.
    """
    _check_limits({"train": max_train, "dev": max_dev, "test": max_test})
    folder, wanted = pathlib.Path(folder), set(languages or ())
    named = _language_folders(folder, kind)
    places = [(None, folder)] + [(name, named[name]) for name in named if not wanted or name in wanted]
    label_files = [path / _LABELS for _, path in places if (path / _LABELS).is_file()]
    labels = kind.read_labels(label_files) if label_files else None
    splits = _read_splits(places, kind, labels)
    if wanted:
        _check_languages(folder, wanted, splits, named)
        splits = {name: [e for e in examples if e.language in wanted] for name, examples in splits.items()}
    for split in ("train", "dev"):
        if not splits[split]:
            raise _missing(folder, kind, split, wanted)
    labels = labels or kind.infer_labels(splits)
    whole = TaskCorpus(splits["train"], splits["dev"], splits["test"], labels, [])
    corpus = limited(whole, max_train, max_dev, max_test, decontaminate)
    known = {e.language for name in _SPLITS for e in getattr(corpus, name) if e.language}
    return replace(corpus, languages=sorted(known))


def limited(corpus: TaskCorpus, max_train: int | None, max_dev: int | None, max_test: int | None,
            decontaminate: bool = False) -> TaskCorpus:
    """The first examples of each language; what training loses becomes surplus.

    With `decontaminate`, training examples whose text stands in what is left of dev and test are left out first.

    Raises:
        ConfigError: a maximum is below 1.
        DataError: no training example is left.
    """
    limits = {"train": max_train, "dev": max_dev, "test": max_test}
    _check_limits(limits)
    measured = {name: _first(getattr(corpus, name), limits[name]) for name in ("dev", "test")}
    extra = {name: _first(examples, max_dev) for name, examples in corpus.extra_dev.items()}
    rest = [example for _, beyond in (*measured.values(), *extra.values()) for example in beyond]
    corpus = replace(corpus, dev=measured["dev"][0], test=measured["test"][0], unmeasured=corpus.unmeasured + rest,
                     extra_dev={name: kept for name, (kept, _) in extra.items()})
    if decontaminate:
        corpus = _decontaminated(corpus)
    train, surplus = _first(corpus.train, max_train)
    return replace(corpus, train=train, surplus=corpus.surplus + surplus)


def _decontaminated(corpus: TaskCorpus) -> TaskCorpus:
    honest = Decontaminated(corpus.train, corpus.measured_texts)
    train = list(honest)
    if not train:
        raise DataError(f"{corpus.train[0].source}: the text of every training example also occurs in dev or test, so "
                        "none is left to train on. Give other sentences, or train on these with `keep_test_text`.")
    return replace(corpus, train=train, left_out=corpus.left_out + honest.left_out)


def _language_folders(folder: pathlib.Path, layout: Kind) -> dict[str, pathlib.Path]:
    """{language: folder} inside the task folder."""
    if not os.path.isdir(folder):
        what = "is a file, expected a task folder" if os.path.exists(folder) else "no such task folder"
        raise DataError(f"{folder}: {what}; {listing(folder.parent)}.")
    named = {path.name: path for path in entries(folder) if path.is_dir() and _split_files(path, layout)}
    if not named and not _split_files(folder, layout):
        raise _missing(folder, layout, "train", set())
    return named


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


def _split_files(folder: pathlib.Path, layout: Kind) -> dict[str, pathlib.Path]:
    """{split: file} of one folder."""
    files: dict[str, pathlib.Path] = {}
    for path in entries(folder):
        stem, suffix = stem_and_suffix(path)
        split = layout.split_of(stem)
        if split is None or suffix not in layout.formats or not path.is_file():
            continue
        if split in files:
            raise DataError(f"{folder}: {files[split].name} and {path.name} are both {split} files, "
                            "expected one. Move the other away.")
        files[split] = path
    return files


def _read_splits(places: Iterable[tuple[str | None, pathlib.Path]], layout: Kind,
                 labels: list[str] | None) -> dict[str, list[AnyExample]]:
    splits: dict[str, list[AnyExample]] = {split: [] for split in _SPLITS}
    for language, folder in places:
        for split, path in sorted(_split_files(folder, layout).items()):
            splits[split] += layout.read(path, labels, language)
    return splits


def _first(examples: list[AnyExample], limit: int | None) -> tuple[list[AnyExample], list[AnyExample]]:
    """The first `limit` sentences of each language, and the others."""
    if limit is None:
        return examples, []
    kept: list[AnyExample] = []
    rest: list[AnyExample] = []
    count: Counter[str | None] = Counter()
    for example in examples:
        count[example.language] += 1
        (kept if count[example.language] <= limit else rest).append(example)
    return kept, rest


def _missing(folder: pathlib.Path, layout: Kind, split: str, wanted: set[str]) -> DataError:
    names = " or ".join(f"{split}{suffix}" for suffix in layout.formats)
    where = f" for {', '.join(sorted(wanted))}" if wanted else ""
    return DataError(f"{folder}: no {split} sentences{where}, expected {names} (also with "
                     f"{' or '.join(COMPRESSED)}) there or in a folder named by the language; "
                     f"{listing(folder)}. {_REMEDY[split]}")
