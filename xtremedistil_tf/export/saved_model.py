"""SavedModel: raw strings or token ids in, answers out, as the Keras student gives them."""

from __future__ import annotations

import logging
import os

import tensorflow as tf

from xtremedistil_tf.atomic import atomic_directory
from xtremedistil_tf.export.signatures.answers import AnswerSignatures
from xtremedistil_tf.export.signatures.tagging import TaggingSignatures
from xtremedistil_tf.export.signatures.texts import ClassificationSignatures, RegressionSignatures
from xtremedistil_tf.tasks.task import Task
from xtremedistil_tf.tokenization.in_graph import InGraphWordPiece, unsupported

log = logging.getLogger(__name__)

KINDS = {"tagging": TaggingSignatures, "classification": ClassificationSignatures,
         "regression": RegressionSignatures, "question_answering": AnswerSignatures}


def export_saved_model(path: str | os.PathLike, student, tokenizer, task: Task, pairs: bool = False) -> None:
    """Writes a SavedModel.

    Signature `token_ids`. Inputs: `input_ids`, `attention_mask` and, but for tagging, `token_type_ids`; int32
    [batch, time], special tokens included, padded on the right. Outputs:

    - tagging: `logits` and `probabilities` float32 [batch, time, labels], `label_ids` int32 [batch, time];
    - classification: the same without the time axis;
    - regression: `scores` float32 [batch];
    - question answering: `start_logits` and `end_logits` float32 [batch, time].

    Signature `raw_strings`, for WordPiece vocabularies. Inputs and outputs, all [batch] unless noted:

    - tagging: `texts` string, which are split at white space -> padded with "" and -1 to [batch, words]
      `words` and `tags` string, `scores` (probabilities) float32, `starts` and `ends` int32; `word_counts`
      int32. Words without any piece (control characters only) have the tag `O` and the score 1.
    - classification: `texts` string, of pairs also `pairs` (the second texts) string -> `labels` string,
      `scores` (the label's probability) float32, `probabilities` float32 [batch, classes];
    - regression: inputs as for classification -> `scores` float32;
    - question answering: `questions` and `contexts` string -> `answers` string (empty for "no answer"),
      `starts` and `ends` int32, `scores` and `no_answer_scores` float32, see `AnswerPrediction`.

    `starts` and `ends` count Unicode characters: `text[start:end]` in Python. Texts are UTF-8; malformed
    bytes count as U+FFFD. Texts longer than the student takes are treated as by `StudentPredictor`: windows
    for tagging and question answering, else cut. `serving_default` is `raw_strings` where there is one. A
    program that loads a model with `raw_strings` must import tensorflow_text first.

    Args:
        path: folder of the SavedModel; replaced whole.
        student: float32 student.
        tokenizer: its fast tokenizer.
        task: what the student answers.
        pairs: whether `raw_strings` of a classification or regression takes pairs of texts.

    Raises:
        ConfigError: the student is too short for the special tokens around its texts.
    """
    kind = KINDS[task.kind]
    reason = unsupported(tokenizer, kind.whole_texts)
    wordpiece = None if reason else InGraphWordPiece.from_tokenizer(tokenizer, kind.whole_texts)
    if reason:
        log.info("SavedModel: no signature for raw strings, as the tokenizer is %s", reason)
    module = kind(student, tokenizer, task, wordpiece, pairs)
    with atomic_directory(path) as part:
        tf.saved_model.save(module, str(part), signatures=module.concrete())
