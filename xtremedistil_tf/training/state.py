"""Arrays and facts of a training state in one file, written whole or not at all."""

from __future__ import annotations

import json
import os
import pathlib
import zipfile
from collections.abc import Mapping
from typing import Any

import numpy as np

from xtremedistil_tf.atomic import atomic_file

_FACTS = "facts.json"


def save_state(path: str | os.PathLike[str], arrays: Mapping[str, np.ndarray], facts: Mapping[str, Any]) -> None:
    """Writes named arrays and JSON facts as an uncompressed .npz."""
    encoded = np.frombuffer(json.dumps(facts).encode(), np.uint8)
    everything: dict[str, Any] = {_FACTS: encoded, **arrays}
    with atomic_file(path) as part, open(part, "wb") as handle:
        np.savez(handle, **everything)


def load_state(path: str | os.PathLike[str]) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """Reads what `save_state` wrote.

    Raises:
        OSError, ValueError: the file is missing or damaged.
    """
    try:
        with np.load(pathlib.Path(path), allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in archive.files if name != _FACTS}
            facts = json.loads(archive[_FACTS].tobytes())
    except (zipfile.BadZipFile, KeyError, EOFError) as error:
        raise ValueError(f"{path}: not a complete training state ({error})") from error
    return arrays, facts
