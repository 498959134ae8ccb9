"""Labels of raw text: what is answered, and how a server's answers are read."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from xtremedistil_tf.tasks.raw_text import (
    FLOAT,
    INT,
    TEXT,
    TEXT_FORMS,
    Asked,
    Output,
    Outputs,
    RawText,
    Several,
    asked_text,
    padded,
    utf8,
)

if TYPE_CHECKING:
    from xtremedistil_tf.tasks.multi_label.task import MultiLabelTask


@dataclasses.dataclass(frozen=True)
class Labels(Several[str]):
    """The answer of a multi-label classifier: a sequence of labels.

    Attributes:
        labels: those whose probability reaches their threshold, in the order of the task's labels; may be none.
        probabilities: of all labels.
    """

    labels: tuple[str, ...]
    probabilities: Mapping[str, float] = dataclasses.field(repr=False)

    @property
    def parts(self) -> tuple[str, ...]:
        return self.labels


def _answer(task: MultiLabelTask, one: Asked, prediction: Labels) -> Labels:
    return prediction


def _read(outputs: Outputs) -> list[Labels]:
    rows = zip(outputs["labels"], outputs["label_counts"], outputs["label_names"].tolist(),
               outputs["probabilities"].tolist())
    return [Labels(tuple(labels[:count].tolist()), dict(zip(names, probabilities)))
            for labels, count, names, probabilities in rows]


def _arrays(task: MultiLabelTask, answers: Sequence[Labels]) -> dict[str, np.ndarray]:
    probabilities = np.array([list(one.probabilities.values()) for one in answers], np.float32)
    probabilities = probabilities.reshape(len(answers), len(task.labels))
    return {"labels": padded((utf8(one.labels) for one in answers), b""),
            "scores": padded(([one.probabilities[label] for label in one.labels] for one in answers), -1, np.float32),
            "label_counts": np.array([len(one.labels) for one in answers], np.int32),
            "probabilities": probabilities, "label_names": np.broadcast_to(utf8(task.labels), probabilities.shape)}


_OUTPUTS = {"labels": Output(TEXT, 2), "scores": Output(FLOAT, 2), "label_counts": Output(INT),
            "probabilities": Output(FLOAT, 2), "label_names": Output(TEXT, 2)}
RAW_TEXT = RawText(("texts", "pairs"), frozenset(["pairs"]), _OUTPUTS, asked_text, TEXT_FORMS, _answer, _arrays, _read,
                   frozenset(_OUTPUTS), frozenset(["labels", "label_counts"]))
