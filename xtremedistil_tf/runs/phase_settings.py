"""How each phase of a strategy is trained: learning rate, epochs, batch size, weights of the losses."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from xtremedistil_tf.config import DistillationConfig
from xtremedistil_tf.distillation.runner import PhaseSettings
from xtremedistil_tf.distillation.schedule import LABELLED, LABELS, Phase, phases_of
from xtremedistil_tf.distillation.signals import RepresentationSignal
from xtremedistil_tf.errors import ConfigError
from xtremedistil_tf.students.projected import HEAD, PROJECTION
from xtremedistil_tf.students.transformer import TransformerShape

if TYPE_CHECKING:
    from xtremedistil_tf.runs.student_shape import StudentShape


def signal_of(config: DistillationConfig, layers: tuple[int, ...] = ()) -> RepresentationSignal:
    """What stage 1 imitates.

    Args:
        config: of the run.
        layers: `Phase.layers`.

    Raises:
        ConfigError: nothing is left to imitate.
    """
    attention = config.attention_weight if config.distil_attention else 0.0
    relation = config.relation_weight if config.distil_relations else 0.0
    if not (config.hidden_weight or attention or relation):
        raise ConfigError("`hidden_weight=0` leaves the representation stage without a loss. Give a value "
                          "above 0, `distil_attention` or `distil_relations`.")
    if config.progressive_transfer and not config.hidden_weight:
        raise ConfigError("`progressive_transfer` trains each layer on hidden states. Expected "
                          "`hidden_weight` above 0.")
    return RepresentationSignal(loss=config.representation_loss, hidden_weight=config.hidden_weight,
                                attention_weight=attention, relation_weight=relation,
                                attention_loss=config.attention_loss, layers=layers)


def strategy_phases(config: DistillationConfig, strategy: str, shape: StudentShape) -> list[Phase]:
    """The phases of a strategy for a student."""
    blocks = shape.blocks if config.unfreeze == "block" else ()
    steps = cast(TransformerShape, shape).representation_steps if config.progressive_transfer else ()
    return phases_of(strategy, shape.groups, blocks, steps)


def phase_settings(config: DistillationConfig, phase: Phase) -> PhaseSettings:
    """How a phase is trained, by a configuration with its recipe's values."""
    c = config
    # The first phase of a strategy is number 1: labels after others refine what was distilled.
    refines = phase.stage == LABELS and not phase.name.startswith("1")
    rate = c.label_learning_rate if refines else c.learning_rate
    epochs = c.ft_epochs if phase.data == LABELLED else c.distil_epochs
    if c.frozen_epochs and set(phase.unfrozen) <= {HEAD, PROJECTION}:
        epochs = min(epochs, c.frozen_epochs)
    return PhaseSettings(
        phase=phase.name, stage=phase.stage, unfrozen=phase.unfrozen, epochs=epochs,
        batch_size=c.student_distil_batch_size, labelled_batch_size=c.student_ft_batch_size, patience=c.patience,
        learning_rate=rate, final_learning_rate=c.final_learning_rate, signal=signal_of(c, phase.layers),
        # In the order of the joint loss: alpha, beta, gamma.
        weights=(c.label_weight, c.representation_weight, c.logit_weight), policy=c.opt_policy, seed=c.seed,
        select_by=c.select_by if phase.data == LABELLED else "loss", warmup=c.warmup_ratio, clip_norm=c.clip_norm,
        embedding_rate=c.embedding_rate, logit_loss=_logit_loss(c))


def _logit_loss(config: DistillationConfig) -> str:
    if config.logit_loss != "auto":
        return config.logit_loss
    return "kl" if config.transfer_labels else "mse"
