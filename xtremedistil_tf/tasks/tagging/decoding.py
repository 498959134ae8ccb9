"""From the logits of a sentence's words to the best sequence of tags that its scheme allows, and to entities."""

from __future__ import annotations

import dataclasses
import functools
import itertools
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from xtremedistil_tf.corpus.tag_schemes import is_iob2

# What a label needs that may stand anywhere, and what one gives after which nothing may go on: never equal.
_NEEDS_NOTHING, _GIVES_NOTHING = -1, -2
#: Size and number of the examples by which other programs test their decoding.
_VECTOR_WORDS, _VECTORS, _MOST_VECTORS_TRIED = 5, 3, 200


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
    number_of = {label: number for number, label in enumerate(labels)}
    return next(entities_of(np.array([number_of[tag] for tag in tags], np.int64), [len(tags)], labels))


def entities_of(label_ids: np.ndarray, lengths: Sequence[int], labels: Sequence[str]) -> Iterator[list[Entity]]:
    """The entities of each sentence, see `entities`.

    Args:
        label_ids: int [words of all sentences], one sentence after the other.
        lengths: [sentences], words of each; may be 0.
        labels: all labels of the task.
    """
    rules, count = entity_rules(tuple(labels)), len(label_ids)
    starts = np.concatenate([[0], np.cumsum(np.asarray(lengths, np.int64))])
    opens = np.ones(count + 1, bool)
    opens[1:count] = ~rules.joins[label_ids[:-1], label_ids[1:]]
    opens[starts] = True
    firsts = np.flatnonzero(opens)
    firsts, stops = firsts[:-1], firsts[1:]
    begun = rules.begins[label_ids[firsts]]
    firsts, stops = firsts[begun], stops[begun]
    sentence = np.searchsorted(starts, firsts, side="right") - 1
    types = [rules.types[label] for label in label_ids[firsts].tolist()]
    found = [*map(Entity, types, (firsts - starts[sentence]).tolist(), (stops - 1 - starts[sentence]).tolist())]
    for begin, end in itertools.pairwise(np.searchsorted(firsts, starts).tolist()):
        yield found[begin:end]


@dataclasses.dataclass(frozen=True, eq=False)
class Transitions:
    """Which label may follow which. In IOB2 an `I-` may follow `B-` and `I-` of its own type only.

    Attributes:
        needs: int32 [labels], number of the type that has to go before; -1: the label may stand anywhere, also
            at the beginning.
        gives: int32 [labels + 1], number of the type that may go on after each label, -2 after `O`; the last
            entry is for the beginning of a sentence, -2 too.
        restricted: whether anything is forbidden.
        outside: label of a word that no piece speaks for: `O`, else the first that may stand anywhere.
    """

    needs: np.ndarray
    gives: np.ndarray
    restricted: bool
    outside: int

    @functools.cached_property
    def lists(self) -> tuple[list[int], list[int]]:
        """`needs` and `gives`, for loops."""
        return self.needs.tolist(), self.gives.tolist()

    def may_follow(self, previous: np.ndarray) -> np.ndarray:
        """bool [..., labels], whether each label may follow `previous`, int [...]; the number of labels stands
        for the beginning."""
        return (self.needs == _NEEDS_NOTHING) | (self.needs == self.gives[previous][..., None])

    @functools.cached_property
    def successors(self) -> np.ndarray:
        """int32 [labels, n]: the labels that go on after each one, padded with the number of labels, which is
        always the last; so a maximum over them can have a column of its own for all labels that may stand
        anywhere."""
        count = len(self.needs)
        found = [np.flatnonzero((self.needs != _NEEDS_NOTHING) & (self.needs == given)) for given in self.gives[:count]]
        table = np.full((count, 1 + max(map(len, found))), count, np.int32)
        for row, after in zip(table, found):
            row[:len(after)] = after
        return table


