"""How large a store will be, and whether there is room for it: asked before the teacher runs for hours."""

from __future__ import annotations

import dataclasses
import pathlib
import shutil
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np

from xtremedistil_tf.corpus.example import AnyExample
from xtremedistil_tf.errors import TransferStoreError
from xtremedistil_tf.transfer.layout import ATTENTION, HIDDEN, OFFSETS, Manifest
from xtremedistil_tf.transfer.text import evenly

if TYPE_CHECKING:
    from xtremedistil_tf.transfer.writer import StoreSpec

_SAMPLE = 400
_MARGIN = 0.05
#: Room to leave on the disk in any case.
MARGIN_BYTES = 64 << 20
_COMPONENTS, _ROWS = 128, 8


def sampled_mean_pieces(spec: StoreSpec, examples: Iterable[AnyExample], tokenizer: Any) -> float:
    """Mean number of pieces of an example, special tokens included, on 400 examples spread over the text.

    Args:
        spec: of the store.
        examples: the transfer set.
        tokenizer: the student's fast tokenizer.
    """
    sample = list(evenly(examples, spec.sentences, _SAMPLE))
    return float(spec.task.text_features(tokenizer, sample, spec.seq_len).features.lengths.mean())


def estimate_bytes(spec: StoreSpec, mean_pieces: float) -> int:
    """Bytes that a store will take on disk.

    Args:
        spec: of the store.
        mean_pieces: mean number of pieces of an example, special tokens included.
    """
    return round(spec.sentences * sum(bytes_per_example(spec.manifest(), mean_pieces).values()))


def bytes_per_example(manifest: Manifest, mean_pieces: float) -> dict[str, float]:
    """Column -> mean bytes that an example takes in it on disk."""
    sizes = {OFFSETS: float(np.dtype(np.int64).itemsize)}
    for name, column in manifest.kept.items():
        values = int(np.prod(column.shape, dtype=np.int64))
        sizes[name] = values * column.dtype.itemsize * (mean_pieces if column.per_piece else 1)
        if manifest.is_int8(name):
            sizes[name] += 2 * values * np.dtype(np.float32).itemsize / manifest.shard_sentences
    return sizes


def check_room(store: pathlib.Path, spec: StoreSpec, mean_pieces: float, sentences: int) -> None:
    """Refuses to begin a store that the disk has no room for.

    Args:
        store: its folder, which exists.
        spec: of the store.
        mean_pieces: mean number of pieces of an example.
        sentences: examples that are still to be written.

    Raises:
        TransferStoreError: names what takes the room, and what would fit.
    """
    sizes = bytes_per_example(spec.manifest(), mean_pieces)
    needed, free = sentences * sum(sizes.values()), shutil.disk_usage(store).free
    if needed * (1 + _MARGIN) + MARGIN_BYTES <= free:
        return
    fits = max(0, int((free - MARGIN_BYTES) / (1 + _MARGIN) / sum(sizes.values())))
    largest = max(sizes, key=sizes.__getitem__)
    remedies = [
        *_smaller(spec, mean_pieces, sentences),
        f"`max_transfer={fits}` (what fits now)",
        "fewer layers (`layer_map`)" if largest == HIDDEN else "a smaller `seq_len`",
        "a folder with more space (`transfer_store_dir`)"]
    raise TransferStoreError(
        f"{store}: {sentences:,} examples of {mean_pieces:.1f} pieces on average need about "
        f"{shown_bytes(needed)} ({largest}: {shown_bytes(sentences * sizes[largest])}), but "
        f"{shown_bytes(free)} are free. "
        f"Use one or several of: {', '.join(remedies)}.")


def _smaller(spec: StoreSpec, mean_pieces: float, sentences: int) -> list[str]:
    """Settings with which hidden states and attention maps take less room, with what they would need."""
    changes: list[tuple[dict[str, Any], str]] = []
    if HIDDEN in spec.signals and spec.hidden_dtype != "int8":
        changes.append(({"hidden_dtype": "int8"}, "`hidden_dtype=int8`"))
    if HIDDEN in spec.signals and (spec.hidden_components or spec.signals[HIDDEN].shape[-1]) > _COMPONENTS:
        changes.append(({"hidden_components": _COMPONENTS}, f"`hidden_components={_COMPONENTS}`"))
    if ATTENTION in spec.signals and (spec.attention_sample or spec.seq_len) > _ROWS:
        changes.append(({"attention_sample": _ROWS}, f"`attention_sample={_ROWS}`"))
    smaller = [(flag, dataclasses.replace(spec, sentences=sentences, **change)) for change, flag in changes]
    return [f"{flag} ({shown_bytes(estimate_bytes(other, mean_pieces))})" for flag, other in smaller]


def shown_bytes(size: float) -> str:
    return f"{size / 1e9:,.1f} GB" if size >= 1e8 else f"{size / 1e6:,.1f} MB"
