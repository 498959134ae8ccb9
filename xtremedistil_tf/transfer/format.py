"""The format of a transfer store, so that any program can write or read one: arrays, manifest, checksums, provenance.

    <store>/manifest.json          what the store is; `complete` is set last
    <store>/hidden_pca.npz         where hidden states are kept as principal components, see `hidden_states`
    <store>/provenance.npy         int8 [examples], 0 for an original, else the code of what made it; the new
                                   examples follow their original
    <store>/provenance.json        what the codes stand for, settings and counts
    <store>/shard-00000/
        shard.json                 counts and checksums of the shard, see `shards`; may be left out
        offsets.npy                int64 [examples + 1]
        input_ids.npy              int32 [pieces]
        teacher_logits.npy         float32 [pieces, outputs], or [examples, outputs] where the task is
                                   answered once for the whole input
        teacher_known.npy          float32 of the shape of the logits, 1 for labels that the teacher can give; where
                                   it cannot give all
        teacher_hidden.npy         float16 [pieces, layers, width]; see `Manifest.encodings` for smaller forms
        teacher_hidden_scale.npy   float32 [layers, width] and
        teacher_hidden_offset.npy  float32 [layers, width], where they are int8, see `quantize`
        teacher_attention.npy      float16 [pieces, layers, heads, seq_len], a row for each piece that attends;
                                   or [examples, rows, layers, heads, seq_len] of some pieces, and
        teacher_attention_rows.npy int32 [examples, rows], which these are, see `sampled_rows`
        teacher_relations.npy      float16 [pieces, kinds, heads, seq_len]; these three where the stages need
                                   them
        teacher_mask.npy           float32 [pieces], 1 where the teacher has a piece for the student's, where
                                   their tokenizers differ
        and the other columns of the task's text:
        word_starts.npy            tagging: float32 [pieces], 1 at the first piece of each word
        token_type_ids.npy         classification, regression, question answering: int32 [pieces]
        answer_mask.npy            question answering: float32 [pieces], 1 where an answer may lie

Example i of a shard is rows offsets[i] to offsets[i + 1] of every array per piece, special tokens
included, no padding, and row i of the others. Arrays are NumPy's .npy, C order. `manifest.json` has the
keys of `Manifest`. A store without the files of provenance holds originals only.
"""

from __future__ import annotations

import dataclasses
import pathlib
import zlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from xtremedistil_tf.atomic import atomic_file, read_json, write_json
from xtremedistil_tf.errors import TransferStoreError
from xtremedistil_tf.training.batches import Column

_PROVENANCE, _PROVENANCE_FACTS = "provenance.npy", "provenance.json"
FORMAT = 2
MANIFEST = "manifest.json"
OFFSETS = "offsets"
LOGITS, HIDDEN = "teacher_logits", "teacher_hidden"
KNOWN = "teacher_known"
ALIGNED = "teacher_mask"
ATTENTION, RELATIONS = "teacher_attention", "teacher_relations"
ATTENTION_ROWS = "teacher_attention_rows"
# Ends of the names of what int8 values are read with.
INT8_SCALE, INT8_OFFSET = "_scale", "_offset"


def checksum(*arrays: np.ndarray) -> str:
    """`crc32:` and 8 hex digits over the arrays' values in C order, one after the other."""
    value = 0
    for array in arrays:
        value = zlib.crc32(np.ascontiguousarray(array).data, value)
    return f"crc32:{value:08x}"


def save_provenance(store: pathlib.Path, codes: np.ndarray, facts: Mapping[str, Any]) -> None:
    """Writes where the examples of a store came from.

    Args:
        store: its folder.
        codes: int8 [examples].
        facts: JSON-able.
    """
    write_json(store / _PROVENANCE_FACTS, facts)
    with atomic_file(store / _PROVENANCE) as part, open(part, "wb") as file:
        np.save(file, codes.astype(np.int8))


def has_provenance(store: pathlib.Path) -> bool:
    """Whether a store says where its examples came from."""
    return (store / _PROVENANCE).exists()


def load_provenance(store: pathlib.Path, sentences: int) -> np.ndarray:
    """int8 [examples], the code of each; zeros where the store does not say.

    Raises:
        TransferStoreError: the file is damaged or of another number of examples.
    """
    path = store / _PROVENANCE
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
        save_provenance(out, codes, {"merged": [read_json(store / _PROVENANCE_FACTS) if has_provenance(store) else None
                                                for store in stores]})


