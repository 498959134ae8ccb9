"""Words exchanged for their nearest neighbours among the teacher's word embeddings."""

from __future__ import annotations

import functools
import random
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import numpy as np

from xtremedistil_tf.augmentation.augmenter import Augmenter, blocks
from xtremedistil_tf.augmentation.editing import Editable, chosen, side_of
from xtremedistil_tf.augmentation.letters import kind_of, recased
from xtremedistil_tf.augmentation.plan import VariantPlan
from xtremedistil_tf.augmentation.whole_words import WholeWords
from xtremedistil_tf.corpus.example import AnyExample

_CHUNK = 4096
_NOT_SOUGHT, _NONE = -2, -1


class NeighbourTable:
    """The nearest neighbours of whole words by cosine, found when a word is first asked for.

    Neighbours have the script and the case (lower, title, upper) of their word. Besides the embeddings it
    holds 4 bytes for each word and neighbour.

    Args:
        table: float [vocab, width], the embeddings.
        words: the whole words of that vocabulary.
        count: neighbours of each word.
    """

    def __init__(self, table: np.ndarray, words: WholeWords, count: int):
        self._table, self._ids = table, words.ids
        self._found = np.full((len(words.ids), count), _NOT_SOUGHT, np.int32)
        kinds: dict[tuple[str, str], int] = {}
        self._kind = np.array([kinds.setdefault(kind_of(word), len(kinds)) for word in words.words], np.int32)

    def of(self, rows: np.ndarray) -> np.ndarray:
        """int32 [len(rows), count], rows of the neighbours, in no order; -1 where there are fewer.

        Args:
            rows: int, of the whole words.
        """
        new = np.unique(rows[self._found[rows, 0] == _NOT_SOUGHT])
        for kind in np.unique(self._kind[new]):
            members = np.flatnonzero(self._kind == kind).astype(np.int32)
            same = new[self._kind[new] == kind]
            for begin in range(0, len(same), _CHUNK):
                part = same[begin: begin + _CHUNK]
                self._found[part] = self._nearest(part, members)
        return self._found[rows]

    def _nearest(self, rows: np.ndarray, members: np.ndarray) -> np.ndarray:
        count = self._found.shape[1]
        best = np.full((len(rows), count), _NONE, np.int32)
        scores = np.full((len(rows), count), -np.inf, np.float32)
        asked = self._directions(rows)
        for begin in range(0, len(members), _CHUNK):
            part = members[begin: begin + _CHUNK]
            cosines = asked @ self._directions(part).T
            cosines[rows[:, None] == part] = -np.inf
            scores = np.concatenate([scores, cosines], axis=1)
            best = np.concatenate([best, np.broadcast_to(part, cosines.shape)], axis=1)
            top = np.argpartition(-scores, count - 1, axis=1)[:, :count]
            best, scores = np.take_along_axis(best, top, 1), np.take_along_axis(scores, top, 1)
        # Sorted by row, since the order by cosine hangs on the last bit of a float.
        return np.sort(np.where(np.isfinite(scores), best, _NONE), axis=1)

    def _directions(self, rows: np.ndarray) -> np.ndarray:
        vectors = self._table[self._ids[rows]].astype(np.float32)
        return vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)


class NeighbouringWords(Augmenter):
    """Each variant has a share of the words of one text exchanged for a neighbour, any of them as likely.

    Only words that are one piece of the vocabulary are exchanged; of labelled sentences those tagged `O`.

    Args:
        table: makes float [vocab, width], the teacher's word embeddings; called when first needed.
        tokenizer: the teacher's.
        identity: stands for the table, such as the teacher's fingerprint.
        neighbours: to choose from.
        share: of the words of a text to exchange.
        block: examples to read ahead.
    """

    name, keeps_label = "neighbours", True

    def __init__(self, table: Callable[[], np.ndarray], tokenizer: Any, identity: str, neighbours: int = 10,
                 share: float = 0.15, block: int = 1024):
        self._make_table, self._tokenizer = table, tokenizer
        self._count, self._share, self._block = neighbours, share, block
        self.settings: dict[str, Any] = {"table": identity, "neighbours": neighbours, "share": share}

    @functools.cached_property
    def _words(self) -> WholeWords:
        return WholeWords.of(self._tokenizer)

    @functools.cached_property
    def _table(self) -> NeighbourTable:
        return NeighbourTable(self._make_table(), self._words, self._count)

    def variants(self, examples: Iterable[AnyExample], plan: VariantPlan) -> Iterator[Sequence[AnyExample]]:
        for first, block in blocks(examples, self._block):
            generators = [plan.random(first + number) for number in range(len(block))]
            drafts = [self._drafts(example, plan.wanted(first + number), rng)
                      for number, (example, rng) in enumerate(zip(block, generators))]
            rows = [row for found in drafts for _, places in found for row in places.values()]
            self._table.of(np.array(rows, np.int64))  # of a whole block at once
            for found, rng in zip(drafts, generators):
                yield [words.with_words(self._exchanged(words, places, rng)) for words, places in found]

    def _drafts(self, example: AnyExample, wanted: int,
                rng: random.Random) -> list[tuple[Editable, dict[int, int]]]:
        """The words of each variant, and the row of each word that is exchanged."""
        found = []
        for _ in range(2 * wanted):
            words = Editable.of(example, side_of(example, rng))
            known = {i: row for i in words.exchangeable if (row := self._words.find(words.words[i])) >= 0}
            if places := chosen(list(known), len(words.words), self._share, rng):
                found.append((words, {i: known[i] for i in places}))
        return found

    def _exchanged(self, words: Editable, places: dict[int, int], rng: random.Random) -> dict[int, str]:
        new = {}
        for place, row in places.items():
            options = [int(n) for n in self._table.of(np.array([row]))[0] if n >= 0]
            if options:
                word = self._words.words[rng.choice(options)]
                new[place] = word if self._words.cased else recased(word, words.words[place])
        return new
