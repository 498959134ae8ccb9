"""Whether a teacher has learned anything that a student could learn from it."""

from __future__ import annotations

import math
import pathlib
from collections.abc import Sequence
from typing import Any

from xtremedistil_tf.atomic import read_json
from xtremedistil_tf.corpus.example import AnyExample
from xtremedistil_tf.corpus.sampling import evenly
from xtremedistil_tf.runs.labelled_data import Labelled
from xtremedistil_tf.runs.run import METRICS_FILE
from xtremedistil_tf.runs.student_shape import BASELINE
from xtremedistil_tf.tasks.registry import score_name
from xtremedistil_tf.tasks.task import Task
from xtremedistil_tf.teachers.fine_tuned import FineTuned, FineTunedTeachers

#: Dev examples that a given teacher answers first; all of them, where it seems weak on these.
_SAMPLE = 100


def weakness(teachers: FineTunedTeachers, labelled: Labelled, folder: pathlib.Path, seq_len: int) -> str:
    """What makes the teachers too weak, a sentence; "" where nothing does.

    Args:
        teachers: of the run.
        labelled: its labelled side.
        folder: the model directory, in which an earlier run may have trained a student on the same labels alone.
        seq_len: most pieces of an input.
    """
    task, dev, best = labelled.task, labelled.corpus.dev, -math.inf
    name = score_name(task.main_score, task.kind)
    blind = blind_score(task, dev)
    for member in teachers.members:
        score = best_dev_score(member, labelled, seq_len)
        best = max(best, score)
        if not score > blind:
            return (f"teacher {member.path}: its dev {name} is {score:.4f}, no better than answers that ignore the "
                    f"text ({blind:.4f}).")
    alone = labels_alone(folder, labelled, teachers.fingerprint)
    if best < alone:
        return (f"teacher {teachers.path}: its dev {name} is {best:.4f}, below the {alone:.4f} of the student on "
                f"labels alone ({folder / METRICS_FILE}).")
    return ""


def remedy(teachers: FineTunedTeachers) -> str:
    """How to get a better teacher."""
    epochs = len(teachers.members[0].history)
    if not epochs:
        return "Give another teacher, or fine-tune it on your labels (`refine_teacher`)."
    return (f"It was fine-tuned for {epochs} epoch{'s' * (epochs > 1)}: give more updates (`teacher_epochs`, a smaller "
            "`teacher_ft_batch_size`), another `teacher_learning_rate`, or more labelled data.")


def blind_score(task: Task, dev: Sequence[AnyExample]) -> float:
    """The best main score on dev examples without a look at their text, at least 0."""
    return max((task.scores(dev, answers)[task.main_score] for answers in task.blind_answers(dev)), default=0.0)


def best_dev_score(teacher: FineTuned, labelled: Labelled, seq_len: int) -> float:
    """The best main score of a teacher on the dev set: of its fine-tuning, or measured where it was given."""
    main, dev = labelled.task.main_score, labelled.corpus.dev
    known = [record[f"val_{main}"] for record in teacher.history if f"val_{main}" in record]
    if known:
        return max((score for score in known if not math.isnan(score)), default=math.nan)
    from xtremedistil_tf.teachers.fine_tuning import dev_score

    loaded = teacher.load(labelled.task)

    def score_on(some: Sequence[AnyExample]) -> float:
        return dev_score(loaded, labelled.tokenizer, some, seq_len)()[main]

    few = list(evenly(dev, len(dev), _SAMPLE))
    score = score_on(few)
    return score if len(few) == len(dev) or score > blind_score(labelled.task, few) else score_on(dev)


def labels_alone(folder: pathlib.Path, labelled: Labelled, teacher: str) -> float:
    """The dev score of a student that an earlier run in this folder trained on the same labels alone; -inf where there
    is none, or where it stands beside this very teacher."""
    file = folder / METRICS_FILE
    metrics: dict[str, Any] = read_json(file) if file.exists() else {}
    if metrics.get("labelled_data") != labelled.fingerprint or metrics.get("teacher_fingerprint") == teacher:
        return -math.inf
    phases = metrics["phases"] if metrics["strategy"] == BASELINE else metrics.get("baseline_phases", [])
    return max((float(phase["scores"].get(labelled.task.main_score, -math.inf)) for phase in phases), default=-math.inf)
