"""Which examples go into which batch, as a pure function of seed and epoch: any batch can be found again."""

from __future__ import annotations

import dataclasses

import numpy as np

_BATCHES_SORTED_TOGETHER = 50


@dataclasses.dataclass(frozen=True)
class BatchPlan:
    """Shuffled batches of sentences of similar length.

    An epoch is a random permutation, cut into runs of 50 batches; a run is sorted by length and cut
    into batches, and the batches are shuffled. It costs 8 bytes of memory per example.

    Attributes:
        lengths: int32 [examples].
        indices: int64, the examples to draw from (a split of the source).
        batch_size: examples in a batch; the last one of an epoch may be smaller.
        seed: the run's seed.
    """

    lengths: np.ndarray
    indices: np.ndarray
    batch_size: int
    seed: int = 0

    @property
    def batches_per_epoch(self) -> int:
        return -(-len(self.indices) // self.batch_size)

    def epoch(self, number: int) -> list[np.ndarray]:
        """The batches of a training epoch, each int64 [<= batch_size] example indices."""
        rng = np.random.default_rng([self.seed, number])
        order = rng.permutation(self.indices)
        run = self.batch_size * _BATCHES_SORTED_TOGETHER
        batches = []
        for begin in range(0, len(order), run):
            part = order[begin: begin + run]
            batches += _cut(part[np.argsort(self.lengths[part], kind="stable")], self.batch_size)
        return [batches[i] for i in rng.permutation(len(batches))]

    def sorted_by_length(self) -> list[np.ndarray]:
        """The batches of an inference pass, longest first, so that too little memory shows at once."""
        order = self.indices[np.argsort(-self.lengths[self.indices], kind="stable")]
        return _cut(order, self.batch_size)


@dataclasses.dataclass(frozen=True)
class Shares:
    """Which shares of every batch belong to this process, where several replicas train together.

    Attributes:
        local: numbers of the replicas of this process, from 0.
        total: replicas of all processes.
    """

    local: tuple[int, ...]
    total: int

    def of(self, indices: np.ndarray) -> tuple[np.ndarray, ...]:
        """The rows of each local replica: every `total`-th one, as neighbours are of similar length.

        Of a batch with fewer rows than replicas each replica has all rows: layers need not cope with empty
        batches, and a mean over the rows of all replicas stays the same.
        """
        if len(indices) < self.total:
            return (indices,) * len(self.local)
        return tuple(indices[replica:: self.total] for replica in self.local)


def _cut(indices: np.ndarray, size: int) -> list[np.ndarray]:
    return [indices[begin: begin + size] for begin in range(0, len(indices), size)]
