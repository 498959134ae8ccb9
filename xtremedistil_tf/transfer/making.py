"""Making one shard of a store: tokenize, run the teacher, write. The same whoever does it, and where."""

from __future__ import annotations

import dataclasses
import pathlib
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from xtremedistil_tf.corpus.example import AnyExample
from xtremedistil_tf.tokenization.alignment import PieceSpans, aligned_pieces, row_spans
from xtremedistil_tf.training.batches import Column, RaggedFeatures
from xtremedistil_tf.transfer.format import (
    ALIGNED,
    ATTENTION,
    ATTENTION_ROWS,
    HIDDEN,
    INT8_OFFSET,
    INT8_SCALE,
    KNOWN,
    LOGITS,
    OFFSETS,
    RELATIONS,
    Manifest,
)
from xtremedistil_tf.transfer.hidden_states import HiddenPca, PcaFit, quantize, sampled, sampled_rows
from xtremedistil_tf.transfer.piece_states import PIECE_STATES_FILE, summed
from xtremedistil_tf.transfer.shards import Shards

if TYPE_CHECKING:
    from xtremedistil_tf.tasks.targets import Softening
    from xtremedistil_tf.tasks.task import Task
    from xtremedistil_tf.teachers.protocol import TeacherOutputs, TeacherPredictor
    from xtremedistil_tf.transfer.writer import StoreSpec


T = TypeVar("T")
_END = object()
Outputs = Mapping[str, np.ndarray]
# What `outputs` has beside the columns: the states whose means are kept.
_STATES = "piece_states"
#: Bytes of hidden states up to which answers are kept instead of asked for twice.
_MOST_KEPT = 1 << 29
# Where TeacherOutputs has what a column keeps.
_ANSWERS = {LOGITS: "logits", HIDDEN: "hidden", ATTENTION: "attentions", RELATIONS: "relations"}


def made_ahead(items: Iterator[T]) -> Generator[T, None, None]:
    """The items of an iterator in order; while the caller uses one, a thread makes the next, and only that.

    What the iterator raises is raised where the item would have been.
    """
    with ThreadPoolExecutor(1, "made-ahead") as pool:
        following: Future[Any] = pool.submit(next, items, _END)
        while (item := following.result()) is not _END:
            following = pool.submit(next, items, _END)
            yield item


class InBackground:
    """Runs jobs one after the other in a thread; at most one is under way.

    As a context manager, it waits for the last one. What a job raises is raised by the next `start` or at the
    end.
    """

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(1, "in-background")
        self._running: Future[Any] | None = None

    def start(self, job: Callable[[], Any]) -> None:
        """Starts a job when the one before it is done."""
        self._finish()
        self._running = self._pool.submit(job)

    def _finish(self) -> None:
        if self._running:
            running, self._running = self._running, None
            running.result()

    def __enter__(self) -> InBackground:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        with self._pool:
            if kind is None:
                self._finish()


class SameRows:
    """Student and teacher share a tokenizer: every answer belongs to the piece that it was given for.

    Attributes:
        features: of the student.
        teacher_features: what the teacher is run over.
    """

    def __init__(self, features: RaggedFeatures):
        self.features = self.teacher_features = features

    def place(self, index: int, answers: Outputs, columns: Mapping[str, Column], outputs: Outputs) -> None:
        """Writes the answers for an example into the store's columns."""
        pieces = slice(self.features.offsets[index], self.features.offsets[index + 1])
        for name, values in answers.items():
            outputs[name][pieces if columns[name].per_piece else index] = values


