"""Training and transfer text without what is measured."""

from __future__ import annotations

import pytest

from xtremedistil_tf.corpus import Example, QuestionExample, TextExample
from xtremedistil_tf.corpus.example import Decontaminated, MeasuredTexts
from xtremedistil_tf.errors import DataError
from xtremedistil_tf.tasks.opening import load_task


@pytest.mark.parametrize("measured, other, same", [
    (Example(("Ada", "was", "in", "London", ".")), Example(("ADA", "was", "in", "London.")), True),
    (Example(("ﬁne",), ("O",), "de"), Example(("fine",), None, "en"), True),
    (Example(("a", "b")), Example(("a", "c")), False),
    (TextExample("one", "two"), TextExample("Two ", "one", "label"), True),
    (TextExample("one", "two"), TextExample("one"), False),
    (TextExample("one", "two"), TextExample("one", "three"), False),
    (TextExample("one two"), TextExample("one", "two"), False),
    (QuestionExample("1", "who", "she was"), QuestionExample("2", "Who", "She was"), True),
    (QuestionExample("1", "who", "she was"), QuestionExample("2", "when", "she was"), False),
    (QuestionExample("1", "who", "she was"), QuestionExample("2", "she was", "who"), False),
])
def test_the_same_text(measured, other, same):
    assert (other in MeasuredTexts([measured])) == same


def test_a_stream_counts_what_it_leaves_out():
    words = [Example((word,)) for word in "abcab"]
    stream = Decontaminated(iter(words), MeasuredTexts(words[:1]))
    assert [example.words[0] for example in stream] == ["b", "c", "b"] and stream.left_out == 2


@pytest.fixture
def task(tmp_path):
    for split, words in (("train", "abcdef"), ("dev", "bxy"), ("test", "dcz")):
        (tmp_path / f"{split}.tsv").write_text("".join(f"{w}{w} end\tO O\n" for w in words), encoding="utf-8")
    return tmp_path


def initials(examples):
    return "".join(example.words[0][0] for example in examples)


def test_training_examples_that_are_measured_are_left_out_before_the_maximum_is_taken(task):
    corpus = load_task(task, max_train=2, max_dev=2, max_test=1, decontaminate=True)
    assert (initials(corpus.dev), initials(corpus.test)) == ("bx", "d")
    assert (initials(corpus.train), initials(corpus.surplus), corpus.left_out) == ("ac", "ef", 2)
    # What is not measured may be learned from, in training and in transfer text.
    assert initials(corpus.unmeasured) == "ycz"
    as_it_was = load_task(task, max_train=2, max_dev=2, max_test=1)
    assert (initials(as_it_was.train), initials(as_it_was.surplus), as_it_was.left_out) == ("ab", "cdef", 0)


def test_a_task_whose_whole_training_set_is_measured_is_refused(task):
    (task / "train.tsv").write_text("bb END\tO O\nBB end\tO O\n", encoding="utf-8")
    with pytest.raises(DataError, match="every training example also occurs in dev or test.*`keep_test_text`"):
        load_task(task, decontaminate=True)
