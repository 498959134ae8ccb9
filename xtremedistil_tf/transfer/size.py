"""How large a store is or will be, whether there is room for it, and what it holds, as text."""

from __future__ import annotations

import dataclasses
import json
import pathlib
import shutil
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np

from xtremedistil_tf.corpus.example import AnyExample
from xtremedistil_tf.corpus.sampling import evenly
from xtremedistil_tf.errors import TransferStoreError
from xtremedistil_tf.transfer.format import ATTENTION, HIDDEN, OFFSETS, Manifest
from xtremedistil_tf.transfer.hidden_states import load_pca
from xtremedistil_tf.transfer.shards import Shards

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
        *([f"`max_transfer={fits}` (what fits now)"] if fits else []),
        "fewer layers (`layer_map`)" if largest == HIDDEN else "a smaller `seq_len`",
        "a folder with more space (`transfer_store_dir`)"]
    raise TransferStoreError(
        f"{store}: {sentences:,} examples of {mean_pieces:.1f} subwords on average need about "
        f"{shown_bytes(needed)} ({largest}: {shown_bytes(sentences * sizes[largest])}), and "
        f"{shown_bytes(MARGIN_BYTES + _MARGIN * needed)} are left free for other files, but {shown_bytes(free)} are "
        "free. "
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


def store_info(store: pathlib.Path) -> str:
    """A page about a store, finished or not.

    Raises:
        TransferStoreError: there is no readable manifest.
    """
    manifest = Manifest.load(store)
    shards = Shards(store, manifest)
    whole = [shard for shard in range(manifest.num_shards) if shards.is_whole(shard)]
    examples = sum(map(manifest.sentences_of, whole))
    pieces = sum(int(shards.offsets(shard)[-1]) for shard in whole)
    checked = sum(bool(shards.facts(shard).checksums) for shard in whole)
    size = sum(file.stat().st_size for file in pathlib.Path(store).rglob("*") if file.is_file())
    state = "complete" if manifest.complete else "unfinished"
    lines = [f"{store}: {state}, fingerprint {manifest.fingerprint}",
             f"examples     {examples:,} of {manifest.sentences:,}, {manifest.truncated:,} cut",
             f"shards       {len(whole):,} of {manifest.num_shards:,}, "
             f"{manifest.shard_sentences:,} examples each, {checked:,} with checksums",
             f"subwords     {pieces:,}, {pieces / max(examples, 1):.1f} an example",
             f"on disk      {shown_bytes(size)}, {size / max(examples, 1):,.0f} bytes an example", ""]
    return "\n".join(lines + _column_lines(manifest, pieces / max(examples, 1)) + _pca_lines(store, manifest) +
                     ["", "identity     " + json.dumps(manifest.identity, ensure_ascii=False)])


def _column_lines(manifest: Manifest, mean_pieces: float) -> list[str]:
    sizes = bytes_per_example(manifest, mean_pieces)
    lines = [f"{'column':<20} {'read as':<26} {'kept as':<26} {'bytes an example':>16}"]
    for name in manifest.columns:
        read, kept = manifest.column(name), manifest.stored(name)
        shown = [f"{column.dtype} {list(column.shape)} a{' subword' if column.per_piece else 'n example'}"
                 for column in (read, kept)]
        form = shown[1] if kept != read else "the same"
        lines.append(f"{name:<20} {shown[0]:<26} {form:<26} {sizes[name]:>16,.0f}")
    return lines


def _pca_lines(store: pathlib.Path, manifest: Manifest) -> list[str]:
    if not manifest.num_components:
        return []
    try:
        shares = ", ".join(f"{share:.2%}" for share in load_pca(store, manifest).energy)
    except TransferStoreError as error:
        return ["", str(error)]
    return ["", f"{HIDDEN}: {manifest.num_components} principal components keep {shares} of the variance, by "
                "layer"]
