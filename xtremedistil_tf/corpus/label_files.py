"""Files that name the labels of a task, and labels inferred from examples."""

from __future__ import annotations

import os
import pathlib
import re
from collections.abc import Callable, Iterable

from xtremedistil_tf.corpus.class_checks import warn_of_spellings
from xtremedistil_tf.corpus.example import Example
from xtremedistil_tf.corpus.files import Faults, open_lines
from xtremedistil_tf.corpus.tag_schemes import OUTSIDE, is_iob2, is_lettered, labels_in_iob2
from xtremedistil_tf.errors import DataError

#: What such a file may be called; the first that is there is read.
LABEL_FILES = ("labels.tsv", "labels.txt", "label_names.txt", "classes.txt", "names.txt", "mapping.txt", "names")
# Classes that the original adds for continued pieces and special tokens; here those have weight 0.
_CONTINUED = "X"
_NOT_LABELS = frozenset({"[CLS]", "[SEP]", "[PAD]"})


def label_file(folder: pathlib.Path, taken: Iterable[pathlib.Path] = ()) -> pathlib.Path | None:
    """The file of a folder that names the labels, None without one.

    Args:
        folder: to look in.
        taken: files that hold the labels of examples, which may have such a name too.
    """
    paths = (folder / name for name in LABEL_FILES)
    return next((path for path in paths if path.is_file() and path not in taken), None)


def raw_names(path: str | os.PathLike[str]) -> tuple[str, ...]:
    """The names in a label file as they stand there, whose places class numbers of the data mean; none with gaps."""
    found = _by_index(path, lambda name: None)
    return tuple(found[index] for index in range(len(found))) if set(found) == set(range(len(found))) else ()


def read_labels(path: str | os.PathLike[str]) -> list[str]:
    """Reads one label a line, or `index<TAB>label` lines, which are put in the order of the index.

    Blank lines and the classes X, [CLS], [SEP], [PAD] are left out. Labels of other tag schemes become IOB2; without
    any `B-` and `I-` they are labels of words, such as parts of speech.

    Raises:
        DataError: the file cannot be read, holds no label, or has faulty lines: tags of a scheme among labels that
            are none, or a label or index that occurs twice.
    """
    labels = [label for label in _indexed(path, lambda label: None) if label not in _NOT_LABELS]
    if any(is_lettered(label) and label != OUTSIDE for label in labels):
        labels = [label for label in labels if label != _CONTINUED]
    if not labels or labels == [_CONTINUED]:
        raise DataError(f"{path}: empty, expected one label a line, such as O, B-LOC, I-LOC. Delete the "
                        "file to have the labels inferred from the tags.")
    if any(is_lettered(label) and label != OUTSIDE for label in labels) and not all(map(is_lettered, labels)):
        _indexed(path, _tag_problem)
    return labels_in_iob2(labels)


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
    by_index = _by_index(path, problem_of)
    missing = next((index for index in range(len(by_index)) if index not in by_index), None)
    if dense and missing is not None:
        # Data files may name classes by index: closing the gap would silently give them other classes.
        raise DataError(f"{path}: no class with index {missing}, expected the indices 0 to {len(by_index) - 1}. "
                        "Number the classes from 0 without gaps, here and in the data.")
    return [label for _, label in sorted(by_index.items())]


def _by_index(path: str | os.PathLike[str], problem_of: Callable[[str], str | None]) -> dict[int, str]:
    faults = Faults(path)
    by_index: dict[int, str] = {}
    for number, text in open_lines(path):
        if not text.strip():
            continue
        columns = [column.strip() for column in text.split("\t")]
        index, label = columns if len(columns) == 2 else (str(len(by_index)), columns[0])
        if problem := _index_problem(columns, index, label, by_index) or problem_of(label):
            faults.add(number, problem)
            continue
        by_index[int(index)] = label
    faults.raise_if_any()
    return by_index


def _tag_problem(label: str) -> str | None:
    if label in _NOT_LABELS or label == _CONTINUED or is_iob2(label):
        return None
    return f"label {label!r}, expected O, B-type or I-type"


def infer_labels(examples: Iterable[Example]) -> list[str]:
    """`O`, then B- and I- of each type that occurs in the tags, types in alphabetical order.

    Both are listed for a type that occurs only as B- (or only as I-) here: longer (or any) entities
    of it may occur elsewhere. Tags without `B-` and `I-` (parts of speech) are listed as they are.

    Raises:
        DataError: some tags are `B-type` or `I-type`, and another is neither that nor `O`.
    """
    seen: dict[str, Example] = {}
    for example in examples:
        for tag in set(example.tags or ()) - seen.keys():
            seen[tag] = example
    warn_of_spellings(seen)
    strange = [tag for tag in seen if not is_iob2(tag)]
    if strange and not any(is_lettered(tag) and tag != OUTSIDE for tag in seen):
        return sorted(seen, key=lambda tag: (tag != OUTSIDE, tag))
    if strange:
        example = seen[strange[0]]
        raise DataError(f"{example.source}:{example.line}: malformed tag {strange[0]!r}, expected O, B-type or I-type. "
                        "Correct that tag.")
    types = sorted({tag[2:] for tag in seen if tag != OUTSIDE})
    return [OUTSIDE] + [prefix + kind for kind in types for prefix in ("B-", "I-")]


def _index_problem(columns: list[str], index: str, label: str, known: dict[int, str]) -> str | None:
    if len(columns) > 2:
        return f"{len(columns)} columns, expected a label, or an index, a tab and a label"
    if not re.fullmatch("[0-9]{1,6}", index):
        return f"index {index!r}, expected a whole number from 0 and after the tab the label"
    if int(index) in known:
        return f"label {label!r} has the same index as {known[int(index)]!r}, expected each index once"
    if label in known.values():
        return f"label {label!r} for the second time, expected each label once"
    return None