@dataclasses.dataclass(frozen=True)
class Manifest:
    """Attributes:
        fingerprint: over `identity`.
        identity: everything the content depends on: teacher, tokenizer, text, seq_len, layer.
        columns: name -> {"dtype": ..., "shape": [of one value], "per_piece": true or false}, as readers
            get them.
        sentences: number of examples, over all shards.
        shard_sentences: examples of every shard but the last.
        truncated: sentences that were cut at seq_len, filled in at the end.
        complete: whether every shard is written.
        encodings: name of a column -> how its arrays differ from that. Of hidden states {"components":
            principal components kept instead of the last axis, 0 for none, "dtype": "float16" or "int8"}, of
            attention maps {"rows": pieces of an example whose rows are kept}.
    """

    fingerprint: str
    identity: Mapping[str, Any]
    columns: Mapping[str, Mapping[str, Any]]
    sentences: int
    shard_sentences: int
    truncated: int = 0
    complete: bool = False
    format: int = FORMAT
    encodings: Mapping[str, Mapping[str, Any]] = dataclasses.field(default_factory=dict)

    def column(self, name: str) -> Column:
        """What a column holds."""
        facts = self.columns[name]
        return Column(np.dtype(facts["dtype"]), tuple(facts["shape"]), facts["per_piece"])

    def stored(self, name: str) -> Column:
        """What a column's array on disk holds."""
        column, encoding = self.column(name), self.encodings.get(name)
        if not encoding:
            return column
        if name == ATTENTION:
            return Column(column.dtype, (encoding["rows"], *column.shape), per_piece=False)
        last = encoding["components"] or column.shape[-1]
        return Column(np.dtype(encoding["dtype"]), (*column.shape[:-1], last), column.per_piece)

    @property
    def kept(self) -> dict[str, Column]:
        """Name -> what it holds, of every array with a row for each piece or for each example."""
        kept = {name: self.stored(name) for name in self.columns}
        rows = {ATTENTION_ROWS: Column(np.dtype(np.int32), (self.attention_rows,), per_piece=False)}
        return kept | (rows if self.attention_rows else {})

    def arrays(self, examples: int, pieces: int) -> dict[str, tuple[tuple[int, ...], np.dtype]]:
        """Name -> (shape, dtype) of every array of a shard with so many examples and pieces."""
        arrays: dict[str, tuple[tuple[int, ...], np.dtype]] = {OFFSETS: ((examples + 1,), np.dtype(np.int64))}
        for name, column in self.kept.items():
            arrays[name] = (pieces if column.per_piece else examples, *column.shape), column.dtype
            if self.is_int8(name):
                arrays |= {name + part: (column.shape, np.dtype(np.float32)) for part in (INT8_SCALE, INT8_OFFSET)}
        return arrays

    def is_int8(self, name: str) -> bool:
        """Whether a column is kept as int8 with a scale and an offset per channel."""
        return self.encodings.get(name, {}).get("dtype") == "int8"

    @property
    def num_components(self) -> int:
        """Principal components that hidden states are kept as, 0 where they are kept as they are."""
        return int(self.encodings.get(HIDDEN, {}).get("components", 0))

    @property
    def attention_rows(self) -> int:
        """Pieces of an example whose attention maps are kept, 0 where all are."""
        return int(self.encodings.get(ATTENTION, {}).get("rows", 0))

    @property
    def num_shards(self) -> int:
        return -(-self.sentences // self.shard_sentences)

    def sentences_of(self, shard: int) -> int:
        return min(self.shard_sentences, self.sentences - shard * self.shard_sentences)

    def save(self, store: pathlib.Path) -> None:
        values = dataclasses.asdict(self)
        write_json(store / MANIFEST,
                   {key: value for key, value in values.items() if key != "encodings" or value})

    @classmethod
    def load(cls, store: pathlib.Path) -> Manifest:
        """Raises TransferStoreError where there is no readable manifest of this format."""
        path = store / MANIFEST
        try:
            values = read_json(path)
            if values.get("format") != FORMAT:
                raise TransferStoreError(f"{path}: format {values.get('format')}, expected {FORMAT}. "
                                         "Another version wrote it; delete the folder to write it "
                                         "again.")
            manifest = cls(**values)
            manifest.arrays(0, 0)
            if manifest.sentences < 1 or manifest.shard_sentences < 1:
                raise ValueError("sentences and shard_sentences must be 1 or more")
            return manifest
        except FileNotFoundError as error:
            raise TransferStoreError(f"{store}: no transfer store; expected a folder with {MANIFEST}.") from error
        except (OSError, ValueError, TypeError, LookupError, AttributeError) as error:
            raise TransferStoreError(f"{path}: not a readable manifest ({error}). Delete {store} to write "
                                     "the store again.") from error


def column_facts(column: Column) -> dict[str, Any]:
    """A column as a manifest has it."""
    return {"dtype": column.dtype.name, "shape": list(column.shape), "per_piece": column.per_piece}


def stored_ids(store: pathlib.Path) -> Iterator[np.ndarray]:
    """int32 [pieces]: the input ids of one shard after the other."""
    for file in sorted(store.glob("shard-*/input_ids.npy")):
        yield np.load(file)


def shard_path(store: pathlib.Path, shard: int) -> pathlib.Path:
    return store / f"shard-{shard:05d}"
