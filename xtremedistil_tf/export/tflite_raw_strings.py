"""A TensorFlow Lite file that takes raw strings, by those of tensorflow-text's ops that it can run.

They are not exact, as the graphs of SavedModels are: the ops by which those clean a text cannot run in
TensorFlow Lite. docs/mobile.md tells what a program must do to the text before, and what differs still.
"""

from __future__ import annotations

import functools
import logging
import os
import pathlib
from typing import Any, NamedTuple

import tensorflow as tf
import tensorflow_text as tf_text

from xtremedistil_tf.export.sentencepiece import not_sentencepiece, sentencepiece_model
from xtremedistil_tf.export.tflite import LABELS, MODEL, check_quantization, kept_with, side_files, write_tflite
from xtremedistil_tf.export.tflite_lstm import without_lists
from xtremedistil_tf.export.tflite_metadata import Enclosed
from xtremedistil_tf.export.tflite_windows import LiteWindows
from xtremedistil_tf.export.tflite_words import LiteStrings, LiteWords, one_string
from xtremedistil_tf.tasks.signatures import LitePieces
from xtremedistil_tf.tasks.task import Task
from xtremedistil_tf.tokenization.graph.wordpiece import not_as_bert, unsupported
from xtremedistil_tf.tokenization.texts import Frame, tokenizer_spec

log = logging.getLogger(__name__)
RAW_STRINGS = "raw_strings"


class Pieces(NamedTuple):
    """A text in pieces, without special tokens.

    Attributes, each [pieces]:
        ids: int32.
        words: int32, the word that each piece is of.
        word_starts: bool, true at the first piece of each word.
        starts, ends: int32, where pieces begin and end in the text, in bytes of its UTF-8; their words where the
            tokenizer cannot tell of pieces.
    """

    ids: tf.Tensor
    words: tf.Tensor
    word_starts: tf.Tensor
    starts: tf.Tensor
    ends: tf.Tensor

    def cut(self, count) -> Pieces:
        """The first pieces."""
        return Pieces(*(values[:count] for values in self))


def tokenizer_graph(tokenizer) -> tuple[WordPieceGraph | SentencePieceGraph | None, str]:
    """The graph form of a fast tokenizer of transformers; or None and what the tokenizer is instead."""
    spec = tokenizer_spec(tokenizer)
    unigram = spec.get("model", {}).get("type") == "Unigram"
    reason = not_sentencepiece(spec) if unigram else unsupported(tokenizer, spec) or not_as_bert(spec)
    if reason:
        return None, reason
    return (SentencePieceGraph if unigram else WordPieceGraph)(spec), ""


class WordPieceGraph(tf.Module):
    """BERT's tokenizer. Literal special tokens such as `[SEP]` in a text are text."""

    def __init__(self, spec: dict[str, Any]):
        super().__init__()
        model = spec["model"]
        self._normalizer = tf_text.FastBertNormalizer(
            lower_case_nfd_strip_accents=spec["normalizer"]["lowercase"])
        self._wordpiece = tf_text.FastWordpieceTokenizer(
            vocab=_listed(model["vocab"]), suffix_indicator=model["continuing_subword_prefix"],
            unknown_token=model["unk_token"], token_out_type=tf.int32,
            # The tokenizer counts characters, this op bytes.
            max_bytes_per_word=4 * model["max_input_chars_per_word"])

    has_offsets = True

    @tf.autograph.experimental.do_not_convert
    def pieces(self, words: LiteStrings) -> Pieces:
        """The pieces of words, or of one text."""
        # Flat values, as TensorFlow Lite lacks most ops on ragged tensors.
        normalized, offsets = self._normalizer.normalize_with_offsets(words.strings)
        ids, starts, ends = self._wordpiece.tokenize_with_offsets(normalized)
        word, word_starts = _words_of(ids)
        before = tf.cast(tf.gather(offsets.row_splits, word), tf.int32)
        offsets, of_word = tf.cast(offsets.values, tf.int32), tf.gather(words.starts, word)
        starts, ends = (of_word + tf.gather(offsets, before + tf.cast(places.values, tf.int32))
                        for places in (starts, ends))
        return Pieces(ids.values, word, word_starts, starts, ends)


