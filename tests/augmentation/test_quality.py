import numpy as np
import pytest
from scipy.special import softmax

from xtremedistil_tf.augmentation.augmenter import Augmented, Tally
from xtremedistil_tf.augmentation.quality import Quality, confident
from xtremedistil_tf.corpus.example import Example, TextExample
from xtremedistil_tf.errors import ConfigError
from xtremedistil_tf.tasks.registry import make_task

RNG = np.random.default_rng(0)


def task(kind):
    labels = {"regression": ["score"], "question_answering": ["start", "end"]}
    return make_task(kind, labels.get(kind, ["O", "B-X"]))


def ragged(count, *rest, least=1):
    return [RNG.normal(0, 2, (length, *rest)).astype(np.float32) for length in RNG.integers(least, 7, count)]


def test_classification_by_numpy():
    quality, first, second = Quality(task("classification")), RNG.normal(0, 2, (50, 3)), RNG.normal(0, 2, (50, 3))
    np.testing.assert_allclose(quality.confidence(list(first)), softmax(first, 1).max(1), rtol=1e-5)
    assert quality.agreement(list(first), list(second)).tolist() == [
        np.argmax(one) == np.argmax(other) for one, other in zip(first, second)]


def test_tagging_by_numpy():
    quality, first = Quality(task("tagging")), ragged(40, 2, least=0)
    second = [np.concatenate([rows[: len(rows) - i % 2], RNG.normal(0, 2, (i % 3, 2))]) * [1, 1 - 2 * (i % 5 == 0)]
              for i, rows in enumerate(first)]
    expected = [np.mean(softmax(rows, 1).max(1)) if len(rows) else 1 for rows in first]
    np.testing.assert_allclose(quality.confidence(first), expected, rtol=1e-5)
    same = [all(np.argmax(a) == np.argmax(b) for a, b in zip(one, other)) for one, other in zip(first, second)]
    assert quality.agreement(first, second).tolist() == same and 0 < sum(same) < 40


def test_answers_by_numpy():
    quality, first, second = Quality(task("question_answering")), ragged(40, 2), ragged(40, 2)
    second[:10] = [rows + 1 for rows in first[:10]]
    expected = [softmax(rows, 0).max(0).prod() for rows in first]
    np.testing.assert_allclose(quality.confidence(first), expected, rtol=1e-5)
    same = [(one.argmax(0) == other.argmax(0)).all() for one, other in zip(first, second)]
    assert quality.agreement(first, second).tolist() == same and 10 <= sum(same) < 40


def test_regression_has_a_tolerance():
    quality = Quality(task("regression"), threshold=0.9, tolerance=0.25)
    first, second = [np.array([1.0]), np.array([2.0])], [np.array([1.25]), np.array([2.5])]
    assert quality.confidence(first).tolist() == [1, 1] and quality.agreement(first, second).tolist() == [True, False]


@pytest.mark.parametrize("kind", ["tagging", "classification", "question_answering", "regression"])
def test_nothing(kind):
    assert len(Quality(task(kind)).confidence([])) == len(Quality(task(kind)).agreement([], [])) == 0


@pytest.mark.parametrize("block", [1, 3, 512])
def test_the_good_ones_pass(monkeypatch, block):
    monkeypatch.setattr("xtremedistil_tf.augmentation.quality.ASKED_TOGETHER", block)
    sure, other, unsure = np.array([5.0, 0]), np.array([0, 5.0]), np.array([0.1, 0])
    logits = {"original": unsure, "sure": sure, "other": other, "unsure": unsure}
    asked, stream = [], []
    for index in range(20):
        stream += [Augmented(TextExample(text), name, index) for text, name in (
            ("original", "original"), ("sure", "masked"), ("other", "masked"), ("other", "mixing"),
            ("unsure", "masked"), ("unsure", "mixing"))]

    def answers(examples):
        asked.append(len(examples))
        return [logits[e.text] for e in examples]

    tally = Tally()
    tally.of("masked").kept, tally.of("mixing").kept = 60, 40
    kept = list(confident(iter(stream), answers, Quality(task("classification"), 0.9), {"masked"}, tally))
    assert kept == [item for item in stream if (item.example.text, item.augmenter) in (
        ("original", "original"), ("sure", "masked"), ("other", "mixing"))]
    assert sum(asked) == 120 and max(asked) <= block + 5
    counts = tally.of("masked"), tally.of("mixing")
    assert [(c.kept, c.refused) for c in counts] == [(20, 40), (20, 20)]


def test_sentences_of_other_lengths_are_not_compared():
    logits = {("a", "b"): np.array([[9.0, 0], [9, 0]]), ("a", "c"): np.array([[9.0, 0], [0, 9]]),
              ("c",): np.array([[0, 9.0]])}
    stream = [Augmented(Example(words), name, 0) for words, name in (
        (("a", "b"), "original"), (("a", "c"), "external"), (("c",), "external"))]
    kept = confident(stream, lambda examples: [logits[e.words] for e in examples], Quality(task("tagging")),
                     {"external"}, Tally())
    assert [item.example.words for item in kept] == [("a", "b"), ("c",)]


def test_a_threshold_is_a_probability():
    with pytest.raises(ConfigError, match="1.5: expected a probability"):
        Quality(task("tagging"), 1.5)
    with pytest.raises(ConfigError, match="expected a difference"):
        Quality(task("regression"), tolerance=-1)
