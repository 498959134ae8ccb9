"""A student that answers at once and takes limited inputs, and what it is asked through."""

from __future__ import annotations

import functools

import numpy as np
import pytest
import tensorflow as tf


class TableStudent:
    """Answers that depend on every piece, its place and its type; no two alike."""

    def __init__(self, vocab_size: int, task, max_length: int | None):
        values = np.random.default_rng(5).normal(size=(vocab_size, task.num_outputs)).astype(np.float32)
        self.table = tf.Variable(values)
        self.variables, self.max_length, self._per_piece = [self.table], max_length, task.per_piece

    def __call__(self, inputs, training=False):
        mask = tf.cast(inputs["attention_mask"], tf.float32)[..., None]
        place = tf.cast(tf.range(tf.shape(mask)[1]), tf.float32)[:, None]
        own = (tf.gather(self.table, inputs["input_ids"]) + 0.1 * tf.sin(place)) * mask
        if "token_type_ids" in inputs:
            own *= 1.0 + 0.5 * tf.cast(inputs["token_type_ids"], tf.float32)[..., None]
        weighted = own * (1.0 + 0.3 * tf.cos(place))
        whole = tf.reduce_sum(weighted, 1) / tf.reduce_sum(mask, 1)
        before = tf.cumsum(weighted, 1) / (1.0 + place)
        return {"logits": own + before + 0.5 * whole[:, None] if self._per_piece else whole}


@pytest.fixture(scope="session")
def unigram_tokenizer():
    """A tokenizer with pieces for white space, and with its cls token behind the texts, as XLNet has it."""
    from tokenizers import Tokenizer, models, pre_tokenizers, processors
    from transformers import PreTrainedTokenizerFast

    pieces = ["\u2581", "\u2581an", "na", "\u2581met", "is", *"abdehimnoprstqu,.", "\u2581москва"]
    vocabulary = [("<unk>", 0.0), ("<pad>", 0.0), ("<sep>", 0.0), ("<cls>", 0.0)]
    vocabulary += [(piece, -2.0 - number / 8) for number, piece in enumerate(pieces)]
    backend = Tokenizer(models.Unigram(vocabulary, unk_id=0))
    backend.pre_tokenizer = pre_tokenizers.Metaspace()
    backend.post_processor = processors.TemplateProcessing(
        single="$A:0 <sep>:0 <cls>:2", pair="$A:0 <sep>:0 $B:1 <sep>:1 <cls>:2",
        special_tokens=[("<sep>", 2), ("<cls>", 3)])
    return PreTrainedTokenizerFast(tokenizer_object=backend, unk_token="<unk>", pad_token="<pad>",
                                   sep_token="<sep>", cls_token="<cls>")


@pytest.fixture(scope="session")
def asked(tiny_tokenizer):
    """Makes for a task and a limit one signature, traced when it is first run, and the package's prediction."""
    from xtremedistil_tf.inference.predictor import StudentPredictor
    from xtremedistil_tf.tokenization.graph.inputs import graph_tokenizer

    def make(task, max_length, pairs=False, signature="raw_strings", tokenizer=tiny_tokenizer):
        student = TableStudent(len(tokenizer), task, max_length)
        kind = task.module("signatures").SIGNATURES
        signatures = kind(student, tokenizer, task, graph_tokenizer(tokenizer, kind.whole_texts), pairs)
        traced = tf.function(getattr(signatures, signature), autograph=False)  # as in a SavedModel

        @functools.cache
        def concrete():  # some ask for the prediction alone
            return traced.get_concrete_function(**signatures.inputs()[signature])

        def run(**texts):
            found = concrete()(**{name: _strings(values) for name, values in texts.items()})
            return {name: value.numpy() for name, value in found.items()}

        return run, StudentPredictor(student, tokenizer, task).predict

    return make


def _strings(values) -> tf.Tensor:
    """Lists or an array of texts or bytes, of any shape, also without elements."""
    array = np.asarray(values, object)
    flat = [value.encode() if isinstance(value, str) else value for value in array.ravel()]
    return tf.reshape(tf.constant(flat, tf.string), array.shape)
