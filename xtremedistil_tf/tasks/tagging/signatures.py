"""Signatures for tagging: the best sequence of tags, and its entities, in a TensorFlow graph."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from xtremedistil_tf.tasks.signatures import LiteAnswers, LitePieces, Signatures
from xtremedistil_tf.tasks.tagging.decoding import Transitions, entity_rules
from xtremedistil_tf.tasks.tagging.graph_edge_words import GraphEdgeWords
from xtremedistil_tf.tokenization.graph.inputs import GraphFrame, parts_of, word_windows
from xtremedistil_tf.tokenization.graph.neighbours import places_of
from xtremedistil_tf.tokenization.graph.raw_words import GraphRawWords
from xtremedistil_tf.tokenization.graph.sentences import SentenceEnds
from xtremedistil_tf.tokenization.graph.text import begins_group, joined, where

WORDS = "words"


class GraphDecoding(tf.Module):
    """Finds the sequences that `tasks.tagging.decoding.best_sequences` finds outside a graph.

    Only ops that TensorFlow Lite has built in, and only integer tables: it may quantize tables of floats.

    Args:
        rules: which label may follow which.
    """

    def __init__(self, rules: Transitions):
        super().__init__()
        self._rules = rules
        self._anywhere = np.flatnonzero(rules.needs == -1).astype(np.int32)

    def of_sentences(self, logits: tf.Tensor, lengths: tf.Tensor) -> tf.Tensor:
        """int32 [batch, words]: the labels of sentences.

        Args:
            logits: float32 [batch, words, labels], anything beyond a sentence's words.
            lengths: int32 [batch], words of each; may be 0.
        """
        best = tf.argmax(logits, -1, output_type=tf.int32)
        if not self._rules.restricted:
            return best
        counts = tf.sequence_mask(lengths, tf.shape(logits)[1])
        # A batch in which nothing is forbidden as it is, and there are many, needs no loop over its words.
        rows = tf.cast(tf.where(tf.reduce_any(self._is_forbidden(best) & counts, 1))[:, 0], tf.int32)

        def decoded() -> tf.Tensor:
            return tf.tensor_scatter_nd_update(
                best, rows[:, None], self.of_pieces(tf.gather(logits, rows), tf.gather(counts, rows)))

        return tf.cond(tf.size(rows) > 0, decoded, lambda: best)

    def of_pieces(self, logits: tf.Tensor, counts: tf.Tensor) -> tf.Tensor:
        """int32 [batch, time]: the labels of words where only some places answer for one.

        Args:
            logits: float32 [batch, time, labels]; time is at least 1.
            counts: bool [batch, time], whether a place answers for a word. The others repeat the label of the place
                before them, at the beginning `O`.
        """
        if not self._rules.restricted:
            return tf.argmax(logits, -1, output_type=tf.int32)
        logits, counts = tf.transpose(logits, [1, 0, 2]), tf.transpose(counts)
        logits -= tf.reduce_max(logits, -1, keepdims=True)
        labels = self._forward(self._backward(logits, counts), counts)
        return tf.transpose(tf.where(labels == len(self._rules.needs), self._rules.outside, labels))

    def _is_forbidden(self, labels: tf.Tensor) -> tf.Tensor:
        """bool [batch, words]: whether each label must not follow the one before it."""
        before = tf.pad(labels[:, :-1], [[0, 0], [1, 0]], constant_values=len(self._rules.needs))
        needs = tf.gather(self._rules.needs, labels)
        return (needs != -1) & (needs != tf.gather(self._rules.gives, before))

    def _backward(self, logits: tf.Tensor, counts: tf.Tensor) -> tf.Tensor:
        """float32 [time, batch, labels]: of the best sequences that begin at a place with each label, the sum."""
        time, shape = tf.shape(logits)[0], logits.shape[1:]

        def step(number, ahead, sums):
            place = time - 1 - number
            here = logits[place] + ahead
            anywhere = tf.reduce_max(tf.gather(here, self._anywhere, axis=1), -1, keepdims=True)
            best = tf.gather(tf.concat([here, anywhere], 1), self._rules.successors, axis=1)
            ahead = tf.where(counts[place][:, None], tf.reduce_max(best, -1), ahead)
            return number + 1, ahead, sums.write(place, here)

        start = 0, tf.zeros_like(logits[0]), tf.TensorArray(tf.float32, time, element_shape=shape)
        return tf.while_loop(lambda number, *_: number < time, step, start)[2].stack()

    def _forward(self, sums: tf.Tensor, counts: tf.Tensor) -> tf.Tensor:
        """int32 [time, batch]: at each place the label with the best sum of those that may follow."""
        time, shape = tf.shape(sums)[0], sums.shape[1:2]
        needs = tf.constant(self._rules.needs)

        def step(place, previous, labels):
            allowed = (needs == -1) | (needs == tf.gather(self._rules.gives, previous)[:, None])
            found = tf.argmax(tf.where(allowed, sums[place], -np.inf), -1, output_type=tf.int32)
            previous = tf.where(counts[place], found, previous)
            return place + 1, previous, labels.write(place, previous)

        start = (0, tf.fill(tf.shape(sums)[1:2], len(self._rules.needs)),
                 tf.TensorArray(tf.int32, time, element_shape=shape))
        return tf.while_loop(lambda place, *_: place < time, step, start)[2].stack()


class GraphEntities(tf.Module):
    """Finds the entities that `decoding.entities` finds outside a graph.

    Args:
        labels: all labels of the task.
    """

    def __init__(self, labels: Sequence[str]):
        super().__init__()
        rules = entity_rules(tuple(labels))
        self._types, self._begins = tf.constant(rules.types), tf.constant(rules.begins)
        self._joins = tf.constant(rules.joins)

    def find(self, texts: tf.Tensor, label_ids: tf.RaggedTensor, scores: tf.Tensor, starts: tf.Tensor,
             ends: tf.Tensor) -> dict[str, tf.Tensor]:
        """The entities of each text.

        Args:
            texts: string [batch], UTF-8; malformed bytes count as U+FFFD.
            label_ids: ragged int32 [batch, words].
            scores: float32 [all words], of each word's label.
            starts, ends: int32 [all words], characters of the text where each word starts and ends.

        Returns:
            `entities`, `entity_types`, `entity_scores`, `entity_starts`, `entity_ends`, padded to
            [batch, entities], and `entity_counts`; see `export_saved_model`.
        """
        run, firsts, lasts = self._runs(label_ids.values, label_ids.value_rowids())
        first_labels = tf.gather(label_ids.values, firsts)
        is_entity = tf.gather(self._begins, first_labels)
        firsts, lasts = tf.boolean_mask(firsts, is_entity), tf.boolean_mask(lasts, is_entity)
        rows = tf.gather(label_ids.value_rowids(), firsts)
        starts, ends = tf.gather(starts, firsts), tf.gather(ends, lasts)
        types = tf.gather(self._types, tf.boolean_mask(first_labels, is_entity))
        scores = tf.boolean_mask(tf.math.segment_mean(scores, run), is_entity)
        by_text = tf.RaggedTensor.from_value_rowids(starts, rows, nrows=label_ids.nrows(), validate=False)

        def padded(values, padding):
            return by_text.with_values(values).to_tensor(padding)

        return {"entities": padded(_substrings(texts, rows, starts, ends), ""),
                "entity_types": padded(types, ""), "entity_scores": padded(scores, -1.0),
                "entity_starts": padded(starts, -1), "entity_ends": padded(ends, -1),
                "entity_counts": tf.cast(by_text.row_lengths(), tf.int32)}

    def _runs(self, label_ids: tf.Tensor, rows: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        """int32 [words], the run of each word, and int32 [runs], the first and the last word of each."""
        before, count = tf.roll(label_ids, 1, 0), tf.size(label_ids)
        joins = tf.gather_nd(self._joins, tf.stack([before, label_ids], -1))
        joins &= (rows == tf.roll(rows, 1, 0)) & (tf.range(count) > 0)
        firsts = tf.cast(tf.where(~joins)[:, 0], tf.int32)
        stops = tf.concat([firsts, [count]], 0)[1:]
        return tf.cumsum(tf.cast(~joins, tf.int32)) - 1, firsts, stops - 1


def _substrings(texts: tf.Tensor, rows: tf.Tensor, starts: tf.Tensor, ends: tf.Tensor) -> tf.Tensor:
    """string [parts]: characters [start, end) of the text that each part is of."""
    # tf.strings.substr would need a copy of the whole text for every part.
    characters = tf.strings.unicode_decode(texts, "UTF-8")
    return tf.strings.unicode_encode(parts_of(characters, rows, starts, ends), "UTF-8")


class GraphSentences(tf.Module):
    """Parts texts into the sentences that `tokenization.sentences` finds outside a graph."""

    def __init__(self):
        super().__init__()
        self._sentence_ends = SentenceEnds()

    def part(self, pieces: tf.RaggedTensor, words: tf.Tensor, is_long: tf.Tensor) -> tf.RaggedTensor:
        """The words of texts, a row a sentence of those that are long, a row a text of the others.

        Args:
            pieces: ragged int32 [texts, words, pieces].
            words: string [all words].
            is_long: bool [texts].

        Returns:
            Ragged int32 [rows, words, pieces], the words in the same order; at least one row.
        """
        text = pieces.value_rowids()
        begins_text = tf.concat([tf.ones_like(text[:1], tf.bool), text[1:] != text[:-1]], 0)
        ends = tf.cond(tf.reduce_any(is_long), lambda: self._ends(words, begins_text),
                       lambda: tf.zeros_like(begins_text))
        ends &= tf.gather(is_long, text)
        begins = begins_text | tf.concat([tf.zeros_like(ends[:1]), ends[:-1]], 0)
        row = tf.cumsum(tf.cast(begins, tf.int64)) - 1
        count = tf.maximum(tf.reduce_sum(tf.cast(begins, tf.int64)), 1)
        return tf.RaggedTensor.from_value_rowids(pieces.values, row, nrows=count, validate=False)

    def _ends(self, words: tf.Tensor, begins_text: tf.Tensor) -> tf.Tensor:
        """bool [all words]: whether a sentence ends with each word and another one of the same text follows."""
        characters = tf.strings.unicode_decode(words, "UTF-8")
        splits = tf.cast(characters.row_splits, tf.int32)
        # One character more, as there may be none.
        return self._sentence_ends.find(tf.concat([characters.values, [0]], 0), splits[:-1], splits[1:], begins_text)


class TaggingSignatures(Signatures):
    """One tag for each word, however many there are; see `export_saved_model`."""

    whole_texts = False

    def __init__(self, student, tokenizer, task, tokenizer_graph, pairs: bool = False):
        super().__init__(student, task, tokenizer_graph)
        self._labels = tf.constant(task.labels)
        self._decoding, self._outside = GraphDecoding(task.transitions), task.transitions.outside
        self._entities = GraphEntities(task.labels)
        self._edge_words = GraphEdgeWords(task.cut_words, task.labels) if task.cut_words else None
        self._raw_words, self._takes_words = None, False
        if tokenizer_graph is not None:
            # A given word may hold white space: it is tokenized as a whole text is.
            self._takes_words = tokenizer_graph.takes_whole_texts
            if not task.raw_words.is_whitespace:
                self._raw_words = GraphRawWords(task.raw_words)
            self._frame, self._sentences = GraphFrame(tokenizer, pair=False), GraphSentences()
            self._at_once, self._room = map(self._frame.room, task.lengths(student.max_length))
            # One graph for both signatures, as of the student.
            self._answers_of_words: Any = tf.function(self._answered, autograph=False, input_signature=[
                tf.RaggedTensorSpec([None, None, None], tf.int32, 2), tf.TensorSpec([None], tf.string),
            ]).get_concrete_function()

    def inputs(self):
        words = {WORDS: {"words": tf.TensorSpec([None, None], tf.string, "words")}}
        return super().inputs() | (words if self._takes_words else {})

    def answers(self, logits):
        return {"logits": logits, "probabilities": tf.nn.softmax(logits),
                "label_ids": tf.argmax(logits, -1, output_type=tf.int32)}

    def raw_strings(self, texts):
        split = self._split(texts)
        label_ids, scores = self._answers_of_words(split["pieces"], split["words"].values)
        entities = self._entities.find(texts, label_ids, scores.values, split["starts"].values,
                                       split["ends"].values)
        return {"words": split["words"].to_tensor(""), "starts": split["starts"].to_tensor(-1),
                "ends": split["ends"].to_tensor(-1)} | self._padded(label_ids, scores) | entities

    def _split(self, texts: tf.Tensor) -> dict[str, tf.RaggedTensor]:
        """string [batch] -> `words`, `starts`, `ends` and `pieces` of each word, ragged."""
        if self._raw_words is None:
            return self.tokenizer_graph.tokenize(texts)
        split = self._raw_words.split(texts)
        # No word holds white space: parted there again they are the same words.
        joined = tf.strings.reduce_join(split["words"], -1, separator=" ")
        return split | {"pieces": self.tokenizer_graph.tokenize(joined)["pieces"]}

    def words(self, words):
        """string [batch, time] -> the outputs of `words`."""
        time = tf.shape(words)[1]
        counts = tf.maximum(tf.reduce_max(tf.where(words == "", 0, tf.range(1, time + 1)), 1), 0)
        given = tf.boolean_mask(words, tf.sequence_mask(counts, time))
        pieces = tf.RaggedTensor.from_row_lengths(self.tokenizer_graph.tokenize_texts(given)["pieces"],
                                                  tf.cast(counts, tf.int64), validate=False)
        label_ids, scores = self._answers_of_words(pieces, given)
        return self._padded(label_ids, scores, shape=tf.shape(words))

    def _answered(self, pieces: tf.RaggedTensor, words: tf.Tensor) -> tuple[tf.RaggedTensor, tf.RaggedTensor]:
        """Ragged int32 [batch, words, pieces] and string [all words] -> label number, int32, and score, float32, of
        each word, both ragged [batch, words]."""
        lengths = tf.cast(pieces.row_lengths(axis=2), tf.int32)
        is_long = tf.reduce_sum(lengths, 1) > self._at_once
        sentences = self._sentences.part(pieces, words, is_long)
        of_sentences = tf.cast(sentences.row_lengths(axis=2), tf.int32)
        logits, has_pieces = self._logits_of_words(joined(sentences), of_sentences), lengths.values > 0
        sure = tf.where(tf.range(len(self._labels)) == self._outside, 0.0, -math.inf)
        logits = tf.where(has_pieces[:, None], logits, sure)
        counts = tf.cast(lengths.row_lengths(), tf.int32)
        found = self._decoding.of_sentences(lengths.with_values(logits).to_tensor(), counts)
        label_ids = tf.boolean_mask(found, tf.sequence_mask(counts, tf.shape(found)[1]))
        if self._edge_words is not None:
            label_ids = self._edge_words.cut_off(label_ids, begins_group(lengths.value_rowids()), words)
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
        self.raw_words, self._task_lengths = task.raw_words, task.lengths
        self._decoding, self._num_labels = GraphDecoding(task.transitions), task.num_outputs
        self._edge_words = GraphEdgeWords(task.cut_words, task.labels) if task.cut_words else None

    def lengths(self, max_length):
        return self._task_lengths(max_length)

    def answers(self, logits: tf.Tensor, texts: LitePieces) -> dict[str, tf.Tensor]:
        pieces, = texts.pieces
        # There is a row more, so that there is a place to decode in an empty text too.
        counts = tf.concat([pieces.word_starts, [False]], 0)
        label_ids = self._decoding.of_pieces(logits[None], counts[None])[0]
        label_ids = tf.gather(label_ids, tf.range(tf.size(pieces.ids)))
        if self._edge_words is not None:
            label_ids = self._cut_off(label_ids, pieces, texts.words)
        is_label = tf.range(self._num_labels) == tf.concat([label_ids, [0]], 0)[:, None]
        scores = tf.reduce_sum(tf.where(is_label, tf.nn.softmax(logits), 0.0), -1)
        return {"label_ids": label_ids, "scores": tf.gather(scores, tf.range(tf.size(pieces.ids))),
                "word_starts": tf.cast(pieces.word_starts, tf.int32), "starts": pieces.starts, "ends": pieces.ends}

    def _cut_off(self, label_ids: tf.Tensor, pieces: Any, words: tf.Tensor) -> tf.Tensor:
        """int32 [pieces]: labels of which no entity begins or ends with a word that never does."""
        labels, numbers = where(pieces.word_starts, label_ids, pieces.words)
        cut = self._edge_words.cut_off(labels, places_of(labels) == 0, tf.gather(words, numbers))
        return tf.gather(cut, tf.cumsum(tf.cast(pieces.word_starts, tf.int32)) - 1)


SIGNATURES, LITE = TaggingSignatures, LiteTags
