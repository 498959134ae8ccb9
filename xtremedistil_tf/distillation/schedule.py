"""From the name of a strategy to the list of phases (XtremeDistil, table of strategies and algorithm 1)."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

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
        layers: indices of the student's representations that count; empty: all.
    """

    name: str
    stage: str
    unfrozen: tuple[str, ...]
    with_representation: bool = False
    layers: tuple[int, ...] = ()

    @property
    def data(self) -> str:
        return DATA_OF_STAGE[self.stage]


def phases_of(strategy: str, groups: Sequence[str], blocks: Sequence[Sequence[str]] = (),
              representation_steps: Sequence[Sequence[str]] = ()) -> list[Phase]:
    """The phases of a strategy for a student.

    Args:
        strategy: D0S, D1, D2, D3.1, D3.2, D4.1 or D4.2 of the paper, logits or logits_labels.
        groups: the student's layer groups from top to bottom; the first is the head, which the
            representation stage leaves alone.
        blocks: groups that gradual unfreezing takes together, from the top down; by default each alone.
        representation_steps: for each of the student's representations, from the bottom up, the groups that
            learn it in a phase of its own (MobileBERT, progressive knowledge transfer); by default one
            phase teaches all.
    """
    stages = {
        "D0S": [(LABELS, False)],
        "D1": [(JOINT, False)],
        "D2": [(JOINT, False)],
        "D3.1": [(REPRESENTATION, False), (JOINT, False)],
        "D3.2": [(REPRESENTATION, False), (JOINT, True)],
        "D4.1": [(REPRESENTATION, False), (LOGITS, False), (LABELS, False)],
        "D4.2": [(REPRESENTATION, False), (LOGITS, True), (LABELS, True)],
        "logits": [(LOGITS, False)],
        "logits_labels": [(LOGITS, False), (LABELS, False)],
    }
    if strategy not in stages:
        raise ConfigError(f"`strategy={strategy}`: expected one of {', '.join(stages)}.")
    phases = []
    blocks = blocks or [(group,) for group in groups]
    for number, (stage, gradual) in enumerate(stages[strategy], 1):
        if stage == REPRESENTATION:
            phases += _representation_phases(number, tuple(groups), representation_steps)
        elif gradual:
            phases += _gradual_phases(number, stage, blocks)
        else:
            phases.append(Phase(f"{number}-{stage}", stage, tuple(groups), strategy == "D2"))
    return phases


def _representation_phases(number: int, groups: tuple[str, ...],
                           steps: Sequence[Sequence[str]]) -> list[Phase]:
    if not steps:
        return [Phase(f"{number}-{REPRESENTATION}", REPRESENTATION, groups[1:])]
    return [Phase(f"{_position(number, step, steps)}-{REPRESENTATION}", REPRESENTATION, tuple(step_groups),
                  layers=(step - 1,)) for step, step_groups in enumerate(steps, 1)]


def _gradual_phases(number: int, stage: str, blocks: Sequence[Sequence[str]]) -> list[Phase]:
    phases: list[Phase] = []
    unfrozen: tuple[str, ...] = ()
    for step, block in enumerate(blocks, 1):
        unfrozen += tuple(block)
        name = block[0] if len(block) == 1 else f"{block[0]}-to-{block[-1]}"
        phases.append(Phase(f"{_position(number, step, blocks)}-{stage}-{name}", stage, unfrozen))
    return phases


def _position(number: int, step: int, steps: Sequence[Any]) -> str:
    """Such as `2.03`, with as many digits as keep names in order."""
    return f"{number}.{step:0{len(str(len(steps)))}d}"
