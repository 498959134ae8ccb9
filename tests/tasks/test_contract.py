"""What kinds of tasks do for evaluation, augmentation and the store, by hand-made numbers."""

from __future__ import annotations

import types

import numpy as np
import pytest
import scipy.special

from xtremedistil_tf.corpus.example import Answer, Example, QuestionExample
from xtremedistil_tf.tasks.question_answering import QuestionAnsweringTask
from xtremedistil_tf.tasks.registry import make_task
from xtremedistil_tf.tasks.tagging import TaggingTask
from xtremedistil_tf.tokenization.alignment import row_spans

LABELS = ["O", "B-X", "I-X"]


@pytest.fixture
def spans_of(tiny_tokenizer):
    """(task, examples, seq_len) -> spans of the rows."""
    return lambda task, examples, seq_len=64: list(row_spans(
        tiny_tokenizer, examples, task.text_features(tiny_tokenizer, examples, seq_len).features))


def random_logits(*shape):
    return np.random.default_rng(len(shape)).normal(size=shape).astype(np.float32)


def test_the_score_of_a_tag_is_its_softmax(tiny_tokenizer):
    task = TaggingTask(LABELS)
    examples = [Example(("anna", "met", "\x01", "boris")), Example(("paris",))]
    features = task.prediction_features(tiny_tokenizer, examples, 32)
    rows = [random_logits(len(features.features.read(index)["input_ids"]), 3) for index in range(2)]
    (tags, scores, _), (_, alone, _) = task.decode_scored(features, rows)
    starts = [np.flatnonzero(task.text_features(tiny_tokenizer, [example], 32).features.data["word_starts"])
              for example in examples]
    probabilities = [scipy.special.softmax(row[at], -1) for row, at in zip(rows, starts)]
    assert len(tags) == 4 and tags[2] == "O" and scores[2] == 1.0
    wanted = [row[LABELS.index(tag)] for row, tag in zip(probabilities[0], [tags[0], tags[1], tags[3]])]
    np.testing.assert_allclose(scores[[0, 1, 3]], wanted, rtol=1e-5)
    assert scores.dtype == np.float32 and alone.shape == (1,)


def test_words_get_the_logits_of_the_teachers_first_piece(spans_of):
    """`PARIS` is one piece, `paris` are two; cut off words have no answer."""
    task = TaggingTask(LABELS)
    student, teacher = (spans_of(task, [Example(words)], room)[0]
                        for words, room in ((("paris", "met", "anna"), 64), (("PARIS", "met", "anna"), 4)))
    logits = random_logits(len(teacher), 3)
    found, answered = task.aligned_logits(logits, np.zeros(len(student), int), student, teacher)
    starts = {unit: at for at, unit in reversed(list(enumerate(student.units.tolist()))) if unit >= 0}
    theirs = {unit: at for at, unit in reversed(list(enumerate(teacher.units.tolist()))) if unit >= 0}
    assert sorted(theirs) == [0, 1] and sorted(starts) == [0, 1, 2]
    for word, at in theirs.items():
        np.testing.assert_array_equal(found[starts[word]], logits[at])
        assert answered[starts[word]]
    assert not answered[starts[2]]


def test_first_and_last_places_come_from_the_pieces_that_begin_and_end_there(monkeypatch):
    from xtremedistil_tf.tasks.question_answering import task as module

    monkeypatch.setattr(module, "aligned_ends", lambda student, teacher: {("s", "t"): np.array([0, 2, -1, 1])}[
        student, teacher])
    logits = random_logits(3, 2)
    found, answered = QuestionAnsweringTask().aligned_logits(logits, np.array([0, 1, 2, -1]), "s", "t")
    np.testing.assert_array_equal(found, [[logits[0, 0], logits[0, 1]], [logits[1, 0], logits[2, 1]],
                                          [logits[2, 0], logits[0, 1]], [logits[0, 0], logits[1, 1]]])
    assert answered.tolist() == [True, True, False, False]


def test_losses_are_cross_entropies_of_answered_places():
    logits = random_logits(2, 4, 3)
    labels, starts = np.array([[0, 1, 2, 0], [1, 0, 0, 0]]), np.array([[1, 1, 0, 0], [1, 0, 0, 0]], np.float32)
    chosen = np.take_along_axis(scipy.special.log_softmax(logits, -1), labels[..., None], -1)[..., 0]
    batch = {"labels": labels, "word_starts": starts}
    np.testing.assert_allclose(TaggingTask(LABELS).label_loss(batch, logits), -chosen[starts > 0].mean(), rtol=1e-5)
    batch = {"teacher_logits": logits + 1, "word_starts": starts}
    doubled = TaggingTask(LABELS).logit_loss(batch, logits - 1)
    np.testing.assert_allclose(doubled / TaggingTask(LABELS).logit_loss(batch, logits), 4, rtol=1e-4)
    assert TaggingTask(LABELS).weight_of(batch) == 3


