"""Classification: columns, targets, losses and decoding."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf
from scipy.special import log_softmax, softmax

from xtremedistil_tf.corpus.example import TextExample
from xtremedistil_tf.errors import ConfigError, DataError
from xtremedistil_tf.tasks.classification.task import ClassificationTask, ClassPrediction
from xtremedistil_tf.training.batches import pad_batch

TASK = ClassificationTask(["bad", "good", "odd"])
EXAMPLES = [TextExample("anna met", "chen in paris", "good"), TextExample("the old house", None, "odd")]


def test_columns_are_the_tokenizers_own(tiny_tokenizer):
    encoded = TASK.training_features(tiny_tokenizer, EXAMPLES, seq_len=64)
    for row, example, label in zip(map(encoded.features.read, range(2)), EXAMPLES, (1, 2)):
        own = tiny_tokenizer(example.text, example.pair)
        assert row["input_ids"].tolist() == own["input_ids"]
        assert row["token_type_ids"].tolist() == own["token_type_ids"]
        assert row["labels"] == label and row["labels"].dtype == np.int32
    assert encoded.truncated == 0
    batch = pad_batch(encoded.features, np.array([1, 0]), 0)
    assert batch["labels"].tolist() == [2, 1] and batch["token_type_ids"].shape == batch["input_ids"].shape


def test_texts_are_cut_and_counted(tiny_tokenizer):
    examples = [TextExample("anna " * 50), TextExample("anna"), TextExample("anna", "the " * 40)]
    for encoded in (TASK.text_features(tiny_tokenizer, examples, 12),
                    TASK.prediction_features(tiny_tokenizer, iter(examples), 12)):
        assert encoded.truncated == 2 and len(encoded.features) == 3 and encoded.features.lengths.max() == 12
        assert list(encoded.features.columns) == ["input_ids", "token_type_ids"]
    assert TASK.prediction_features(tiny_tokenizer, examples, None).truncated == 0


def test_losses(tiny_tokenizer):
    batch = pad_batch(TASK.training_features(tiny_tokenizer, EXAMPLES, 64).features, np.array([0, 1]), 0)
    logits, teacher = np.random.default_rng(1).normal(size=(2, 2, 3)).astype(np.float32)
    batch["teacher_logits"] = teacher
    assert float(TASK.label_loss(batch, logits)) == pytest.approx(
        -np.mean(log_softmax(logits, -1)[[0, 1], [1, 2]]), rel=1e-5)
    assert float(TASK.logit_loss(batch, logits)) == pytest.approx(
        np.mean(0.5 * ((teacher - logits) ** 2).sum(-1)), rel=1e-5)
    assert float(TASK.weight_of(batch)) == 2


def test_decoding(tiny_tokenizer):
    logits = np.array([[1, 200, 3], [0, 0, 0.5]], np.float32)
    predictions = TASK.decode(TASK.prediction_features(tiny_tokenizer, EXAMPLES, 64), list(logits))
    assert [p.label for p in predictions] == ["good", "odd"]
    for prediction, row in zip(predictions, logits):
        np.testing.assert_allclose(prediction.probabilities, softmax(row), rtol=1e-5)
        assert prediction.probabilities.dtype == np.float32


def test_scores_per_language():
    examples = [TextExample("x", None, label, language) for label, language in
                (("good", "de"), ("bad", "de"), ("odd", "en"), ("odd", None))]
    predictions = [ClassPrediction(label, np.zeros(3)) for label in ("good", "good", "odd", "bad")]
    scores = TASK.scores(examples, predictions)
    assert scores["accuracy"] == 0.5 and scores["per_language"]["de"]["accuracy"] == 0.5
    assert scores["mean_accuracy"] == 0.75 and scores["std_accuracy"] == 0.25


def test_unknown_and_missing_labels_name_their_places(tiny_tokenizer):
    faulty = [TextExample("a", None, "good", source="x.tsv", line=1),
              TextExample("a", None, "great", source="x.tsv", line=2),
              TextExample("a", source="x.tsv", line=7)]
    with pytest.raises(DataError, match="2 faults(?s:.*)x.tsv:2: label 'great', expected one of "
                                        "'bad, good, odd'(?s:.*)x.tsv:7: no label"):
        TASK.training_features(tiny_tokenizer, faulty, 64)


def test_main_score():
    assert ClassificationTask(["0", "1"], main_score="matthews").main_score == "matthews"
    assert ClassificationTask(["0", "1"], main_score="f1").main_score == "f1"
    with pytest.raises(ConfigError, match="`metric=f1`: expected one of accuracy, macro_f1, matthews"):
        ClassificationTask(["0", "1", "2"], main_score="f1")


def test_a_small_model_learns_it(tiny_tokenizer):
    import tf_keras

    tf_keras.utils.set_random_seed(1)
    task = ClassificationTask(["person", "place"])
    examples = [TextExample(f"{f} {word}", "the house" if n % 2 else None, label) for n, f in
                enumerate(("met", "in", "saw", "near")) for word, label in
                (("anna", "person"), ("boris", "person"), ("oslo", "place"), ("wien", "place"))]
    encoded = task.training_features(tiny_tokenizer, examples, 32).features
    batch = pad_batch(encoded, np.arange(len(examples)), 0)
    inputs = tf_keras.Input((None,), dtype=tf.int32)
    pooled = tf_keras.layers.GlobalMaxPooling1D()(tf_keras.layers.Embedding(len(tiny_tokenizer), 16)(inputs))
    model = tf_keras.Model(inputs, tf_keras.layers.Dense(2)(pooled))
    optimizer = tf_keras.optimizers.Adam(0.05)

    @tf.function
    def step():
        with tf.GradientTape() as tape:
            loss = task.label_loss(batch, model(batch["input_ids"]))
        weights = model.trainable_variables
        optimizer.apply_gradients(zip(tape.gradient(loss, weights), weights))
        return loss

    first = float(step())
    for _ in range(80):
        last = float(step())
    assert last < first / 5
    features = task.prediction_features(tiny_tokenizer, examples, 32)
    predictions = task.decode(features, list(model(batch["input_ids"]).numpy()))
    assert task.scores(examples, predictions)["accuracy"] == 1
