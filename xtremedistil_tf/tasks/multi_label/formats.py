"""Texts and their labels in files and in data sets of the hub, and as raw text: what is asked, answered and shown.

A TSV file has the labels in its last column with commas between them, `text<TAB>label,label`; nothing after the last
tab: no label. JSON lines have a list, `{"text": "...", "labels": ["...", "..."]}`. As a comma parts labels, no label
may hold one.
"""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from xtremedistil_tf.corpus.classified import LabelRules, read_classified
from xtremedistil_tf.corpus.example import TextExample
from xtremedistil_tf.corpus.files import quoted
from xtremedistil_tf.corpus.kinds import Kind
from xtremedistil_tf.corpus.published import UNLABELED, HubRows, column_of
from xtremedistil_tf.errors import DataError
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
from xtremedistil_tf.tasks.text_task import inferred_labels, text_kind, text_rows, united_labels

if TYPE_CHECKING:
    from xtremedistil_tf.tasks.multi_label.task import MultiLabelTask


#: What parts labels in a column.
COMMA = ","
_COLUMNS = ("labels", "label", "tags", "categories", "topics")


def files(pairs: bool) -> Kind:
    """See `Task.files`."""
    return text_kind(pairs, lambda path, labels, language, reading: read_classified(
        path, pairs, language=language, resolve=LabelLists(labels).resolve, reading=reading), _label_files, _inferred)


class LabelLists:
    """Turns what stands in a label column into a tuple of labels.

    Args:
        labels: names of the labels, whose indices may stand for them; None: any text is a label.
    """

    def __init__(self, labels: Sequence[str] | None):
        self._rules = LabelRules(labels)

    def resolve(self, value: Any) -> tuple[tuple[str, ...] | None, str | None]:
        """(labels, None), or (None, what is wrong). A text is split at its commas."""
        if isinstance(value, str):
            value = value.split(COMMA) if value.strip() else []
        if not isinstance(value, list):
            return None, f"labels {quoted(value)}, expected a list of labels"
        found: list[str] = []
        for item in value:
            label, problem = self._rules.resolve(item)
            problem = problem or _label_problem(str(label), found)
            if problem:
                return None, problem
            found.append(str(label))
        return tuple(found), None


def _label_problem(label: str, others: Sequence[str]) -> str | None:
    if COMMA in label:
        return f"label {quoted(label)} contains a comma, which separates labels; expected another name"
    return f"label {quoted(label)} for the second time, expected each label once" if label in others else None


def _label_files(paths: Sequence[os.PathLike[str]]) -> list[str] | None:
    labels = united_labels(paths)
    if bad := [label for label in labels or () if COMMA in label]:
        raise DataError(f"{os.fspath(paths[0])}: {_label_problem(bad[0], ())}.")
    return labels


def _inferred(splits: Any) -> list[str]:
    return inferred_labels(splits, _labels_of)


def _labels_of(example: TextExample) -> tuple[str, ...]:
    return example.label if isinstance(example.label, tuple) else ()


def hub_rows(data: Any, pairs: bool, name: str) -> HubRows:
    """See `Task.hub_rows`: a column with lists of classes or of strings."""
    column = column_of(data, _COLUMNS, name)
    feature = getattr(data.features[column], "feature", None)
    names = getattr(feature, "names", None)
    if not names and getattr(feature, "dtype", "") not in ("string", "large_string"):
        raise DataError(f"hf:{name}: column {column} holds {getattr(feature, 'dtype', None) or 'no lists'}, expected "
                        "lists of labels as strings or as classes with names. For one class a text use "
                        "`task_kind=classification`.")
    if bad := [label for label in names or () if COMMA in label]:
        raise DataError(f"hf:{name}: column {column}: {_label_problem(bad[0], ())}.")
    rules = LabelLists(None)

    def value(found: Any) -> tuple[str, ...] | None:
        if found is None or UNLABELED in found:
            return None
        return rules.resolve([names[label] if names else label for label in found])[0]

    return text_rows(data, column, pairs, name, value, (lambda splits: list(names)) if names else _inferred, _COLUMNS)


SHOW = r"""
const MOST_BARS = 12;

function show(answer) {
  const names = answer.label_names ?? model.labels;
  const given = new Set(answer.labels.slice(0, answer.label_counts));
  const rows = answer.probabilities.map((share, i) => ({share, label: names[i] ?? String(i)}));
  rows.sort((a, b) => given.has(b.label) - given.has(a.label) || b.share - a.share);
  const list = make("dl", "card bars");
  const most = Math.max(MOST_BARS, given.size);
  rows.slice(0, most).forEach(({share, label}) => {
    const track = make("div", "track", make("i"));
    track.style.setProperty("--share", `${100 * share}%`);
    const row = [make("dt", "", label), make("dd", "", percent(share)), track];
    list.append(make("div", given.has(label) ? "bar best" : "bar", ...row));
  });
  const notes = given.size ? [] : ["No label reaches its threshold."];
  if (rows.length > most) notes.push(`${rows.length - most} less probable labels are not shown.`);
  return [list, ...notes.map(note => make("p", "figures", note))];
}
"""


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
                   frozenset(_OUTPUTS), frozenset(["labels", "label_counts"]),
                   answer_class=Labels, counted=dict.fromkeys(["labels", "scores"], "label_counts"))