class SentencePieceGraph(tf.Module):
    """SentencePiece's unigram tokenizer, as of XLM-R. Literal special tokens in a text are text."""

    def __init__(self, spec: dict[str, Any]):
        super().__init__()
        self._tokenizer = tf_text.FastSentencepieceTokenizer(sentencepiece_model(spec))

    has_offsets = False

    @tf.autograph.experimental.do_not_convert
    def pieces(self, words: LiteStrings) -> Pieces:
        """The pieces of words, or of one text."""
        ids = self._tokenizer.tokenize(words.strings)
        word, word_starts = _words_of(ids)
        return Pieces(ids.values, word, word_starts, tf.gather(words.starts, word), tf.gather(words.ends, word))


def _words_of(pieces: tf.RaggedTensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Ragged [words, pieces] -> of each piece its word, int32, and whether it is the first of it, bool."""
    splits = tf.cast(pieces.row_splits, tf.int32)
    place = tf.range(tf.size(pieces.values))
    word = tf.reduce_sum(tf.cast(splits[None] <= place[:, None], tf.int32), 1) - 1
    return word, tf.gather(splits, word) == place


def _listed(vocabulary: dict[str, int]) -> list[str]:
    """The pieces in the order of their ids; where an id is free, or its piece in no text, one that is in none
    either, as brackets are split off."""
    pieces = [f"[no piece {number}]" for number in range(1 + max(vocabulary.values()))]
    for piece, number in vocabulary.items():
        if piece and "\x00" not in piece:
            pieces[number] = piece
    return pieces


def export_raw_string_tflite(folder: str | os.PathLike[str], student: Any, tokenizer: Any, task: Task,
                             quantization: str, pairs: bool = False) -> pathlib.Path | None:
    """Writes `<folder>/raw_strings_<quantization>.tflite`, where the tokenizer can be in it.

    Signature `raw_strings`, for one text at a time. Inputs, string [1], UTF-8, cleaned as docs/mobile.md
    says: `texts`; of pairs also `pairs`; of question answering `questions` and `contexts`. Outputs:

    - tagging: for each piece, special tokens left out, `label_ids` int32, `scores` float32 (the label's
      probability by the softmax of the piece), `word_starts` int32 (1 at the first piece of each word, which answers
      for it), `starts` and `ends` int32 (of SentencePiece, those of the word). Words are those of the task's
      `RawWords`. Their labels are decoded, see `best_sequences`; their other pieces repeat them (decoded by argmax:
      have one of their own);
    - classification: `probabilities` float32 [1, classes];
    - regression: `scores` float32 [1];
    - question answering: for each piece of the context `start_logits` and `end_logits` float32, `starts` and
      `ends` int32; and `no_answer_scores` float32 [1].

    `starts` and `ends` count bytes of the text's UTF-8. Taggers answer long texts whole, sentence by sentence, as
    `TaggingTask.prediction_features` parts them; for other tasks, what does not fit into the student is cut off. The
    program must link tensorflow-text's kernels for TensorFlow Lite.

    Args:
        folder, student, tokenizer, task: see `export_tflite`.
        quantization: `none`, `float16` or `dynamic`.
        pairs: whether a classification or regression takes pairs of texts.

    Returns:
        The file; None, with the reason logged, where there cannot be one: the tokenizer has no such form.

    Raises:
        ConfigError: no such quantization, or the student cannot be converted or is too short.
    """
    check_quantization(quantization)
    graph, reason = tokenizer_graph(tokenizer)
    if graph is None:
        reason = f"the tokenizer is {reason}"
    elif quantization == "int8":
        reason = "strings are not calibrated; dynamic has int8 weights too"
    elif task.module("signatures").LITE.needs_offsets and not graph.has_offsets:
        reason = "SentencePiece does not tell where in the context an answer stands"
    if reason:
        log.info("TensorFlow Lite: no file for raw strings with `quantize=%s`: %s", quantization, reason)
        return None
    module = _raw_strings(student, tokenizer, task, graph, pairs)
    path = pathlib.Path(folder) / f"{RAW_STRINGS}_{quantization}.tflite"
    files = {name: content for name, content in side_files(tokenizer, task, student.max_length).items()
             if name in (LABELS, MODEL)}
    enclosed = Enclosed(f"{task.kind} student", "Answers to raw text, see docs/mobile.md.", {}, files)
    return write_tflite(path, module, RAW_STRINGS, module.concrete(), quantization, custom_ops=True, enclosed=enclosed)


def _raw_strings(student: Any, tokenizer: Any, task: Task, graph: Any, pairs: bool) -> RawStrings:
    """See `kept_with`."""
    found: RawStrings = kept_with(student, "_raw_strings", (tokenizer, task, pairs),
                                  lambda: RawStrings(student, tokenizer, task, graph, pairs))
    return found


class RawStrings(tf.Module):
    """Tokenizer and student in one graph; see `export_raw_string_tflite`."""

    def __init__(self, student: Any, tokenizer: Any, task: Task, graph: Any, pairs: bool):
        super().__init__()
        self._answers = task.module("signatures").LITE(task)
        self._texts = self._answers.inputs(pairs)
        self._traced = functools.cache(self._trace)
        self._names, self._graph = task.input_names, graph
        self.student_variables = student.variables
        self._call = lambda inputs: student(inputs, training=False)["logits"][0]
        self._frame = Frame.of(tokenizer, pair=len(self._texts) > 1)
        self._no_answer_at = self._frame.position(tokenizer.cls_token_id, 0, 0)
        self._room = None if student.max_length is None else self._frame.room(student.max_length)
        self._words, self._in_loop = None, functools.partial(without_lists, student)
        if self._answers.raw_words is not None:
            lengths = map(self._frame.room, self._answers.lengths(student.max_length))
            self._words = LiteWords(self._answers.raw_words)
            self._windows = LiteWindows(self._logits_of_window, task.num_outputs, *lengths)

    def concrete(self) -> Any:
        """The traced function: string [1] by name -> the outputs of the task."""
        return self._traced()

    def _trace(self) -> Any:
        specs = {name: tf.TensorSpec([1], tf.string, name) for name in self._texts}
        return tf.function(self._answer).get_concrete_function(**specs)

    def _answer(self, **texts: tf.Tensor) -> dict[str, tf.Tensor]:
        if self._words is not None:
            words = self._words.split(texts[self._texts[0]])
            pieces = self._graph.pieces(words)
            logits = self._windows.logits(pieces, words.ends_sentence)
            return self._answers.answers(logits, LitePieces([pieces], self._frame, self._no_answer_at, words.strings))
        pieces = [self._graph.pieces(one_string(texts[name])) for name in self._texts]
        if self._room is not None:
            pieces = [part.cut(count) for part, count in zip(pieces, self._kept(pieces))]
        logits = self._logits(*(part.ids for part in pieces))
        return self._answers.answers(
            logits, LitePieces(pieces, self._frame, self._no_answer_at))

    def _logits_of_window(self, ids: tf.Tensor) -> tf.Tensor:
        """int32 [pieces] -> float32 [pieces, outputs], and rows of the special tokens behind them."""
        begin = len(self._frame.special[0])
        with self._in_loop():
            return self._logits(ids)[begin:]

    def _kept(self, pieces: Any) -> list[tf.Tensor]:
        """How many pieces of each text are kept."""
        if len(pieces) == 1:
            return [self._room]
        return self._answers.kept(*(tf.size(part.ids) for part in pieces), self._room)

    def _logits(self, *texts: tf.Tensor) -> tf.Tensor:
        """int32 [pieces] of each text -> float32 [time, outputs] or [outputs]."""
        ids, types = [self._frame.special[0]], [self._frame.special_types[0]]
        for number, text in enumerate(texts):
            ids += [text, self._frame.special[number + 1]]
            types += [tf.fill(tf.shape(text), self._frame.text_types[number]),
                      self._frame.special_types[number + 1]]
        ids = tf.concat(ids, 0)[None]
        inputs = {"input_ids": ids, "attention_mask": tf.ones_like(ids),
                  "token_type_ids": tf.concat(types, 0)[None]}
        return self._call({name: inputs[name] for name in self._names})
