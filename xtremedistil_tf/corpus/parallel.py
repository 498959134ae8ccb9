"""Parallel files: texts in one file, their tags or labels line by line in another."""

from __future__ import annotations

import dataclasses
import os
import pathlib
from collections.abc import Iterator

from xtremedistil_tf.corpus.files import open_lines
from xtremedistil_tf.errors import DataError

#: Names of (texts, tags of their words), and of (texts, labels); `{}` stands for a split.
TAGGED = (("seq.in", "seq.out"), ("{}_text.txt", "{}_tags.txt"), ("text.txt", "tags.txt"),
          ("sentences.txt", "tags.txt"), ("{}.words", "{}.tags"))
LABELLED = (("seq.in", "label"), ("{}_text.txt", "{}_labels.txt"), ("text.txt", "labels.txt"), ("text", "label"))


@dataclasses.dataclass(frozen=True)
class Parallel:
    """Two files, line by line; as a path it is that of the texts.

    Attributes:
        texts, labels: the files.
    """

    texts: pathlib.Path
    labels: pathlib.Path

    def __fspath__(self) -> str:
        return os.fspath(self.texts)

    def __str__(self) -> str:
        return str(self.texts)

    def lines(self) -> Iterator[tuple[int, str, str]]:
        """(number, text, label) of each line that is not blank in both.

        Raises:
            DataError: the files have different numbers of lines; see `open_lines`.
        """
        texts, labels = open_lines(self.texts), open_lines(self.labels)
        number = 0
        for number, text in texts:
            label = next(labels, None)
            if label is None:
                raise DataError(f"{self.labels}: {number - 1} lines, but {self.texts} has more. Expected a line for "
                                "each text.")
            if text.strip() or label[1].strip():
                yield number, text, label[1]
        rest = [line for _, line in labels if line.strip()]
        if rest:
            raise DataError(f"{self.labels}: more lines than the {number} of {self.texts}. Expected a line for each "
                            "text.")


def parallel_files(folder: pathlib.Path, split: str, tagged: bool) -> Parallel | None:
    """The parallel files of a folder, None without such.

    Args:
        folder: to look in.
        split: name of the split, as files spell it.
        tagged: whether words are tagged.
    """
    for texts, labels in TAGGED if tagged else LABELLED:
        pair = Parallel(folder / texts.format(split), folder / labels.format(split))
        if pair.texts.is_file() and pair.labels.is_file():
            return pair
    return None
