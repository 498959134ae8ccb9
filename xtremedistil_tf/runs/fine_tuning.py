"""Fine-tuning a distilled student without its teacher, or a pre-trained model alone."""

from __future__ import annotations

import dataclasses
import logging
import pathlib
from typing import Any

import numpy as np
import tf_keras

from xtremedistil_tf.atomic import write_json
from xtremedistil_tf.config import DistillationConfig, ModelFineTuningConfig, StudentFineTuningConfig
from xtremedistil_tf.corpus.folder import TaskCorpus
from xtremedistil_tf.distillation.runner import DistillationData, PhaseSettings, Runner
from xtremedistil_tf.distillation.schedule import Phase, phases_of
from xtremedistil_tf.distillation.signals import RepresentationSignal
from xtremedistil_tf.distillation.stages import Split
from xtremedistil_tf.evaluation.measuring import measure_teacher
from xtremedistil_tf.export.saved_model import export_saved_model
from xtremedistil_tf.fingerprint import examples_fingerprint, file_fingerprint, fingerprint
from xtremedistil_tf.inference.predictor import StudentPredictor
from xtremedistil_tf.runs.labelled_data import open_labelled
from xtremedistil_tf.runs.run import check_writable, model_dir_lock
from xtremedistil_tf.runs.teachers import fine_tuned_teachers
from xtremedistil_tf.runs.weak_teacher import remedy, weakness
from xtremedistil_tf.students.metadata import exported_path
from xtremedistil_tf.students.model_directory import SavedStudent, load_student, save_student, versions
from xtremedistil_tf.students.registry import new_student
from xtremedistil_tf.tasks.opening import open_task
from xtremedistil_tf.tasks.registry import scores_text
from xtremedistil_tf.tasks.task import Task
from xtremedistil_tf.training.batches import RaggedFeatures
from xtremedistil_tf.training.stage import precision

log = logging.getLogger(__name__)

_LIMITS = ("max_train_per_language", "max_dev_per_language", "max_test_per_language")


def fine_tune_model(config: ModelFineTuningConfig) -> dict[str, Any]:
    """Fine-tunes the model (or finds it fine-tuned), measures it, and writes `scores.json`."""
    settings = config.as_distillation()
    folder = pathlib.Path(config.model_dir)
    check_writable(folder)
    labelled = open_labelled(settings)
    with model_dir_lock(folder):
        fine_tuned = fine_tuned_teachers(settings, labelled, folder)
    if problem := weakness(fine_tuned, labelled, folder, config.seq_len):
        log.warning("%s A student could not learn from it. %s", problem, remedy(fine_tuned))
    split, examples = labelled.measured
    scores = measure_teacher(fine_tuned.load(labelled.task), labelled.tokenizer, examples, config.seq_len,
                             len(labelled.tokenizer), labelled.corpus.dev)
    write_json(folder / "scores.json", {"split": split, "scores": scores, "model": str(fine_tuned.path),
                                        "history": fine_tuned.history, "versions": versions()})
    print(f"{fine_tuned.path}: {split} set\n{scores_text(scores, labelled.task)}")
    return scores


def fine_tune_student(config: StudentFineTuningConfig) -> dict[str, Any]:
    """Trains all of the student on the labels, measures it before and after, and writes a model directory."""
    source = pathlib.Path(config.model_dir)
    saved = load_student(source, config.decoding)
    out = pathlib.Path(config.output_dir or source / "fine-tuned")
    check_writable(out)
    settings = dataclasses.replace(DistillationConfig.from_json(saved.config), task_kind=saved.task.kind,
                                   model_dir=str(out))
    settings = _of_the_task(settings, config.task)
    corpus, task = open_task(settings)
    _check_labels(config, saved, task)
    with model_dir_lock(out):
        return _fine_tuned(config, saved, settings, corpus, out)


