"""Signatures for extractive question answering."""

from __future__ import annotations

import math

import tensorflow as tf

from xtremedistil_tf.tasks.signatures import LiteAnswers, LitePieces, Signatures, check_same_size
from xtremedistil_tf.tokenization.graph.inputs import GraphFrame, Windows, even_windows, parts_of, shifted
from xtremedistil_tf.tokenization.graph.text import white_space


class AnswerSignatures(Signatures):
    """The best answer in a context of any length; see `export_saved_model`."""

    raw_inputs = ("questions", "contexts")

    def __init__(self, student, tokenizer, task, tokenizer_graph, pairs: bool = True):
        super().__init__(student, task, tokenizer_graph)
        self._longest, self._version_2 = task.max_answer_pieces, task.version_2
        self._null_threshold = task.null_threshold
        if tokenizer_graph is not None:
            self._frame = GraphFrame(tokenizer, pair=True)
            self._room = self._frame.room(student.max_length)
            self._cls_id = tokenizer.cls_token_id
            self._is_white_space = white_space(python=True)

    def answers(self, logits):
        return {"start_logits": logits[..., 0], "end_logits": logits[..., 1]}

    def raw_strings(self, questions, contexts):
        check_same_size(self.raw_inputs, (questions, contexts))
        context = self.tokenizer_graph.tokenize_texts(contexts)
        question = self.tokenizer_graph.tokenize_texts(questions)["pieces"]
        windows, kept = self._windows(question, context["pieces"])
        kept = tf.gather(kept, windows.rows)
        logits = self.logits(self._frame.join(
            parts_of(question, windows.rows, tf.zeros_like(windows.rows), kept),
            parts_of(context["pieces"], *windows)))
        special = self._frame.frame.special
        context_at = len(special[0]) + kept + len(special[1])
        visible, starts, ends = self._visible_parts(context)
        possible = shifted(parts_of(visible, *windows), context_at, tf.shape(logits)[1])
        first, last, scores = _best_spans(logits, possible, self._longest)
        best = _first_of_highest(scores, windows.rows)
        no_answers = tf.math.segment_min(self._no_answer_scores(logits, windows, kept), windows.rows)
        scores = tf.gather(scores, best)
        found = scores > -math.inf
        shift = windows.starts - context_at
        starts = _offsets(starts, tf.gather(first + shift, best), found)
        ends = _offsets(ends, tf.gather(last + shift, best), found)
        return self._outputs(context["texts"], starts, ends, tf.where(found, scores, no_answers), no_answers)

    def _visible_parts(self, context: dict) -> tuple[tf.RaggedTensor, tf.RaggedTensor, tf.RaggedTensor]:
        """Whether each piece is more than white space, bool [batch, pieces], and where it starts and ends,
        int32, white space around it aside, if so."""
        starts, ends = context["starts"], context["ends"]
        characters = tf.strings.unicode_decode(context["texts"], "UTF-8")
        visible = ~self._is_white_space(characters.values)
        before = tf.concat([[0], tf.cumsum(tf.cast(visible, tf.int32))], 0)
        places = tf.concat([tf.where(visible)[:, 0], [-1]], 0)
        shift = tf.gather(characters.row_starts(), starts.value_rowids())
        before_start, before_end = (tf.gather(before, tf.cast(offsets.values, tf.int64) + shift)
                                    for offsets in (starts, ends))
        first, last = tf.gather(places, before_start), tf.gather(places, tf.maximum(before_end - 1, 0))
        first, last = tf.cast(first - shift, tf.int32), tf.cast(last - shift, tf.int32)
        return tuple(map(starts.with_values, (before_end > before_start, first, last + 1)))

    def _no_answer_scores(self, logits: tf.Tensor, windows: Windows, kept: tf.Tensor) -> tf.Tensor:
        """float32 [windows]"""
        # The cls token of XLNet stands behind the texts, so that its place depends on their lengths.
        place = self._frame.frame.position(self._cls_id, kept, windows.stops - windows.starts)
        places = tf.broadcast_to(place, tf.shape(kept))
        return tf.reduce_sum(tf.gather(logits, places, batch_dims=1), -1)

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


def _best_spans(logits: tf.Tensor, possible: tf.Tensor,
                longest: int) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """The first and the last position of the best span of each window, int32 [windows], and its score, which
    is -inf where there is none. Of equal ones the shorter and earlier, as `best_span` chooses.

    Args:
        logits: float32 [windows, time, 2].
        possible: bool [windows, time], whether a span may begin and end there.
        longest: most pieces of a span.
    """
    time = tf.shape(logits)[1]
    starts, ends = tf.unstack(tf.where(possible[..., None], logits, -math.inf), 2, -1)
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


class LiteSpans(LiteAnswers):
    """`start_logits` and `end_logits` of each piece of the context; see `export_raw_string_tflite`."""

    needs_offsets = True

    def inputs(self, pairs: bool) -> tuple[str, ...]:
        return AnswerSignatures.raw_inputs

    def kept(self, first: tf.Tensor, second: tf.Tensor, room: int) -> list[tf.Tensor]:
        first = tf.minimum(first, room // 2)
        return [first, room - first]

    def answers(self, logits: tf.Tensor, texts: LitePieces) -> dict[str, tf.Tensor]:
        question, context = texts.pieces
        special = texts.frame.special
        begin = len(special[0]) + tf.size(question.ids) + len(special[1])
        inside = logits[begin:begin + tf.size(context.ids)]
        return {"start_logits": inside[:, 0], "end_logits": inside[:, 1], "starts": context.starts,
                "ends": context.ends, "no_answer_scores": tf.reduce_sum(logits[texts.no_answer_at])[None]}


SIGNATURES, LITE = AnswerSignatures, LiteSpans
