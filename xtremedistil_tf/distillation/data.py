"""The batches that each kind of stage trains on and is validated on."""

from __future__ import annotations

import dataclasses
from typing import Iterator

import numpy as np
import tensorflow as tf

from xtremedistil_tf.batching.pipeline import ShuffledBatches, batch_spec, padded_batches, stream
from xtremedistil_tf.batching.plan import BatchPlan
from xtremedistil_tf.batching.ragged import FeatureSource, pad_batch


@dataclasses.dataclass(frozen=True)
class Split:
    """Training and validation examples of one source."""

    source: FeatureSource
    train: np.ndarray
    valid: np.ndarray


def hold_out(source: FeatureSource, fraction: float, most: int, seed: int) -> Split:
    """Holds out a random share of a source, at least one example where there are two."""
    total = len(source.lengths)
    held = min(most, max(1, round(total * fraction))) if total > 1 else 0
    order = np.random.default_rng([seed, 0x401D]).permutation(total)
    return Split(source, np.sort(order[held:]), np.sort(order[:held]))


@dataclasses.dataclass(frozen=True)
class JointBatches:
    """Transfer batches, each with a labelled batch beside it; an epoch is a pass over the transfer set,
    during which the labelled data is passed over as often as it takes."""

    transfer: ShuffledBatches
    labelled: ShuffledBatches

    @property
    def batches_per_epoch(self) -> int:
        return self.transfer.batches_per_epoch

    def epoch(self, number: int, first_batch: int) -> tf.data.Dataset:
        spec = {"transfer": batch_spec(self.transfer.source), "labelled": batch_spec(self.labelled.source)}
        return stream(lambda: self._pairs(number, first_batch), spec)

    def _pairs(self, number: int, first_batch: int) -> Iterator[dict]:
        done = number * self.batches_per_epoch + first_batch
        partners = self._labelled_from(done)
        for indices in self.transfer.plan.epoch(number)[first_batch:]:
            yield {"transfer": pad_batch(self.transfer.source, indices, self.transfer.pad_id),
                   "labelled": pad_batch(self.labelled.source, next(partners), self.labelled.pad_id)}

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

    def pairs():
        for i in range(longest):
            yield {name: pad_batch(sources[name], batches[i % len(batches)], pad_id)
                   for name, batches in parts.items()}

    return stream(pairs, {name: batch_spec(source) for name, source in sources.items()})
