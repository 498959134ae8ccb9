"""SavedModel: raw strings, words or token ids in, answers out, as the Keras student gives them."""

from __future__ import annotations

import logging
import os
import pathlib
from typing import Any

import tensorflow as tf

from xtremedistil_tf.atomic import atomic_directory, write_json
from xtremedistil_tf.errors import NoGraphFormError
from xtremedistil_tf.students.metadata import DECODING
from xtremedistil_tf.tasks.task import Task
from xtremedistil_tf.tokenization.graph.inputs import graph_tokenizer

log = logging.getLogger(__name__)

# Where TensorFlow leaves room for files of others.
_DECODING_FILE = pathlib.Path("assets.extra", "decoding.json")


def export_saved_model(path: str | os.PathLike[str], student: Any, tokenizer: Any, task: Task,
                       pairs: bool = False) -> None:
    """Writes a SavedModel.

    Signature `token_ids`. Inputs: `input_ids`, `attention_mask` and, but for tagging, `token_type_ids`; int32
    [batch, time], special tokens included, padded on the right. Outputs:

    - tagging: `logits` and `probabilities` float32 [batch, time, labels], `label_ids` int32 [batch, time], the
      label with the greatest logit: where words begin is not known here, so that these are not decoded;
    - classification: the same without the time axis;
    - regression: `scores` float32 [batch];
    - question answering: `start_logits` and `end_logits` float32 [batch, time];
    - other kinds: see `tasks/<kind>/signatures.py`.

    Signature `raw_strings`, for WordPiece and Unigram vocabularies. All inputs are string [batch]. Outputs
    are [batch] unless noted:

    - tagging: `texts`, split as `RawWords` of the task has it -> for each word `words` and `tags` string, `scores`
      float32 (the probability that the softmax over the labels gives to the tag; below that of a label that was
      not allowed), `starts` and `ends` int32, [batch, words]; `word_counts` int32. Tags are decoded over the
      whole text, see `best_sequences`. For each entity that the tags make (see `entity_rules`) `entities` string
      (the part of the text), `entity_types` string, `entity_scores` float32 (mean of its
      words' scores), `entity_starts` and `entity_ends` int32, [batch, entities]; `entity_counts` int32. Words
      without any piece (control characters only) have the tag `O` and the score 1.
    - classification: `texts`, of pairs also `pairs` (the second texts) -> `labels` string, `scores` float32
      (the label's probability); `probabilities` float32 and `label_names` string, [batch, classes]: the
      names are those of the columns, the same in every row;
    - regression: inputs as for classification -> `scores` float32;
    - question answering: `questions` and `contexts` -> `answers` string (empty for "no answer"), `starts` and
      `ends` int32, `scores` and `no_answer_scores` float32, see `AnswerSpan`;
    - other kinds: see `tasks/<kind>/signatures.py`.

    Signature `words`, for tagging and the vocabularies of `raw_strings`. Input: `words` string [batch, time],
    sentences split by the caller; empty strings on the right are padding, others are words without pieces.
    White space inside a word parts pieces, not words, as in Hugging Face's `is_split_into_words`. Outputs:
    `tags` string and `scores` float32 [batch, time], `word_counts` int32 [batch] (padding aside).

    `starts` and `ends` count Unicode characters: `text[start:end]` in Python. Texts are UTF-8; malformed
    bytes count as U+FFFD. Texts longer than the student takes are treated as by `StudentPredictor`: windows
    for tagging and question answering, else cut. `serving_default` is `raw_strings` where there is one. A
    program that loads a model with `raw_strings` of a WordPiece vocabulary must import tensorflow_text first.

    `assets.extra/decoding.json`, where answers have to be chosen from the logits of `token_ids`: the labels, and how,
    see `Task.decoding_facts`.

    Batches may be empty. The first axis of every input and output is the batch, so that a server may join
    requests and part their answers again. Outputs with an axis of words or entities are padded on the right,
    to the longest of the batch, with "" and -1: their width depends on what else is in the batch; what is
    padding, `word_counts` and `entity_counts` tell. TensorFlow Serving's `pad_variable_length_inputs`
    concerns inputs only, here those of `token_ids` and `words`, and must stay off: it pads with the first
    value of a tensor, a one for `attention_mask` and a word for `words`. Requests to these two that may be
    joined must be padded to one time by the client; `raw_strings` needs none of this.

    Args:
        path: folder of the SavedModel; replaced whole.
        student: float32 student.
        tokenizer: its fast tokenizer.
        task: what the student answers.
        pairs: whether `raw_strings` of a classification or regression takes pairs of texts.

    Raises:
        ConfigError: the student is too short for the special tokens around its texts.
    """
    kind = task.module("signatures").SIGNATURES
    tokenizer_graph = None
    try:
        tokenizer_graph = graph_tokenizer(tokenizer, kind.whole_texts)
    except NoGraphFormError as error:
        log.info("SavedModel: no signature for raw strings, as the tokenizer is %s", error.reason)
    module = kind(student, tokenizer, task, tokenizer_graph, pairs)
    with atomic_directory(path) as part:
        tf.saved_model.save(module, str(part), signatures=module.concrete())
        if facts := task.decoding_facts():
            (part / _DECODING_FILE).parent.mkdir()
            write_json(part / _DECODING_FILE, {"labels": task.labels, DECODING: facts})
