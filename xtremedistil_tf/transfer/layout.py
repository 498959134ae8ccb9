"""The format of a transfer store, so that any program can write or read one.

    <store>/manifest.json          what the store is; `complete` is set last
    <store>/shard-00000/
        offsets.npy                int64 [examples + 1]
        input_ids.npy              int32 [pieces]
        teacher_logits.npy         float32 [pieces, outputs], or [examples, outputs] where the task is
                                   answered once for the whole input
        teacher_hidden.npy         float16 [pieces, layers, width]
        teacher_attention.npy      float16 [pieces, layers, heads, seq_len], a row for each piece that attends
        teacher_relations.npy      float16 [pieces, kinds, heads, seq_len]; these three where the stages need them
        teacher_mask.npy           float32 [pieces], 1 where the teacher has a piece for the student's, where their
                                   tokenizers differ
        and the other columns of the task's text:
        word_starts.npy            tagging: float32 [pieces], 1 at the first piece of each word
        token_type_ids.npy         classification, regression, question answering: int32 [pieces]
        answer_mask.npy            question answering: float32 [pieces], 1 where an answer may lie

Example i of a shard is rows offsets[i] to offsets[i + 1] of every array per piece, special tokens
included, no padding, and row i of the others. Arrays are NumPy's .npy, C order. `manifest.json` has the
keys of `Manifest`.
"""

from __future__ import annotations

import dataclasses
import pathlib
from typing import Any, Mapping

import numpy as np

from xtremedistil_tf.atomic import read_json, write_json
from xtremedistil_tf.batching.ragged import Column
from xtremedistil_tf.errors import TransferStoreError

FORMAT = 2
MANIFEST = "manifest.json"
OFFSETS = "offsets"
LOGITS, HIDDEN = "teacher_logits", "teacher_hidden"
ALIGNED = "teacher_mask"
ATTENTION, RELATIONS = "teacher_attention", "teacher_relations"


@dataclasses.dataclass(frozen=True)
class Manifest:
    """Attributes:
        fingerprint: over `identity`.
        identity: everything the content depends on: teacher, tokenizer, text, seq_len, layer.
        columns: name -> {"dtype": ..., "shape": [of one value], "per_piece": true or false}.
        sentences: number of examples, over all shards.
        shard_sentences: examples of every shard but the last.
        truncated: sentences that were cut at seq_len, filled in at the end.
        complete: whether every shard is written.
    """

    fingerprint: str
    identity: Mapping[str, Any]
    columns: Mapping[str, Mapping[str, Any]]
    sentences: int
    shard_sentences: int
    truncated: int = 0
    complete: bool = False
    format: int = FORMAT

    def column(self, name: str) -> Column:
        """What a column holds."""
        facts = self.columns[name]
        return Column(np.dtype(facts["dtype"]), tuple(facts["shape"]), facts["per_piece"])

    @property
    def num_shards(self) -> int:
        return -(-self.sentences // self.shard_sentences)

    def sentences_of(self, shard: int) -> int:
        return min(self.shard_sentences, self.sentences - shard * self.shard_sentences)

    def save(self, store: pathlib.Path) -> None:
        write_json(store / MANIFEST, dataclasses.asdict(self))

    @classmethod
    def load(cls, store: pathlib.Path) -> Manifest:
        """Raises TransferStoreError where there is no readable manifest of this format."""
        path = store / MANIFEST
        try:
            values = read_json(path)
            if values.get("format") != FORMAT:
                raise TransferStoreError(f"{path}: format {values.get('format')}, expected {FORMAT}. "
                                         "It was written by another version: delete the folder to write it anew.")
            return cls(**values)
        except (OSError, ValueError, TypeError) as error:
            raise TransferStoreError(f"{path}: not a readable manifest ({error}). Delete {store} to write "
                                     "the store anew.") from error


def column_facts(column: Column) -> dict[str, Any]:
    """A column as a manifest has it."""
    return {"dtype": column.dtype.name, "shape": list(column.shape), "per_piece": column.per_piece}


def shard_path(store: pathlib.Path, shard: int) -> pathlib.Path:
    return store / f"shard-{shard:05d}"


def shard_is_whole(store: pathlib.Path, manifest: Manifest, shard: int) -> bool:
    """Whether every array of a shard is there and as long as its offsets say."""
    folder = shard_path(store, shard)
    try:
        offsets = np.load(folder / f"{OFFSETS}.npy")
        if len(offsets) != manifest.sentences_of(shard) + 1:
            return False
        for name in manifest.columns:
            column = manifest.column(name)
            array = np.load(folder / f"{name}.npy", mmap_mode="r")
            rows = offsets[-1] if column.per_piece else len(offsets) - 1
            if array.shape != (rows, *column.shape) or array.dtype != column.dtype:
                return False
    except (OSError, ValueError, EOFError):
        return False
    return True
