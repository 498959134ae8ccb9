"""Pre-split words: encoded and aligned with their subwords, and cut into overlapping windows."""

from __future__ import annotations

import array
import dataclasses
import functools
import itertools
import threading
import weakref
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, TypeVar

import numpy as np

#: Sentences, and words, that are encoded at once.
_BATCH, _MOST_WORDS = 1024, 16384
#: Words that are remembered; new ones are given to the tokenizer in groups, which its threads share.
_MOST_KNOWN, _ENCODED_TOGETHER = 1 << 17, 64
# Words of several scripts, as a tokenizer may know only some of them.
_PROBES = (("a", "b"), ("the", "of"), ("1", "2"), (",", "."), ("и", "в"), ("的", "是"))
_Found = TypeVar("_Found")


def _remembered(asked: Callable[[Any], _Found]) -> Callable[[Any], _Found]:
    """The function, which asks each tokenizer once."""
    known: weakref.WeakKeyDictionary[Any, _Found] = weakref.WeakKeyDictionary()

    @functools.wraps(asked)
    def answer(tokenizer: Any) -> _Found:
        try:
            return known[tokenizer]
        except KeyError:
            return known.setdefault(tokenizer, asked(tokenizer))

    return answer


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

    @functools.cached_property
    def lists(self) -> tuple[list[int], list[int]]:
        """Prefix and suffix."""
        return self.prefix.tolist(), self.suffix.tolist()

    def wrap(self, values: np.ndarray, fill=None) -> np.ndarray:
        """Adds the special tokens around `values`; with `fill`, that value in their places."""
        if fill is None:
            return np.concatenate([self.prefix, values, self.suffix])
        return np.concatenate([np.full(len(self.prefix), fill, values.dtype), values,
                               np.full(len(self.suffix), fill, values.dtype)])


def text_row(encoded: EncodedWords, special: SpecialTokens, seq_len: int) -> tuple[dict[str, np.ndarray], bool]:
    """One unlabelled sentence as columns `input_ids` and `word_starts`, and whether it was cut."""
    room = seq_len - len(special)
    row = {"input_ids": special.wrap(encoded.ids[:room]),
           "word_starts": special.wrap(encoded.word_starts[:room].astype(np.float32), fill=0)}
    return row, len(encoded.ids) > room


