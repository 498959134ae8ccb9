"""Several teachers as one: their logits averaged, all else from the first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from xtremedistil_tf.teachers.protocol import Forward, LoadedTeacher, Relations


class AveragedTeacher:
    """A teacher whose logits are the mean of its members'.

    Args:
        members: at least one, with the same task and the same tokenizer.
    """

    def __init__(self, members: Sequence[LoadedTeacher]):
        self.members = list(members)
        first = self.members[0]
        self.task, self.num_layers, self.width = first.task, first.num_layers, first.width

    @property
    def parameters(self) -> int:
        """Of all members."""
        return sum(member.parameters for member in self.members)

    def forward(self, layers: tuple[int, ...] = (), attentions: tuple[int, ...] = (),
                relations: Relations | None = None) -> Forward:
        """See `LoadedTeacher`; hidden states and attention maps are the first member's."""
        first, *others = ([self.members[0].forward(layers, attentions, relations)]
                          + [member.forward() for member in self.members[1:]])

        def average(batch: Mapping[str, Any]) -> dict[str, Any]:
            outputs = dict(first(batch))
            logits = [outputs["logits"], *(other(batch)["logits"] for other in others)]
            outputs["logits"] = np.mean([np.asarray(values) for values in logits], axis=0, dtype=np.float32)
            return outputs

        return average

    def word_embeddings(self) -> np.ndarray:
        """float32 [vocab, width], the first member's."""
        return self.members[0].word_embeddings()
