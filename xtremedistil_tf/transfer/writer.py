"""Writing a transfer store: tokenize, run the teacher, write shard by shard; resumes at the first missing one."""

from __future__ import annotations

import dataclasses
import itertools
import logging
import pathlib
from typing import Any, Callable, Iterable, Iterator, Mapping

import numpy as np

from xtremedistil_tf.atomic import atomic_directory, remove_leftovers
from xtremedistil_tf.batching.ragged import Column, RaggedFeatures
from xtremedistil_tf.corpus.example import AnyExample
from xtremedistil_tf.fingerprint import fingerprint
from xtremedistil_tf.progress import progress_bar
from xtremedistil_tf.tasks.task import Task
from xtremedistil_tf.teachers.prediction import TeacherPredictor
from xtremedistil_tf.transfer.layout import (HIDDEN, LOGITS, MANIFEST, OFFSETS, Manifest, column_facts,
                                             shard_is_whole, shard_path)

log = logging.getLogger(__name__)

_PIECES_PER_SHARD = 262_144


@dataclasses.dataclass(frozen=True)
class StoreSpec:
    """What a store is to hold.

    Attributes:
        identity: everything the content depends on, JSON-able; its fingerprint is the store's.
        task: what the teacher answers.
        sentences: number of transfer examples.
        seq_len: most pieces of an example, special tokens included.
        layers: number of hidden layers to keep.
        hidden_width: width of the hidden states.
        hidden_dtype: float16 or float32.
    """

    identity: Mapping[str, Any]
    task: Task
    sentences: int
    seq_len: int
    layers: int
    hidden_width: int
    hidden_dtype: str = "float16"

    def manifest(self) -> Manifest:
        kept = dict(self.task.text_columns)
        kept[LOGITS] = Column(np.float32, (self.task.num_outputs,), self.task.per_piece)
        if self.layers:
            kept[HIDDEN] = Column(np.dtype(self.hidden_dtype), (self.layers, self.hidden_width))
        columns = {name: column_facts(column) for name, column in kept.items()}
        shard = max(1, min(8192, _PIECES_PER_SHARD // self.seq_len))
        identity = dict(self.identity) | {"task": self.task.kind, "columns": columns, "seq_len": self.seq_len}
        return Manifest(fingerprint(identity), identity, columns, self.sentences, shard)


def write_store(root: pathlib.Path, spec: StoreSpec, examples: Callable[[], Iterable[AnyExample]],
                tokenizer, predictor: Callable[[], TeacherPredictor]) -> pathlib.Path:
    """Writes the store below `root` and returns its folder; what is already there is kept.

    Args:
        root: folder of stores; this one is `root/<fingerprint>`.
        spec: what to hold.
        examples: makes an iterator over the transfer set, the same every time.
        tokenizer: fast tokenizer.
        predictor: makes the teacher's predictor, which gives logits and `spec.layers` hidden layers; not
            called when nothing is missing.
    """
    manifest = spec.manifest()
    store = root / manifest.fingerprint
    store.mkdir(parents=True, exist_ok=True)
    remove_leftovers(store)
    missing = [s for s in range(manifest.num_shards) if not shard_is_whole(store, manifest, s)]
    if missing or not (store / MANIFEST).exists():
        truncated = _write_shards(store, manifest, spec, examples, tokenizer, predictor, missing)
        dataclasses.replace(manifest, complete=True, truncated=truncated).save(store)
    else:
        log.info("transfer store %s: complete, %d sentences, the teacher is not run", store,
                     manifest.sentences)
    return store


def _write_shards(store, manifest, spec, examples, tokenizer, predictor, missing) -> int:
    manifest.save(store)
    todo = sum(manifest.sentences_of(s) for s in missing)
    if todo < manifest.sentences:
        log.info("transfer store %s: %d of %d sentences are there, going on", store,
                     manifest.sentences - todo, manifest.sentences)
    run = predictor() if missing else None
    truncated, wanted = 0, set(missing)
    with progress_bar(manifest.sentences, "teacher over transfer set", "sentence",
                      initial=manifest.sentences - todo) as bar:
        for shard, chunk in enumerate(_chunks(examples(), manifest)):
            encoded = spec.task.text_features(tokenizer, chunk, spec.seq_len)
            truncated += encoded.truncated
            if shard in wanted:
                with atomic_directory(shard_path(store, shard)) as part:
                    _write_shard(part, manifest, encoded.features, run, bar.update)
    return truncated


def _chunks(examples: Iterable[AnyExample], manifest: Manifest) -> Iterator[list[AnyExample]]:
    stream = itertools.islice(examples, manifest.sentences)
    while chunk := list(itertools.islice(stream, manifest.shard_sentences)):
        yield chunk


def _write_shard(folder: pathlib.Path, manifest: Manifest, features: RaggedFeatures,
                 predictor: TeacherPredictor, done: Callable[[int], Any]) -> None:
    offsets = features.offsets
    columns = {name: manifest.column(name) for name in (LOGITS, HIDDEN) if name in manifest.columns}
    outputs = {name: np.zeros((offsets[-1] if column.per_piece else len(features), *column.shape), column.dtype)
               for name, column in columns.items()}
    for answer in predictor.predict(features):
        pieces = slice(offsets[answer.index], offsets[answer.index + 1])
        outputs[LOGITS][pieces if columns[LOGITS].per_piece else answer.index] = answer.logits
        if HIDDEN in outputs:
            outputs[HIDDEN][pieces] = answer.hidden
        done(1)
    np.save(folder / f"{OFFSETS}.npy", offsets)
    for name, values in (dict(features.data) | outputs).items():
        np.save(folder / f"{name}.npy", values)
