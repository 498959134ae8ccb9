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
    ("logits", ["logits"]),
    ("logits_labels", ["logits", "labels"]),
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


@pytest.mark.parametrize("strategy", ["D0S", "D1", "D2", "D3.1", "D4.1", "logits", "logits_labels"])
def test_without_gradual_unfreezing_everything_trains_but_the_head_in_stage_1(strategy):
    for phase in phases_of(strategy, list(GROUPS)):
        assert phase.unfrozen == (GROUPS[1:] if phase.stage == "representation" else GROUPS)
        assert phase.layers == ()


def test_the_data_of_each_stage():
    data = {phase.stage: phase.data for strategy in STRATEGIES for phase in phases_of(strategy, GROUPS)}
    assert data == {"representation": "transfer", "logits": "transfer", "labels": "labelled", "joint": "both"}


def test_phases_are_numbered_by_stage_and_step():
    assert [p.name for p in phases_of("D3.2", GROUPS[:2])] == ["1-representation", "2.1-joint-head",
                                                               "2.2-joint-projection"]
    assert [p.name for p in phases_of("logits_labels", GROUPS)] == ["1-logits", "2-labels"]


def test_every_strategy_of_the_flag_has_phases():
    assert all(phases_of(strategy, GROUPS) for strategy in STRATEGIES)


def test_an_unknown_strategy_is_refused():
    with pytest.raises(ConfigError, match="D9.*expected one of D0S"):
        phases_of("D9", GROUPS)


LAYERS = ("head", "projection", *(f"layer_{i}" for i in range(12, 0, -1)), "embedding")


def test_every_layer_of_a_deep_student_can_have_its_own_step():
    phases = phases_of("D4.2", LAYERS)
    assert [p.unfrozen for p in phases[1:16]] == [LAYERS[:n] for n in range(1, 16)]
    assert sorted(p.name for p in phases) == [p.name for p in phases]
    assert phases[3].name == "2.03-logits-layer_12"


def test_blocks_are_unfrozen_together():
    blocks = (("head",), ("projection",), LAYERS[2:14], ("embedding",))
    phases = phases_of("D4.2", LAYERS, blocks)
    assert [p.unfrozen for p in phases[1:5]] == [LAYERS[:1], LAYERS[:2], LAYERS[:14], LAYERS]
    assert [p.name for p in phases[1:5]] == ["2.1-logits-head", "2.2-logits-projection",
                                             "2.3-logits-layer_12-to-layer_1", "2.4-logits-embedding"]
    assert phases[0].unfrozen == LAYERS[1:] and phases[0].layers == ()


def test_representations_can_be_taught_one_by_one():
    steps = (("projection", "embedding"), ("projection", "layer_2", "layer_1"), ("projection", "layer_3"))
    phases = phases_of("D4.1", LAYERS, representation_steps=steps)
    assert [p.stage for p in phases] == 3 * ["representation"] + ["logits", "labels"]
    assert [(p.unfrozen, p.layers) for p in phases[:3]] == [(step, (i,)) for i, step in enumerate(steps)]
    assert [p.name for p in phases[:2]] == ["1.1-representation", "1.2-representation"]
    assert [p.stage for p in phases_of("D0S", LAYERS, representation_steps=steps)] == ["labels"]
