"""The models that a report compares: what they are called, their colour, and what their figures share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from xtremedistil_tf.report.values import dig


class Model(NamedTuple):
    """Key in the metrics, name for people, and the class that gives its colour."""

    key: str
    title: str
    css: str

    @property
    def label(self) -> str:
        """The name with its colour, as HTML."""
        return f'<span class="key {self.css}">{self.title}</span>'


_MODELS = (Model("teacher", "teacher", "teacher"), Model("student", "student", "student"),
           Model("direct_baseline", "labels alone", "baseline"),
           Model("untrimmed", "all pieces", "untrimmed"))


def models_of(metrics: Mapping[str, Any]) -> list[Model]:
    """The models that the metrics have figures of."""
    return [model for model in _MODELS if isinstance(metrics.get(model.key), Mapping)]


def first(metrics: Mapping[str, Any], models: Sequence[Model], *keys: Any) -> Any:
    """What all models share, such as the entities of a type, from the first that has it."""
    return next((value for model in models if (value := dig(metrics, model.key, *keys)) is not None), None)


def names(metrics: Mapping[str, Any], models: Sequence[Model], table: str) -> list[Any]:
    """Names that any model has a row for in a table, in their first order."""
    return list(dict.fromkeys(name for model in models for name in dig(metrics, model.key, table) or {}))
