"""Words that stand at no edge of an entity, such as commas: found in labelled data, and cut off from entities.

Only words without a letter or digit are taken. One never begins (or ends) an entity if labelled data has it at least
twenty times just inside or just outside of that edge, and inside at most once in a hundred.
"""

from __future__ import annotations

import collections
import dataclasses
import functools
import logging
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from xtremedistil_tf.corpus.example import Example
from xtremedistil_tf.corpus.tag_schemes import is_iob2
from xtremedistil_tf.tasks.tagging.decoding import entities, entity_rules

log = logging.getLogger(__name__)
_FEWEST, _MOST_INSIDE = 20, 0.01
_OUTSIDE = "O"


@dataclasses.dataclass(frozen=True)
class EdgeWords:
    """Words that entities are left without at their edges.

    Attributes:
        never_first: words that begin no entity.
        never_last: words that end none.
    """

    never_first: tuple[str, ...] = ()
    never_last: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.never_first or self.never_last)

    def facts(self) -> dict[str, list[str]]:
        """The words as JSON."""
        return {"never_first": [*self.never_first], "never_last": [*self.never_last]}

    @classmethod
    def from_facts(cls, facts: Mapping[str, Sequence[str]] | None) -> EdgeWords:
        """The words that `facts` wrote; None, of what was written before there were any: none."""
        return cls(*(tuple(facts[name]) for name in ("never_first", "never_last"))) if facts else cls()

    @functools.cached_property
    def _either(self) -> frozenset[str]:
        return frozenset((*self.never_first, *self.never_last))

    def allow(self, words: Sequence[str]) -> bool:
        """Whether each of the words may stand at both edges."""
        return self._either.isdisjoint(words)

    def at(self, words: Sequence[str]) -> np.ndarray:
        """bool [2, words]: whether each can begin no entity, and whether it can end none."""
        sets = map(frozenset, (self.never_first, self.never_last))
        return np.array([[*map(never.__contains__, words)] for never in sets], bool).reshape(2, len(words))


def edge_words_of(examples: Iterable[Example], labels: Sequence[str]) -> EdgeWords:
    """The words that stand at no edge of the entities of labelled examples.

    Args:
        examples: labelled ones; others are left out.
        labels: all labels of the task; where they are not IOB2, no words are found.
    """
    first, last = _Edge(), _Edge()
    if not all(map(is_iob2, labels)):
        return EdgeWords()
    for example in examples:
        if example.tags is None:
            continue
        words, tags = example.words, example.tags
        for entity in entities(tags, labels):
            first.add(words, tags, entity.first, entity.first - 1)
            last.add(words, tags, entity.last, entity.last + 1)
    found = EdgeWords(first.never(), last.never())
    for words, edge in ((found.never_first, "begins"), (found.never_last, "ends")):
        if words:
            log.info("no entity %s with %s", edge, " ".join(words))
    return found


class _Edge:
    """Counts words at one edge of entities."""

    def __init__(self) -> None:
        self._inside: collections.Counter[str] = collections.Counter()
        self._outside: collections.Counter[str] = collections.Counter()

    def add(self, words: Sequence[str], tags: Sequence[str], inside: int, outside: int) -> None:
        """Counts the word just inside of an edge, and the one just outside where it is no entity's."""
        self._inside[words[inside]] += 1
        if 0 <= outside < len(words) and tags[outside] == _OUTSIDE:
            self._outside[words[outside]] += 1

    def never(self) -> tuple[str, ...]:
        """In order of the alphabet."""
        return tuple(sorted(word for word, outside in self._outside.items()
                            if not any(map(str.isalnum, word))
                            and outside + self._inside[word] >= _FEWEST
                            and self._inside[word] <= _MOST_INSIDE * (outside + self._inside[word])))


def begin_labels(labels: Sequence[str]) -> np.ndarray:
    """int32 [labels]: of each label the one of its type that begins an entity; itself where there is none."""
    rules = entity_rules(tuple(labels))
    begins = {kind: number for number, kind in reversed([*enumerate(rules.types)]) if rules.begins[number]}
    return np.array([begins.get(kind, number) for number, kind in enumerate(rules.types)], np.int32)


def cut_off(label_ids: np.ndarray, lengths: Sequence[int] | np.ndarray, never: np.ndarray,
            labels: Sequence[str]) -> np.ndarray:
    """Labels of which no entity begins or ends with a word that never does: such words become `O`, the next one begins
    the entity.

    Args:
        label_ids: int [words of all sentences], a legal sequence in each.
        lengths: [sentences], words of each; may be 0.
        never: bool [2, words of all sentences], see `EdgeWords.at`.
        labels: all labels, `O` among them.

    Returns:
        int [words of all sentences].
    """
    if not never.any():
        return label_ids
    rules, count = entity_rules(tuple(labels)), len(label_ids)
    joins = np.zeros(count, bool)
    joins[1:] = rules.joins[label_ids[:-1], label_ids[1:]]
    starts = np.cumsum(lengths) - lengths
    joins[starts[np.asarray(lengths) > 0]] = False
    run, firsts = np.cumsum(~joins) - 1, np.flatnonzero(~joins)
    stops = np.append(firsts[1:], count)
    # How many words before each place may begin, and may end, an entity.
    may_begin, may_end = np.concatenate([np.zeros((2, 1), np.int64), np.cumsum(~never, 1)], 1)
    kept = (may_begin[1:] > may_begin[firsts][run]) & (may_end[stops][run] > may_end[:-1])
    begins = kept & joins & ~np.concatenate([[False], kept[:-1]])
    found = np.where(kept, label_ids, list(labels).index(_OUTSIDE))
    return np.where(begins, begin_labels(labels)[found], found)


def edge_vectors(edge_words: EdgeWords, labels: Sequence[str]) -> list[dict[str, Any]]:
    """Sentences by which other programs test that they cut words off: `words`, `label_ids` as decoded, and `cut`, what
    becomes of them.

    Args:
        edge_words: some.
        labels: all labels, `O` among them, and an `I-` with its `B-`.
    """
    rules = entity_rules(tuple(labels))
    begin, inside = next((int(one), int(other)) for one, other in zip(*np.nonzero(rules.joins)) if rules.begins[one])
    first, last = ((*words, "w")[0] for words in (edge_words.never_first, edge_words.never_last))
    found = []
    for words, label_ids in (((first, "w", last, "w", last), (begin, inside, inside, inside, inside)),
                             (("w", last, first, "w"), (begin, inside, begin, inside)), ((last,), (begin,))):
        cut = cut_off(np.array(label_ids), [len(words)], edge_words.at(words), labels)
        found.append({"words": [*words], "label_ids": [*label_ids], "cut": cut.tolist()})
    return found
