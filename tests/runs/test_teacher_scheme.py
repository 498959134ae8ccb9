"""A teacher whose labels have IOB2's names, but that answers in IOB1, is refused as it is."""

from __future__ import annotations

import pathlib
import types

import pytest

from xtremedistil_tf.corpus.example import Example
from xtremedistil_tf.errors import ModelLoadError
from xtremedistil_tf.runs import teacher_scheme
from xtremedistil_tf.tasks.registry import make_task

DEV = [Example(("Ann", "Lee", "met", "Bob"), ("B-PER", "I-PER", "O", "B-PER")) for _ in range(20)]
IN_IOB1 = ["I-PER", "I-PER", "O", "I-PER"]


@pytest.mark.parametrize(("labels", "answer", "refused"), [
    (["O", "B-PER", "I-PER"], IN_IOB1, True), (["O", "B-PER", "I-PER"], ["B-PER", "I-PER", "O", "B-PER"], False),
    (["O", "B-PER", "I-PER"], ["O", "O", "I-PER", "O"], False), (["O", "PER"], ["PER", "PER", "O", "PER"], False)])
def test_iob1_is_told_by_the_answers(monkeypatch, labels, answer, refused):
    monkeypatch.setattr(teacher_scheme, "teacher_answers",
                        lambda teacher, tokenizer, examples, seq_len: [list(answer) for _ in examples])
    task = make_task("tagging", labels)
    labelled = types.SimpleNamespace(task=task, tokenizer=None, corpus=types.SimpleNamespace(dev=DEV))
    teacher = types.SimpleNamespace(path=pathlib.Path("their-teacher"), load=lambda task: task)
    if refused:
        with pytest.raises(ModelLoadError, match="40 of 40 entities of 20 dev sentences begin with I-.*F1 0.00; 1.00"):
            teacher_scheme.check_scheme(teacher, labelled, 32)
    else:
        teacher_scheme.check_scheme(teacher, labelled, 32)
