"""Label lists: read from `labels.tsv` or inferred from the tags."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable

from xtremedistil_tf.corpus.example import Example
from xtremedistil_tf.corpus.faults import Faults
from xtremedistil_tf.corpus.lines import open_lines
from xtremedistil_tf.corpus.tags import is_iob2
from xtremedistil_tf.errors import DataError

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
