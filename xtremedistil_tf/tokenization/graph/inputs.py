"""From text to inputs of a student in a TensorFlow graph: tokenizer, windows, special tokens, padding."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import tensorflow as tf

from xtremedistil_tf.errors import NoGraphFormError
from xtremedistil_tf.tokenization.graph.unigram import InGraphUnigram
from xtremedistil_tf.tokenization.graph.wordpiece import InGraphWordPiece
from xtremedistil_tf.tokenization.texts import OVERLAP, Frame
from xtremedistil_tf.tokenization.words import needs_spaces

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

# Longer than any text.
ENDLESS = 2**30


def graph_tokenizer(tokenizer: PreTrainedTokenizerFast,
                    whole_texts: bool = False) -> InGraphWordPiece | InGraphUnigram:
    """Builds the graph form of a Hugging Face fast tokenizer with a WordPiece or Unigram vocabulary.

    Args:
        tokenizer: fast tokenizer of transformers.
        whole_texts: whether `tokenize_texts` will be used.

    Raises:
        NoGraphFormError: the tokenizer is of another type or set up in a way that has no graph form.
    """
    kind = _model_type(tokenizer)
    if kind not in (None, "WordPiece", "Unigram"):
        raise NoGraphFormError(f"one whose model is {kind} instead of WordPiece or Unigram")
    if kind and not whole_texts and needs_spaces(tokenizer):
        raise NoGraphFormError("one that marks words by the space before them, which words given apart lack")
    return (InGraphUnigram if kind == "Unigram" else InGraphWordPiece).from_tokenizer(tokenizer, whole_texts)


def _model_type(tokenizer) -> str | None:
    """None: it is a slow tokenizer."""
    backend = getattr(tokenizer, "backend_tokenizer", None)
    # Without the whole tokenizer as text, which of 250,000 pieces takes a second.
    return None if backend is None else type(backend.model).__name__


class GraphFrame:
    """Puts a tokenizer's special tokens around texts, as `Frame` does outside a graph.

    Args:
        tokenizer: fast tokenizer of transformers.
        pair: whether two texts are joined.
    """

    def __init__(self, tokenizer, pair: bool):
        self.frame = Frame.of(tokenizer, pair)
        self._pad_id = tokenizer.pad_token_id

    def join(self, *texts: tf.RaggedTensor) -> dict[str, tf.Tensor]:
        """Ragged int32 [rows, pieces] of each text -> `input_ids`, `attention_mask`, `token_type_ids`, int32
        [rows, time], padded on the right; time is at least 1."""
        lengths = [tf.cast(text.row_lengths(), tf.int32) for text in texts]
        total = tf.add_n(lengths) + len(self.frame)
        time = tf.maximum(tf.reduce_max(total), 1)
        place, begin = tf.range(time), tf.zeros_like(total)
        # Each part is written to the end of the row, then the next one over what is behind it.
        ids = types = tf.zeros(tf.stack([tf.size(total), time]), tf.int32)
        for number, (tokens, token_types) in enumerate(zip(self.frame.special, self.frame.special_types)):
            for token, token_type in zip(tokens.tolist(), token_types.tolist()):
                is_behind = place >= begin[:, None]
                ids, types = tf.where(is_behind, token, ids), tf.where(is_behind, token_type, types)
                begin += 1
            if number < len(texts):
                is_behind = place >= begin[:, None]
                ids = tf.where(is_behind, shifted(texts[number], begin, time), ids)
                types = tf.where(is_behind, self.frame.text_types[number], types)
                begin += lengths[number]
        is_real = place < total[:, None]
        return {"input_ids": tf.where(is_real, ids, self._pad_id),
                "attention_mask": tf.cast(is_real, tf.int32),
                "token_type_ids": tf.where(is_real, types, 0)}

    def room(self, max_length: int | None) -> int | None:
        """How many pieces of text fit; None: no limit."""
        return None if max_length is None else self.frame.room(max_length)


def parts_of(texts: tf.RaggedTensor, rows: tf.Tensor, starts: tf.Tensor, stops: tf.Tensor) -> tf.RaggedTensor:
    """Parts of texts.

    Args:
        texts: ragged int32 [texts, pieces].
        rows, starts, stops: int [parts], the text that each part is of, its first piece and the one after
            its last.

    Returns:
        Ragged int32 [parts, pieces].
    """
    begins = tf.gather(texts.row_starts(), rows)
    pieces = tf.ragged.range(begins + tf.cast(starts, tf.int64), begins + tf.cast(stops, tf.int64))
    return pieces.with_values(tf.gather(texts.values, pieces.values))


def shifted(values: tf.RaggedTensor, by: tf.Tensor, time: tf.Tensor) -> tf.Tensor:
    """Ragged [rows, n] -> [rows, time], each row moved to the right by its number in `by`, int32 [rows]; else
    0 or false."""
    place = tf.range(time) - by[:, None]
    inside = (place >= 0) & (place < tf.cast(values.row_lengths(), tf.int32)[:, None])
    index = tf.where(inside, tf.cast(values.row_starts(), tf.int32)[:, None] + place, tf.size(values.values))
    return tf.gather(tf.concat([values.values, tf.zeros([1], values.dtype)], 0), index)


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