@functools.lru_cache(maxsize=16)
def transitions(labels: tuple[str, ...], decoding: str = "legal") -> Transitions:
    """The transitions for a set of labels.

    Everything is allowed with `argmax`; where a label is not `O`, `B-type` or `I-type` (parts of speech, say);
    and where no label may begin a sentence. The types are those of `entity_rules`, so that in a legal sequence
    every `I-` belongs to an entity.

    Args:
        labels: all labels of the task.
        decoding: `legal` or `argmax`.
    """
    rules = entity_rules(labels)
    inside = np.array([bool(kind) for kind in rules.types], bool)
    numbers = {kind: number for number, kind in enumerate(dict.fromkeys(rules.types))}
    types = np.array([numbers[kind] for kind in rules.types], np.int32)
    needs = np.where(inside & ~rules.begins, types, _NEEDS_NOTHING).astype(np.int32)
    anywhere = np.flatnonzero(needs == _NEEDS_NOTHING)
    restricted = decoding == "legal" and 0 < len(anywhere) < len(labels)
    if not restricted:
        needs = np.full(len(labels), _NEEDS_NOTHING, np.int32)
    gives = np.append(np.where(inside, types, _GIVES_NOTHING), _GIVES_NOTHING).astype(np.int32)
    outside = labels.index("O") if "O" in labels else int(np.flatnonzero(needs == _NEEDS_NOTHING)[0])
    return Transitions(needs, gives, restricted, outside)


def best_sequences(logits: np.ndarray, lengths: Sequence[int] | np.ndarray, rules: Transitions) -> np.ndarray:
    """The best sequence of labels of each sentence among those that are allowed (Viterbi's algorithm).

    Best is the greatest sum of log-softmax over the words; of equal sums, the first in the order of the labels.
    So it is the argmax of every word where that is allowed. What log-softmax subtracts from all logits of a word
    changes no comparison: the greatest of them is subtracted instead.

    Args:
        logits: float32 [words of all sentences, labels], one sentence after the other.
        lengths: [sentences], words of each; may be 0.
        rules: what may follow what.

    Returns:
        int64 [words of all sentences].
    """
    found = logits.argmax(-1) if len(logits) else np.zeros(0, np.int64)
    if not rules.restricted or not len(logits):
        return found
    lengths = np.asarray(lengths, np.int64)
    starts = np.cumsum(lengths) - lengths
    previous = np.concatenate([[0], found[:-1]])
    previous[starts[lengths > 0]] = len(rules.needs)
    wrong = (rules.needs[found] != _NEEDS_NOTHING) & (rules.needs[found] != rules.gives[previous])
    sentence = np.repeat(np.arange(len(lengths)), lengths)
    # Most sentences are legal as they are. The others go from the longest to the shortest, so that those with
    # a word at a given place are always the first ones and nothing is padded.
    chosen = np.unique(sentence[wrong])
    chosen = chosen[np.argsort(-lengths[chosen], kind="stable")]
    if len(chosen):
        _decode(logits, starts[chosen], lengths[chosen], rules, found)
    return found


def test_vectors(rules: Transitions) -> list[dict[str, Any]]:
    """A few sentences whose best labels are not allowed: `logits`, `label_ids` and `argmax` of each."""
    random, found, count = np.random.default_rng(0), [], len(rules.needs)
    for _ in range(_MOST_VECTORS_TRIED):
        # Rounded, so that the numbers are the same in any language; far enough from equal sums.
        logits = np.round(2.0 * random.normal(size=(_VECTOR_WORDS, count)), 2)
        label_ids = best_sequences(logits.astype(np.float32), [_VECTOR_WORDS], rules)
        argmax = logits.argmax(-1)
        if (label_ids != argmax).any():
            found.append({"logits": logits.tolist(), "label_ids": label_ids.tolist(), "argmax": argmax.tolist()})
        if len(found) == _VECTORS:
            break
    return found


def _decode(logits: np.ndarray, starts: np.ndarray, lengths: np.ndarray, rules: Transitions,
            found: np.ndarray) -> None:
    """Writes the best sequences of the sentences at `starts`, the longest first, into `found`."""
    count, longest = len(rules.needs), int(lengths[0])
    active = np.searchsorted(-lengths, -np.arange(longest), side="left")
    anywhere, successors = np.flatnonzero(rules.needs == _NEEDS_NOTHING), rules.successors
    # One table for all places: of a text of a million words that many arrays would be most of the memory.
    table, ends = np.empty((int(active.sum()), count), np.float32), np.cumsum(active)
    ahead = np.zeros((0, count), np.float32)
    for place in range(longest - 1, -1, -1):
        here = table[ends[place] - active[place]:ends[place]]
        here[:] = logits[starts[:active[place]] + place]
        here -= here.max(-1, keepdims=True)
        here[:len(ahead)] += ahead
        best = np.concatenate([here, here[:, anywhere].max(-1, keepdims=True)], 1)
        ahead = best[:, successors].max(-1)
    previous = np.full(len(starts), count)
    for place, end in enumerate(ends):
        values = table[end - active[place]:end]
        allowed = rules.may_follow(previous[:len(values)])
        previous = np.where(allowed, values, -np.inf).argmax(-1)
        found[starts[:len(values)] + place] = previous
