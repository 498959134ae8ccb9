"""Stores from elsewhere: several stores as one, and one that another program wrote."""

from __future__ import annotations

import dataclasses
import logging
import pathlib
import shutil
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from xtremedistil_tf.atomic import remove_leftovers
from xtremedistil_tf.errors import TransferStoreError
from xtremedistil_tf.fingerprint import fingerprint
from xtremedistil_tf.progress import progress_bar
from xtremedistil_tf.training.batches import Column
from xtremedistil_tf.transfer.format import (
    INT8_OFFSET,
    INT8_SCALE,
    MANIFEST,
    OFFSETS,
    Manifest,
    merge_provenance,
    shard_path,
)
from xtremedistil_tf.transfer.hidden_states import HiddenPca, dequantize, load_pca
from xtremedistil_tf.transfer.making import encoded
from xtremedistil_tf.transfer.piece_states import merge_piece_states
from xtremedistil_tf.transfer.reader import TransferStore
from xtremedistil_tf.transfer.shards import LOCK, OWNER, Shards, writer_lock
from xtremedistil_tf.transfer.size import MARGIN_BYTES, shown_bytes

log = logging.getLogger(__name__)

_TEXT = "text"
_DOCUMENTED = "docs/transfer_store.md describes the format."


@dataclasses.dataclass(frozen=True)
class _Source:
    path: pathlib.Path
    manifest: Manifest
    pca: HiddenPca | None
    shards: Shards


def merge_stores(stores: Sequence[pathlib.Path], out: pathlib.Path) -> Manifest:
    """Writes a store with the examples of several, in the order given; one that was begun is gone on with.

    Shards get the size of those of the first store. Values are copied as they are kept, but int8 ones get new
    ranges where a shard takes in values of several shards.

    Args:
        stores: folders of finished stores, two or more.
        out: folder of the new store.

    Returns:
        The new store's manifest.

    Raises:
        TransferStoreError: a store is unfinished or damaged; they differ in more than their text; `out` holds
            something else; no room.
    """
    sources = [_open(path) for path in stores]
    for other in sources[1:]:
        _check_alike(sources[0], other)
    manifest = _merged(sources)
    out.mkdir(parents=True, exist_ok=True)
    if any(file.name not in (LOCK, OWNER) for file in out.iterdir()) and not _is_begun(out, manifest):
        raise TransferStoreError(f"{out}: is not empty and no unfinished merge. Give an empty or new folder.")
    with writer_lock(out):
        remove_leftovers(out)
        _write(sources, manifest, out)
    return manifest


def _open(path: pathlib.Path) -> _Source:
    manifest = Manifest.load(path)
    if not manifest.complete:
        raise TransferStoreError(f"{path}: the store is incomplete. Run the command that writes it again.")
    pca = load_pca(path, manifest)
    shards = Shards(path, manifest, pca)
    for shard in range(manifest.num_shards):
        if fault := shards.fault(shard):
            raise TransferStoreError(f"{shards.path(shard)}: missing or damaged ({fault}); run the command that "
                                     "writes the store again.")
    return _Source(path, manifest, pca, shards)


def _check_alike(first: _Source, other: _Source) -> None:
    between = f"{first.path} and {other.path} cannot be merged"
    ours, theirs = first.manifest, other.manifest
    for what, a, b in (("columns", ours.columns, theirs.columns),
                       ("encodings", ours.encodings, theirs.encodings),
                       ("identity", _without_text(ours), _without_text(theirs))):
        for key in [*a, *(key for key in b if key not in a)]:
            if a.get(key) != b.get(key):
                raise TransferStoreError(
                    f"{between}: {what}, {key}: {a.get(key, 'nothing')} and {b.get(key, 'nothing')}. Only the "
                    "text may differ: same teacher, tokenizer, seq_len and layers.")
    if first.pca and first.pca.checksum != other.pca.checksum:
        raise TransferStoreError(f"{between}: their hidden states are kept as different principal components, "
                                 "which were found on different text. Write one store from both texts instead.")


def _without_text(manifest: Manifest) -> dict[str, Any]:
    return {key: value for key, value in manifest.identity.items() if key != _TEXT}


def _merged(sources: Sequence[_Source]) -> Manifest:
    texts = [source.manifest.identity.get(_TEXT, source.manifest.fingerprint) for source in sources]
    first = sources[0].manifest
    identity = dict(first.identity) | {_TEXT: texts}
    return dataclasses.replace(first, fingerprint=fingerprint(identity), identity=identity,
                               sentences=sum(source.manifest.sentences for source in sources),
                               truncated=sum(source.manifest.truncated for source in sources), complete=False)


def _is_begun(out: pathlib.Path, manifest: Manifest) -> bool:
    if not (out / MANIFEST).exists():
        return False
    found = Manifest.load(out)
    return (found.fingerprint, found.shard_sentences) == (manifest.fingerprint, manifest.shard_sentences)