@pytest.mark.parametrize(("kind", "labels", "first", "second", "same"), [
    ("tagging", LABELS, [[[9, 0, 0], [0, 9, 0]], [[0, 0, 9]]], [[[1, 0, 0], [0, 1, 0]], [[1, 0, 0]]], [True, False]),
    ("tagging", LABELS, [[[9, 0, 0], [0, 9, 0]], []], [[[1, 0, 0]], [[1, 0, 0]]], [True, True]),
    ("question_answering", ["start", "end"], [[[9, 0], [0, 9]], [[9, 0], [0, 9]]], [[[1, 0], [0, 1]], [[1, 1], [0, 0]]],
     [True, False]),
    ("multi_label", ["a", "b"], [[0.0, -1.0], [1.0, 1.0]], [[3.0, -2.0], [1.0, -1.0]], [True, False]),
])
def test_the_same_answers(kind, labels, first, second, same):
    shape = (-1, 3) if kind == "tagging" else None
    rows = [[np.array(row, np.float32) if shape is None else np.array(row, np.float32).reshape(shape) for row in part]
            for part in (first, second)]
    assert make_task(kind, labels).same_logits(*rows, 0.0).tolist() == same


def test_the_confidence_of_a_sentence_is_the_mean_of_its_words():
    logits = [random_logits(3, 3), np.zeros((0, 3), np.float32), random_logits(2, 3)]
    found = TaggingTask(LABELS).confidence(logits)
    wanted = [scipy.special.softmax(row, -1).max(-1).mean() if len(row) else 1 for row in logits]
    np.testing.assert_allclose(found, wanted, rtol=1e-6)
    assert found.dtype == np.float32


def test_tags_word_by_word():
    task = TaggingTask(LABELS)
    assert list(task.confusion_pairs([Example(("a", "b"), ("O", "B-X"))], [["O", "O"]])) == [("O", "O"), ("B-X", "O")]
    assert task.agreement([["O", "B-X"], ["O"]], [["O", "O"], ["B-X"]]) == pytest.approx(1 / 3)
    assert (task.outside, TaggingTask(["N", "V"]).outside) == (0, None)
    assert (task.decoding_name, TaggingTask(LABELS, decoding="argmax").decoding_name) == ("legal", "argmax")
    facts = task.decoding_facts()
    assert (facts["may_begin"], facts["may_follow"]) == ([0, 1], [[0, 1], [0, 1, 2], [0, 1, 2]])


@pytest.mark.parametrize(("at", "begin", "cut"), [(59, 0, None), (0, 0, None), (25, 1, 61), (60, 1, 61)])
def test_part_of_a_sentence_that_is_a_word_too_long(at, begin, cut):
    count = cut or 60
    tags, other = ["O"] * count, ["O"] * count
    other[at] = "B-X"
    words = tuple(f"w{number}" for number in range(count))
    shown = TaggingTask(LABELS).disagreement(Example(words, tuple(tags)), tags, other)
    assert shown["words"].split()[0] == f"w{begin}" and len(shown["words"].split()) == 60
    assert shown.get("cut") == (f"words {begin + 1} to {begin + 60} of {cut}" if cut else None)


def test_a_question_that_is_answered_otherwise():
    context = "x" * 2000 + "Anna and Boris"
    example = QuestionExample("1", "Who?", context, (Answer("Anna", 2000), Answer("Boris", 2009), Answer("Anna", 2000)))
    said = types.SimpleNamespace(text="x", start=5)
    shown = QuestionAnsweringTask().disagreement(example, said, types.SimpleNamespace(text="", start=0))
    assert (shown["question"], shown["gold"], shown["teacher"], shown["student"]) == ("Who?", "Anna / Boris", "x", "")
    assert "Anna" not in shown["context"] and len(shown["context"]) < 2000
    far = types.SimpleNamespace(text="Boris", start=2009)
    assert "Boris" in QuestionAnsweringTask().disagreement(example, far, far)["context"]
    unlabelled = QuestionExample("1", "Who?", "Anna", None)
    assert QuestionAnsweringTask().disagreement(unlabelled, far, said)["gold"] == ""


@pytest.mark.parametrize(("answers", "version_2"), [((), True), ((Answer("Anna", 0),), False), (None, False)])
def test_unanswered_questions_make_it_version_2(answers, version_2):
    corpus = types.SimpleNamespace(train=[QuestionExample("1", "Who?", "Anna", answers)])
    options = QuestionAnsweringTask.options_from(types.SimpleNamespace(max_answer_pieces=7), corpus)
    assert options == {"max_answer_pieces": 7, "version_2": version_2}
