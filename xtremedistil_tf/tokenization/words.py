"""Pre-split words: encoded and aligned with their subwords, and cut into overlapping windows."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Iterable, Iterator, Sequence

import numpy as np

#: Sentences, and words of a long text, that are encoded at once: what an encoding holds is far more than its numbers.
_BATCH, _MOST_WORDS = 1024, 16384


@dataclasses.dataclass(frozen=True)
class EncodedWords:
    """One sentence as pieces, without special tokens.

    Attributes:
        ids: int32 [pieces], piece ids.
        word_ids: int32 [pieces], index of the word that each piece belongs to; words that the
            tokenizer deletes whole (control characters only) do not occur.
        num_words: number of words before encoding.
    """

    ids: np.ndarray
    word_ids: np.ndarray
    num_words: int

    @property
    def word_starts(self) -> np.ndarray:
        """bool [pieces], true at the first piece of each word."""
        starts = np.ones(len(self.word_ids), bool)
        starts[1:] = self.word_ids[1:] != self.word_ids[:-1]
        return starts


@dataclasses.dataclass(frozen=True)
class SpecialTokens:
    """What the tokenizer puts around one sentence, such as [CLS] and [SEP]; ids as int32 arrays."""

    prefix: np.ndarray
    suffix: np.ndarray

    @classmethod
    def of(cls, tokenizer) -> SpecialTokens:
        # The post-processor is asked, not build_inputs_with_special_tokens: the generic fast
        # tokenizer class implements the latter as "no special tokens" whatever its file says.
        encoding = tokenizer([["a"]], is_split_into_words=True).encodings[0]
        special = np.asarray(encoding.special_tokens_mask, bool)
        ids = np.asarray(encoding.ids, np.int32)
        inside = np.flatnonzero(~special)
        if not len(inside):
            return cls(ids, ids[:0])
        return cls(ids[: inside[0]], ids[inside[-1] + 1:])

    def __len__(self) -> int:
        return len(self.prefix) + len(self.suffix)

    def wrap(self, values: np.ndarray, fill=None) -> np.ndarray:
        """Adds the special tokens around `values`; with `fill`, that value in their places."""
        if fill is None:
            return np.concatenate([self.prefix, values, self.suffix])
        return np.concatenate([np.full(len(self.prefix), fill, values.dtype), values,
                               np.full(len(self.suffix), fill, values.dtype)])


def encode_words(tokenizer, sentences: Iterable[Sequence[str]]) -> Iterator[EncodedWords]:
    """Encodes pre-split sentences with a fast tokenizer of transformers.

    Agrees with `tokenizer(words, is_split_into_words=True).word_ids()`; the work per sentence is
    linear in its length (the original encoded a growing prefix for every word).
    """
    batch: list[list[str]] = []
    size = 0
    for words in sentences:
        if batch and (len(batch) == _BATCH or size + len(words) > _MOST_WORDS):
            yield from _encode_batch(tokenizer, batch)
            batch, size = [], 0
        if len(words) > _MOST_WORDS:
            yield _encode_long(tokenizer, words)
        else:
            batch.append(list(words))
            size += len(words)
    if batch:
        yield from _encode_batch(tokenizer, batch)


def _encode_long(tokenizer, words: Sequence[str]) -> EncodedWords:
    begins = range(0, len(words), _MOST_WORDS)
    parts = [next(_encode_batch(tokenizer, [list(words[begin:begin + _MOST_WORDS])])) for begin in begins]
    return EncodedWords(np.concatenate([part.ids for part in parts]),
                        np.concatenate([part.word_ids + begin for part, begin in zip(parts, begins)]), len(words))


def _encode_batch(tokenizer, batch: list[list[str]]) -> Iterator[EncodedWords]:
    encoded = tokenizer(batch, is_split_into_words=True, add_special_tokens=False,
                        return_attention_mask=False, return_token_type_ids=False, verbose=False)
    for words, encoding in zip(batch, encoded.encodings):
        yield EncodedWords(np.asarray(encoding.ids, np.int32),
                           np.asarray(encoding.word_ids, np.int32), len(words))


@dataclasses.dataclass(frozen=True, slots=True)
class Window:
    """Pieces [start, stop) of a sentence; `answers` are positions (in the sentence's pieces) of the
    first pieces of those words whose tag is read from this window."""

    start: int
    stop: int
    answers: np.ndarray


def cut_windows(encoded: EncodedWords, max_pieces: int | None) -> list[Window]:
    """Covers a sentence with windows of at most `max_pieces` pieces, half a window apart.

    Windows begin at word starts. A word is answered by the window in which it lies farthest from a
    cut. A word of more pieces than a window is cut; its first piece is still seen.
    """
    starts = np.flatnonzero(encoded.word_starts)
    total = len(encoded.ids)
    if max_pieces is None or total <= max_pieces:
        return [Window(0, total, starts)]
    spans = _spans(starts, total, max_pieces)
    best_window = np.zeros(len(starts), np.int64)
    best_margin = np.full(len(starts), -1.0)
    for index, (begin, end) in enumerate(spans):
        inside = slice(*np.searchsorted(starts, (begin, end)))
        left = np.inf if begin == 0 else starts[inside] - begin
        right = np.inf if end == total else end - 1 - starts[inside]
        margin = np.broadcast_to(np.minimum(left, right), best_margin[inside].shape)
        better = margin > best_margin[inside]
        best_window[inside][better], best_margin[inside][better] = index, margin[better]
    order = np.argsort(best_window, kind="stable")
    cuts = np.searchsorted(best_window[order], np.arange(len(spans) + 1))
    return [Window(*span, starts[order[first:stop]]) for span, (first, stop) in zip(spans, itertools.pairwise(cuts))]


def _spans(starts: np.ndarray, total: int, max_pieces: int) -> list[tuple[int, int]]:
    starts, stops = np.append(starts, total), np.append(starts, total)  # a word begins where the one before it ends
    spans, begin = [], 0

    def next_start(place: int) -> int:
        return int(starts[np.searchsorted(starts, place)])

    while True:
        fitting = int(stops[np.searchsorted(stops, begin + max_pieces, "right") - 1])
        end = fitting if fitting > begin else begin + max_pieces
        spans.append((begin, end))
        if end >= total:
            return spans
        following = next_start(begin + max(1, max_pieces // 2))
        if following > end:  # nothing may be skipped: go on at the first word that this window cut off
            following = next_start(end)
        if following >= total:
            return spans
        begin = following
