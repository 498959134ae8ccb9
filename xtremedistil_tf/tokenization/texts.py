"""Encoding single texts and pairs of texts, in batches and in linear time."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np

from xtremedistil_tf.tokenization.frame import Frame

_BATCH = 1024


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
