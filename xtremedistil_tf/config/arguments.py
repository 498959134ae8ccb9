"""A configuration from keyword arguments, and recipes: values for settings that are not given."""

from __future__ import annotations

import contextlib
import dataclasses
import difflib
import os
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Protocol, TypeVar

from xtremedistil_tf.config.choices import TEACHER
from xtremedistil_tf.config.distillation import DistillationConfig
from xtremedistil_tf.config.fields import field_type, raise_faults
from xtremedistil_tf.config.naming import respelled
from xtremedistil_tf.errors import ConfigError, XtremeDistilError

Configured = TypeVar("Configured", bound=DistillationConfig)

#: Examples that a phase on the transfer set sees by the default recipe, unless that means too few or many epochs.
EXAMPLES, MIN_EPOCHS, MAX_EPOCHS = 768_000, 4, 100
#: Patience that never ends a phase.
NEVER = 1_000_000

#: The teacher where none is named, and the size of a vocabulary where no checkpoint is.
DEFAULT_TEACHER, OWN_VOCABULARY = "bert-base-multilingual-cased", 8000

# Few labels are learned by heart, the logits of much text are not.
_LABEL_DROPOUT = 0.2
_SMALL = {"strategy": "logits", "learning_rate": 8e-3, "embedding_rate": 0.3, "dropout": 0.05}
# A transformer that is not made of the fine-tuned teacher has to learn the hidden states first.
_TRANSFORMER = {"strategy": "D4.2", "learning_rate": 1e-4, "embedding_rate": 1.0}
_FROM_TEACHER = {"strategy": "logits", "learning_rate": 2e-4, "embedding_rate": 1.0}
_DEFAULT = {"embedding_init": "teacher_states", "embedding_scale": "unit", "warmup_ratio": 0.03, "clip_norm": 1.0,
            "ft_epochs": 30, "patience": NEVER, "student_layers": "lower"}
_PAPER = {"strategy": "D4.2", "embedding_rate": 1.0, "embedding_init": "svd", "embedding_scale": "none",
          "warmup_ratio": 0.0, "clip_norm": 0.0, "distil_epochs": 500, "ft_epochs": 100, "patience": 5,
          "student_layers": "spaced"}
_PAPER_BILSTM = {"learning_rate": 1e-3, "projection_size": -1, "dropout": _LABEL_DROPOUT}
#: What a value of a type is called in messages.
TYPE_NAMES = {bool: "True or False", int: "a whole number", float: "a number", str: "a text"}


def with_recipe(config: Configured, kind: str) -> Configured:
    """The configuration with the recipe's values where a setting is not given.

    `distil_epochs` may stay 0: it depends on the transfer set, see `with_epochs`.

    Args:
        config: of a run; what it says stays.
        kind: of the student, as `runs.student_shape.student_kind` has it.
    """
    values: dict[str, Any]
    if config.recipe == "paper":
        values = _PAPER | ({"learning_rate": 1e-4} if kind == "transformer" else _PAPER_BILSTM)
    else:
        large = _FROM_TEACHER if config.pt_student_checkpoint == TEACHER else _TRANSFORMER
        values = _DEFAULT | (large if kind == "transformer" else _SMALL)
    values |= _by_file(config) if config.is_answered else {"pt_teacher_checkpoint": DEFAULT_TEACHER}
    if kind != "transformer":
        values["label_dropout"] = config.dropout if config.dropout >= 0 else _LABEL_DROPOUT
    unset = {field.name: field.default for field in dataclasses.fields(config)}
    missing: dict[str, Any] = {name: value for name, value in values.items() if getattr(config, name) == unset[name]}
    filled = dataclasses.replace(config, **missing)
    follows = filled.learning_rate * (1.0 if config.recipe == "paper" else 0.1)
    return dataclasses.replace(filled, label_learning_rate=config.label_learning_rate or follows,
                               freeze_word_embedding=config.freeze_word_embedding or filled.embedding_rate == 0)


def _by_file(config: DistillationConfig) -> dict[str, Any]:
    """What a run takes whose teacher is a file: it has no hidden states, and needs no checkpoint."""
    if config.pt_teacher_checkpoint or config.pt_student_checkpoint:
        return {"strategy": "logits", "embedding_init": "pretrained_svd", "dropout": _LABEL_DROPOUT}
    return {"strategy": "logits", "embedding_init": "random", "student_vocab_size": OWN_VOCABULARY,
            "dropout": _LABEL_DROPOUT}


def with_epochs(config: Configured, sentences: int) -> Configured:
    """The configuration with a number of epochs on a transfer set of so many examples, if none is given."""
    if config.distil_epochs:
        return config
    epochs = min(MAX_EPOCHS, max(MIN_EPOCHS, round(EXAMPLES / max(1, sentences))))
    return dataclasses.replace(config, distil_epochs=epochs)


class _Settings(Protocol):
    def validate(self) -> None: ...


Config = TypeVar("Config", bound=_Settings)


def config_from(config_class: type[Config], arguments: Mapping[str, Any], others: Sequence[str] = ()) -> Config:
    """A validated configuration.

    Args:
        config_class: of the configuration.
        arguments: by the names of its fields. Paths are taken as texts, lists of texts as comma-separated ones.
        others: faults that the caller found.

    Raises:
        ConfigError: one error that names everything that is wrong: unknown names (with the nearest one that
            is known), values of another type, values out of bounds, contradictions.
    """
    known = {field.name: field for field in dataclasses.fields(config_class)}  # type: ignore[arg-type]
    values, faults = {}, list(others)
    for name, given in arguments.items():
        if name not in known:
            near = difflib.get_close_matches(name, known, 1)
            faults.append(f"`{name}`: no such argument{f'; did you mean `{near[0]}`?' if near else '.'}")
            continue
        wanted = field_type(config_class, name)
        value = _plain(given)
        if not _fits(value, wanted):
            faults.append(f"`{name}={given!r}`: expected {TYPE_NAMES[wanted]}.")
            continue
        values[name] = wanted(value)
    config = config_class(**values)
    try:
        config.validate()
    except ConfigError as error:
        # Of several faults the first line only counts them.
        faults += str(error).split("\n  ")[1:] or [str(error)]
    raise_faults(faults)
    return config


def _plain(value: Any) -> Any:
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    if isinstance(value, list | tuple) and all(isinstance(one, str | os.PathLike | int) for one in value):
        return ",".join(map(str, value))
    return value.item() if hasattr(value, "item") and getattr(value, "ndim", 1) == 0 else value


def _fits(value: Any, wanted: type) -> bool:
    if wanted is float:
        return isinstance(value, int | float) and not isinstance(value, bool)
    return isinstance(value, wanted) and (wanted is bool or not isinstance(value, bool))


@contextlib.contextmanager
def named_as_given(arguments: Mapping[str, str]) -> Iterator[None]:
    """Errors raised inside name settings by the arguments that they were given by.

    Args:
        arguments: name of a setting -> name of the argument.
    """
    def spell(name: str, value: str | None) -> str | None:
        if name not in arguments:
            return None
        return f"`{arguments[name]}`" if value is None else f"`{arguments[name]}={value}`"

    try:
        yield
    except XtremeDistilError as error:
        error.args = (respelled(str(error), spell),)
        raise
