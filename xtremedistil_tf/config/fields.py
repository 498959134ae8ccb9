"""A field of a configuration: a flag of the command line, a key of the JSON file and an argument of the API."""

from __future__ import annotations

import dataclasses
import functools
import typing
from collections.abc import Iterable, Sequence
from typing import Any

from xtremedistil_tf.errors import ConfigError

POLICIES = ("float32", "mixed_bfloat16", "mixed_float16")
DECODINGS = ("legal", "argmax")
WORD_SPLITTINGS = ("auto", "whitespace", "punctuation")
TASK_KINDS = ("auto", "tagging", "classification", "regression", "question_answering", "multi_label")


def setting(group: str, default: Any, help: str, choices: tuple[str, ...] | None = None,
            minimum: float | None = None, maximum: float | None = None) -> Any:
    """A dataclass field with what a flag needs: its group in the help, help text, choices and bounds."""
    return dataclasses.field(default=default, metadata={
        "group": group, "help": help, "choices": choices, "minimum": minimum, "maximum": maximum})


def selector(group: str) -> Any:
    """The field of what chooses the best weights of a training on labels."""
    return setting(group, "loss",
        "What selects the best weights of a phase on labels: loss, the dev loss, as in the paper; score, the main dev "
        "score. With few labels the score keeps rising long after the loss starts to rise.",
        ("loss", "score"))


def decoding_choice(group: str) -> Any:
    """The field of how a tagger's answers are made."""
    return setting(group, DECODINGS[0],
        "Tagging: how student and teacher decode tags. legal: the best sequence that IOB2 allows (no I- without its "
        "B-); argmax: the best tag of each word independently. Tags that are not IOB2 always use argmax.", DECODINGS)


def word_splitting_choice(group: str) -> Any:
    """The field of how raw text is split into words."""
    return setting(group, "auto",
        "Tagging: how raw text (transfer text, and text to predict) is split into words. whitespace; punctuation: "
        "marks at the edges of words are words of their own; auto: as in the training data (docs/word_splitting.md).",
        WORD_SPLITTINGS)


TAG_SCHEMES = ("auto", "IOB2", "IOB1", "BIOES", "BILOU", "BMEWO", "BMES", "IO", "none")
_COLUMN = "a number from 1 (-1: the last one), or a name in the first row. Empty: by the content of the file."
_READING: dict[str, dict[str, Any]] = {
    "tag_scheme": {"default": "auto", "choices": TAG_SCHEMES, "help":
                   "Tagging: the scheme of the tags in the task's files, which are converted to IOB2. auto: by all "
                   "tags of a file, which the log says; IOB2: no conversion; IO: types of entities without B- and I-; "
                   "none: labels of words, such as parts of speech."},
    "token_column": {"default": "", "help": f"Tagging, files with a token per line: column of the token, {_COLUMN}"},
    "tag_column": {"default": "", "help": f"Tagging, files with a token per line: column of the tag, {_COLUMN}"},
    "text_column": {"default": "", "help":
                    "Classification, regression: column or key of the text (pairs: two, separated by a comma), "
                    f"{_COLUMN}"},
    "label_column": {"default": "", "help": f"Classification, regression: column or key of the label, {_COLUMN}"},
    "dev_fraction": {"default": 0.0, "minimum": 0.0, "maximum": 0.9, "help":
                     "Share of the training examples that become the dev set if the task has none, stratified by class "
                     "and the same for every `seed`. Recommended: 0.1."}}


def reading_setting(name: str, group: str = "Data") -> Any:
    """The field of a setting for how labelled files are read."""
    return setting(group, **_READING[name])


def other_decoding(group: str, whose: str) -> Any:
    """The field of a decoding in place of the model directory's own.

    Args:
        group: of the field.
        whose: what is decoded so.
    """
    return setting(group, "",
        f"Tagging: how {whose} decoded: legal (the best sequence that IOB2 allows) or argmax (the best tag of each "
        "word independently). Default: as stored in `model_dir` (argmax if not stored).",
        ("", *DECODINGS))


def validate_fields(config: Any, *required: str, further: Iterable[str] = ()) -> None:
    """Raises one ConfigError that names every value outside its choices or bounds, and every empty required one.

    Args:
        config: a configuration.
        required: fields that must not be empty.
        further: other faults, which are read only where the fields are good in themselves.
    """
    found = (value_fault(field, getattr(config, field.name)) for field in dataclasses.fields(config))
    faults = [fault for fault in found if fault]
    faults += [f"`{name}` is required. Expected: {help_of(type(config), name)}"
               for name in required if not getattr(config, name)]
    raise_faults(faults or list(further))


def raise_faults(faults: Sequence[str]) -> None:
    """Raises a ConfigError with all the faults, if there are any."""
    if len(faults) > 1:
        raise ConfigError("\n  ".join([f"{len(faults)} settings are wrong:", *faults]))
    if faults:
        raise ConfigError(faults[0])


def field_type(config_class: type, name: str) -> type:
    """The Python type of a field: str, int, float or bool."""
    return _types(config_class)[name]


@functools.cache
def _types(config_class: type) -> dict[str, type]:
    # Evaluates the annotations of all fields: too slow to do for each.
    return typing.get_type_hints(config_class)


def value_fault(field: dataclasses.Field[Any], value: Any) -> str | None:
    """What is wrong with a value of the field's type: it is outside its choices or bounds."""
    meta = field.metadata
    if meta["choices"] and value not in meta["choices"]:
        return f"`{field.name}={value}`: expected one of {', '.join(filter(None, meta['choices']))}."
    if meta["minimum"] is not None and value < meta["minimum"]:
        return f"`{field.name}={value}`: expected at least {meta['minimum']}."
    if meta["maximum"] is not None and value > meta["maximum"]:
        return f"`{field.name}={value}`: expected at most {meta['maximum']}."
    return None


def help_of(config_class: type, name: str) -> str:
    """The help text of a field."""
    text: str = {field.name: field for field in dataclasses.fields(config_class)}[name].metadata["help"]
    return text


def listed(words: str) -> list[str]:
    """The words of a comma-separated setting, without white space around them and without empty ones."""
    return [word.strip() for word in words.split(",") if word.strip()]
