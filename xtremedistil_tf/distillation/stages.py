"""The stages of distillation as Keras models that own a student and a loss, and the batches of each."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
import tensorflow as tf

from xtremedistil_tf.distillation.signals import RepresentationSignal, signal_mask
from xtremedistil_tf.tasks.task import Task
from xtremedistil_tf.training.batches import BatchPlan, FeatureSource, Shares, pad_batch
from xtremedistil_tf.training.losses import total
from xtremedistil_tf.training.pipeline import ShuffledBatches, batch_spec, padded_batches, stream
from xtremedistil_tf.training.stage import Stage


class RepresentationStage(Stage):
    """Stage 1: the student's projected states imitate the teacher's hidden states.

    Batches: the task's `text_columns`, `attention_mask`, and what the signal reads.
    """

    def __init__(self, student: Any, task: Task, signal: RepresentationSignal):
        super().__init__(student, task, "representation_stage")
        self.signal = signal

    def losses_of(self, batch: Mapping[str, Any], training: bool) -> dict[str, tf.Tensor]:
        return self.signal.losses(batch, self(batch, training=training))

    def weight_of(self, batch: Mapping[str, Any]) -> tf.Tensor:
        return total(signal_mask(batch))


class LogitStage(Stage):
    """Stage 2: the student's logits imitate the teacher's wherever the task has an answer.

    Batches: the task's `text_columns`, `attention_mask`, `teacher_logits`.

    Args:
        loss: `mse`, of the logits; `kl`, of the probabilities that they stand for.
    """

    def __init__(self, student: Any, task: Task, loss: str = "mse"):
        super().__init__(student, task, "logit_stage")
        self._distance = teacher_distance(task, loss)

    def losses_of(self, batch: Mapping[str, Any], training: bool) -> dict[str, tf.Tensor]:
        return {"loss": self._distance(batch, self.logits_of(batch, training))}


def teacher_distance(task: Task, loss: str) -> Callable[[Mapping[str, Any], tf.Tensor], tf.Tensor]:
    """The loss of a batch's `teacher_logits` and a student's logits, by name."""
    return {"mse": task.logit_loss, "kl": task.answer_loss}[loss]


class LabelStage(Stage):
    """Stage 3: the task's loss against the gold labels.

    Batches: the task's `text_columns` and `label_columns`, and `attention_mask`.
    """

    def __init__(self, student: Any, task: Task):
        super().__init__(student, task, "label_stage")

    def losses_of(self, batch: Mapping[str, Any], training: bool) -> dict[str, tf.Tensor]:
        return {"loss": self.task.label_loss(batch, self.logits_of(batch, training))}


@dataclasses.dataclass(frozen=True)
class JointWeights:
    """alpha, beta and gamma of the joint loss; a loss of weight 0 is not computed."""

    label: float = 1.0
    representation: float = 0.0
    logit: float = 1.0


class JointStage(Stage):
    """Labels, logits and, where weighted, representations at once: alpha CE + beta RL + gamma LL.

    Batches: dict with `labelled` (as for LabelStage) and `transfer` (as for the other two). `loss` as for LogitStage.
    """

    def __init__(self, student: Any, task: Task, weights: JointWeights, signal: RepresentationSignal,
                 loss: str = "mse"):
        super().__init__(student, task, "joint_stage")
        self._weights, self.signal, self._distance = weights, signal, teacher_distance(task, loss)

    def losses_of(self, batch: Mapping[str, Any], training: bool) -> dict[str, tf.Tensor]:
        labelled, transfer = batch["labelled"], batch["transfer"]
        losses = {"label_loss": self.task.label_loss(labelled, self.logits_of(labelled, training))}
        if self._weights.representation:
            outputs = self(transfer, training=training)
            logits = outputs["logits"]
        else:
            logits = self.logits_of(transfer, training)
        losses["logit_loss"] = self._distance(transfer, logits)
        loss = self._weights.label * losses["label_loss"] + self._weights.logit * losses["logit_loss"]
        if self._weights.representation:
            losses["representation_loss"] = self.signal.losses(transfer, outputs)["loss"]
            loss += self._weights.representation * losses["representation_loss"]
        return {"loss": loss} | losses

    def weight_of(self, batch: Mapping[str, Any]) -> tf.Tensor:
        return self.task.weight_of(batch["transfer"])


@dataclasses.dataclass(frozen=True)
class Split:
    """Training and validation examples of one source."""

    source: FeatureSource
    train: np.ndarray
    valid: np.ndarray


def hold_out(source: FeatureSource, fraction: float, most: int, seed: int,
             provenance: np.ndarray | None = None) -> Split:
    """Holds out a random share of a source, at least one example where there are two.

    Only originals are held out, and what was made out of them is left out: it would give their answers away.

    Args:
        source: the examples.
        fraction: of the originals to hold out.
        most: examples to hold out.
        seed: of the draw.
        provenance: int [examples], 0 for an original, others for what follows it and was made out of it;
            None: all are originals.
    """
    count = len(source.lengths)
    originals = np.arange(count) if provenance is None else np.flatnonzero(provenance == 0)
    total = len(originals)
    held = held_out_count(total, fraction, most)
    order = np.random.default_rng([seed, 0x401D]).permutation(total)
    family = np.searchsorted(originals, np.arange(count), side="right") - 1
    train = np.flatnonzero(~np.isin(family, order[:held]))
    return Split(source, train, originals[np.sort(order[:held])])


def held_out_count(total: int, fraction: float, most: int) -> int:
    """How many of so many originals `hold_out` holds out."""
    return min(most, max(1, round(total * fraction))) if total > 1 else 0


@dataclasses.dataclass(frozen=True)
class JointBatches:
    """Transfer batches, each with a labelled batch beside it; an epoch is a pass over the transfer set,
    during which the labelled data is passed over as often as it takes."""

    transfer: ShuffledBatches
    labelled: ShuffledBatches

    @property
    def batches_per_epoch(self) -> int:
        return self.transfer.batches_per_epoch

    def epoch(self, number: int, first_batch: int, shares: Shares | None = None) -> tf.data.Dataset:
        spec = {"transfer": batch_spec(self.transfer.source), "labelled": batch_spec(self.labelled.source)}
        if shares is None:
            return stream(lambda: self._pairs(number, first_batch), spec)
        return stream(lambda: self._shared_pairs(number, first_batch, shares), (spec,) * len(shares.local))

    def _pairs(self, number: int, first_batch: int) -> Iterator[dict[str, Any]]:
        for transfer, labelled in self._indices(number, first_batch):
            yield {"transfer": pad_batch(self.transfer.source, transfer, self.transfer.pad_id),
                   "labelled": pad_batch(self.labelled.source, labelled, self.labelled.pad_id)}

    def _shared_pairs(self, number: int, first_batch: int, shares: Shares) -> Iterator[tuple[dict[str, Any], ...]]:
        for transfer, labelled in self._indices(number, first_batch):
            yield tuple({"transfer": one, "labelled": other}
                        for one, other in zip(self.transfer.shared(transfer, shares),
                                              self.labelled.shared(labelled, shares)))

    def _indices(self, number: int, first_batch: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        partners = self._labelled_from(number * self.batches_per_epoch + first_batch)
        return zip(self.transfer.plan.epoch(number)[first_batch:], partners)

    def _labelled_from(self, batch: int) -> Iterator[np.ndarray]:
        epoch, position = divmod(batch, self.labelled.batches_per_epoch)
        while True:
            yield from self.labelled.plan.epoch(epoch)[position:]
            epoch, position = epoch + 1, 0


def validation_batches(split: Split, batch_size: int, pad_id: int) -> tf.data.Dataset:
    """The validation examples of a split, longest first."""
    plan = BatchPlan(split.source.lengths, split.valid, batch_size)
    return padded_batches(split.source, plan.sorted_by_length(), pad_id)


def joint_validation_batches(transfer: Split, labelled: Split, batch_size: int, pad_id: int) -> tf.data.Dataset:
    """Validation batches of both kinds side by side; the shorter list begins again."""
    parts = {name: BatchPlan(split.source.lengths, split.valid, batch_size).sorted_by_length()
             for name, split in (("transfer", transfer), ("labelled", labelled))}
    sources = {"transfer": transfer.source, "labelled": labelled.source}
    longest = max(map(len, parts.values()))

    def pairs() -> Iterator[dict[str, Any]]:
        for i in range(longest):
            yield {name: pad_batch(sources[name], batches[i % len(batches)], pad_id)
                   for name, batches in parts.items()}

    return stream(pairs, {name: batch_spec(source) for name, source in sources.items()})
