"""From values of a run's metrics, any of which may be missing, to text for the report; and the models it compares."""

from __future__ import annotations

import math
import numbers
import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from markupsafe import Markup, escape

from xtremedistil_tf.tasks.registry import score_name, words_of
from xtremedistil_tf.tasks.scores import KindWords

MISSING = "–"
# What XML forbids even when escaped, and lone surrogates, which UTF-8 cannot encode.
_UNPRINTABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff\ufffe\uffff]")


def printable(value: Any) -> str:
    """Any value as text that UTF-8 and XML can hold; not escaped."""
    return MISSING if value is None else _UNPRINTABLE.sub("\ufffd", str(value))


def text(value: Any) -> Markup:
    """Any value as escaped text, safe between tags and inside quoted attributes."""
    return escape(printable(value))


class Model(NamedTuple):
    """Key in the metrics, name for people, and the class that gives its colour."""

    key: str
    title: str
    css: str


MODELS = (Model("teacher", "teacher", "teacher"), Model("student", "student", "student"),
          Model("direct_baseline", "labels alone", "baseline"), Model("untrimmed", "all subwords", "untrimmed"))


#: Retention above which something is to be explained.
MOST_KEPT = 1.05
OUTDONE = ("the student scores more than 105 % of its teacher. Either the teacher is weak, after few labels or epochs "
           "(a better one makes a better student), or there are so few examples that chance decides.")


#: What a score is where the teacher's answers stand in for gold labels.
AGREEMENT = "agreement with the teacher"
NO_GOLD = ("There are no gold labels: the teacher's answers stand in for them. These figures say how well the student "
           "agrees with its teacher, not how often either is right.")


def by_teacher(metrics: Mapping[str, Any]) -> bool:
    """Whether scores are about the teacher's answers, not about gold labels."""
    return metrics.get("reference") == "teacher"


def models_of(metrics: Mapping[str, Any]) -> list[Model]:
    """The models that the metrics have figures of."""
    return [model for model in MODELS if isinstance(metrics.get(model.key), Mapping)]


def first(metrics: Mapping[str, Any], models: Sequence[Model], *keys: Any) -> Any:
    """What all models share, such as the entities of a type, from the first that has it."""
    return next((value for model in models if (value := dig(metrics, model.key, *keys)) is not None), None)


def names(metrics: Mapping[str, Any], models: Sequence[Model], table: str) -> list[Any]:
    """Names that any model has a row for in a table, in their first order."""
    return list(dict.fromkeys(name for model in models for name in dig(metrics, model.key, table) or {}))


def finite(value: Any) -> float | None:
    """The value as a float; None for all that is no finite number."""
    if isinstance(value, bool) or not isinstance(value, numbers.Real):
        return None
    return float(value) if math.isfinite(value) else None


def dig(mapping: Any, *keys: Any) -> Any:
    """`mapping[key1][key2]...`, None as soon as a key or a level is missing."""
    for key in keys:
        if not isinstance(mapping, Mapping):
            return None
        mapping = mapping.get(key)
    return mapping


def main_score(metrics: Mapping[str, Any]) -> str:
    """Key of the score that the run is about."""
    return str(metrics.get("main_score") or "f1")


def score_title(metrics: Mapping[str, Any], key: str | None = None, capital: bool = False) -> str:
    """Name of a score, by default of the main one; with `capital` as a sentence begins."""
    name = score_name(key or main_score(metrics), str(metrics.get("kind") or "tagging"))
    if by_teacher(metrics):
        name = AGREEMENT if name == "accuracy" else f"{AGREEMENT} ({name})"
    return name[:1].upper() + name[1:] if capital else name


def words(metrics: Mapping[str, Any]) -> KindWords:
    """What there is to say about the kind of task."""
    return words_of(str(metrics.get("kind") or "tagging"), main_score(metrics))


def items(metrics: Mapping[str, Any]) -> str:
    """What the examples of the task are called, in the plural."""
    return words(metrics).items


def records(values: Any) -> list[Mapping[str, Any]]:
    """The mappings of a list; none where there is no list."""
    values = values if isinstance(values, (list, tuple)) else []
    return [value for value in values if isinstance(value, Mapping)]


def name_of(phase: Mapping[str, Any]) -> str:
    """Name of a phase's record."""
    return str(phase.get("name") or MISSING)


def percent(value: Any, decimals: int = 2) -> str:
    """A share in [0, 1] as a number of per cent, without the sign."""
    value = finite(value)
    return MISSING if value is None else f"{100 * value:.{decimals}f}"


def with_unit(shown: str, unit: str) -> str:
    """A formatted number with its unit; no unit where there is no number."""
    return shown if shown == MISSING else f"{shown}{unit}"


def times(value: Any) -> str:
    """A ratio, such as 5.6×."""
    return with_unit(plain(value, ".1f"), "×")


def plain(value: Any, form: str = ".4g") -> str:
    """A number in a format of Python's."""
    value = finite(value)
    return MISSING if value is None else format(value, form)


def count(value: Any) -> str:
    """A whole number with thousands set apart."""
    return plain(value, ",.0f")


def large(value: Any) -> str:
    """A count in millions or thousands, such as 117.5 M."""
    value = finite(value)
    if value is None:
        return MISSING
    for size, unit in ((1e6, " M"), (1e3, " k")):
        if abs(value) >= size:
            return f"{value / size:.1f}{unit}"
    return f"{value:.0f}"


def duration(seconds: Any) -> str:
    """Seconds in the two largest units that say something."""
    seconds = finite(seconds)
    if seconds is None:
        return MISSING
    if seconds < 59.95:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s"
    return f"{minutes // 60} h {minutes % 60} min"
