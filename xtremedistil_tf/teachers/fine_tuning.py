"""Fine-tuning a pre-trained teacher on the labelled data: AdamW, warm-up and decay, best dev F1 kept."""

from __future__ import annotations

import dataclasses
import pathlib
from typing import Any, Callable, Sequence

import numpy as np

from xtremedistil_tf.batching.pipeline import ShuffledBatches
from xtremedistil_tf.batching.plan import BatchPlan
from xtremedistil_tf.corpus.example import Example
from xtremedistil_tf.tasks.entity_scores import entity_scores
from xtremedistil_tf.tasks.tagging import decode, prediction_features, training_features
from xtremedistil_tf.teachers.loading import load_token_classifier
from xtremedistil_tf.teachers.model import Teacher, TeacherStage
from xtremedistil_tf.teachers.prediction import TeacherPredictor
from xtremedistil_tf.training.loop import LoopSettings, PhaseResult, train_phase
from xtremedistil_tf.training.precision import precision
from xtremedistil_tf.training.optimizers import RowAdam, WarmupLinearDecay

WEIGHT_DECAY = 0.01
CLIP_NORM = 1.0
WARMUP = 0.1


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


def fine_tune(checkpoint: str, tokenizer, train: Sequence[Example], dev: Sequence[Example],
              labels: Sequence[str], recipe: TeacherRecipe, state_file: pathlib.Path,
              checkpoint_minutes: float,
              on_epoch: Callable[[dict[str, Any]], None] = lambda record: None) -> tuple[Teacher, PhaseResult]:
    """Fine-tunes a teacher and returns it with its best weights (dev entity F1).

    Args:
        checkpoint: what `from_pretrained` takes.
        tokenizer: its fast tokenizer.
        train, dev: labelled sentences.
        labels: label names.
        recipe: settings.
        state_file: checkpoint of the training loop; if it exists, training goes on from it.
        checkpoint_minutes: minutes between checkpoints.
        on_epoch: receives each epoch's record.
    """
    with precision(recipe.policy):
        teacher = Teacher(load_token_classifier(checkpoint, list(labels), recipe.seed))
        features = training_features(tokenizer, train, labels, recipe.seq_len).features
        plan = BatchPlan(features.lengths, np.arange(len(features)), recipe.batch_size, recipe.seed)
        data = ShuffledBatches(features, plan, tokenizer.pad_token_id)
        steps = plan.batches_per_epoch * recipe.epochs
        optimizer = RowAdam(WarmupLinearDecay(recipe.learning_rate, steps, int(WARMUP * steps)),
                            weight_decay=WEIGHT_DECAY, clip_norm=CLIP_NORM)
        optimizer.exclude_undecayed(teacher.trainable_variables)
        stage = TeacherStage(teacher)
        stage.compile(optimizer=optimizer)
        settings = LoopSettings("teacher", recipe.epochs, recipe.patience, monitor="f1",
                                higher_is_better=True, seed=recipe.seed,
                                checkpoint_minutes=checkpoint_minutes)
        result = train_phase(stage, data, dev_f1(teacher, tokenizer, dev, labels, recipe.seq_len), settings,
                             state_file, on_epoch)
    return teacher, result


def dev_f1(teacher: Teacher, tokenizer, dev: Sequence[Example], labels: Sequence[str],
           seq_len: int) -> Callable[[], dict[str, float]]:
    """A function that measures the teacher's current entity F1 on the dev set."""
    features = prediction_features(tokenizer, (e.words for e in dev), seq_len)
    predictor = TeacherPredictor(teacher, (), tokenizer.pad_token_id, 64)
    gold = [e.tags for e in dev]

    def measure() -> dict[str, float]:
        predicted = decode(features, predictor.logits(features.features), labels)
        return {"f1": entity_scores(gold, predicted)["f1"]}

    return measure
