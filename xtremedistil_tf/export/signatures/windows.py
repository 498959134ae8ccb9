"""Cutting long texts into windows in a TensorFlow graph, as the package does outside one."""

from __future__ import annotations

from typing import NamedTuple

import tensorflow as tf

from xtremedistil_tf.tokenization.question_windows import OVERLAP

# Longer than any text.
ENDLESS = 2**30


class Windows(NamedTuple):
    """Attributes, all int32 [windows], in the order of the texts:
    rows: the text that each window is of.
    starts, stops: its first piece and the one after its last.
    """

    rows: tf.Tensor
    starts: tf.Tensor
    stops: tf.Tensor


def word_windows(starts: tf.RaggedTensor, stops: tf.RaggedTensor, totals: tf.Tensor,
                 max_pieces: int | None) -> tuple[Windows, tf.Tensor]:
    """The windows of `windows.cut_windows`, at least one for each text.

    Args:
        starts, stops: ragged int32 [batch, words], pieces at which words begin and end. Words may be without
            pieces.
        totals: int32 [batch], pieces of each text.
        max_pieces: most pieces of a window; None: no limit.

    Returns:
        The windows, and int32 [all words], the window that answers for each word.
    """
    if max_pieces is None:
        return even_windows(totals, None), tf.cast(starts.value_rowids(), tf.int32)
    padded = starts.to_tensor(ENDLESS), stops.to_tensor(ENDLESS)
    windows, window_of_word = _limited(*padded, totals, max_pieces)
    return windows, tf.boolean_mask(window_of_word, tf.sequence_mask(starts.row_lengths()))


def _limited(starts: tf.Tensor, stops: tf.Tensor, totals: tf.Tensor, width: int) -> tuple[Windows, tf.Tensor]:
    """`word_windows` of at most `width` pieces, with `ENDLESS` and any window where there is no word."""
    sentinel = tf.fill([tf.size(totals), 1], ENDLESS)
    word_starts, word_stops = tf.concat([starts, sentinel], 1), tf.concat([tf.zeros_like(sentinel), stops], 1)

    def next_start(places):
        return _pick(word_starts, tf.searchsorted(word_starts, places[:, None], "left"))

    def last_stop(places):
        return _pick(word_stops, tf.searchsorted(word_stops, places[:, None], "right") - 1)

    def more(number, begin, *_):
        # Once at least: an array without elements cannot be stacked.
        return tf.logical_or(number == 0, tf.reduce_any(begin >= 0))

    def cut(number, begin, best_window, best_margin, begins, ends):
        fitting = last_stop(begin + width)
        end = tf.minimum(tf.where(fitting > begin, fitting, begin + width), totals)
        margin = tf.where((begin >= 0)[:, None], _margins(starts, begin, end, totals), -1)
        better = margin > best_margin
        following = next_start(begin + max(1, width // 2))
        # Nothing may be skipped: go on at the first word that this window cut off.
        following = tf.where(following > end, next_start(end), following)
        last = (begin < 0) | (end >= totals) | (following >= totals)
        return (number + 1, tf.where(last, -1, following), tf.where(better, number, best_window),
                tf.where(better, margin, best_margin), begins.write(number, begin), ends.write(number, end))

    arrays = [tf.TensorArray(tf.int32, 0, dynamic_size=True, element_shape=[None]) for _ in range(2)]
    none = tf.zeros_like(starts)
    state = (0, tf.zeros_like(totals), none, none - 1, *arrays)
    shapes = [value.shape if tf.is_tensor(value) else tf.TensorShape([]) for value in state[:4]]
    _, _, best_window, _, begins, ends = tf.while_loop(
        more, cut, state, shape_invariants=(*shapes, *[tf.TensorShape(None)] * 2))
    begins, ends = tf.transpose(begins.stack()), tf.transpose(ends.stack())
    is_window = begins >= 0
    rows = tf.cast(tf.where(is_window)[:, 0], tf.int32)
    first = tf.cumsum(tf.reduce_sum(tf.cast(is_window, tf.int32), 1), exclusive=True)
    windows = Windows(rows, tf.boolean_mask(begins, is_window), tf.boolean_mask(ends, is_window))
    return windows, first[:, None] + best_window


def even_windows(totals: tf.Tensor, widths: tf.Tensor | None) -> Windows:
    """The windows of `encode_questions`, at least one for each text.

    Args:
        totals: int32 [batch], pieces of each text.
        widths: int32 [batch], most pieces of a window; None: no limit.
    """
    if widths is None:
        return Windows(tf.range(tf.size(totals)), tf.zeros_like(totals), totals)
    steps = widths - tf.minimum(OVERLAP, widths // 2)
    counts = 1 + tf.maximum(totals - widths + steps - 1, 0) // steps
    rows = tf.repeat(tf.range(tf.size(totals)), counts)
    number = tf.range(tf.size(rows)) - tf.gather(tf.cumsum(counts, exclusive=True), rows)
    starts = number * tf.gather(steps, rows)
    return Windows(rows, starts, tf.minimum(starts + tf.gather(widths, rows), tf.gather(totals, rows)))


def _margins(starts: tf.Tensor, begin: tf.Tensor, end: tf.Tensor, totals: tf.Tensor) -> tf.Tensor:
    """int32 [batch, words]: how far each word is from where a window is cut, -1 outside."""
    begin, end, totals = begin[:, None], end[:, None], totals[:, None]
    left = tf.where(begin == 0, ENDLESS, starts - begin)
    right = tf.where(end == totals, ENDLESS, end - 1 - starts)
    return tf.where((starts >= begin) & (starts < end), tf.minimum(left, right), -1)


def _pick(values: tf.Tensor, columns: tf.Tensor) -> tf.Tensor:
    """[batch, n] values and [batch, 1] columns -> [batch]."""
    return tf.gather(values, columns, batch_dims=1)[:, 0]
