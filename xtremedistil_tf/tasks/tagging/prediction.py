"""What a tagger reads of texts of any length, and what becomes of its logits: arrays over the words of all texts.

No text has a loop of its own in Python unless it is too long to be answered at once, or short and alone (`alone.py`):
words of short texts are most of what a tagger is asked.
"""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from xtremedistil_tf.tasks.tagging.alone import FEW_WORDS, row_alone, tagged_alone
from xtremedistil_tf.tasks.tagging.decoding import Entity, Transitions, best_sequences, entities_of
from xtremedistil_tf.tasks.tagging.edge_words import EdgeWords, cut_off
from xtremedistil_tf.tokenization.sentences import sentences_of
from xtremedistil_tf.tokenization.words import EncodedWords, SpecialTokens, cut_windows, pieces_of, special_tokens
from xtremedistil_tf.training.batches import Column, RaggedFeatures

_COLUMNS = {"input_ids": Column(np.int32)}


@dataclasses.dataclass(frozen=True)
class TaggingFeatures:
    """Features in which every word is answered once, however long the sentence.

    Attributes:
        features: column `input_ids`, one row per window.
        answered: int64, the words that have pieces, numbered over all sentences.
        places: int64, the piece that answers each of them, numbered over all rows.
        num_words: words of each sentence.
        words: the words of all sentences.
        edges: words that are cut off from the edges of entities.
        truncated: none is.
    """

    features: RaggedFeatures
    answered: np.ndarray
    places: np.ndarray
    num_words: list[int]
    words: Sequence[str]
    edges: EdgeWords
    truncated: int = 0

    @property
    def never(self) -> np.ndarray:
        """bool [2, words of all sentences], which stand at no edge of an entity, see `EdgeWords.at`."""
        return self.edges.at(self.words) if self.edges else np.zeros((2, len(self.words)), bool)


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
    special = special_tokens(tokenizer)
    at_once, most = (length - len(special) for length in lengths)
    if len(sentences) == 1 and (alone := row_alone(tokenizer, sentences[0], special, at_once)):
        short = RaggedFeatures({"input_ids": alone.ids}, np.array([0, len(alone.ids)]), _COLUMNS)
        return TaggingFeatures(short, alone.answered, alone.places, [len(sentences[0])], sentences[0], edges)
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
    features = RaggedFeatures({"input_ids": _framed(ids, begins, pieces, special)}, pieces, _COLUMNS)
    return TaggingFeatures(features, answered, places, num_words, [*itertools.chain.from_iterable(sentences)], edges)


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


def word_logits(features: TaggingFeatures, row_logits: Sequence[np.ndarray], rules: Transitions) -> np.ndarray:
    """float32 [words of all sentences, labels], of each word where it is answered; see `tagged`."""
    if len(row_logits) == 1 and len(features.places) == sum(features.num_words):
        return row_logits[0][features.places]
    logits = np.full((sum(features.num_words), len(rules.needs)), -np.inf, np.float32)
    logits[:, rules.outside] = 0.0
    if len(features.answered):
        logits[features.answered] = np.concatenate(row_logits)[features.places]
    return logits


def tagged(features: TaggingFeatures, row_logits: Sequence[np.ndarray], labels: Sequence[str],
           rules: Transitions) -> list[Tagged]:
    """The tags of each sentence, decoded over the whole of it, windows or not. A word without pieces (control
    characters only) is tagged `O`.

    Args:
        features: see `prediction_features`.
        row_logits: float32 [pieces, labels] of each row.
        labels: all labels.
        rules: which of them may follow which.
    """
    logits = word_logits(features, row_logits, rules)
    if len(features.num_words) == 1 and len(logits) <= FEW_WORDS:
        return [Tagged(*tagged_alone(logits, features.words, features.edges, labels, rules))]
    found = best_sequences(logits, features.num_words, rules)
    found = cut_off(found, features.num_words, features.never, labels)
    powers = np.exp(logits - logits.max(-1, keepdims=True))
    scores = np.take_along_axis(powers, found[:, None], -1)[:, 0] / powers.sum(-1)
    tags = [*map(labels.__getitem__, found.tolist())]
    stops = itertools.accumulate(features.num_words)
    return [Tagged(tags[stop - count:stop], scores[stop - count:stop], spelled)
            for count, stop, spelled in zip(features.num_words, stops, entities_of(found, features.num_words, labels))]
