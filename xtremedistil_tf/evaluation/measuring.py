"""The measurements at the end of a run: the only place that reads the test set."""

from __future__ import annotations

import collections
import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from xtremedistil_tf.corpus.example import AnyExample
from xtremedistil_tf.corpus.sampling import evenly
from xtremedistil_tf.evaluation.footprint import count_parameters, latency, model_size
from xtremedistil_tf.inference.predictor import StudentPredictor
from xtremedistil_tf.tasks.task import PredictionFeatures, Task
from xtremedistil_tf.teachers.protocol import LoadedTeacher, TeacherPredictor
from xtremedistil_tf.training.pipeline import logits_alone

#: Most examples that are shown.
SHOWN = 20
_MEASURING = "measuring {}"


def teacher_answers(teacher: LoadedTeacher, tokenizer: Any, examples: Sequence[AnyExample], seq_len: int,
                    dev: Sequence[AnyExample] = (), label: str = "") -> list[Any]:
    """One prediction of its task per example, from inputs of at most `seq_len` pieces.

    Args:
        label: of the bar that says how many are done; none: no bar.
        dev: labelled examples on which the task is calibrated, see `Task.calibrated`; none: it is used as it is.
    """
    predictor, task = TeacherPredictor(teacher, (), tokenizer.pad_token_id, 64), teacher.task

    def answered(some: Sequence[AnyExample]) -> tuple[PredictionFeatures, list[np.ndarray]]:
        features = task.prediction_features(tokenizer, some, seq_len)
        return features, predictor.logits(features.features, label)

    calibrated = task.calibrated(dev, lambda: answered(dev)[1]) if dev else task
    return calibrated.decode(*answered(examples))


def student_answers(student: Any, tokenizer: Any, task: Task, examples: Sequence[AnyExample],
                    dev: Sequence[AnyExample] = (), label: str = "") -> list[Any]:
    """One prediction of the task per example; `dev` and `label` as for `teacher_answers`."""
    if dev:
        task = StudentPredictor(student, tokenizer, task).calibrated(dev)
    return StudentPredictor(student, tokenizer, task).predict(examples, label)


def disagreements(task: Task, examples: Sequence[AnyExample], teacher: Sequence[Any],
                  student: Sequence[Any]) -> dict[str, Any]:
    """Examples with gold answer and the two that differ.

    Args:
        task: what is answered.
        examples: labelled examples.
        teacher, student: predictions of the task, one per example.

    Returns:
        `examples` (how many were compared), `differ` (how many are answered differently; numbers within 0.01
        and answers of the same text are not) and `shown`: at most `SHOWN` of those, spread evenly over them,
        for numbers those furthest apart. Each has `language` where known, `gold`, `teacher`, `student` and

        * for tagging `words`; it and the three are joined by spaces, which keeps the file short;
        * for kinds that answer whole texts `text` and where there is one `pair`;
        * for question answering `question` and `context`; no answer is "".

        Of long texts there is a part, with "…" where it was cut.
    """
    rows = list(zip(examples, teacher, student, strict=True))
    apart = [task.distance(one, other) for _, one, other in rows]
    found = [i for i, distance in enumerate(apart) if distance > 0]
    if task.most_distant_first:
        chosen = sorted(found, key=lambda i: -apart[i])[:SHOWN]
    else:
        chosen = list(evenly(found, len(found), SHOWN))
    return {"examples": len(rows), "differ": len(found),
            "shown": [_language(rows[i][0]) | task.disagreement(*rows[i]) for i in chosen]}


def _language(example: AnyExample) -> dict[str, str]:
    return {"language": example.language} if example.language else {}


def confusion(task: Task, examples: Sequence[AnyExample],
              predictions: Sequence[Any]) -> dict[str, dict[str, int]] | None:
    """How often each gold label was answered with each label: of words for tagging, of examples for classes.

    Args:
        task: what is answered.
        examples: labelled examples.
        predictions: of the task, one per example.

    Returns:
        {gold: {answer: count}} without zeros; None for tasks without labels to confuse. The keys are all
        labels that occur on either side, those of the task first and in its order.
    """
    pairs = task.confusion_pairs(examples, predictions)
    if pairs is None:
        return None
    counts = collections.Counter(pairs)
    occurring = {label for pair in counts for label in pair}
    order = [label for label in task.labels if label in occurring]
    order += sorted(occurring.difference(order))
    return {gold: {answer: counts[gold, answer] for answer in order if counts[gold, answer]}
            for gold in order}


def teacher_costs(teacher: LoadedTeacher, tokenizer: Any, seq_len: int, seen_pieces: int) -> dict[str, Any]:
    """`model_size` and `latency` on inputs of `seq_len` pieces, which is noted beside the times."""
    rows, width = teacher.word_embeddings().shape
    size = model_size(teacher.parameters, rows, width, seen_pieces)
    forward = teacher.forward()
    times = latency(lambda batch: forward(batch)["logits"], len(tokenizer), seq_len, columns=_inputs(teacher.task))
    return size | {"latency": times | {"seq_len": seq_len}}


def student_costs(student: Any, tokenizer: Any, task: Task, seq_len: int, seen_pieces: int) -> dict[str, Any]:
    """As `teacher_costs`, of a student."""
    rows, width = student.word_embeddings.shape
    size = model_size(count_parameters(student), rows, width, min(rows, seen_pieces))
    times = latency(logits_alone(student), len(tokenizer), seq_len, columns=_inputs(task))
    return size | {"latency": times | {"seq_len": seq_len}}