class AlignedRows:
    """The student has a tokenizer of its own, or reads the same texts in another case: answers go to the pieces that
    cover the same characters.

    Pieces without a counterpart get no weight: 0 in the columns `teacher_mask`, `word_starts` and `answer_mask`.

    Args:
        task: what is answered.
        features, teacher_features: of the student, and what the teacher is run over.
        spans: of each row, the student's and the teacher's.
    """

    def __init__(self, task: Task, features: RaggedFeatures, teacher_features: RaggedFeatures,
                 spans: Sequence[tuple[PieceSpans, PieceSpans]]):
        self._task, self.teacher_features, self._spans = task, teacher_features, spans
        mask = {ALIGNED: np.ones(int(features.offsets[-1]), np.float32)}
        data = {name: values.copy() for name, values in features.data.items()} | mask
        self.features = RaggedFeatures(data, features.offsets, {**features.columns, ALIGNED: Column(np.float32)})

    def place(self, index: int, answers: Outputs, columns: Mapping[str, Column], outputs: Outputs) -> None:
        """Writes the answers for an example into the store's columns, and takes weights away."""
        pieces = slice(self.features.offsets[index], self.features.offsets[index + 1])
        student, teacher = self._spans[index]
        places = aligned_pieces(student, teacher)
        self.features.data[ALIGNED][pieces] = places >= 0
        for name, values in answers.items():
            if not columns[name].per_piece:
                outputs[name][index] = values
            elif name == LOGITS:
                outputs[name][pieces] = self._logits(values, places, student, teacher, pieces)
            else:
                outputs[name][pieces] = values[np.maximum(places, 0)]

    def _logits(self, logits: np.ndarray, places: np.ndarray, student: PieceSpans, teacher: PieceSpans,
                pieces: slice) -> np.ndarray:
        found, answered = self._task.aligned_logits(logits, places, student, teacher)
        self.features.data[self._task.answer_column][pieces] *= answered
        return found


class GivenRows:
    """What teachers that are not run here said of the examples is in the store's columns at once.

    Attributes:
        features: of the student.
        outputs: the columns.
    """

    def __init__(self, spec: StoreSpec, tokenizer: Any, features: RaggedFeatures, examples: Sequence[AnyExample],
                 softening: Softening):
        data = {name: values.copy() for name, values in features.data.items()}
        self.features = RaggedFeatures(data, features.offsets, features.columns)
        found = spec.task.store_given(tokenizer, examples, self.features, spec.seq_len, softening)
        self.outputs = {LOGITS: found.logits} | ({KNOWN: found.known} if spec.partly_known else {})


Rows = SameRows | AlignedRows | GivenRows


