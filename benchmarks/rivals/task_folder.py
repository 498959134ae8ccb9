"""The folder from which all rivals read the same examples; the standard library is enough to read it."""

from __future__ import annotations

import functools
import pathlib
from collections.abc import Sequence
from typing import Any

#: One sentence or text a line: the transfer text, which begins with the texts of train.tsv, in its order.
TRANSFER = "unlabeled.txt"
LABELS = "labels.tsv"


class TaskFolder:
    """train.tsv, dev.tsv and test.tsv (`text<TAB>answer`), labels.tsv and unlabeled.txt.

    The answer to a text is its class; of a tagging task the text is words with a space between them, and the
    answer as many tags.

    Args:
        path: the folder.
    """

    def __init__(self, path: pathlib.Path):
        self.path = pathlib.Path(path)

    @functools.cached_property
    def labels(self) -> list[str]:
        return _lines(self.path / LABELS)

    @property
    def tagging(self) -> bool:
        return "O" in self.labels

    def read(self, split: str) -> tuple[list[str], list[Any]]:
        """Texts and answers of `train`, `dev` or `test`."""
        return read_answered(self.path / f"{split}.tsv", self.tagging)

    def transfer(self) -> list[str]:
        """The texts of unlabeled.txt."""
        return _lines(self.path / TRANSFER)


def read_answered(path: pathlib.Path, tagging: bool) -> tuple[list[str], list[Any]]:
    """Texts and their answers: a class each, or a list of tags."""
    pairs = [line.split("\t") for line in _lines(path)]
    return [text for text, _ in pairs], [answer.split(" ") if tagging else answer for _, answer in pairs]


def write_answered(path: pathlib.Path, texts: Sequence[str], answers: Sequence[Any]) -> None:
    """The reverse of `read_answered`."""
    rows = (f"{text}\t{answer if isinstance(answer, str) else ' '.join(answer)}\n"
            for text, answer in zip(texts, answers))
    with open(path, "w", encoding="utf-8", newline="\n") as file:
        file.writelines(rows)


def _lines(path: pathlib.Path) -> list[str]:
    # Not splitlines: texts may hold characters that Unicode calls line ends.
    with open(path, encoding="utf-8", newline="\n") as file:
        return [line.removesuffix("\n") for line in file]
