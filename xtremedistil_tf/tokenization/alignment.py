"""Which piece of the teacher's tokenizer a piece of the student's imitates, where the two tokenizers differ.

How a teacher's answers follow the mapping, for the student's row of the same example:

- answers for the whole input: logits pass as they are.
- hidden states: `aligned_pieces`; each student piece takes the states of its teacher piece. -1 (the teacher
  has nothing there, or nothing before it in the word or text): no states, give the piece no weight.
- tagging logits: `aligned_words`; from the teacher's first piece of a word to the student's. -1 (the
  teacher's row was cut before the word, or it deletes the word): set `word_starts` to 0 there.
- question answering: start logits `aligned_pieces`, end logits `aligned_ends`. Where `aligned_ends` is -1 the
  teacher's row was cut: set `answer_mask` to 0 there. The special token for "no answer" follows as a special
  token.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np

from xtremedistil_tf.corpus.example import AnyExample, Example, QuestionExample
from xtremedistil_tf.errors import ModelLoadError
from xtremedistil_tf.tokenization.texts import Frame, batches, longest_first, plain_encodings
from xtremedistil_tf.tokenization.words import SpecialTokens, encodings_of_words, needs_spaces
from xtremedistil_tf.training.batches import RaggedFeatures

# The marks of a space in SentencePiece's and byte-level vocabularies. A piece of these alone covers no
# character, although offsets say that it covers the first of the word.
_SPACE_MARKS = "\u2581\u0120 "


@dataclasses.dataclass(frozen=True)
class PieceSpans:
    """Where the pieces of one row stand in the original text.

    Attributes:
        units: int64 [pieces], index of the word (tagging) or of the text (0, or 1 for the second of a pair);
            for special tokens -1 before the first text, -2 after it, -3 after the second of a pair.
        starts, ends: int64 [pieces], first character and the one after the last, within the unit; white
            space at either end does not count; 0 for special tokens.
    """

    units: np.ndarray
    starts: np.ndarray
    ends: np.ndarray

    def __len__(self) -> int:
        return len(self.units)

    def mirrored(self) -> PieceSpans:
        """As if every text were written from its end to its beginning."""
        return PieceSpans(self.units[::-1], -self.ends[::-1], -self.starts[::-1])


def row_spans(tokenizer, examples: Iterable[AnyExample], features: RaggedFeatures) -> Iterator[PieceSpans]:
    """The spans of every row that `Task.text_features` made of the examples with this tokenizer.

    Args:
        tokenizer: fast tokenizer of transformers.
        examples: of one task.
        features: `text_features(tokenizer, examples, seq_len).features`; tells how much of each was kept.

    Raises:
        ModelLoadError: a slow tokenizer, which does not know where in the text its pieces stand.
    """
    if not tokenizer.is_fast:
        raise ModelLoadError(f"A student with a vocabulary of its own, or with `augment=case`, needs a teacher with a "
                             f"fast tokenizer; {tokenizer.name_or_path!r} has none. Omit these settings.")
    rows = iter(range(len(features)))
    blank = _blank_pieces(tokenizer)
    frames = functools.lru_cache(lambda pair: Frame.of(tokenizer, pair))
    words_frame = SpecialTokens.of(tokenizer)
    for batch in batches(examples):
        if isinstance(batch[0], Example):
            for encoding, row in zip(encodings_of_words(tokenizer, [e.words for e in batch]), rows):
                kept = int(features.lengths[row]) - len(words_frame)
                yield _word_spans(encoding, kept, blank, words_frame, needs_spaces(tokenizer))
            continue
        texts = [_texts(example) for example in batch]
        encodings = iter(plain_encodings(tokenizer, [text for item in texts for text in item]))
        for example, item, row in zip(batch, texts, rows):
            parts = [_text_part(next(encodings), text, blank) for text in item]
            frame = frames(len(parts) == 2)
            lengths = _kept(example, [len(starts) for starts, _ in parts], frame, features, row)
            yield _text_spans(parts, lengths, frame)


def aligned_pieces(student: PieceSpans, teacher: PieceSpans) -> np.ndarray:
    """For each student piece the teacher piece that covers its first character, int32 [student pieces].

    If there is none (deleted, or cut off), the nearest one before it in the same word or text; if there is
    none either, -1. Where several pieces begin with the same character (bytes of one character, say), the
    n-th goes to the n-th. A piece that covers no character prefers one like it in the same place. Special
    tokens go to the special tokens in the same place, -1 if the teacher has none there. Equal spans give
    the identity.
    """
    far = 1 + max(int(np.abs(values).max(initial=0)) for spans in (student, teacher)
                  for values in (spans.starts, spans.ends))
    keys, teacher_keys = _keys(student, far), _keys(teacher, far)
    width = _width(far)
    solid, teacher_solid = keys % 2 == 1, teacher_keys % 2 == 1
    result = np.empty(len(student), np.int32)

    def latest(of: np.ndarray, among: np.ndarray) -> np.ndarray:
        candidates = np.flatnonzero(among)
        found = _latest(of, teacher_keys[candidates], width)
        return np.where(found >= 0, np.append(candidates, -1)[found], -1)

    full = keys[solid]
    covering = latest(full, teacher_solid)
    result[solid] = np.where(covering >= 0, covering, latest(full, ~teacher_solid))
    empty = keys[~solid]
    alike, covering = latest(empty, ~teacher_solid), latest(empty | 1, teacher_solid)
    same = np.isin(empty, teacher_keys[~teacher_solid])
    result[~solid] = np.where((covering >= 0) & ~same, covering, alike)
    return result


def aligned_ends(student: PieceSpans, teacher: PieceSpans) -> np.ndarray:
    """For each student piece the teacher piece that covers its last character, int32 [student pieces].

    The mirror image of `aligned_pieces`: if there is none, the nearest one after it, else -1.
    """
    found = aligned_pieces(student.mirrored(), teacher.mirrored())[::-1]
    return np.where(found >= 0, len(teacher) - 1 - found, -1).astype(np.int32)


def aligned_words(student_word_ids: np.ndarray, teacher_word_ids: np.ndarray) -> np.ndarray:
    """For the first student piece of each word the teacher's first piece of that word.

    Returns int32 [student pieces]: -1 at all other pieces, and where the teacher has no piece of the word.

    Args:
        student_word_ids, teacher_word_ids: int [pieces], negative at special tokens (`PieceSpans.units`).
    """
    result = np.full(len(student_word_ids), -1, np.int32)
    words, firsts = np.unique(student_word_ids, return_index=True)
    teacher_words, teacher_firsts = np.unique(teacher_word_ids, return_index=True)
    _, ours, theirs = np.intersect1d(words[words >= 0], teacher_words[teacher_words >= 0], assume_unique=True,
                                     return_indices=True)
    result[firsts[words >= 0][ours]] = teacher_firsts[teacher_words >= 0][theirs]
    return result


def _width(far: int) -> int:
    """How many keys a unit has, for characters from -far to far."""
    return 2 * (2 * far + 1)


def _keys(spans: PieceSpans, far: int) -> np.ndarray:
    """int64 [pieces], ordered by unit and first character; odd where the piece covers that character."""
    return spans.units * _width(far) + (spans.starts + far) * 2 + (spans.ends > spans.starts)


def _latest(keys: np.ndarray, teacher_keys: np.ndarray, width: int) -> np.ndarray:
    """int64 [keys]: index of the highest teacher key up to each key in the same unit, else -1.

    The n-th of several equal keys goes to the n-th teacher key equal to it, or to the last of these.
    """
    if not len(teacher_keys):
        return np.full(len(keys), -1, np.int64)
    order = np.argsort(teacher_keys, kind="stable")
    ordered = teacher_keys[order]
    last = np.searchsorted(ordered, keys, side="right") - 1
    first = np.searchsorted(ordered, keys, side="left")
    found = (last >= 0) & (ordered[last] // width == keys // width)
    place = np.where(first <= last, np.minimum(first + _ranks(keys), last), last)
    return np.where(found, order[place], -1)


def _ranks(keys: np.ndarray) -> np.ndarray:
    """int64 [keys]: how many equal ones stand before each."""
    order = np.argsort(keys, kind="stable")
    ranks = np.empty(len(keys), np.int64)
    ranks[order] = np.arange(len(keys)) - np.searchsorted(keys[order], keys[order], side="left")
    return ranks


def _blank_pieces(tokenizer) -> np.ndarray:
    """bool [highest id + 1], true for pieces that stand for white space only."""
    vocabulary = tokenizer.get_vocab()
    blank = np.zeros(max(vocabulary.values()) + 1, bool)
    blank[[number for piece, number in vocabulary.items() if not piece.strip(_SPACE_MARKS)]] = True
    return blank


def _texts(example: Any) -> list[str]:
    if isinstance(example, QuestionExample):
        return [example.question, example.context]
    return [example.text] if example.pair is None else [example.text, example.pair]


def _kept(example: AnyExample, lengths: list[int], frame: Frame, features: RaggedFeatures,
          row: int) -> list[int]:
    """How many pieces of each text the row holds."""
    begin, end = features.offsets[row: row + 2]
    total = int(end - begin) - len(frame)
    if isinstance(example, QuestionExample):
        # One of the positions that can be answers stands for "no answer"; the others are the context.
        context = int(features.data["answer_mask"][begin:end].sum()) - 1
        return [total - context, context]
    return [total] if len(lengths) == 1 else longest_first(*lengths, total)


def _offsets(encoding, blank: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """int64 [pieces] starts and ends as the tokenizer reports them, and which pieces are blank."""
    offsets = np.asarray(encoding.offsets, np.int64).reshape(-1, 2)
    return offsets[:, 0], offsets[:, 1], blank[np.asarray(encoding.ids, np.int64)]


def _word_spans(encoding, kept: int, blank: np.ndarray, special: SpecialTokens, spaced: bool) -> PieceSpans:
    words = np.asarray(encoding.word_ids, np.int64)
    starts, ends, is_blank = _offsets(encoding, blank)
    if spaced:  # all words but the first begin with a space that is not theirs
        starts, ends = (np.maximum(places - (words > 0), 0) for places in (starts, ends))
    # Byte-level tokenizers take the space that they put before a word for a character of it.
    starts = np.where(np.diff(words, prepend=-1) != 0, 0, starts)
    ends = np.where(is_blank, starts, ends)
    return _framed([(words[:kept], starts[:kept], ends[:kept])], (len(special.prefix), len(special.suffix)))


def _text_part(encoding, text: str, blank: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """int64 [pieces] starts and ends, without the white space that some tokenizers count in."""
    starts, ends, is_blank = _offsets(encoding, blank)
    visible = np.array([not character.isspace() for character in text], bool)
    places = np.arange(len(text))
    next_visible = np.minimum.accumulate(np.where(visible, places, len(text))[::-1])[::-1]
    after_visible = np.maximum.accumulate(np.where(visible, places + 1, 0))
    starts = np.minimum(np.append(next_visible, len(text))[starts], ends)
    ends = np.maximum(np.insert(after_visible, 0, 0)[ends], starts)
    return starts, np.where(is_blank, starts, ends)


def _text_spans(parts: list[tuple[np.ndarray, np.ndarray]], lengths: list[int], frame: Frame) -> PieceSpans:
    texts = [(np.full(kept, number, np.int64), starts[:kept], ends[:kept])
             for number, ((starts, ends), kept) in enumerate(zip(parts, lengths))]
    return _framed(texts, tuple(map(len, frame.special)))


def _framed(texts: list[tuple[np.ndarray, np.ndarray, np.ndarray]], special: Sequence[int]) -> PieceSpans:
    """Joins units, starts and ends of each text, with the given numbers of special tokens around them."""
    columns = []
    for column in range(3):
        values = [np.full(special[0], 0 if column else -1, np.int64)]
        for number, text in enumerate(texts, start=1):
            values += [text[column], np.full(special[number], 0 if column else -1 - number, np.int64)]
        columns.append(np.concatenate(values))
    return PieceSpans(*columns)
