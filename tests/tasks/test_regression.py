"""Regression: columns, targets, losses and decoding."""

from __future__ import annotations

import numpy as np
import pytest

from xtremedistil_tf.corpus.example import TextExample
from xtremedistil_tf.errors import ConfigError, DataError
from xtremedistil_tf.tasks.classification import ClassificationTask
from xtremedistil_tf.tasks.regression import RegressionTask
from xtremedistil_tf.training.batches import pad_batch

EXAMPLES = [TextExample("anna met", "boris met", 4.25, "de"), TextExample("paris", "the house", 0.5, "de"),
            TextExample("oslo", "wien", 3, "de")]


def test_targets_are_used_as_they_are_and_losses(tiny_tokenizer):
    task = RegressionTask()
    features = task.training_features(tiny_tokenizer, EXAMPLES, 64).features
    assert features.read(0)["input_ids"].tolist() == tiny_tokenizer("anna met", "boris met")["input_ids"]
    batch = pad_batch(features, np.arange(3), 0)
    assert batch["labels"].tolist() == [4.25, 0.5, 3.0] and batch["labels"].dtype == np.float32
    logits, teacher = np.random.default_rng(2).normal(size=(2, 3, 1)).astype(np.float32)
    batch["teacher_logits"] = teacher
    assert float(task.label_loss(batch, logits)) == pytest.approx(
        np.mean((logits[:, 0] - [4.25, 0.5, 3]) ** 2), rel=1e-5)
    half_square = np.mean((logits - teacher) ** 2) / 2
    assert float(task.logit_loss(batch, logits)) == pytest.approx(half_square, rel=1e-5)
    assert float(task.weight_of(batch)) == 3 and task.num_outputs == 1


def test_a_head_starts_at_the_mean_target():
    assert RegressionTask().head_bias(EXAMPLES) == [pytest.approx((4.25 + 0.5 + 3) / 3)]
    assert ClassificationTask(["no", "yes"]).head_bias([TextExample("oslo", label="no")]) is None


def test_decoding_and_scores(tiny_tokenizer):
    task = RegressionTask()
    features = task.prediction_features(tiny_tokenizer, EXAMPLES, 64)
    predictions = task.decode(features, [np.array([x], np.float32) for x in (4.25, 0.5, 3)])
    assert predictions == [4.25, 0.5, 3.0] and all(type(p) is float for p in predictions)
    scores = task.scores(EXAMPLES, predictions)
    assert scores[task.main_score] == pytest.approx(1) and scores["mean_pearson"] == pytest.approx(1)


@pytest.mark.parametrize("label, found", [
    (None, "no target"), ("high", "target 'high'"), (float("nan"), "target nan")])
def test_targets_that_are_no_numbers(tiny_tokenizer, label, found):
    with pytest.raises(DataError, match=f"x.tsv:3: {found}, expected a finite number"):
        faulty = TextExample("a", "b", label, None, "x.tsv", 3)
        RegressionTask().training_features(tiny_tokenizer, [faulty], 64)


def test_settings_are_checked():
    assert RegressionTask(main_score="spearman").main_score == "spearman"
    with pytest.raises(ConfigError, match="`metric=mse`: expected one of pearson, spearman"):
        RegressionTask(main_score="mse")
    with pytest.raises(ConfigError, match="one output, found 2 labels: 'yes, no'"):
        RegressionTask(["yes", "no"])


def test_answers_and_logits_that_count_as_the_same():
    task = RegressionTask()
    assert task.same(0.0, 0.01) and task.same(0.01, 0.0) and not task.same(0.0, 0.0101)
    assert task.distance(1.0, 1.005) == 0 and task.distance(1.0, 3.5) == task.distance(3.5, 1.0) == 2.5
    first, second = [np.array([x], np.float32) for x in (1, 2, 3)], [np.array([x], np.float32) for x in (1.5, 2, 2)]
    assert task.same_logits(first, second, 0.5).tolist() == [True, True, False]
    assert task.same_logits(second, first, 0.5).tolist() == [True, True, False]
    assert task.shown_answer(np.float32(0.123456)) == 0.1235 and task.choices(first[0]) is None
    assert task.target(3) == 3.0 and type(task.target(3)) is float
    assert task.label_problem(3) is None and task.label_problem(float("inf")) == "target inf, expected a finite number"


def test_scores_are_of_each_language():
    examples = [TextExample("x", label=label, language=language) for label, language in (
        (1.0, "de"), (2.0, "de"), (3.0, "fr"), (4.0, "fr"), (9.0, None))]
    scores = RegressionTask(main_score="spearman").scores(examples, [1.0, 2.0, 4.0, 3.0, 9.0])
    assert scores["per_language"]["de"]["spearman"] == pytest.approx(1) and scores["std_spearman"] == pytest.approx(1)
    assert scores["per_language"]["fr"]["spearman"] == pytest.approx(-1)
    assert scores["mean_spearman"] == pytest.approx(0) and scores["support"] == 5
    assert [part["sentences"] for part in scores["per_language"].values()] == [2, 2]