def _inputs(task: Task) -> list[str]:
    """What models are given when they answer: with other columns they would be traced once more."""
    return ["input_ids", "attention_mask", *(name for name in ("token_type_ids",) if name in task.text_columns)]


def measure_teacher(teacher: LoadedTeacher, tokenizer: Any, examples: Sequence[AnyExample], seq_len: int,
                    seen_pieces: int, dev: Sequence[AnyExample] = ()) -> dict[str, Any]:
    """The task's scores, size and latency of a teacher, on inputs of at most `seq_len` pieces; `dev` as for
    `teacher_answers`."""
    answers = teacher_answers(teacher, tokenizer, examples, seq_len, dev, _MEASURING.format("teacher"))
    return teacher.task.scores(examples, answers) | teacher_costs(teacher, tokenizer, seq_len, seen_pieces)


def compare(student: Mapping[str, Any], teacher: Mapping[str, Any], main: str) -> dict[str, Any]:
    """What the student keeps of the teacher and what it saves.

    Args:
        student, teacher: scores, size and latency of each.
        main: the task's main score.

    Returns:
        `<main>`, and where languages are known `mean_<main>` and `per_language`: ratios of the main score;
        `compression`: ratio of parameters; `speedup_batch_*`: ratio of median latencies.
    """
    kept: dict[str, Any] = {main: _ratio(student[main], teacher[main])}
    if "per_language" in teacher:
        kept[f"mean_{main}"] = _ratio(student[f"mean_{main}"], teacher[f"mean_{main}"])
        kept["per_language"] = {language: _ratio(student["per_language"][language][main], row[main])
                                for language, row in teacher["per_language"].items()}
    kept["compression"] = _ratio(teacher["parameters"], student["parameters"])
    kept["compression_seen_pieces"] = _ratio(teacher["parameters_seen_pieces"], student["parameters_seen_pieces"])
    for size in ("batch_1", "batch_32"):
        kept[f"speedup_{size}"] = _ratio(teacher["latency"][size]["median_ms"],
                                         student["latency"][size]["median_ms"])
    return kept


def _ratio(part: float, whole: float) -> float | None:
    return part / whole if whole else None


@dataclasses.dataclass(frozen=True)
class Measured:
    """What is measured.

    Attributes:
        teacher: fine-tuned teacher; None where there is none.
        teacher_tokenizer: its tokenizer.
        students: name in the metrics -> (student, its tokenizer); `student` is the one that retention is about.
        task: what they answer.
        seq_len: most pieces of an input of the teacher.
        seen_pieces: pieces that occur in training and transfer text.
        dev: labelled examples on which the task is calibrated for each model; none: it is used as it is.
    """

    teacher: LoadedTeacher | None
    teacher_tokenizer: Any
    students: Mapping[str, tuple[Any, Any]]
    task: Task
    seq_len: int
    seen_pieces: int
    dev: Sequence[AnyExample] = ()


def measure(measured: Measured, examples: Sequence[AnyExample],
            extra: Mapping[str, Sequence[AnyExample]] | None = None) -> dict[str, Any]:
    """`teacher` and `retention` (where there is a teacher), and each of the students, on labelled examples.

    `confusion` {model: counts} of teacher and student for tasks with labels, see the function; where there is a
    teacher, `disagreements` of the two, likewise, with `agreement`.
    `extra` sets are scored too: `extra` {set: {model: main score}}.
    """
    m = measured
    answers = _answers(m, examples)
    metrics: dict[str, Any] = {}
    if m.teacher is not None:
        costs = teacher_costs(m.teacher, m.teacher_tokenizer, m.seq_len, m.seen_pieces)
        metrics["teacher"] = m.task.scores(examples, answers["teacher"]) | costs
    for name, (student, tokenizer) in m.students.items():
        costs = student_costs(student, tokenizer, m.task, m.seq_len, m.seen_pieces)
        metrics[name] = m.task.scores(examples, answers[name]) | costs
    if m.teacher is not None:
        metrics["retention"] = compare(metrics["student"], metrics["teacher"], m.task.main_score)
    metrics |= _differences(m.task, examples, answers)
    if extra:
        metrics["extra"] = {name: _main_scores(m, rows) for name, rows in extra.items()}
    return metrics


def _answers(m: Measured, examples: Sequence[AnyExample]) -> dict[str, list[Any]]:
    """The predictions of each model, the teacher's first."""
    found = {}
    if m.teacher is not None:
        found["teacher"] = teacher_answers(m.teacher, m.teacher_tokenizer, examples, m.seq_len, m.dev,
                                           _MEASURING.format("teacher"))
    return found | {name: student_answers(student, tokenizer, m.task, examples, m.dev, _MEASURING.format(name))
                    for name, (student, tokenizer) in m.students.items()}


def _differences(task: Task, examples: Sequence[AnyExample],
                 answers: Mapping[str, Sequence[Any]]) -> dict[str, Any]:
    """What the scores do not tell: which labels are taken for which, and where student and teacher part."""
    counts = {name: confusion(task, examples, answers[name]) for name in ("teacher", "student")
              if name in answers}
    found: dict[str, Any] = {"confusion": counts} if counts["student"] is not None else {}
    if "teacher" in answers:
        teacher, student = answers["teacher"], answers["student"]
        found["disagreements"] = {"agreement": task.agreement(teacher, student),
                                  **disagreements(task, examples, teacher, student)}
    return found


def _main_scores(m: Measured, examples: Sequence[AnyExample]) -> dict[str, float]:
    return {name: m.task.scores(examples, found)[m.task.main_score]
            for name, found in _answers(m, examples).items()}
