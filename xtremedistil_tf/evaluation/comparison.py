"""Student beside teacher: quality, size, latency, and what of the teacher is kept."""

from __future__ import annotations

from typing import Any, Mapping, Sequence

import tensorflow as tf

from xtremedistil_tf.corpus.example import AnyExample
from xtremedistil_tf.evaluation.latency import count_parameters, latency, model_size
from xtremedistil_tf.students.prediction import StudentPredictor
from xtremedistil_tf.tasks.task import Task
from xtremedistil_tf.teachers.prediction import TeacherPredictor
from xtremedistil_tf.teachers.protocol import LoadedTeacher


def measure_teacher(teacher: LoadedTeacher, tokenizer, examples: Sequence[AnyExample], seq_len: int,
                    seen_pieces: int) -> dict[str, Any]:
    """The task's scores, size and latency of a teacher, on inputs of at most `seq_len` pieces."""
    scores = teacher_score(teacher, tokenizer, examples, seq_len)
    size = model_size(teacher.parameters, *teacher.word_embeddings().shape, seen_pieces)
    forward = teacher.forward()
    times = latency(lambda batch: forward(batch)["logits"], len(tokenizer), seq_len)
    return scores | size | {"latency": times | {"seq_len": seq_len}}


def measure_student(student, tokenizer, task: Task, examples: Sequence[AnyExample], seq_len: int,
                    seen_pieces: int) -> dict[str, Any]:
    """The task's scores, size and latency of a student."""
    scores = student_score(student, tokenizer, task, examples)
    rows, width = student.word_embeddings.shape
    size = model_size(count_parameters(student), rows, width, min(rows, seen_pieces))
    forward = tf.function(lambda batch: student(batch, training=False)["logits"], reduce_retracing=True)
    times = latency(forward, len(tokenizer), seq_len)
    return scores | size | {"latency": times | {"seq_len": seq_len}}


def teacher_score(teacher: LoadedTeacher, tokenizer, examples: Sequence[AnyExample],
                  seq_len: int) -> dict[str, Any]:
    """The task's scores of a teacher."""
    task = teacher.task
    features = task.prediction_features(tokenizer, examples, seq_len)
    predictor = TeacherPredictor(teacher, (), tokenizer.pad_token_id, 64)
    return task.scores(examples, task.decode(features, predictor.logits(features.features)))


def student_score(student, tokenizer, task: Task, examples: Sequence[AnyExample]) -> dict[str, Any]:
    """The task's scores of a student."""
    return task.scores(examples, StudentPredictor(student, tokenizer, task).predict(examples))


def compare(student: Mapping[str, Any], teacher: Mapping[str, Any], main: str) -> dict[str, Any]:
    """What the student keeps of the teacher and what it saves.

    Args:
        student, teacher: what `measure_student` and `measure_teacher` returned.
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
