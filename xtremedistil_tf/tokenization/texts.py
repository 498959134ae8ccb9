"""Texts, pairs of texts and questions: what a tokenizer puts around them, and how they are encoded."""

from __future__ import annotations

import dataclasses
import itertools
import json
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from xtremedistil_tf.errors import ConfigError

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

_BATCH = 1024
OVERLAP = 128


def tokenizer_spec(tokenizer: PreTrainedTokenizerBase) -> dict[str, Any]:
    """Model, normalizer, pre-tokenizer, post-processor and added tokens; empty: it is a slow tokenizer.

    Of 250,000 pieces this takes most of a second: ask once.
    """
    backend = getattr(tokenizer, "backend_tokenizer", None)
    return {} if backend is None else json.loads(backend.to_str())


def flat_steps(part: dict[str, Any] | None, name: str) -> list[dict[str, Any]]:
    """The steps of a part of a `tokenizer.json`, of sequences in sequences too.

    Args:
        part: a normalizer or a pre-tokenizer; None: there is none.
        name: `normalizers` or `pretokenizers`.
    """
    if part is None:
        return []
    return [step for inner in part[name] for step in flat_steps(inner, name)] if part["type"] == "Sequence" else [part]


@dataclasses.dataclass(frozen=True)
class Frame:
    """The frame of one text or of a pair, such as `[CLS] text [SEP]` or `<s> text </s></s> pair </s>`.

    Attributes:
        special: int32 arrays of the special tokens before, between and after the texts.
        special_types: token types of these, of the same shapes.
        text_types: token type of the pieces of each text.
    """

    special: tuple[np.ndarray, ...]
    special_types: tuple[np.ndarray, ...]
    text_types: tuple[int, ...]

    @classmethod
    def of(cls, tokenizer, pair: bool) -> Frame:
        """Asks a fast tokenizer of transformers; types are zeros where it makes none for its model."""
        encoding = tokenizer(*["a"] * (1 + pair)).encodings[0]
        ids, types = np.asarray(encoding.ids, np.int32), np.asarray(encoding.type_ids, np.int32)
        if "token_type_ids" not in tokenizer.model_input_names:
            types = np.zeros_like(types)
        sequences = np.array([-1 if s is None else s for s in encoding.sequence_ids])
        texts = [np.flatnonzero(sequences == number) for number in range(1 + pair)]
        starts = [0] + [text[-1] + 1 for text in texts]
        stops = [text[0] for text in texts] + [len(ids)]
        return cls(tuple(ids[a:b] for a, b in zip(starts, stops)),
                   tuple(types[a:b] for a, b in zip(starts, stops)),
                   tuple(int(types[text[0]]) for text in texts))

    def __len__(self) -> int:
        """Number of special tokens."""
        return sum(map(len, self.special))

    def room(self, max_length: int) -> int:
        """How many pieces of text fit.

        Raises:
            ConfigError: not even one of each text.
        """
        room, texts = max_length - len(self), len(self.text_types)
        if room < texts:
            what = "a pair of texts" if texts > 1 else "a text"
            raise ConfigError(f"`seq_len={max_length}`: this tokenizer adds {len(self)} special tokens to {what}, "
                              f"which leaves no room for the text itself. Use at least {len(self) + texts}; "
                              "128 is usual.")
        return room

    def join(self, *texts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Piece ids of each text, int32 -> ids and token types of the whole, int32 [pieces]."""
        ids, types = [self.special[0]], [self.special_types[0]]
        for number, text in enumerate(texts):
            ids += [text, self.special[number + 1]]
            types += [np.full(len(text), self.text_types[number], np.int32), self.special_types[number + 1]]
        return np.concatenate(ids), np.concatenate(types)

    def position(self, token_id: int | None, *lengths: int) -> int:
        """Where the special token stands around texts of these lengths, 0 if it does not occur."""
        begin = 0
        for group, length in zip(self.special, (*lengths, 0)):
            found = np.flatnonzero(group == token_id)
            if len(found):
                return begin + int(found[0])
            begin += len(group) + length
        return 0


@dataclasses.dataclass(frozen=True)
class EncodedText:
    """A text, or a pair, as the model takes it.

    Attributes:
        ids: int32 [pieces], special tokens included.
        token_type_ids: int32 [pieces], as the tokenizer makes them; zeros where it makes none.
        truncated: whether something of the text was cut off.
    """

    ids: np.ndarray
    token_type_ids: np.ndarray
    truncated: bool


def encode_texts(tokenizer, texts: Iterable[str], pairs: Iterable[str | None],
                 max_length: int | None) -> Iterator[EncodedText]:
    """Encodes texts with a fast tokenizer of transformers.

    Agrees with `tokenizer(text, pair, truncation="longest_first", max_length=max_length)`, truncating on
    the right. The tokenizer is not asked to truncate, because it then makes every combination of the
    parts that it cuts off: minutes and gigabytes for one pair of long texts.

    Args:
        tokenizer: fast tokenizer.
        texts: the (first) texts.
        pairs: the second text of each, None where there is none.
        max_length: most pieces, special tokens included; None: no limit.

    Raises:
        ConfigError: `max_length` leaves no room for text.
    """
    frames = {pair: Frame.of(tokenizer, pair) for pair in (False, True)}
    for batch in batches(zip(texts, pairs)):
        flat = [text for item in batch for text in item if text is not None]
        encodings = iter(plain_encodings(tokenizer, flat))
        for item in batch:
            parts = [np.asarray(next(encodings).ids, np.int32) for text in item if text is not None]
            yield _join(frames[len(parts) == 2], parts, max_length)


def plain_encodings(tokenizer, texts: Sequence[str]) -> Sequence[Any]:
    """The `tokenizers.Encoding` of each text, without special tokens and whole."""
    return tokenizer(list(texts), add_special_tokens=False, return_attention_mask=False,
                     return_token_type_ids=False, verbose=False).encodings


def batches(items: Iterable[Any]) -> Iterator[list[Any]]:
    """Lists of as many items as are worth one call of the tokenizer."""
    rest = iter(items)
    return iter(lambda: list(itertools.islice(rest, _BATCH)), [])


def _join(frame: Frame, parts: list[np.ndarray], max_length: int | None) -> EncodedText:
    lengths = [len(part) for part in parts]
    if max_length is not None:
        room = frame.room(max_length)
        lengths = [room] if len(parts) == 1 else longest_first(*lengths, room)
    truncated = any(len(part) > length for part, length in zip(parts, lengths))
    return EncodedText(*frame.join(*(part[:length] for part, length in zip(parts, lengths))), truncated)


def longest_first(first: int, second: int, room: int) -> list[int]:
    """How many pieces each of two texts may keep: the longer one gives way until both are equal."""
    short = min(first, second)
    long = max(short, room - short)
    if short + long > room:
        short, long = room // 2, room - room // 2
    return [long, short] if first > second else [short, long]


@dataclasses.dataclass(frozen=True)
class QuestionWindow:
    """The question and a part of the context, special tokens included.

    Attributes:
        ids, token_type_ids: int32 [pieces].
        context_at: position of the first piece of the context.
        start, stop: which pieces of the whole context these are.
        no_answer_at: position that stands for "no answer": the tokenizer's cls token, else 0.
    """

    ids: np.ndarray
    token_type_ids: np.ndarray
    context_at: int
    start: int
    stop: int
    no_answer_at: int


@dataclasses.dataclass(frozen=True)
class EncodedQuestion:
    """Attributes:
        windows: at least one; together they hold every piece of the context.
        offsets: int32 [pieces of the whole context, 2], first character and character after the last.
        question_truncated: whether the end of the question was cut off.
    """

    windows: list[QuestionWindow]
    offsets: np.ndarray
    question_truncated: bool


def encode_questions(tokenizer, questions: Iterable[str], contexts: Iterable[str],
                     max_length: int | None) -> Iterator[EncodedQuestion]:
    """Encodes questions with their contexts, the question first.

    Windows overlap by 128 pieces, or by half of what fits if that is less. They are those of
    `tokenizer(question, context, truncation="only_second", stride=overlap, return_overflowing_tokens=True)`.
    A question keeps at most half of the places, so that the number of windows stays in proportion to the
    context. (transformers fails where the question alone is too long.)

    Args:
        tokenizer: fast tokenizer of transformers.
        questions, contexts: texts.
        max_length: most pieces of a window, special tokens included; None: no limit.

    Raises:
        ConfigError: `max_length` leaves no room for text.
    """
    frame = Frame.of(tokenizer, pair=True)
    room = None if max_length is None else frame.room(max_length)
    for batch in batches(zip(questions, contexts)):
        # Data sets ask several questions about each context: it is encoded once.
        distinct = list(dict.fromkeys(context for _, context in batch))
        encoded = dict(zip(distinct, plain_encodings(tokenizer, distinct)))
        pieces = {context: (np.asarray(e.ids, np.int32), np.asarray(e.offsets, np.int32).reshape(-1, 2))
                  for context, e in encoded.items()}
        for (_, context), question in zip(batch, plain_encodings(tokenizer, [q for q, _ in batch])):
            yield _encode(tokenizer, frame, np.asarray(question.ids, np.int32), *pieces[context], room)


def _encode(tokenizer, frame: Frame, question: np.ndarray, context: np.ndarray, offsets: np.ndarray,
            room: int | None) -> EncodedQuestion:
    kept = question if room is None else question[: room // 2]
    windows = []
    for start, stop in _spans(len(context), None if room is None else room - len(kept)):
        ids, types = frame.join(kept, context[start:stop])
        context_at = len(frame.special[0]) + len(kept) + len(frame.special[1])
        no_answer_at = frame.position(tokenizer.cls_token_id, len(kept), stop - start)
        windows.append(QuestionWindow(ids, types, context_at, start, stop, no_answer_at))
    return EncodedQuestion(windows, offsets, len(kept) < len(question))


def _spans(total: int, width: int | None) -> list[tuple[int, int]]:
    """Covers `total` pieces with overlapping spans of at most `width`."""
    if width is None or total <= width:
        return [(0, total)]
    step = width - min(OVERLAP, width // 2)
    starts = range(0, total - width + step, step)
    return [(start, min(start + width, total)) for start in starts]
