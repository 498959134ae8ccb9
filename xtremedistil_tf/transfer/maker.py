"""Making one shard of a store: tokenize, run the teacher, write. The same whoever does it, and where."""

from __future__ import annotations

import dataclasses
import pathlib
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from xtremedistil_tf.batching.ragged import Column
from xtremedistil_tf.corpus.example import AnyExample
from xtremedistil_tf.transfer.hidden_pca import HiddenPca, PcaFit
from xtremedistil_tf.transfer.layout import (
    ALIGNED,
    ATTENTION,
    ATTENTION_ROWS,
    HIDDEN,
    INT8_OFFSET,
    INT8_SCALE,
    LOGITS,
    OFFSETS,
    RELATIONS,
    Manifest,
)
from xtremedistil_tf.transfer.piece_states import FILE as PIECE_STATES_FILE
from xtremedistil_tf.transfer.piece_states import summed
from xtremedistil_tf.transfer.quantization import quantize
from xtremedistil_tf.transfer.rows import AlignedRows, SameRows
from xtremedistil_tf.transfer.sampled_attention import sampled, sampled_rows
from xtremedistil_tf.transfer.shards import Shards

if TYPE_CHECKING:
    from xtremedistil_tf.teachers.prediction import TeacherPredictor
    from xtremedistil_tf.transfer.writer import StoreSpec

Rows = SameRows | AlignedRows
# What `outputs` has beside the columns: the states whose means are kept.
_STATES = "piece_states"
# Where TeacherOutputs has what a column keeps.
_ANSWERS = {LOGITS: "logits", HIDDEN: "hidden", ATTENTION: "attentions", RELATIONS: "relations"}


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
        if not spec.aligned:
            return SameRows(encoded.features), encoded.truncated
        theirs = spec.task.text_features(self.teacher_tokenizer, examples, spec.seq_len)
        return (AlignedRows(spec.task, examples, self.tokenizer, encoded.features, self.teacher_tokenizer,
                            theirs.features), encoded.truncated)

    def outputs(self, rows: Rows, done: Callable[[int], Any] = lambda count: None) -> dict[str, np.ndarray]:
        """What the teacher answers for the rows of a shard, as arrays by column; calls `done(1)` for each."""
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
        for answer in self._predictor.predict(rows.teacher_features):
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
        """The hidden states of some examples, collected for their principal components."""
        self.load_teacher()
        fit = PcaFit(*self.manifest.column(HIDDEN).shape)
        for answer in self._predictor.predict(self.rows(sample)[0].teacher_features):
            fit.add(answer.hidden)
        return fit


def encoded(arrays: Mapping[str, np.ndarray], manifest: Manifest) -> dict[str, np.ndarray]:
    """The arrays of a shard as they are kept: float columns as int8 where the manifest says so."""
    kept = dict(arrays)
    for name in filter(manifest.is_int8, arrays):
        quantized = quantize(arrays[name])
        kept |= {name: quantized.values, name + INT8_SCALE: quantized.scale,
                 name + INT8_OFFSET: quantized.offset}
    return kept
