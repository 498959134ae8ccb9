"""Features whose pieces have other numbers: those of a trimmed vocabulary."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np

from xtremedistil_tf.batching.ragged import Column, FeatureSource


@dataclasses.dataclass(frozen=True)
class RemappedPieces:
    """A source with `input_ids` mapped to a trimmed vocabulary.

    Attributes:
        source: with ids of the whole vocabulary.
        trimmed: what `trim_tokenizer` returned.
    """

    source: FeatureSource
    trimmed: Any

    @property
    def lengths(self) -> np.ndarray:
        return self.source.lengths

    @property
    def columns(self) -> Mapping[str, Column]:
        return self.source.columns

    def read(self, index: int) -> dict[str, np.ndarray]:
        return self._remapped(self.source.read(index))

    def read_many(self, indices: np.ndarray) -> dict[str, np.ndarray]:
        return self._remapped(self.source.read_many(indices))

    def _remapped(self, columns: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        return columns | {"input_ids": self.trimmed.remap(columns["input_ids"])}
