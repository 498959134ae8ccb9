"""Fine-tuning a pre-trained teacher on the labelled data: AdamW, warm-up and decay, best dev score kept."""

from __future__ import annotations

import dataclasses
import pathlib
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from xtremedistil_tf.corpus.example import AnyExample
from xtremedistil_tf.tasks.task import Task
from xtremedistil_tf.teachers.loading import load_classifier
from xtremedistil_tf.teachers.model import Teacher, TeacherStage
from xtremedistil_tf.teachers.protocol import LoadedTeacher, TeacherPredictor
from xtremedistil_tf.training.batches import BatchPlan
from xtremedistil_tf.training.distribution import strategy_for
from xtremedistil_tf.training.loop import LoopSettings, PhaseResult, train_phase
from xtremedistil_tf.training.optimizers import RowAdam, WarmupLinearDecay
from xtremedistil_tf.training.pipeline import ShuffledBatches
from xtremedistil_tf.training.stage import precision

WEIGHT_DECAY = 0.01
CLIP_NORM = 1.0
WARMUP = 0.1
#: Updates that a teacher gets at least, and epochs; on small data both were too few by a fixed number of epochs.
MIN_UPDATES, MIN_EPOCHS, MAX_EPOCHS = 1000, 3, 100
#: Updates without a better dev score after which fine-tuning ends at the earliest: a tagger starts at 0 F1.
PATIENCE = 400
#: Widest hidden states for which a peak learning rate fits.
RATES = ((512, 1e-4), (768, 5e-5), (float("inf"), 2e-5))


@dataclasses.dataclass(frozen=True)
class TeacherRecipe:
    """Settings that decide the fine-tuned teacher."""

    epochs: int
    learning_rate: float
    batch_size: int
    patience: int
    seq_len: int
    seed: int
    policy: str = "float32"

    @classmethod
    def fitting(cls, examples: int, width: int, epochs: int, learning_rate: float, batch_size: int, patience: int,
                seq_len: int, seed: int, policy: str) -> TeacherRecipe:
        """Settings with which a teacher learns from few examples, too: updates count, not epochs.

        Args:
            examples: labelled training examples.
            width: of the teacher's hidden states.
            epochs, learning_rate: 0 for what fits.
            patience: epochs without improvement; it lasts for `PATIENCE` updates at least.
            batch_size, seq_len, seed, policy: as they are.
        """
        batches = max(1, -(-examples // batch_size))
        epochs = epochs or min(MAX_EPOCHS, max(MIN_EPOCHS, -(-MIN_UPDATES // batches)))
        rate = learning_rate or next(rate for limit, rate in RATES if width <= limit)
        return cls(epochs, rate, batch_size, max(min(patience, epochs), -(-PATIENCE // batches)), seq_len, seed, policy)


def fine_tune(checkpoint: str, tokenizer: Any, task: Task, train: Sequence[AnyExample],
              dev: Sequence[AnyExample], recipe: TeacherRecipe, state_file: pathlib.Path, checkpoint_minutes: float,
              on_epoch: Callable[[dict[str, Any]], None] = lambda record: None,
              ) -> tuple[Teacher, PhaseResult]:
    """Fine-tunes a teacher and returns it with its best weights (by the task's main score on dev).

    It trains on all GPUs, and with all workers, which have to call this at the same time.

    Args:
        checkpoint: what `from_pretrained` takes.
        tokenizer: its fast tokenizer.
        task: what it learns.
        train, dev: labelled examples.
        recipe: settings.
        state_file: checkpoint of the training loop; if it exists, training goes on from it.
        checkpoint_minutes: minutes between checkpoints.
        on_epoch: receives each epoch's record.
    """
    with precision(recipe.policy), strategy_for().scope():
        teacher = Teacher(load_classifier(checkpoint, task, recipe.seed), task)
        features = task.training_features(tokenizer, train, recipe.seq_len).features
        plan = BatchPlan(features.lengths, np.arange(len(features)), recipe.batch_size, recipe.seed)
        data = ShuffledBatches(features, plan, tokenizer.pad_token_id)
        steps = plan.batches_per_epoch * recipe.epochs
        optimizer = RowAdam(WarmupLinearDecay(recipe.learning_rate, steps, int(WARMUP * steps)),
                            weight_decay=WEIGHT_DECAY, clip_norm=CLIP_NORM)
        optimizer.exclude_undecayed(teacher.trainable_variables)
        stage = TeacherStage(teacher)
        stage.compile(optimizer=optimizer)
        settings = LoopSettings("teacher", recipe.epochs, recipe.patience, monitor=task.main_score,
                                higher_is_better=True, seed=recipe.seed,
                                checkpoint_minutes=checkpoint_minutes)
        result = train_phase(stage, data, dev_score(teacher, tokenizer, dev, recipe.seq_len), settings,
                             state_file, on_epoch)
    return teacher, result


def dev_score(teacher: LoadedTeacher, tokenizer: Any, dev: Sequence[AnyExample],
              seq_len: int) -> Callable[[], dict[str, float]]:
    """A function that measures the teacher's current main score on the dev set."""
    task = teacher.task
    features = task.prediction_features(tokenizer, dev, seq_len)
    predictor = TeacherPredictor(teacher, (), tokenizer.pad_token_id, 64)

    def measure() -> dict[str, float]:
        logits = predictor.logits(features.features, "teacher, dev set")
        calibrated = task.calibrated(dev, lambda: logits)
        return {task.main_score: calibrated.scores(dev, calibrated.decode(features, logits))[task.main_score]}

    return measure
