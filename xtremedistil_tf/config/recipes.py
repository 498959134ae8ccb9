"""Recipes: values for the settings of a run that are not given."""

from __future__ import annotations

import dataclasses
from typing import Any, TypeVar

from xtremedistil_tf.config.distillation import DistillationConfig

Configured = TypeVar("Configured", bound=DistillationConfig)

#: Examples that a phase on the transfer set sees by the default recipe, unless that means too few or many epochs.
EXAMPLES, MIN_EPOCHS, MAX_EPOCHS = 768_000, 4, 100
#: Patience that never ends a phase.
NEVER = 1_000_000

_SMALL = {"strategy": "logits", "learning_rate": 8e-3, "embedding_rate": 0.1}
# XtremeDistilTransformers' settings are still the best known for transformers, but for warm-up and clipping.
_TRANSFORMER = {"strategy": "D4.2", "learning_rate": 1e-4, "embedding_rate": 1.0}
_DEFAULT = {"embedding_init": "teacher_states", "embedding_scale": "unit", "warmup_ratio": 0.03, "clip_norm": 1.0,
            "ft_epochs": 30, "patience": NEVER}
_PAPER = {"strategy": "D4.2", "embedding_rate": 1.0, "embedding_init": "svd", "embedding_scale": "none",
          "warmup_ratio": 0.0, "clip_norm": 0.0, "distil_epochs": 500, "ft_epochs": 100, "patience": 5}
_PAPER_BILSTM = {"learning_rate": 1e-3, "projection_size": -1}


def with_recipe(config: Configured, kind: str) -> Configured:
    """The configuration with the recipe's values where a setting is not given.

    `distil_epochs` may stay 0: it depends on the transfer set, see `with_epochs`.

    Args:
        config: of a run; what it says stays.
        kind: of the student, as `jobs.choice.student_kind` has it.
    """
    values: dict[str, Any]
    if config.recipe == "paper":
        values = _PAPER | ({"learning_rate": 1e-4} if kind == "transformer" else _PAPER_BILSTM)
    else:
        values = _DEFAULT | (_TRANSFORMER if kind == "transformer" else _SMALL)
    unset = {field.name: field.default for field in dataclasses.fields(config)}
    missing: dict[str, Any] = {name: value for name, value in values.items() if getattr(config, name) == unset[name]}
    filled = dataclasses.replace(config, **missing)
    follows = filled.learning_rate * (1.0 if config.recipe == "paper" else 0.1)
    return dataclasses.replace(filled, label_learning_rate=config.label_learning_rate or follows,
                               freeze_word_embedding=config.freeze_word_embedding or filled.embedding_rate == 0)


def with_epochs(config: Configured, sentences: int) -> Configured:
    """The configuration with a number of epochs on a transfer set of so many examples, if none is given."""
    if config.distil_epochs:
        return config
    epochs = min(MAX_EPOCHS, max(MIN_EPOCHS, round(EXAMPLES / max(1, sentences))))
    return dataclasses.replace(config, distil_epochs=epochs)