class WordPieces:
    """The pieces of words. Each word is asked of the tokenizer once: text repeats its words, and a tokenizer encodes
    words that are given apart each by itself.

    Args:
        tokenizer: fast tokenizer of transformers, or a `LightTokenizer`.
    """

    def __init__(self, tokenizer: Any):
        self._tokenizer = weakref.ref(tokenizer)
        self._lock = threading.Lock()
        self._forget()

    def _forget(self) -> None:
        self._numbers: dict[str, int] = {}
        self._ids, self._stops = array.array("i"), array.array("q", [0])

    def of(self, words: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
        """int32 [pieces of all words], and int64 [words], the number of pieces of each."""
        with self._lock:
            self._learn(words)
            numbers = np.fromiter(map(self._numbers.__getitem__, words), np.int64, len(words))
            stops = np.frombuffer(self._stops, np.int64)
            starts, counts = stops[numbers], stops[numbers + 1] - stops[numbers]
            places = np.repeat(starts - (np.cumsum(counts) - counts), counts)
            # Copies: what looks into an array of Python keeps it from growing.
            return np.frombuffer(self._ids, np.int32)[places + np.arange(len(places))], counts

    def few(self, words: Sequence[str]) -> tuple[list[int], list[int]]:
        """As `of`, in lists: of few words they are made sooner than arrays."""
        with self._lock:
            if not all(map(self._numbers.__contains__, words)):
                self._learn(words)
            ids: list[int] = []
            counts, known, stops = [], self._ids, self._stops
            for number in map(self._numbers.__getitem__, words):
                begin, stop = stops[number], stops[number + 1]
                if stop - begin == 1:
                    ids.append(known[begin])
                else:
                    ids += known[begin:stop]
                counts.append(stop - begin)
            return ids, counts

    def _learn(self, words: Sequence[str]) -> None:
        if not self._numbers.keys() >= (new := set(words)):
            if len(self._numbers) > _MOST_KNOWN:
                self._forget()
            missing = [*(new - self._numbers.keys())]
            groups = [missing[begin:begin + _ENCODED_TOGETHER] for begin in range(0, len(missing), _ENCODED_TOGETHER)]
            for group, encoding in zip(groups, _encodings(self._tokenizer(), groups, is_split_into_words=True)):
                counts = np.bincount(np.asarray(encoding.word_ids, np.int64), minlength=len(group))
                self._numbers.update(zip(group, range(len(self._numbers), len(self._numbers) + len(group))))
                self._stops.extend((len(self._ids) + np.cumsum(counts)).tolist())
                self._ids.extend(encoding.ids)


def pieces_of(tokenizer: Any, sentences: Sequence[Sequence[str]]) -> tuple[np.ndarray, np.ndarray]:
    """The pieces of all words of pre-split sentences, without special tokens.

    Args:
        tokenizer: see `WordPieces`.
        sentences: of words.

    Returns:
        int32 [pieces], and int64 [words of all sentences], the number of pieces of each.
    """
    given = map(spaced_words, sentences) if needs_spaces(tokenizer) else sentences
    return _pieces(tokenizer).of([*itertools.chain.from_iterable(given)])


def few_pieces(tokenizer: Any, words: Sequence[str]) -> tuple[list[int], list[int]]:
    """As `pieces_of`, of one sentence and in lists."""
    return _pieces(tokenizer).few(spaced_words(words) if needs_spaces(tokenizer) else words)


@_remembered
def _pieces(tokenizer: Any) -> WordPieces:
    return WordPieces(tokenizer)


@_remembered
def special_tokens(tokenizer: Any) -> SpecialTokens:
    """See `SpecialTokens.of`; a tokenizer is asked once."""
    return SpecialTokens.of(tokenizer)


def encode_words(tokenizer: Any, sentences: Iterable[Sequence[str]]) -> Iterator[EncodedWords]:
    """Encodes pre-split sentences with a fast tokenizer of transformers.

    Agrees with `tokenizer(words, is_split_into_words=True).word_ids()`, of `spaced_words` where the
    tokenizer `needs_spaces`; the work per sentence is linear in its length (the original encoded a
    growing prefix for every word).
    """
    batch: list[Sequence[str]] = []
    size = 0
    for words in sentences:
        if batch and (len(batch) == _BATCH or size + len(words) > _MOST_WORDS):
            yield from _encode_batch(tokenizer, batch)
            batch, size = [], 0
        batch.append(words)
        size += len(words)
    if batch:
        yield from _encode_batch(tokenizer, batch)


def _encode_batch(tokenizer: Any, batch: Sequence[Sequence[str]]) -> Iterator[EncodedWords]:
    ids, counts = pieces_of(tokenizer, batch)
    word, piece = 0, 0
    for words in batch:
        numbers = np.repeat(np.arange(len(words), dtype=np.int32), counts[word:word + len(words)])
        yield EncodedWords(ids[piece:piece + len(numbers)], numbers, len(words))
        word, piece = word + len(words), piece + len(numbers)


def encodings_of_words(tokenizer: Any, sentences: Sequence[Sequence[str]]) -> Sequence[Any]:
    """The `tokenizers.Encoding` of each sentence of words, without special tokens.

    Offsets are those of the words as `spaced_words` gives them where the tokenizer `needs_spaces`.
    """
    form = spaced_words if needs_spaces(tokenizer) else list
    return _encodings(tokenizer, [form(words) for words in sentences], is_split_into_words=True)


@_remembered
def needs_spaces(tokenizer: Any) -> bool:
    """Whether the tokenizer loses the marks of words that are given apart, and keeps those of `spaced_words`.

    Tokenizers such as Gemma's, which mmBERT has, mark a word by the space before it, which words given apart lack,
    and no setting of the tokenizer puts it there. The tokenizer is asked, not its settings: which form of a few words
    gives the pieces of their text more often?
    """
    texts = [encoding.ids for encoding in _encodings(tokenizer, [" ".join(words) for words in _PROBES])]
    apart, spaced = (sum(encoding.ids == text for encoding, text in zip(
        _encodings(tokenizer, given, is_split_into_words=True), texts))
        for given in ([list(words) for words in _PROBES], [spaced_words(words) for words in _PROBES]))
    return spaced > apart


def word_form(tokenizer: Any, task: Any) -> dict[str, Any]:
    """For programs that tokenize themselves: `spaced_words`, true where a tagger's words are given as these."""
    return {"spaced_words": True} if task.raw_words is not None and needs_spaces(tokenizer) else {}


def spaced_words(words: Sequence[str]) -> list[str]:
    """Words as they stand in their text: each but the first with the space before it; an empty one is nothing."""
    return [f" {word}" if number and word else word for number, word in enumerate(words)]


def _encodings(tokenizer: Any, given: list[Any], **options: Any) -> Sequence[Any]:
    return tokenizer(given, add_special_tokens=False, return_attention_mask=False, return_token_type_ids=False,
                     verbose=False, **options).encodings


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
