"""Running a teacher over many examples: sorted by length, padded to buckets, one traced graph."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence

import numpy as np

from xtremedistil_tf.batching.inference import in_order, run_over
from xtremedistil_tf.batching.ragged import FeatureSource
from xtremedistil_tf.teachers.protocol import LoadedTeacher, Relations


@dataclasses.dataclass(frozen=True)
class TeacherOutputs:
    """A teacher's answers for one example.

    Attributes:
        index: the example's index in the source.
        logits: float32 [pieces, outputs], or [outputs] where the task is answered once for the input.
        hidden: float32 [pieces, layers, width], the layers asked for; None where none was.
        attentions: float32 [pieces, layers, heads, seq_len], a row for each piece that attends, zeros
            beyond the example's pieces; None where none was asked for.
        relations: float32 [pieces, kinds, heads, seq_len], likewise.
    """

    index: int
    logits: np.ndarray
    hidden: np.ndarray | None
    attentions: np.ndarray | None = None
    relations: np.ndarray | None = None


class TeacherPredictor:
    """The exact float32 inference path of a teacher.

    Args:
        teacher: the fine-tuned teacher.
        layers: hidden layers to return, 0 for the embedding output, -1 for the top one.
        pad_id: id of the padding piece.
        batch_size: most sentences in a batch.
        attentions: layers whose attention maps to return, 1 for the first, -1 for the top one.
        seq_len: columns of attention maps and relations, at least the pieces of the longest example.
        relations: relations to return.
    """

    def __init__(self, teacher: LoadedTeacher, layers: Sequence[int], pad_id: int, batch_size: int,
                 attentions: Sequence[int] = (), seq_len: int = 0, relations: Relations | None = None):
        self._pad_id, self._batch_size, self._seq_len = pad_id, batch_size, seq_len
        self._per_piece = {"logits": teacher.task.per_piece, "hidden": True, "attentions": True,
                           "relations": True}
        self._forward = teacher.forward(tuple(layers), tuple(attentions), relations)

    def predict(self, source: FeatureSource) -> Iterator[TeacherOutputs]:
        """Yields the outputs of every example, longest first; `index` restores the order."""
        for index, outputs in self._run(source):
            yield TeacherOutputs(index, outputs["logits"], outputs.get("hidden"),
                                 self._columns(outputs.get("attentions")), self._columns(outputs.get("relations")))

    def logits(self, source: FeatureSource) -> list[np.ndarray]:
        """float32 [pieces, outputs] or [outputs] of every example, in the source's order."""
        return in_order(self._run(source), "logits", len(source.lengths))

    def _run(self, source: FeatureSource) -> Iterator[tuple[int, dict[str, np.ndarray]]]:
        return run_over(self._forward, source, self._batch_size, self._pad_id, self._per_piece)

    def _columns(self, maps: np.ndarray | None) -> np.ndarray | None:
        if maps is None:
            return None
        columns = np.zeros((*maps.shape[:-1], self._seq_len), maps.dtype)
        pieces = len(maps)
        columns[..., :pieces] = maps[..., :pieces]
        return columns