def _of_the_task(settings: DistillationConfig, task: str) -> DistillationConfig:
    """The settings of the first run; its limits are about its own task only."""
    limits = {name: value for name in _LIMITS if (value := getattr(settings, name))}
    if task and task != settings.task:
        return dataclasses.replace(settings, task=task, max_train_per_language=0, max_dev_per_language=0,
                                   max_test_per_language=0)
    if limits:
        log.info("limits of the run that distilled the student: %s",
                 ", ".join(f"`{name}={value}`" for name, value in limits.items()))
    return settings


def _fine_tuned(config: StudentFineTuningConfig, saved: SavedStudent, settings: DistillationConfig, corpus: TaskCorpus,
                out: pathlib.Path) -> dict[str, Any]:
    student = _train(config, saved, corpus, settings.seq_len, out, file_fingerprint(saved.weights_file))
    split, examples = ("test", corpus.test) if corpus.test else ("dev", corpus.dev)
    tuned = StudentPredictor(student, saved.tokenizer, saved.task).calibrated(corpus.dev)
    scores = {name: own.scores(examples, StudentPredictor(model, saved.tokenizer, own).predict(examples))
              for name, model, own in (("before", saved.student, saved.task), ("after", student, tuned))}
    save_student(out, student, saved.tokenizer, tuned, settings.to_json())
    export_saved_model(exported_path(out, "saved_model"), student, saved.tokenizer, tuned, pairs=corpus.has_pairs)
    write_json(out / "scores.json", {"split": split, **scores, "config": dataclasses.asdict(config),
                                     "versions": versions()})
    for name in scores:
        print(f"{name} fine-tuning, {split} set\n{scores_text(scores[name], saved.task)}")
    return scores


def _check_labels(config: StudentFineTuningConfig, saved: SavedStudent, task: Task) -> None:
    from xtremedistil_tf.errors import ConfigError

    if unknown := [label for label in task.labels if label not in saved.task.labels]:
        raise ConfigError(f"`task={config.task}`: the student does not know the labels {', '.join(unknown)}; it was "
                          f"distilled for {', '.join(saved.task.labels)}. Give a task with these labels, or distil "
                          "a student for the new ones.")


def _train(config: StudentFineTuningConfig, saved: SavedStudent, corpus: TaskCorpus, seq_len: int,
           out: pathlib.Path, weights: str) -> Any:
    task, tokenizer = saved.task, saved.tokenizer
    train, dev = (task.training_features(tokenizer, examples, seq_len).features
                  for examples in (corpus.train, corpus.dev))
    both = RaggedFeatures.concatenate(train, dev)
    labelled = Split(both, np.arange(len(train)), np.arange(len(train), len(both)))
    start = fingerprint([weights, examples_fingerprint([*corpus.train, *corpus.dev]), seq_len])
    with precision(config.opt_policy):
        tf_keras.utils.set_random_seed(config.seed)
        student = new_student(saved.student.shape)
        student.set_weights(saved.student.get_weights())
        predictor = StudentPredictor(student, tokenizer, task)

        def dev_score() -> dict[str, float]:
            return {task.main_score: predictor.dev_scores(corpus.dev)[task.main_score]}

        runner = Runner(student, task, DistillationData(labelled, None, None, tokenizer.pad_token_id),
                        lambda phase: _settings(config, phase), out / "checkpoints", start,
                        config.checkpoint_minutes, score=dev_score)
        runner.run(phases_of("D0S", student.shape.groups))
    exact = new_student(saved.student.shape)
    exact.set_weights(student.get_weights())
    return exact


def _settings(config: StudentFineTuningConfig, phase: Phase) -> PhaseSettings:
    return PhaseSettings(phase.name, phase.stage, phase.unfrozen, config.ft_epochs, config.batch_size,
                         config.batch_size, config.patience, config.learning_rate, config.final_learning_rate,
                         RepresentationSignal(), (1.0, 0.0, 0.0), config.opt_policy, config.seed,
                         config.select_by)
