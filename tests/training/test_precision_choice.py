"""The choice of a precision: measured once, kept, and made anew for another student."""

from __future__ import annotations

import logging

import pytest
import tf_keras

from xtremedistil_tf.students.bilstm import BiLSTMShape
from xtremedistil_tf.students.registry import new_student
from xtremedistil_tf.training.precision_choice import chosen_policy, step_seconds

FASTER, SLOWER = {"float32": 0.2, "mixed_bfloat16": 0.1}, {"float32": 0.1, "mixed_bfloat16": 0.095}


@pytest.mark.parametrize("seconds, policy", [(FASTER, "mixed_bfloat16"), (SLOWER, "float32")])
def test_bfloat16_where_it_is_faster_by_more_than_noise(tmp_path, seconds, policy, caplog):
    with caplog.at_level(logging.INFO):
        assert chosen_policy(tmp_path / "run" / "precision.json", "a student", lambda: seconds) == policy
    assert f"training precision: {policy} (a step takes" in caplog.text


def test_a_resumed_run_has_the_first_choice(tmp_path):
    file = tmp_path / "precision.json"
    assert chosen_policy(file, "a student", lambda: FASTER) == "mixed_bfloat16"
    assert chosen_policy(file, "a student", lambda: pytest.fail("measured again")) == "mixed_bfloat16"
    assert chosen_policy(file, "another student", lambda: SLOWER) == "float32"


def test_a_damaged_choice_is_made_again(tmp_path):
    file = tmp_path / "precision.json"
    file.write_text('{"identity": ')
    assert chosen_policy(file, "a student", lambda: FASTER) == "mixed_bfloat16"


def test_both_precisions_are_measured_and_none_is_left_behind():
    made = []

    def make():
        made.append(new_student(BiLSTMShape(50, 6, 5, 8, 3)))
        return made[-1]

    seconds = step_seconds(make, 2, 4)
    assert [student.bilstm.compute_dtype for student in made] == ["float32", "bfloat16"]
    assert set(seconds) == {"float32", "mixed_bfloat16"} and min(seconds.values()) > 0
    assert tf_keras.mixed_precision.global_policy().name == "float32"
