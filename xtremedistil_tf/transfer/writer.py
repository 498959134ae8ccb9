"""Writing a transfer store: tokenize, run the teacher, write shard by shard; resumes at the first missing one."""

from __future__ import annotations

import dataclasses
import itertools
import logging
import pathlib
from typing import Any, Callable, Iterable, Iterator, Mapping

import numpy as np

from xtremedistil_tf.atomic import atomic_directory, remove_leftovers
from xtremedistil_tf.batching.ragged import Column
from xtremedistil_tf.corpus.example import AnyExample
from xtremedistil_tf.fingerprint import fingerprint
from xtremedistil_tf.progress import progress_bar
from xtremedistil_tf.tasks.task import Task
from xtremedistil_tf.teachers.prediction import TeacherPredictor
from xtremedistil_tf.teachers.protocol import TeacherSignals
from xtremedistil_tf.transfer.layout import (ALIGNED, ATTENTION, HIDDEN, LOGITS, MANIFEST, OFFSETS, RELATIONS,
                                             Manifest, column_facts, shard_is_whole, shard_path)
from xtremedistil_tf.transfer.rows import AlignedRows, SameRows

log = logging.getLogger(__name__)

_PIECES_PER_SHARD = 262_144
# Where TeacherOutputs has what a column keeps.
_ANSWERS = {LOGITS: "logits", HIDDEN: "hidden", ATTENTION: "attentions", RELATIONS: "relations"}


@dataclasses.dataclass(frozen=True)
class StoreSpec:
    """What a store is to hold.

    Attributes:
        identity: everything the content depends on, JSON-able; its fingerprint is the store's.
        task: what the teacher answers.
        sentences: number of transfer examples.
        seq_len: most pieces of an example, special tokens included.
        signals: which of HIDDEN, ATTENTION and RELATIONS to keep, and as what columns.
        aligned: whether student and teacher have different tokenizers.
    """

    identity: Mapping[str, Any]
    task: Task
    sentences: int
    seq_len: int
    signals: Mapping[str, Column]
    aligned: bool = False

    @property
    def columns(self) -> dict[str, Column]:
        """All columns of the store."""
        kept = dict(self.task.text_columns)
        kept[LOGITS] = Column(np.float32, (self.task.num_outputs,), self.task.per_piece)
        return kept | self.signals | ({ALIGNED: Column(np.float32)} if self.aligned else {})

    def manifest(self) -> Manifest:
        columns = {name: column_facts(column) for name, column in self.columns.items()}
        shard = max(1, min(8192, _PIECES_PER_SHARD // self.seq_len))
        identity = dict(self.identity) | {"task": self.task.kind, "columns": columns, "seq_len": self.seq_len}
        return Manifest(fingerprint(identity), identity, columns, self.sentences, shard)


def signal_columns(signals: TeacherSignals, width: int, heads: int, seq_len: int) -> dict[str, Column]:
    """The columns that keep what of the teacher's inner workings is asked for."""
    relations = signals.relations
    shapes = {HIDDEN: (len(signals.hidden), width), ATTENTION: (len(signals.attentions), heads, seq_len),
              RELATIONS: (len(relations.kinds), relations.heads, seq_len) if relations else (0,)}
    return {name: Column(np.float16, shape) for name, shape in shapes.items() if shape[0]}


def write_store(root: pathlib.Path, spec: StoreSpec, examples: Callable[[], Iterable[AnyExample]],
                tokenizer, predictor: Callable[[], TeacherPredictor], teacher_tokenizer=None) -> pathlib.Path:
    """Writes the store below `root` and returns its folder; what is already there is kept.

    Args:
        root: folder of stores; this one is `root/<fingerprint>`.
        spec: what to hold.
        examples: makes an iterator over the transfer set, the same every time.
        tokenizer: the student's fast tokenizer.
        predictor: makes the teacher's predictor, which gives logits and `spec.signals`; not called when
            nothing is missing.
        teacher_tokenizer: the teacher's, where it is another one; `spec.aligned` then.
    """
    manifest = spec.manifest()
    store = root / manifest.fingerprint
    store.mkdir(parents=True, exist_ok=True)
    remove_leftovers(store)
    missing = [s for s in range(manifest.num_shards) if not shard_is_whole(store, manifest, s)]
    if missing or not (store / MANIFEST).exists():
        def rows_of(chunk: list[AnyExample]) -> tuple[SameRows | AlignedRows, int]:
            return _rows(spec, chunk, tokenizer, teacher_tokenizer)

        truncated = _write_shards(store, manifest, examples, rows_of, predictor, missing)
        dataclasses.replace(manifest, complete=True, truncated=truncated).save(store)
    else:
        log.info("transfer store %s: complete, %d examples, the teacher is not run", store, manifest.sentences)
    return store


def _rows(spec: StoreSpec, chunk: list[AnyExample], tokenizer, teacher_tokenizer) -> tuple[SameRows | AlignedRows, int]:
    """The rows of some examples, and how many were cut."""
    encoded = spec.task.text_features(tokenizer, chunk, spec.seq_len)
    if not spec.aligned:
        return SameRows(encoded.features), encoded.truncated
    theirs = spec.task.text_features(teacher_tokenizer, chunk, spec.seq_len)
    return (AlignedRows(spec.task, chunk, tokenizer, encoded.features, teacher_tokenizer, theirs.features),
            encoded.truncated)


def _write_shards(store, manifest, examples, rows_of, predictor, missing) -> int:
    manifest.save(store)
    todo = sum(manifest.sentences_of(s) for s in missing)
    if todo < manifest.sentences:
        log.info("transfer store %s: %d of %d examples are there, going on", store,
                 manifest.sentences - todo, manifest.sentences)
    run = predictor() if missing else None
    truncated, wanted = 0, set(missing)
    with progress_bar(manifest.sentences, "teacher over transfer set", "sentence",
                      initial=manifest.sentences - todo) as bar:
        for shard, chunk in enumerate(_chunks(examples(), manifest)):
            rows, cut = rows_of(chunk)
            truncated += cut
            if shard in wanted:
                with atomic_directory(shard_path(store, shard)) as part:
                    _write_shard(part, manifest, rows, run, bar.update)
    return truncated


def _chunks(examples: Iterable[AnyExample], manifest: Manifest) -> Iterator[list[AnyExample]]:
    stream = itertools.islice(examples, manifest.sentences)
    while chunk := list(itertools.islice(stream, manifest.shard_sentences)):
        yield chunk


def _write_shard(folder: pathlib.Path, manifest: Manifest, rows: SameRows | AlignedRows,
                 predictor: TeacherPredictor, done: Callable[[int], Any]) -> None:
    features = rows.features
    columns = {name: manifest.column(name) for name in _ANSWERS if name in manifest.columns}
    outputs = {name: np.zeros((features.offsets[-1] if column.per_piece else len(features), *column.shape),
                              column.dtype) for name, column in columns.items()}
    for answer in predictor.predict(rows.teacher_features):
        rows.place(answer.index, {name: getattr(answer, _ANSWERS[name]) for name in columns}, columns, outputs)
        done(1)
    np.save(folder / f"{OFFSETS}.npy", features.offsets)
    for name, values in (dict(features.data) | outputs).items():
        np.save(folder / f"{name}.npy", values)
