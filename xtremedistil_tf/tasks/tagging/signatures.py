"""Signatures for tagging."""

from __future__ import annotations

import math

import tensorflow as tf

from xtremedistil_tf.export.signatures.frame import GraphFrame, parts_of
from xtremedistil_tf.export.signatures.lite import LiteAnswers, LitePieces
from xtremedistil_tf.export.signatures.student import Signatures
from xtremedistil_tf.export.signatures.windows import word_windows
from xtremedistil_tf.tasks.tagging.graph_decoding import GraphDecoding
from xtremedistil_tf.tasks.tagging.graph_entities import GraphEntities

WORDS = "words"


class TaggingSignatures(Signatures):
    """One tag for each word, however many there are; see `export_saved_model`."""

    whole_texts = False

    def __init__(self, student, tokenizer, task, tokenizer_graph, pairs: bool = False):
        super().__init__(student, task, tokenizer_graph)
        self._labels = tf.constant(task.labels)
        self._decoding, self._outside = GraphDecoding(task.transitions), task.transitions.outside
        self._entities = GraphEntities(task.labels)
        self._takes_words = False
        if tokenizer_graph is not None:
            # A given word may hold white space: it is tokenized as a whole text is.
            self._takes_words = tokenizer_graph.takes_whole_texts
            self._frame = GraphFrame(tokenizer, pair=False)
            self._room = self._frame.room(student.max_length)

    def inputs(self):
        words = {WORDS: {"words": tf.TensorSpec([None, None], tf.string, "words")}}
        return super().inputs() | (words if self._takes_words else {})

    def answers(self, logits):
        return {"logits": logits, "probabilities": tf.nn.softmax(logits),
                "label_ids": tf.argmax(logits, -1, output_type=tf.int32)}

    def raw_strings(self, texts):
        split = self.tokenizer_graph.tokenize(texts)
        label_ids, scores = self._answers_of_words(split["pieces"])
        entities = self._entities.find(texts, label_ids, scores.values, split["starts"].values,
                                       split["ends"].values)
        return {"words": split["words"].to_tensor(""), "starts": split["starts"].to_tensor(-1),
                "ends": split["ends"].to_tensor(-1)} | self._padded(label_ids, scores) | entities

    def words(self, words):
        """string [batch, time] -> the outputs of `words`."""
        time = tf.shape(words)[1]
        counts = tf.maximum(tf.reduce_max(tf.where(words == "", 0, tf.range(1, time + 1)), 1), 0)
        given = tf.boolean_mask(words, tf.sequence_mask(counts, time))
        pieces = tf.RaggedTensor.from_row_lengths(self.tokenizer_graph.tokenize_texts(given)["pieces"],
                                                  tf.cast(counts, tf.int64), validate=False)
        return self._padded(*self._answers_of_words(pieces), shape=tf.shape(words))

    def _answers_of_words(self, pieces: tf.RaggedTensor) -> tuple[tf.RaggedTensor, tf.RaggedTensor]:
        """Ragged int32 [batch, words, pieces] -> label number, int32, and score, float32, of each word, both
        ragged [batch, words]."""
        lengths = tf.cast(pieces.row_lengths(axis=2), tf.int32)
        logits, has_pieces = self._logits_of_words(pieces.merge_dims(1, 2), lengths), lengths.values > 0
        sure = tf.where(tf.range(len(self._labels)) == self._outside, 0.0, -math.inf)
        logits = tf.where(has_pieces[:, None], logits, sure)
        counts = tf.cast(lengths.row_lengths(), tf.int32)
        found = self._decoding.of_sentences(lengths.with_values(logits).to_tensor(), counts)
        label_ids = tf.boolean_mask(found, tf.sequence_mask(counts, tf.shape(found)[1]))
        scores = tf.gather(tf.nn.softmax(logits), label_ids, batch_dims=1)
        return lengths.with_values(label_ids), lengths.with_values(scores)

    def _logits_of_words(self, pieces: tf.RaggedTensor, lengths: tf.RaggedTensor) -> tf.Tensor:
        """Ragged int32 [batch, pieces] and how many each word has, [batch, words] -> float32 [all words,
        labels]; anything for a word without pieces."""
        before_text = tf.cast(tf.gather(pieces.row_starts(), lengths.value_rowids()), tf.int32)
        stops = tf.cumsum(lengths.values) - before_text
        starts = stops - lengths.values
        totals = tf.cast(pieces.row_lengths(), tf.int32)
        words = [lengths.with_values(places) for places in (starts, stops)]
        windows, window_of_word = word_windows(words[0], words[1], totals, self._room)
        logits = self.logits(self._frame.join(parts_of(pieces, *windows)))
        places = starts - tf.gather(windows.starts, window_of_word) + len(self._frame.frame.special[0])
        # Words without pieces have no place: the first one is as good as any.
        places = tf.where(lengths.values > 0, places, 0)
        return tf.gather_nd(logits, tf.stack([window_of_word, places], -1))

    def _padded(self, label_ids: tf.RaggedTensor, scores: tf.RaggedTensor,
                shape: tf.Tensor | None = None) -> dict[str, tf.Tensor]:
        """The outputs `tags`, `scores` and `word_counts`."""
        tags = label_ids.with_values(tf.gather(self._labels, label_ids.values))
        return {"tags": tags.to_tensor("", shape=shape), "scores": scores.to_tensor(-1.0, shape=shape),
                "word_counts": tf.cast(label_ids.row_lengths(), tf.int32)}


class LiteTags(LiteAnswers):
    """`label_ids`, `scores` and `word_starts` of each piece; see `export_raw_string_tflite`."""

    def __init__(self, task):
        super().__init__(task)
        self._decoding, self._num_labels = GraphDecoding(task.transitions), task.num_outputs

    def answers(self, logits: tf.Tensor, texts: LitePieces) -> dict[str, tf.Tensor]:
        pieces, = texts.pieces
        begin, end = len(texts.frame.special[0]), len(texts.frame.special[1])
        # With the special tokens, so that there is a place to decode in an empty text too.
        counts = tf.pad(pieces.word_starts, [[begin, end]])
        # Not a slice: TensorFlow Lite cannot give one without elements back.
        label_ids = tf.gather(self._decoding.of_pieces(logits[None], counts[None])[0],
                              tf.range(tf.size(pieces.ids)) + begin)
        probabilities = tf.nn.softmax(logits[begin:begin + tf.size(pieces.ids)])
        is_label = tf.range(self._num_labels) == label_ids[:, None]
        found = {"label_ids": label_ids, "scores": tf.reduce_sum(tf.where(is_label, probabilities, 0.0), -1),
                 "word_starts": tf.cast(pieces.word_starts, tf.int32)}
        return found | ({"starts": pieces.starts, "ends": pieces.ends} if texts.has_offsets else {})


SIGNATURES, LITE = TaggingSignatures, LiteTags
