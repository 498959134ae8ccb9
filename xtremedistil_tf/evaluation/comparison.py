"""Student beside teacher: quality, size, latency, and what of the teacher is kept."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from xtremedistil_tf.corpus.example import AnyExample
from xtremedistil_tf.evaluation.answers import teacher_answers
from xtremedistil_tf.evaluation.costs import teacher_costs
from xtremedistil_tf.teachers.protocol import LoadedTeacher


def measure_teacher(teacher: LoadedTeacher, tokenizer: Any, examples: Sequence[AnyExample], seq_len: int,
                    seen_pieces: int, dev: Sequence[AnyExample] = ()) -> dict[str, Any]:
    """The task's scores, size and latency of a teacher, on inputs of at most `seq_len` pieces; `dev` as for
    `teacher_answers`."""
    scores = teacher.task.scores(examples, teacher_answers(teacher, tokenizer, examples, seq_len, dev))
    return scores | teacher_costs(teacher, tokenizer, seq_len, seen_pieces)


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
