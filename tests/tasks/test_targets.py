"""Soft targets of what teachers said, against the formulas that docs/any_teacher.md has."""

import numpy as np
import pytest

from xtremedistil_tf.corpus.example import Example, QuestionExample, TextExample
from xtremedistil_tf.tasks.registry import make_task
from xtremedistil_tf.tasks.tagging.targets import word_targets
from xtremedistil_tf.tasks.targets import Softening

LABELS = ["O", "B-LOC", "I-LOC", "B-PER", "I-PER"]
PLAIN = Softening(smoothing=0.2)


def probabilities(given, words, softening=PLAIN, labels=LABELS):
    found = word_targets(given, words, labels, softening)
    return np.exp(found.logits), found.known


def test_a_score_is_the_probability_of_the_tag_against_outside():
    found, known = probabilities([{"spans": [[1, 3, "PER", 0.9]]}], 3)
    expected = [[0.8, 0.05, 0.05, 0.05, 0.05], [0.1, 0, 0, 0.9, 0], [0.1, 0, 0, 0, 0.9]]
    np.testing.assert_allclose(found, expected, atol=3e-4)
    assert known.all()


def test_without_a_score_the_answer_is_smoothed():
    found, _ = probabilities([{"spans": [[0, 1, "LOC", None]]}], 1)
    np.testing.assert_allclose(found, [[0.05, 0.8, 0.05, 0.05, 0.05]], atol=1e-6)


def test_temperature_softens_scores():
    found, _ = probabilities([{"spans": [[0, 1, "LOC", 0.9]]}], 1, Softening(temperature=2.0))
    assert found[0, 1] == pytest.approx(0.9**0.5 / (0.9**0.5 + 0.1**0.5), abs=1e-4)


def test_what_is_unsure_is_not_known_rather_than_outside():
    _, known = probabilities([{"spans": [[0, 1, "LOC", 0.4], [1, 2, "PER", 0.6]]}], 3, Softening(least_score=0.5))
    assert known.any(-1).tolist() == [False, True, True]


def test_several_answers_are_averaged_by_weight():
    found, _ = probabilities([{"tags": ["B-LOC"], "weight": 3.0}, {"tags": ["O"]}], 1)
    np.testing.assert_allclose(found, [[(3 * 0.05 + 0.8) / 4, (3 * 0.8 + 0.05) / 4, 0.05, 0.05, 0.05]], atol=1e-6)


def test_partial_teachers_answer_for_their_labels_only():
    given = [{"spans": [[0, 1, "PER", 0.9]], "knows": ["PER"]}, {"spans": [[1, 2, "LOC", 0.7]], "knows": ["LOC"]}]
    alone, known = probabilities(given[:1], 2)
    assert known[0].tolist() == [1, 0, 0, 1, 1]  # O stands for all that this teacher does not know
    np.testing.assert_allclose(alone[0], [0.1, 0, 0, 0.9, 0], atol=3e-4)
    both, known = probabilities(given, 2)
    assert known.all()
    # the other teacher's smoothed "outside" leaves a little to its own labels
    np.testing.assert_allclose(both[0, 3], 0.9, atol=0.05)
    np.testing.assert_allclose(both[1, 1], 0.7, atol=0.05)


def test_distributions_of_words_are_taken_as_they_are():
    found, _ = probabilities([{"scores": [{"O": 0.25, "B-PER": 0.75}]}], 1)
    np.testing.assert_allclose(found, [[0.25, 0, 0, 0.75, 0]], atol=3e-4)


@pytest.mark.parametrize("answer, expected", [
    ({"label": "b"}, [0.1, 0.8, 0.1]), ({"label": "b", "score": 0.6}, [0.2, 0.6, 0.2]),
    ({"scores": {"a": 0.5, "b": 0.3, "c": 0.2}}, [0.5, 0.3, 0.2]), ({"scores": {"a": 0.5}}, [0.5, 0.25, 0.25])])
def test_classes(answer, expected):
    task = make_task("classification", ["a", "b", "c"])
    np.testing.assert_allclose(np.exp(task.given_target([answer], PLAIN)), expected, atol=1e-6)
    assert task.with_given(TextExample("x", given=[answer])).label == "abc"[int(np.argmax(expected))]


def test_unsure_classes_say_nothing():
    task = make_task("classification", ["a", "b"])
    example = TextExample("x", given=[{"label": "a", "score": 0.55}])
    assert task.says_something(example, Softening(least_score=0.5))
    assert not task.says_something(example, Softening(least_score=0.6))


def test_labels_and_numbers():
    labels = make_task("multi_label", ["a", "b"])
    odds = labels.given_target([{"labels": ["b"]}], PLAIN)
    np.testing.assert_allclose(1 / (1 + np.exp(-odds)), [0.1, 0.9], atol=1e-3)
    assert labels.with_given(TextExample("x", given=[{"scores": {"a": 0.7, "b": 0.2}}])).label == ("a",)
    number = make_task("regression", ["score"])
    assert number.given_target([{"value": 1.0}, {"value": 3.0, "weight": 3.0}], PLAIN)[0] == 2.5


def test_tags_of_the_best_answers_follow_the_scheme():
    task = make_task("tagging", LABELS)
    example = task.with_given(Example(("a", "b", "c"), given=[{"tags": ["I-PER", "I-PER", "O"]}]))
    assert example.tags in (("B-PER", "I-PER", "O"), ("O", "O", "O"))  # legal, whatever is closer
    assert example.given is None


def test_the_surest_answer_to_a_question():
    task = make_task("question_answering", ["start", "end"])
    given = [{"spans": [["Rome", 3, 0.4], ["Bari", 11, 0.5]]}]
    example = QuestionExample("1", "Where?", "In Rome or Bari", given=given)
    assert [answer.text for answer in task.with_given(example).answers] == ["Bari"]
    assert task.with_given(QuestionExample("1", "Where?", "x", given=[{"spans": []}])).answers == ()
