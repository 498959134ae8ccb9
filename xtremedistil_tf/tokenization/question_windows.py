"""A question with each window of a long context, as models for extractive question answering take them."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator

import numpy as np

from xtremedistil_tf.tokenization.frame import Frame
from xtremedistil_tf.tokenization.texts import batches, plain_encodings

OVERLAP = 128


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
