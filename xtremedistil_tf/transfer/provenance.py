"""Which examples of a store are originals, and which were made out of them.

    <store>/provenance.npy     int8 [examples], 0 for an original, else the code of what made it; the new
                               examples follow their original
    <store>/provenance.json    what the codes stand for, settings and counts

A store without these files holds originals only.
"""

from __future__ import annotations

import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from xtremedistil_tf.atomic import atomic_file, read_json, write_json
from xtremedistil_tf.errors import TransferStoreError

_CODES, _FACTS = "provenance.npy", "provenance.json"


def save_provenance(store: pathlib.Path, codes: np.ndarray, facts: Mapping[str, Any]) -> None:
    """Writes where the examples of a store came from.

    Args:
        store: its folder.
        codes: int8 [examples].
        facts: JSON-able.
    """
    write_json(store / _FACTS, facts)
    with atomic_file(store / _CODES) as part, open(part, "wb") as file:
        np.save(file, codes.astype(np.int8))


def has_provenance(store: pathlib.Path) -> bool:
    """Whether a store says where its examples came from."""
    return (store / _CODES).exists()


def load_provenance(store: pathlib.Path, sentences: int) -> np.ndarray:
    """int8 [examples], the code of each; zeros where the store does not say.

    Raises:
        TransferStoreError: the file is damaged or of another number of examples.
    """
    path = store / _CODES
    if not path.exists():
        return np.zeros(sentences, np.int8)
    try:
        codes = np.load(path)
        if codes.shape != (sentences,) or codes.dtype != np.int8 or codes[:1].any():
            raise ValueError(f"{codes.dtype} {list(codes.shape)}, expected int8 [{sentences}], the first one 0")
    except (OSError, ValueError, EOFError) as error:
        raise TransferStoreError(f"{path}: damaged ({error}). Delete it; the command that wrote the store then "
                                 "writes it again.") from error
    return codes


def merge_provenance(stores: Sequence[pathlib.Path], sentences: Sequence[int], out: pathlib.Path) -> None:
    """Writes where the examples of several stores in one came from, if one of them says so.

    Args:
        stores: their folders.
        sentences: the number of examples of each.
        out: folder of the store that holds them all.
    """
    if any(map(has_provenance, stores)):
        codes = np.concatenate([load_provenance(store, count) for store, count in zip(stores, sentences)])
        save_provenance(out, codes, {"merged": [read_json(store / _FACTS) if has_provenance(store) else None
                                                for store in stores]})
