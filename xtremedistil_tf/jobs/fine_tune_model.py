"""Fine-tuning a pre-trained model alone: what a distillation run does to its teacher, measured."""

from __future__ import annotations

import logging
import pathlib
from typing import Any

from xtremedistil_tf.atomic import write_json
from xtremedistil_tf.config import ModelFineTuningConfig
from xtremedistil_tf.evaluation.comparison import measure_teacher
from xtremedistil_tf.jobs.labelled import open_labelled
from xtremedistil_tf.jobs.teachers import fine_tuned_teachers
from xtremedistil_tf.students.model_directory import versions
from xtremedistil_tf.tasks.score_names import scores_text

log = logging.getLogger(__name__)


def run(config: ModelFineTuningConfig) -> dict[str, Any]:
    """Fine-tunes the model (or finds it fine-tuned), measures it, and writes `scores.json`."""
    settings = config.as_distillation()
    folder = pathlib.Path(config.model_dir)
    folder.mkdir(parents=True, exist_ok=True)
    labelled = open_labelled(settings)
    fine_tuned = fine_tuned_teachers(settings, labelled, folder)
    split, examples = labelled.measured
    scores = measure_teacher(fine_tuned.load(labelled.task), labelled.tokenizer, examples, config.seq_len,
                             len(labelled.tokenizer), labelled.corpus.dev)
    write_json(folder / "scores.json", {"split": split, "scores": scores, "model": str(fine_tuned.path),
                                        "history": fine_tuned.history, "versions": versions()})
    print(f"{fine_tuned.path}: {split} set\n{scores_text(scores, labelled.task)}")
    return scores
