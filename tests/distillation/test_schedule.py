"""Strategies as the paper lists them."""

from __future__ import annotations

import pytest

from xtremedistil_tf.config import STRATEGIES
from xtremedistil_tf.distillation.schedule import phases_of
from xtremedistil_tf.errors import ConfigError

GROUPS = ("head", "projection", "bilstm", "embedding")


@pytest.mark.parametrize("strategy, stages", [
    ("D0S", ["labels"]),
    ("D1", ["joint"]),
    ("D2", ["joint"]),
    ("D3.1", ["representation", "joint"]),
    ("D3.2", ["representation"] + 4 * ["joint"]),
    ("D4.1", ["representation", "logits", "labels"]),
    ("D4.2", ["representation"] + 4 * ["logits"] + 4 * ["labels"]),
])
def test_stages(strategy, stages):
    phases = phases_of(strategy, GROUPS)
    assert [p.stage for p in phases] == stages
    assert len({p.name for p in phases}) == len(phases)
    assert sorted(p.name for p in phases) == [p.name for p in phases]
    assert [p.with_representation for p in phases] == [strategy == "D2"] * len(phases)


def test_unfreezing_goes_from_the_top_and_keeps_what_is_unfrozen():
    unfrozen = [p.unfrozen for p in phases_of("D4.2", GROUPS)]
    assert unfrozen[0] == GROUPS[1:]
    assert unfrozen[1:5] == unfrozen[5:] == [GROUPS[:n] for n in range(1, 5)]


def test_every_strategy_of_the_flag_has_phases():
    assert all(phases_of(strategy, GROUPS) for strategy in STRATEGIES)


def test_an_unknown_strategy_is_refused():
    with pytest.raises(ConfigError, match="D9.*expected one of D0S"):
        phases_of("D9", GROUPS)
