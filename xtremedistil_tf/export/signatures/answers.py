"""Signatures for extractive question answering."""

from __future__ import annotations

import math

import tensorflow as tf

from xtremedistil_tf.export.signatures.frame import GraphFrame, parts_of
from xtremedistil_tf.export.signatures.student import Signatures, check_same_size
from xtremedistil_tf.export.signatures.windows import Windows, even_windows


class AnswerSignatures(Signatures):
    """The best answer in a context of any length; see `export_saved_model`."""

    raw_inputs = ("questions", "contexts")

    def __init__(self, student, tokenizer, task, wordpiece, pairs: bool = True):
        super().__init__(student, task, wordpiece)
        self._longest, self._version_2 = task.max_answer_pieces, task.version_2
        self._null_threshold = task.null_threshold
        if wordpiece is not None:
            self._frame = GraphFrame(tokenizer, pair=True)
            self._room = self._frame.room(student.max_length)
            # A WordPiece tokenizer's cls token stands before the texts: their lengths do not matter.
            self._no_answer_at = self._frame.frame.position(tokenizer.cls_token_id, 0, 0)

    def answers(self, logits):
        return {"start_logits": logits[..., 0], "end_logits": logits[..., 1]}

    def raw_strings(self, questions, contexts):
        check_same_size(self.raw_inputs, (questions, contexts))
        context = self.wordpiece.tokenize_texts(contexts)
        question = self.wordpiece.tokenize_texts(questions)["pieces"]
        windows, kept = self._windows(question, context["pieces"])
        logits = self.logits(self._frame.join(
            parts_of(question, windows.rows, tf.zeros_like(windows.rows), tf.gather(kept, windows.rows)),
            parts_of(context["pieces"], *windows)))
        special = self._frame.frame.special
        context_at = len(special[0]) + tf.gather(kept, windows.rows) + len(special[1])
        first, last, scores = _best_spans(logits, context_at, windows, self._longest)
        best = _first_of_highest(scores, windows.rows)
        no_answers = tf.math.segment_min(tf.reduce_sum(logits[:, self._no_answer_at], -1), windows.rows)
        scores = tf.gather(scores, best)
        found = scores > -math.inf
        shift = windows.starts - context_at
        starts = _offsets(context["starts"], tf.gather(first + shift, best), found)
        ends = _offsets(context["ends"], tf.gather(last + shift, best), found)
        return self._outputs(context["texts"], starts, ends, tf.where(found, scores, no_answers), no_answers)

    def _windows(self, question: tf.RaggedTensor, context: tf.RaggedTensor) -> tuple[Windows, tf.Tensor]:
        """The windows, and int32 [batch], how many pieces of each question are kept."""
        kept, totals = (tf.cast(text.row_lengths(), tf.int32) for text in (question, context))
        if self._room is None:
            return even_windows(totals, None), kept
        kept = tf.minimum(kept, self._room // 2)
        return even_windows(totals, self._room - kept), kept

    def _outputs(self, contexts, starts, ends, scores, no_answers) -> dict[str, tf.Tensor]:
        if self._version_2:
            difference = tf.cast(no_answers, tf.float64) - tf.cast(scores, tf.float64)
            empty = difference > self._null_threshold
            starts, ends = tf.where(empty, 0, starts), tf.where(empty, 0, ends)
        return {"answers": tf.strings.substr(contexts, starts, ends - starts, unit="UTF8_CHAR"),
                "starts": starts, "ends": ends, "scores": scores, "no_answer_scores": no_answers}


def _best_spans(logits: tf.Tensor, context_at: tf.Tensor, windows: Windows,
                longest: int) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """The first and the last position of the best span of each window, int32 [windows], and its score, which
    is -inf where there is none. Of equal ones the shorter and earlier, as `best_span` chooses."""
    time = tf.shape(logits)[1]
    position, begin = tf.range(time), context_at[:, None]
    inside = (position >= begin) & (position < begin + (windows.stops - windows.starts)[:, None])
    starts, ends = tf.unstack(tf.where(inside[..., None], logits, -math.inf), 2, -1)
    ends = tf.pad(ends, [[0, 0], [0, longest - 1]], constant_values=-math.inf)
    sums = starts[..., None] + tf.signal.frame(ends, longest, 1)  # [windows, first, width]
    sums = tf.reshape(tf.transpose(sums, [0, 2, 1]), [-1, longest * time])
    best = tf.argmax(sums, 1, tf.int32)
    return best % time, best % time + best // time, tf.reduce_max(sums, 1)


def _first_of_highest(scores: tf.Tensor, groups: tf.Tensor) -> tf.Tensor:
    """int32 [groups], the number of the first of the highest scores of each group."""
    highest = tf.gather(tf.math.segment_max(scores, groups), groups)
    count = tf.size(scores)
    return tf.math.segment_min(tf.where(scores >= highest, tf.range(count), count - 1), groups)


def _offsets(offsets: tf.RaggedTensor, pieces: tf.Tensor, found: tf.Tensor) -> tf.Tensor:
    """int32 [questions]: the offset of one piece of each context, 0 where none was found."""
    places = tf.cast(offsets.row_starts(), tf.int32) + pieces
    return tf.gather(tf.concat([offsets.values, [0]], 0), tf.where(found, places, tf.size(offsets.values)))