@dataclasses.dataclass
class ShardMaker:
    """Makes shards of a store out of examples; what a shard holds depends on nothing else.

    It can be sent to another machine where `make_predictor` can be pickled.

    Attributes:
        store: folder of the store.
        spec, manifest: what it holds.
        tokenizer: the student's.
        teacher_tokenizer: the teacher's, where it is another one.
        make_predictor: makes the teacher's predictor; called once, when an answer is first needed.
        hidden_pca: the components that hidden states are kept as, where they are.
    """

    store: pathlib.Path
    spec: StoreSpec
    manifest: Manifest
    tokenizer: Any
    teacher_tokenizer: Any
    make_predictor: Callable[[], TeacherPredictor]
    hidden_pca: HiddenPca | None = None
    _predictor: TeacherPredictor | None = dataclasses.field(default=None, init=False, repr=False)
    _known: tuple[np.ndarray, list[TeacherOutputs]] | None = dataclasses.field(default=None, init=False, repr=False)

    @property
    def shards(self) -> Shards:
        return Shards(self.store, self.manifest, self.hidden_pca)

    def load_teacher(self) -> None:
        """Makes the predictor now, so that what is wrong with it is known now."""
        self._predictor = self._predictor or self.make_predictor()

    def make(self, shard: int, examples: Sequence[AnyExample]) -> int:
        """Writes a shard and returns how many of its examples were cut at seq_len."""
        rows, truncated = self.rows(examples)
        self.save(shard, rows, self.outputs(rows), truncated)
        return truncated

    def rows(self, examples: Sequence[AnyExample]) -> tuple[Rows, int]:
        """The rows of some examples, and how many were cut."""
        spec = self.spec
        encoded = spec.task.text_features(self.tokenizer, examples, spec.seq_len)
        if spec.softening:
            return GivenRows(spec, self.tokenizer, encoded.features, examples, spec.softening), encoded.truncated
        if not spec.aligned:
            return SameRows(encoded.features), encoded.truncated
        tokenizer, read = self.teacher_tokenizer or self.tokenizer, [e.original or e for e in examples]
        theirs = spec.task.text_features(tokenizer, read, spec.seq_len).features
        spans = zip(row_spans(self.tokenizer, examples, encoded.features), row_spans(tokenizer, read, theirs))
        return AlignedRows(spec.task, encoded.features, theirs, list(spans)), encoded.truncated

    def outputs(self, rows: Rows, done: Callable[[int], Any] = lambda count: None) -> dict[str, np.ndarray]:
        """What the teacher answers for the rows of a shard, as arrays by column; calls `done(1)` for each."""
        if isinstance(rows, GivenRows):
            done(len(rows.features))
            return rows.outputs
        self.load_teacher()
        features, manifest, pca = rows.features, self.manifest, self.hidden_pca
        columns = {name: manifest.column(name) for name in _ANSWERS if name in manifest.columns}
        if pca:
            columns[HIDDEN] = dataclasses.replace(columns[HIDDEN], shape=manifest.stored(HIDDEN).shape)
        if manifest.attention_rows:
            columns |= {name: manifest.kept[name] for name in (ATTENTION, ATTENTION_ROWS)}
        rows_of = {True: features.offsets[-1], False: len(features)}
        outputs = {name: np.zeros((rows_of[column.per_piece], *column.shape), column.dtype)
                   for name, column in columns.items()}
        for answer in self._answers_for(rows.teacher_features):
            answers = {name: getattr(answer, _ANSWERS[name]) for name in columns if name in _ANSWERS}
            if pca:
                answers[HIDDEN] = pca.project(answers[HIDDEN])
            if manifest.attention_rows:
                kept = sampled_rows(features.read(answer.index)["input_ids"], manifest.attention_rows)
                answers |= {ATTENTION: sampled(answers[ATTENTION], kept), ATTENTION_ROWS: kept}
            if self.spec.piece_states:
                answers[_STATES] = answer.hidden[:, -1]
                if _STATES not in outputs:
                    columns[_STATES] = Column(np.float16, answers[_STATES].shape[1:])
                    outputs[_STATES] = np.zeros((features.offsets[-1], *columns[_STATES].shape), np.float16)
            rows.place(answer.index, answers, columns, outputs)
            done(1)
        return outputs

    def save(self, shard: int, rows: Rows, outputs: Mapping[str, np.ndarray], truncated: int) -> None:
        """Writes a shard, whole or not at all."""
        arrays = {OFFSETS: rows.features.offsets} | dict(rows.features.data) | dict(outputs)
        states = arrays.pop(_STATES, None)
        sums = None if states is None else summed(arrays["input_ids"], states, arrays.get(ALIGNED))
        self.shards.save(shard, encoded(arrays, self.manifest), truncated,
                         {} if sums is None else {PIECE_STATES_FILE: sums.save})

    def pca_fit(self, sample: Sequence[AnyExample]) -> PcaFit:
        """The hidden states of some examples, collected for their principal components.

        Where these are all examples, and few, the answers are kept for the only shard.
        """
        self.load_teacher()
        rows: Any = self.rows(sample)[0]
        features, manifest = rows.teacher_features, self.manifest
        values = sum(int(np.prod(manifest.column(name).shape)) for name in _ANSWERS if name in manifest.columns)
        size = values * int(features.offsets[-1]) * np.dtype(np.float32).itemsize
        fit, kept, keeps = PcaFit(*manifest.column(HIDDEN).shape), [], manifest.num_shards == 1 and size <= _MOST_KEPT
        for answer in self._predictor.predict(features):
            fit.add(answer.hidden)
            kept += [answer] if keeps else []
        self._known = (features.data["input_ids"], kept) if keeps else None
        return fit

    def _answers_for(self, features: RaggedFeatures) -> Iterable[TeacherOutputs]:
        known, self._known = self._known, None
        if known and np.array_equal(known[0], features.data["input_ids"]):
            return known[1]
        return self._predictor.predict(features)


def encoded(arrays: Mapping[str, np.ndarray], manifest: Manifest) -> dict[str, np.ndarray]:
    """The arrays of a shard as they are kept: float columns as int8 where the manifest says so."""
    kept = dict(arrays)
    for name in filter(manifest.is_int8, arrays):
        quantized = quantize(arrays[name])
        kept |= {name: quantized.values, name + INT8_SCALE: quantized.scale,
                 name + INT8_OFFSET: quantized.offset}
    return kept
