"""Entities as spans of words."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from xtremedistil_tf.corpus.tags import is_iob2


class Entity(NamedTuple):
    """Its type, and its first and last word."""

    type: str
    first: int
    last: int


class EntityRules(NamedTuple):
    """How the tags of neighbouring words make entities.

    Words are parted into the longest runs in which each word joins the one before it; a run is an entity if
    its first word begins one.

    Attributes:
        types: of the entities of each label, empty for `O`.
        begins: bool [labels], whether a run that this label starts is an entity.
        joins: bool [labels, labels], whether the second label, one word later, stays in the first one's run.
    """

    types: tuple[str, ...]
    begins: np.ndarray
    joins: np.ndarray


@functools.lru_cache(maxsize=16)
def entity_rules(labels: tuple[str, ...]) -> EntityRules:
    """The rules for a set of labels.

    Source: where all labels are `O`, `B-type` or `I-type`, equal to seqeval's strict IOB2, as in
    `entity_scores`: an `I-` that follows no entity of its type is no entity and ends the one before it. Other
    labels (parts of speech, say) have no beginnings: each run of one label other than `O` is an entity.
    """
    inside = np.array([label != "O" for label in labels], bool)
    if not all(map(is_iob2, labels)):
        return EntityRules(tuple("" if label == "O" else label for label in labels), inside,
                           np.eye(len(labels), dtype=bool))
    # seqeval takes every hyphen at either end for a delimiter.
    types = tuple("" if label == "O" else label[1:].strip("-") or "_" for label in labels)
    same_type = np.array(types)[:, None] == np.array(types)
    continues = np.array([label.startswith("I-") for label in labels], bool)
    return EntityRules(types, inside & ~continues, same_type & continues)


def entities(tags: Sequence[str], labels: Sequence[str]) -> list[Entity]:
    """The entities that the tags of a sentence's words spell, in order; see `entity_rules`.

    Args:
        tags: one of the labels for each word.
        labels: all labels of the task.
    """
    rules, number_of = entity_rules(tuple(labels)), {label: number for number, label in enumerate(labels)}
    numbers = np.array([number_of[tag] for tag in tags], np.int64)
    joins = np.concatenate([[False], rules.joins[numbers[:-1], numbers[1:]]])[:len(tags)]
    firsts = np.flatnonzero(~joins)
    stops = np.append(firsts[1:], len(tags))
    return [Entity(rules.types[numbers[first]], int(first), int(stop) - 1)
            for first, stop in zip(firsts, stops) if rules.begins[numbers[first]]]
