"""What a tagger reads of texts of any length, and what becomes of its logits: arrays over the words of all texts.

No text has a loop of its own in Python unless it is too long to be answered at once: words of short texts are most of
what a tagger is asked.
"""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from xtremedistil_tf.tasks.tagging.decoding import Entity, Transitions, best_sequences, entities_of
from xtremedistil_tf.tasks.tagging.edge_words import EdgeWords, cut_off
from xtremedistil_tf.tokenization.sentences import sentences_of
from xtremedistil_tf.tokenization.words import EncodedWords, SpecialTokens, cut_windows, pieces_of
from xtremedistil_tf.training.batches import Column, RaggedFeatures


@dataclasses.dataclass(frozen=True)
class TaggingFeatures:
    """Features in which every word is answered once, however long the sentence.

    Attributes:
        features: column `input_ids`, one row per window.
        answered: int64, the words that have pieces, numbered over all sentences.
        places: int64, the piece that answers each of them, numbered over all rows.
        num_words: words of each sentence.
        never: bool [2, words of all sentences], which stand at no edge of an entity, see `EdgeWords.at`.
        truncated: none is.
    """

    features: RaggedFeatures
    answered: np.ndarray
    places: np.ndarray
    num_words: list[int]
    never: np.ndarray
    truncated: int = 0


class Tagged(NamedTuple):
    """The tags of a sentence.

    Attributes:
        tags: of each word.
        scores: float32 [words], the probability that the softmax over the labels gives to the word's tag, 1 for a word
            without pieces. Where a better tag was not allowed, it is below that one's.
        entities: that the tags spell.
    """

    tags: list[str]
    scores: np.ndarray
    entities: list[Entity]


def prediction_features(tokenizer: Any, sentences: Sequence[Sequence[str]], lengths: tuple[int, int],
                        edges: EdgeWords) -> TaggingFeatures:
    """Texts that are too long to be answered at once are parted into sentences, and sentences longer than a window into
    overlapping windows.

    Args:
        tokenizer: fast tokenizer of the student.
        sentences: words of each text.
        lengths: most pieces of a text that is answered at once, and of a window, special tokens included.
        edges: words that are cut off from the edges of entities.
    """
    special = SpecialTokens.of(tokenizer)
    at_once, most = (length - len(special) for length in lengths)
    ids, counts = pieces_of(tokenizer, sentences)
    num_words = [len(words) for words in sentences]
    windows = _Windows(counts, np.array(num_words, np.int64), at_once)
    for number in windows.long:
        windows.part(number, ids, sentences[number], at_once, most)
    rows = windows.rows
    answered = np.flatnonzero(counts)
    row = windows.row_of_word[answered]
    pieces = np.array([0, *itertools.accumulate(stop - start + len(special) for start, stop in rows)], np.int64)
    begins = np.array([start for start, _ in rows], np.int64)
    places = pieces[row] + len(special.prefix) + windows.first_piece[answered] - begins[row]
    features = RaggedFeatures({"input_ids": _framed(ids, begins, pieces, special)}, pieces,
                              {"input_ids": Column(np.int32)})
    never = edges.at([*itertools.chain.from_iterable(sentences)]) if edges else np.zeros((2, len(counts)), bool)
    return TaggingFeatures(features, answered, places, num_words, never)


class _Windows:
    """Which pieces of all texts are a row, and which row answers each word.

    Args:
        counts: int64 [words of all texts], pieces of each.
        num_words: int64 [texts].
        at_once: pieces of a text that is a row as it is.

    Attributes:
        first_piece: int64 [words of all texts].
        row_of_word: int64 [words of all texts].
        rows: first piece, and the one after the last, of each row, special tokens left out.
        long: the texts that are to be parted.
    """

    def __init__(self, counts: np.ndarray, num_words: np.ndarray, at_once: int):
        stops = np.concatenate([[0], np.cumsum(counts)])
        self._counts, self._first_word = counts, np.concatenate([[0], np.cumsum(num_words)])
        self.first_piece = stops[:-1]
        self._bounds = stops[self._first_word]
        is_long = np.diff(self._bounds) > at_once
        self.long: list[int] = np.flatnonzero(is_long).tolist()
        self.row_of_word = np.repeat(np.cumsum(~is_long) - 1, num_words)
        bounds = self._bounds.tolist()
        self.rows = [bounds[number:number + 2] for number in np.flatnonzero(~is_long).tolist()]

    def part(self, number: int, ids: np.ndarray, words: Sequence[str], at_once: int, most: int) -> None:
        """Parts a text into rows, which come after those that there are."""
        first_word, (start, stop) = self._first_word[number], self._bounds[number:number + 2]
        of_words = self._counts[first_word:self._first_word[number + 1]]
        encoded = EncodedWords(ids[start:stop], np.repeat(np.arange(len(words), dtype=np.int32), of_words), len(words))
        for sentence in sentences_of(encoded, words, at_once):
            for window in cut_windows(sentence, most):
                self.row_of_word[first_word + sentence.word_ids[window.answers]] = len(self.rows)
                self.rows.append([int(start) + window.start, int(start) + window.stop])
            start += len(sentence.ids)


def _framed(ids: np.ndarray, begins: np.ndarray, offsets: np.ndarray, special: SpecialTokens) -> np.ndarray:
    """int32 [pieces of all rows]: the rows of `ids` that begin at `begins`, each between the special tokens."""
    found = np.empty(offsets[-1], np.int32)
    lengths = np.diff(offsets) - len(special)
    into = offsets[:-1] + len(special.prefix)
    inside = np.arange(lengths.sum()) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    found[np.repeat(into, lengths) + inside] = ids[np.repeat(begins, lengths) + inside]
    for place, token in enumerate(special.prefix):
        found[offsets[:-1] + place] = token
    for place, token in enumerate(special.suffix):
        found[offsets[1:] - len(special.suffix) + place] = token
    return found


def tagged(features: TaggingFeatures, logits: np.ndarray, labels: Sequence[str], rules: Transitions) -> list[Tagged]:
    """The tags of each sentence, decoded over the whole of it, windows or not. A word without pieces (control
    characters only) is tagged `O`.

    Args:
        features: see `prediction_features`.
        logits: float32 [words of all sentences, labels].
        labels: all labels.
        rules: which of them may follow which.
    """
    found = best_sequences(logits, features.num_words, rules)
    found = cut_off(found, features.num_words, features.never, labels)
    powers = np.exp(logits - logits.max(-1, keepdims=True))
    scores = np.take_along_axis(powers, found[:, None], -1)[:, 0] / powers.sum(-1)
    tags = [*map(labels.__getitem__, found.tolist())]
    stops = itertools.accumulate(features.num_words)
    return [Tagged(tags[stop - count:stop], scores[stop - count:stop], spelled)
            for count, stop, spelled in zip(features.num_words, stops, entities_of(found, features.num_words, labels))]