def _write(sources: Sequence[_Source], manifest: Manifest, out: pathlib.Path) -> None:
    manifest.save(out)
    pca = sources[0].pca
    if pca:
        pca.save(out)
    shards = Shards(out, manifest, pca)
    missing = [shard for shard in range(manifest.num_shards)
               if not shards.is_whole(shard) or shards.wrong_values(shard)]
    _check_room(sources, out, len(missing) / manifest.num_shards)
    with progress_bar(len(missing), "merging", "shard") as bar:
        for shard in missing:
            begin = shard * manifest.shard_sentences
            parts = [_rows(*place) for place in _places(sources, begin, begin + manifest.sentences_of(shard))]
            shards.save(shard, _joined(parts, manifest))
            bar.update(1)
    merge_piece_states([source.path for source in sources], out)
    merge_provenance([source.path for source in sources], [source.manifest.sentences for source in sources], out)
    dataclasses.replace(manifest, complete=True).save(out)


def _check_room(sources: Sequence[_Source], out: pathlib.Path, share: float) -> None:
    needed = share * sum(file.stat().st_size for source in sources for file in source.path.glob("shard-*/*"))
    free = shutil.disk_usage(out).free
    if needed + MARGIN_BYTES > free:
        raise TransferStoreError(f"{out}: the merged store needs {shown_bytes(needed)}, but {shown_bytes(free)} "
                                 "are free.")


def _places(sources: Sequence[_Source], begin: int, end: int) -> list[tuple[_Source, int, int, int]]:
    """(source, shard, first row, end row) of the examples `begin` to `end` of all sources together."""
    places, base = [], 0
    for source in sources:
        size = source.manifest.shard_sentences
        for shard in range(source.manifest.num_shards):
            start = base + shard * size
            first, last = max(begin, start), min(end, start + source.manifest.sentences_of(shard))
            if first < last:
                places.append((source, shard, first - start, last - start))
        base += source.manifest.sentences
    return places


def _rows(source: _Source, shard: int, begin: int, end: int) -> dict[str, np.ndarray]:
    """The arrays of some examples of a shard, mapped where they are large."""
    manifest, shards = source.manifest, source.shards
    offsets = shards.offsets(shard)
    arrays = {OFFSETS: offsets[begin: end + 1] - offsets[begin]}
    for name, column in manifest.kept.items():
        rows = slice(offsets[begin], offsets[end]) if column.per_piece else slice(begin, end)
        arrays[name] = shards.array(shard, name)[rows]
        if manifest.is_int8(name):
            arrays |= {name + part: np.array(shards.array(shard, name + part))
                       for part in (INT8_SCALE, INT8_OFFSET)}
    return arrays


def _joined(parts: Sequence[dict[str, np.ndarray]], manifest: Manifest) -> dict[str, np.ndarray]:
    if len(parts) == 1:
        return parts[0]
    lengths = np.concatenate([np.diff(part[OFFSETS]) for part in parts])
    arrays = {OFFSETS: np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)}
    for name in manifest.kept:
        arrays[name] = np.concatenate([_values(part, name, manifest) for part in parts])
    return encoded(arrays, manifest)


def _values(part: dict[str, np.ndarray], name: str, manifest: Manifest) -> np.ndarray:
    if not manifest.is_int8(name):
        return part[name]
    return dequantize(part[name], part[name + INT8_SCALE], part[name + INT8_OFFSET])


def check_given_store(path: pathlib.Path, expected: Mapping[str, Column], pieces: int) -> None:
    """Refuses a store that does not fit the run.

    Args:
        path: folder of the store.
        expected: the columns that the run reads.
        pieces: of the student's tokenizer; all ids must be below.

    Raises:
        TransferStoreError: unfinished or damaged, a column is missing or of another type or shape, ids out of
            range, or numbers that are not finite.
    """
    manifest = Manifest.load(path)
    for name, column in expected.items():
        found = manifest.column(name) if name in manifest.columns else None
        if found is None:
            raise TransferStoreError(f"{path}: no column {name}; it holds {', '.join(manifest.columns)}. {_DOCUMENTED}")
        if (found.shape, found.per_piece) != (column.shape, column.per_piece) or found.dtype.kind != column.dtype.kind:
            raise TransferStoreError(f"{path}: column {name} is {_shown_column(found)}, this run reads "
                                     f"{_shown_column(column)}. {_DOCUMENTED}")
    TransferStore(path, list(expected))
    floats = [name for name, column in expected.items() if column.dtype.kind == "f"]
    floats += [name + part for name in floats if manifest.is_int8(name) for part in (INT8_SCALE, INT8_OFFSET)]
    for shard in range(manifest.num_shards):
        _check_given_shard(shard_path(path, shard), floats, pieces)


def _check_given_shard(folder: pathlib.Path, floats: Sequence[str], pieces: int) -> None:
    ids = np.load(folder / "input_ids.npy", mmap_mode="r")
    if len(ids) and not 0 <= ids.min() <= ids.max() < pieces:
        raise TransferStoreError(f"{folder / 'input_ids.npy'}: ids from {ids.min()} to {ids.max()}, expected 0 to "
                                 f"{pieces - 1}. Encode the text with the tokenizer of `pt_teacher_checkpoint`.")
    for name in floats:
        file = folder / f"{name}.npy"
        if not np.isfinite(np.load(file, mmap_mode="r")).all():
            raise TransferStoreError(f"{file}: contains numbers that are not finite. Write it again, with float32 for "
                                     "hidden states that overflow float16.")


def _shown_column(column: Column) -> str:
    return f"{column.dtype.name} {list(column.shape)} {'a subword' if column.per_piece else 'an example'}"
