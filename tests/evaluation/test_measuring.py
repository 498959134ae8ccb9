"""What a measurement returns, with models that look each piece up in a table."""

from __future__ import annotations

import json

import numpy as np
import pytest
import tensorflow as tf

from xtremedistil_tf import progress
from xtremedistil_tf.corpus.example import Example, TextExample
from xtremedistil_tf.evaluation.measuring import Measured, measure
from xtremedistil_tf.tasks.regression import RegressionTask
from xtremedistil_tf.tasks.tagging import TaggingTask

TASK = TaggingTask(["O", "B-X"])
EXAMPLE = Example(("met", "the"), ("O", "B-X"))


class Table:
    """A student: logits [batch, time, outputs], or their sum over the pieces.

    Args:
        tokenizer: of the pieces.
        answers: of each word the logits; of others they are 0.
    """

    max_length = None

    def __init__(self, tokenizer, task, answers):
        table = np.zeros((len(tokenizer), task.num_outputs), np.float32)
        for word, logits in answers.items():
            piece, = tokenizer.encode(word, add_special_tokens=False)
            table[piece] = logits
        self.word_embeddings, self.task = tf.Variable(table), task
        self.weights = [self.word_embeddings]

    def __call__(self, batch, training=False):
        mask = tf.cast(batch["attention_mask"], tf.float32)[..., None]
        logits = tf.gather(self.word_embeddings, batch["input_ids"]) * mask
        return {"logits": logits if self.task.per_piece else tf.reduce_sum(logits, 1)}


class Teacher:
    """A table as a teacher of twice as many parameters."""

    def __init__(self, table):
        self.task, self.word_embeddings = table.task, table.word_embeddings.numpy
        self.parameters, self.forward = 2 * table.word_embeddings.numpy().size, lambda *_: table


@pytest.fixture
def tagger(tiny_tokenizer):
    """Answers the words that are given with B-X."""
    return lambda *words: Table(tiny_tokenizer, TASK, dict.fromkeys(words, (0, 1)) | {"met": (1, 0)})


def test_it_says_how_far_it_is(tagger, tiny_tokenizer, monkeypatch):
    bars = []

    class Bar:
        def __init__(self, total, label, unit):
            bars.append([label, total, 0, unit])

        def __enter__(self):
            return self

        def __exit__(self, *error):
            pass

        def update(self):
            bars[-1][2] += 1

    monkeypatch.setattr(progress, "progress_bar", Bar)
    table = tagger("the")
    measure(Measured(Teacher(table), tiny_tokenizer, {"student": (table, tiny_tokenizer)}, TASK, 16, 9), [EXAMPLE] * 3)
    assert bars == [["measuring teacher", 3, 3, "example"], ["measuring student", 3, 3, "example"]]


def test_teacher_and_students_are_compared(tagger, tiny_tokenizer):
    right, half = tagger("the", "s"), tagger("the")
    examples = [EXAMPLE, Example(("s",), ("B-X",))]
    students = {"student": (half, tiny_tokenizer), "direct_baseline": (right, tiny_tokenizer)}
    found = measure(Measured(Teacher(right), tiny_tokenizer, students, TASK, 8, 5), examples)
    assert list(found) == ["teacher", "student", "direct_baseline", "retention", "confusion", "disagreements"]
    scores = [(found[name]["f1"], found[name]["recall"]) for name in ("teacher", "student", "direct_baseline")]
    assert scores == [(1.0, 1.0), (pytest.approx(2 / 3), 0.5), (1.0, 1.0)]
    size = 2 * len(tiny_tokenizer)
    assert (found["teacher"]["parameters"], found["student"]["parameters"]) == (2 * size, size)
    assert found["student"]["parameters_seen_pieces"] == 2 * 5  # of the table, the five pieces that occur
    assert found["retention"]["f1"] == pytest.approx(2 / 3) and found["retention"]["compression"] == 2
    assert found["student"]["latency"]["seq_len"] == 8 and found["teacher"]["latency"]["batch_1"]["median_ms"] > 0
    assert found["confusion"] == {"teacher": {"O": {"O": 1}, "B-X": {"B-X": 2}},
                                  "student": {"O": {"O": 1}, "B-X": {"O": 1, "B-X": 1}}}
    differ = found["disagreements"]
    assert (differ["agreement"], differ["examples"], differ["differ"]) == (pytest.approx(2 / 3), 2, 1)
    assert differ["shown"] == [{"words": "s", "gold": "B-X", "teacher": "B-X", "student": "O"}]
    assert json.loads(json.dumps(found)) == found


def test_without_a_teacher_there_is_nothing_to_disagree_with(tagger, tiny_tokenizer):
    measured = Measured(None, None, {"student": (tagger("the"), tiny_tokenizer)}, TASK, 8, 5)
    found = measure(measured, [EXAMPLE], {"more": [Example(("the", "met"), ("O", "O"))]})
    assert list(found) == ["student", "confusion", "extra"] and list(found["confusion"]) == ["student"]
    assert found["student"]["f1"] == 1 and found["extra"] == {"more": {"student": 0}}


def test_numbers_have_no_confusion(tiny_tokenizer):
    task, examples = RegressionTask(), [TextExample(text, label=float(i)) for i, text in enumerate(("s", "the", "met"))]
    teacher, student = (Table(tiny_tokenizer, task, {"s": first, "the": 1, "met": last})
                        for first, last in ((0, 2), (0.5, 4)))
    found = measure(Measured(Teacher(teacher), tiny_tokenizer, {"student": (student, tiny_tokenizer)}, task, 8, 5),
                    examples)
    assert "confusion" not in found and found["disagreements"]["agreement"] == pytest.approx(1 / 3)
    assert [row["student"] for row in found["disagreements"]["shown"]] == [4.0, 0.5]
    assert found["teacher"]["pearson"] == pytest.approx(1)
    assert found["retention"]["pearson"] == pytest.approx(np.corrcoef([0, 1, 2], [0.5, 1, 4])[0, 1])
