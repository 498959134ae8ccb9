"""What a store holds and how large it is, as text."""

from __future__ import annotations

import json
import pathlib

from xtremedistil_tf.errors import TransferStoreError
from xtremedistil_tf.transfer.hidden_pca import load_pca
from xtremedistil_tf.transfer.layout import HIDDEN, Manifest
from xtremedistil_tf.transfer.shards import Shards
from xtremedistil_tf.transfer.size import bytes_per_example, shown_bytes


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
             f"pieces       {pieces:,}, {pieces / max(examples, 1):.1f} an example",
             f"on disk      {shown_bytes(size)}, {size / max(examples, 1):,.0f} bytes an example", ""]
    return "\n".join(lines + _columns(manifest, pieces / max(examples, 1)) + _pca(store, manifest) +
                     ["", "identity     " + json.dumps(manifest.identity, ensure_ascii=False)])


def _columns(manifest: Manifest, mean_pieces: float) -> list[str]:
    sizes = bytes_per_example(manifest, mean_pieces)
    lines = [f"{'column':<20} {'read as':<26} {'kept as':<26} {'bytes an example':>16}"]
    for name in manifest.columns:
        read, kept = manifest.column(name), manifest.stored(name)
        shown = [f"{column.dtype} {list(column.shape)} a{' piece' if column.per_piece else 'n example'}"
                 for column in (read, kept)]
        form = shown[1] if kept != read else "the same"
        lines.append(f"{name:<20} {shown[0]:<26} {form:<26} {sizes[name]:>16,.0f}")
    return lines


def _pca(store: pathlib.Path, manifest: Manifest) -> list[str]:
    if not manifest.num_components:
        return []
    try:
        shares = ", ".join(f"{share:.2%}" for share in load_pca(store, manifest).energy)
    except TransferStoreError as error:
        return ["", str(error)]
    return ["", f"{HIDDEN}: {manifest.num_components} principal components keep {shares} of the variance, by "
                "layer"]
