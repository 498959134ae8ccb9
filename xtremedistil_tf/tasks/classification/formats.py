"""Texts and their classes in files and in data sets of the hub, and as raw text: what is asked, answered and shown."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from xtremedistil_tf.corpus.classified import read_classified
from xtremedistil_tf.corpus.kinds import Kind
from xtremedistil_tf.corpus.published import UNLABELED, HubRows, column_of
from xtremedistil_tf.errors import DataError
from xtremedistil_tf.tasks.raw_text import FLOAT, TEXT, TEXT_FORMS, Asked, Output, Outputs, RawText, asked_text, utf8
from xtremedistil_tf.tasks.text_task import LABEL_COLUMNS, inferred_labels, text_kind, text_rows, united_labels

if TYPE_CHECKING:
    from xtremedistil_tf.tasks.classification.task import ClassificationTask, ClassPrediction


def files(pairs: bool) -> Kind:
    """See `Task.files`."""
    return text_kind(pairs, lambda path, labels, language, reading: read_classified(
        path, pairs, labels, language, reading=reading),
                     united_labels, inferred_labels)


def hub_rows(data: Any, pairs: bool, name: str) -> HubRows:
    """See `Task.hub_rows`."""
    label = column_of(data, LABEL_COLUMNS, name)
    names = getattr(data.features[label], "names", None)
    if getattr(data.features[label], "dtype", "").startswith("float"):
        raise DataError(f"hf:{name}: column {label} holds numbers with a fraction, expected classes. For scores use "
                        "`task_kind=regression`.")

    def value(found: Any) -> str | None:
        if found is None or found == UNLABELED:
            return None
        return names[found] if names else str(found)

    return text_rows(data, label, pairs, name, value, (lambda splits: list(names)) if names else inferred_labels)


SHOW = r"""
const MOST_BARS = 12;

function show(answer) {
  const names = answer.label_names ?? model.labels;
  const rows = answer.probabilities.map((share, i) => ({share, label: names[i] ?? String(i)}));
  rows.sort((a, b) => b.share - a.share);
  const list = make("dl", "card bars");
  rows.slice(0, MOST_BARS).forEach(({share, label}, i) => {
    const track = make("div", "track", make("i"));
    track.style.setProperty("--share", `${100 * share}%`);
    const row = [make("dt", "", label), make("dd", "", percent(share)), track];
    list.append(make("div", i ? "bar" : "bar best", ...row));
  });
  const rest = rows.length - MOST_BARS;
  return rest > 0 ? [list, make("p", "figures", `${rest} less probable labels are not shown.`)] : [list];
}
"""


@dataclasses.dataclass(frozen=True)
class Label:
    """The answer of a classifier.

    Attributes:
        label: the most probable class.
        score: its probability.
        probabilities: of all classes, in the order of the task's labels.
    """

    label: str
    score: float
    probabilities: Mapping[str, float] = dataclasses.field(repr=False)


def _answer(task: ClassificationTask, one: Asked, prediction: ClassPrediction) -> Label:
    by_name = dict(zip(task.labels, prediction.probabilities.tolist()))
    return Label(prediction.label, by_name[prediction.label], by_name)


def _read(outputs: Outputs) -> list[Label]:
    rows = zip(outputs["labels"].tolist(), outputs["scores"].tolist(), outputs["label_names"].tolist(),
               outputs["probabilities"].tolist())
    return [Label(label, score, dict(zip(names, probabilities))) for label, score, names, probabilities in rows]


def _arrays(task: ClassificationTask, answers: Sequence[Label]) -> dict[str, np.ndarray]:
    probabilities = np.array([list(one.probabilities.values()) for one in answers], np.float32)
    probabilities = probabilities.reshape(len(answers), len(task.labels))
    return {"labels": utf8(one.label for one in answers), "scores": probabilities.max(-1),
            "probabilities": probabilities,
            "label_names": np.broadcast_to(utf8(task.labels), probabilities.shape)}


def _prediction(answer: Label) -> Any:
    from xtremedistil_tf.tasks.classification.task import ClassPrediction

    return ClassPrediction(answer.label, np.array(list(answer.probabilities.values()), np.float32))


_OUTPUTS = {"labels": Output(TEXT), "scores": Output(FLOAT), "probabilities": Output(FLOAT, 2),
            "label_names": Output(TEXT, 2)}
RAW_TEXT = RawText(("texts", "pairs"), frozenset(["pairs"]), _OUTPUTS, asked_text, TEXT_FORMS, _answer, _arrays, _read,
                   frozenset(_OUTPUTS), frozenset(["labels"]), "classify", _prediction,
                   answer_class=Label)
