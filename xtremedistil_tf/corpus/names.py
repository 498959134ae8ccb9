"""What the name of a file says about its format."""

from __future__ import annotations

import os
import pathlib

from xtremedistil_tf.corpus.lines import COMPRESSED


def stem_and_suffix(path: str | os.PathLike[str]) -> tuple[str, str]:
    """("train", ".tsv") of "folder/train.tsv.xz": the suffix of a compression does not count."""
    path = pathlib.Path(path)
    inner = pathlib.PurePath(path.stem) if path.suffix in COMPRESSED else path
    return inner.stem, inner.suffix
