"""A long text in a TensorFlow Lite file: its sentences, and windows of long sentences, read one after another."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import tensorflow as tf

from xtremedistil_tf.tokenization.graph.inputs import ENDLESS
from xtremedistil_tf.tokenization.graph.neighbours import one_before, places_of


class _Best(NamedTuple):
    """What is known of every piece so far.

    Attributes:
        begin: int32, the first piece of the next window.
        sentence: int32, the first piece of its sentence.
        margins: int32 [pieces], how far each lies from where its best window is cut; -1: it was in none.
        logits: float32 [pieces, outputs], from that window.
    """

    begin: tf.Tensor
    sentence: tf.Tensor
    margins: tf.Tensor
    logits: tf.Tensor


class LiteWindows(tf.Module):
    """Reads texts as `TaggingTask.prediction_features` parts them: `sentences_of`, then `cut_windows`.

    Args:
        read: int32 [pieces] -> float32 [pieces, outputs], of one window.
        outputs: of the student.
        at_once: pieces that are read at once.
        most: most pieces of a window.
    """

    def __init__(self, read: Callable[[tf.Tensor], tf.Tensor], outputs: int, at_once: int, most: int):
        super().__init__()
        self._read, self._outputs, self._at_once, self._most = read, outputs, at_once, most

    def logits(self, pieces: Any, ends_sentence: tf.Tensor) -> tf.Tensor:
        """float32 [pieces + 1, outputs], in the last row anything.

        Args:
            pieces: `ids`, `words` and `word_starts` of the text's pieces, see `tflite_raw_strings.Pieces`.
            ends_sentence: bool [words], whether a sentence ends with each.
        """
        # A piece more: TensorFlow Lite cannot slice what has no elements.
        ids, total = tf.concat([pieces.ids, [0]], 0), tf.size(pieces.ids)
        begins_word = tf.concat([pieces.word_starts, [True]], 0)
        place = places_of(ids)
        is_long = total > self._at_once
        # Sentences before each word, of which one may be without pieces.
        sentence = tf.concat([[0], tf.cumsum(tf.cast(ends_sentence, tf.int32))], 0)
        of_piece = tf.concat([tf.gather(sentence, pieces.words), [-1]], 0)
        begins_sentence = (is_long & (of_piece != one_before(of_piece, 0))) | (place == total)

        def first(flags: tf.Tensor, begin: tf.Tensor) -> tf.Tensor:
            return tf.reduce_min(tf.where(flags & (place >= begin), place, total))

        def step(number: tf.Tensor, *values: tf.Tensor) -> tuple[tf.Tensor, ...]:
            best = _Best(*values)
            stop = first(begins_sentence, best.begin + 1)
            limit = tf.minimum(best.begin + self._most, stop)
            fitting = tf.reduce_max(tf.where(begins_word & (place <= limit), place, 0))
            end = tf.where(fitting > best.begin, fitting, limit)
            following = first(begins_word, best.begin + max(1, self._most // 2))
            # Nothing may be skipped: go on at the first word that this window cut off.
            following = tf.minimum(tf.where(following > end, first(begins_word, end), following), stop)
            is_last = (end >= stop) | (following >= stop)
            left = tf.where(best.begin == best.sentence, ENDLESS, place - best.begin)
            right = tf.where(end == stop, ENDLESS, end - 1 - place)
            inside = (place >= best.begin) & (place < end)
            margins = tf.where(inside, tf.minimum(left, right), -1)
            better = margins > best.margins
            read = self._read(tf.gather(ids, tf.range(best.begin, end)))
            here = tf.gather(read, tf.where(inside, place - best.begin, 0))
            return (number + 1, tf.where(is_last, stop, following), tf.where(is_last, stop, best.sentence),
                    tf.where(better, margins, best.margins), tf.where(better[:, None], here, best.logits))

        # Once at least, so that an empty text has a row too.
        start = (0, *_Best(0, 0, tf.fill(tf.shape(ids), -1), tf.zeros(tf.stack([total + 1, self._outputs]))))
        return tf.while_loop(lambda number, begin, *_: (number == 0) | (begin < total), step, start)[-1]
