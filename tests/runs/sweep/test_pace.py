"""How long the rest takes."""

from __future__ import annotations

import pytest

from xtremedistil_tf.runs.sweep.run import Pace, shown


def test_nothing_is_known_at_first():
    assert Pace().left([1.0]) is None and shown(None) == ""


def test_training_grows_with_the_epochs_and_the_rest_does_not():
    pace = Pace()
    pace.add(0.1, 530, 10)  # with 500 seconds for teacher and transfer store, and 20 of its own
    pace.add(0.1, 30, 10)
    assert pace.left([0.1]) == pytest.approx(30)
    assert pace.left([0.1, 1.0]) == pytest.approx(30 + 120)
    assert pace.left([]) == 0


@pytest.mark.parametrize("seconds, text", [(3, "1 min"), (14 * 60 + 20, "14 min"), (89 * 60, "89 min"),
                                           (3600 * 2 + 300, "2 h 05 min")])
def test_shown(seconds, text):
    assert shown(seconds) == f", about {text} left"
