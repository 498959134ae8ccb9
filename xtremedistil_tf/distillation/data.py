"""The batches that each kind of stage trains on and is validated on."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Any

import numpy as np
import tensorflow as tf

from xtremedistil_tf.batching.pipeline import ShuffledBatches, batch_spec, padded_batches, stream
from xtremedistil_tf.batching.plan import BatchPlan, Shares
from xtremedistil_tf.batching.ragged import FeatureSource, pad_batch


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
