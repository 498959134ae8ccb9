"""A short text that is asked alone, with the answers of `prediction.py`.

An operation on an array takes a microsecond even if the array has twenty values, and what is right for thousands of
texts takes a hundred of them. Here are loops over the words instead.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from xtremedistil_tf.tasks.tagging.decoding import Entity, Transitions, best_sequences, entity_rules
from xtremedistil_tf.tasks.tagging.edge_words import EdgeWords, cut_off
from xtremedistil_tf.tokenization.words import SpecialTokens, few_pieces

#: Words of a text that is answered here; from about so many on arrays are faster.
FEW_WORDS = 64
_NUMBERS = np.arange(FEW_WORDS)


class Row(NamedTuple):
    """A text as the only row of its features.

    Attributes:
        ids: int32 [pieces], special tokens included.
        answered: int64, numbers of the words that have pieces.
        places: int64, the first piece of each of them.
    """

    ids: np.ndarray
    answered: np.ndarray
    places: np.ndarray


def row_alone(tokenizer: Any, words: Sequence[str], special: SpecialTokens, at_once: int) -> Row | None:
    """The row of a text.

    Args:
        tokenizer: fast tokenizer of the student.
        words: of the text.
        special: what stands before and after it.
        at_once: most pieces, special tokens left out.

    Returns:
        None where the text has more pieces or words.
    """
    if len(words) > FEW_WORDS:
        return None
    ids, counts = few_pieces(tokenizer, words)
    if len(ids) > at_once:
        return None
    prefix, suffix = special.lists
    places, place = [], len(prefix)
    for count in counts:
        places.append(place)
        place += count
    row = np.array([*prefix, *ids, *suffix], np.int32)
    if 0 not in counts:
        return Row(row, _NUMBERS[:len(counts)], np.array(places, np.int64))
    answered = np.flatnonzero(counts)
    return Row(row, answered, np.array(places, np.int64)[answered])


def tagged_alone(logits: np.ndarray, words: Sequence[str], edges: EdgeWords, labels: Sequence[str],
                 rules: Transitions) -> tuple[list[str], np.ndarray, list[Entity]]:
    """Tags, their scores, and entities of a text, see `Tagged`.

    Args:
        logits: float32 [words, labels].
        words: of the text.
        edges: words that are cut off from the edges of entities.
        labels: all labels.
        rules: which of them may follow which.
    """
    best = choice = logits.argmax(-1)
    label_ids = choice.tolist()
    if not _legal(label_ids, rules):
        choice = best_sequences(logits, [len(words)], rules)
        label_ids = choice.tolist()
    spelled = _spelled(label_ids, labels)
    if spelled and edges and not edges.allow(words):
        choice = cut_off(choice, [len(words)], edges.at(words), labels)
        label_ids = choice.tolist()
        spelled = _spelled(label_ids, labels)
    powers = np.exp(logits - np.maximum.reduce(logits, -1, keepdims=True))
    # The power of the best label is that of zero.
    chosen = 1 if choice is best else powers[np.arange(len(label_ids)), label_ids]
    return [*map(labels.__getitem__, label_ids)], chosen / np.add.reduce(powers, -1), spelled


def _legal(label_ids: Sequence[int], rules: Transitions) -> bool:
    needs, gives = rules.lists
    given = gives[-1]
    for label in label_ids:
        if needs[label] >= 0 and needs[label] != given:
            return False
        given = gives[label]
    return True


def _spelled(label_ids: Sequence[int], labels: Sequence[str]) -> list[Entity]:
    """See `entities_of`."""
    types, begins, joins = _entity_lists(tuple(labels))
    found, run, before = [], None, None
    for place, label in enumerate(label_ids):
        if before is None or not joins[before][label]:
            if run is not None:
                found.append(Entity(*run, place - 1))
            run = (types[label], place) if begins[label] else None
        before = label
    return found if run is None else [*found, Entity(*run, len(label_ids) - 1)]


@functools.lru_cache(maxsize=16)
def _entity_lists(labels: tuple[str, ...]) -> tuple[tuple[str, ...], list[bool], list[list[bool]]]:
    rules = entity_rules(labels)
    return rules.types, rules.begins.tolist(), rules.joins.tolist()
