"""Each setting of a phase comes from the flag of its name."""

from __future__ import annotations

import dataclasses

import pytest

from xtremedistil_tf.config import DistillationConfig
from xtremedistil_tf.distillation.runner import PhaseSettings
from xtremedistil_tf.distillation.schedule import JOINT, LABELS, LOGITS, REPRESENTATION, Phase
from xtremedistil_tf.distillation.signals import RepresentationSignal
from xtremedistil_tf.runs.phase_settings import phase_settings

# No two numbers are the same, so that none can stand in the place of another.
CONFIG = DistillationConfig(
    task="t", distil_epochs=11, ft_epochs=12, frozen_epochs=3, student_distil_batch_size=21, student_ft_batch_size=22,
    patience=5, learning_rate=0.31, label_learning_rate=0.32, final_learning_rate=0.33, label_weight=1.5,
    representation_weight=2.5, logit_weight=3.5, opt_policy="mixed_bfloat16", seed=41, select_by="score",
    warmup_ratio=0.51, clip_norm=6.5, embedding_rate=0.71, representation_loss="mse", hidden_weight=8.5,
    distil_attention=True, attention_weight=8.6, attention_loss="kl", distil_relations="qkv", relation_weight=8.7)
GROUPS = ("head", "projection", "bilstm")
EXPECTED = PhaseSettings(
    phase="1-joint", stage=JOINT, unfrozen=GROUPS, epochs=11, batch_size=21, labelled_batch_size=22, patience=5,
    learning_rate=0.31, final_learning_rate=0.33,
    signal=RepresentationSignal(loss="mse", hidden_weight=8.5, attention_weight=8.6, relation_weight=8.7,
                                attention_loss="kl", layers=(2,)),
    weights=(1.5, 2.5, 3.5), policy="mixed_bfloat16", seed=41, select_by="loss", warmup=0.51, clip_norm=6.5,
    embedding_rate=0.71)


def test_every_setting_is_its_own():
    assert phase_settings(CONFIG, Phase("1-joint", JOINT, GROUPS, layers=(2,))) == EXPECTED


@pytest.mark.parametrize("phase, changed", [
    (Phase("1-representation", REPRESENTATION, GROUPS[1:]), {}),
    (Phase("2-logits", LOGITS, GROUPS), {}),
    (Phase("2.1-logits-head", LOGITS, GROUPS[:1]), {"epochs": 3}),
    (Phase("2.2-logits-projection", LOGITS, GROUPS[:2]), {"epochs": 3}),
    # Labels alone are learned at the rate of all; after other phases they refine.
    (Phase("1-labels", LABELS, GROUPS), {"epochs": 12, "select_by": "score"}),
    (Phase("3-labels", LABELS, GROUPS), {"epochs": 12, "select_by": "score", "learning_rate": 0.32}),
    (Phase("3.1-labels-head", LABELS, GROUPS[:1]), {"epochs": 3, "select_by": "score", "learning_rate": 0.32})])
def test_what_a_phase_changes(phase, changed):
    found = phase_settings(CONFIG, phase)
    signal = dataclasses.replace(EXPECTED.signal, layers=())
    named = {"phase": phase.name, "stage": phase.stage, "unfrozen": phase.unfrozen, "signal": signal}
    assert found == dataclasses.replace(EXPECTED, **(named | changed))
