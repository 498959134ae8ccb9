"""From the name of a strategy to the list of phases (XtremeDistil, table of strategies and algorithm 1)."""

from __future__ import annotations

import dataclasses
from typing import Sequence

from xtremedistil_tf.errors import ConfigError

REPRESENTATION, LOGITS, LABELS, JOINT = "representation", "logits", "labels", "joint"
#: Which data a stage reads.
TRANSFER, LABELLED, BOTH = "transfer", "labelled", "both"
DATA_OF_STAGE = {REPRESENTATION: TRANSFER, LOGITS: TRANSFER, LABELS: LABELLED, JOINT: BOTH}


@dataclasses.dataclass(frozen=True)
class Phase:
    """One run of the training loop.

    Attributes:
        name: unique in its strategy and in the order of execution, such as `2.1-logits-head`.
        stage: representation, logits, labels or joint.
        unfrozen: layer groups that train, from the top down.
        with_representation: a joint stage that also distils representations (D2).
    """

    name: str
    stage: str
    unfrozen: tuple[str, ...]
    with_representation: bool = False

    @property
    def data(self) -> str:
        return DATA_OF_STAGE[self.stage]


def phases_of(strategy: str, groups: Sequence[str]) -> list[Phase]:
    """The phases of a strategy for a student.

    Args:
        strategy: D0S, D1, D2, D3.1, D3.2, D4.1 or D4.2.
        groups: the student's layer groups from top to bottom; the first is the head, which the
            representation stage leaves alone.
    """
    stages = {
        "D0S": [(LABELS, False)],
        "D1": [(JOINT, False)],
        "D2": [(JOINT, False)],
        "D3.1": [(REPRESENTATION, False), (JOINT, False)],
        "D3.2": [(REPRESENTATION, False), (JOINT, True)],
        "D4.1": [(REPRESENTATION, False), (LOGITS, False), (LABELS, False)],
        "D4.2": [(REPRESENTATION, False), (LOGITS, True), (LABELS, True)],
    }
    if strategy not in stages:
        raise ConfigError(f"--strategy={strategy}: expected one of {', '.join(stages)}.")
    phases = []
    for number, (stage, gradual) in enumerate(stages[strategy], 1):
        phases += _phases_of_stage(number, stage, gradual, tuple(groups), strategy == "D2")
    return phases


def _phases_of_stage(number: int, stage: str, gradual: bool, groups: tuple[str, ...],
                     with_representation: bool) -> list[Phase]:
    if stage == REPRESENTATION:
        return [Phase(f"{number}-{stage}", stage, groups[1:])]
    if not gradual:
        return [Phase(f"{number}-{stage}", stage, groups, with_representation)]
    return [Phase(f"{number}.{step}-{stage}-{groups[step - 1]}", stage, groups[:step])
            for step in range(1, len(groups) + 1)]
