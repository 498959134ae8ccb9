"""Transfer text beside dev text."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest

from xtremedistil_tf.corpus import Example, QuestionExample, TextExample
from xtremedistil_tf.transfer.text import LEAST, RARE, Comparison, TextProfile, text_profile, words_of

LIKE = TextProfile(100, 10.0, (2.0, 10.0, 18.0), 0.4, 0.0, 0.05)


def test_a_profile():
    examples = [Example(("Ada", "was", "in", "Rome")), TextExample("École du", "Soir"),
                QuestionExample("1", "a", "b c")]
    counts, reference = np.array([6, 2, 8, 4]), np.array([RARE, 100, RARE - 1, 0])
    profile = text_profile(examples, counts, reference, 1)
    assert profile.words == pytest.approx(10 / 3) and profile.capitalised == pytest.approx(4 / 10)
    assert profile.word_quantiles == pytest.approx(np.quantile([4, 3, 3], [0.1, 0.5, 0.9]))
    assert (profile.unknown, profile.rare) == pytest.approx((2 / 20, 12 / 20))
    assert text_profile(examples, counts, reference, None).unknown == 0
    assert [len(words_of(example)) for example in examples] == [4, 3, 3]


def compared(dev=LIKE, **changes):
    return Comparison(dataclasses.replace(LIKE, **changes), dev)


@pytest.mark.parametrize("changes, unlike", [
    ({}, []),
    ({"words": 14.9}, []), ({"words": 15.1}, ["words"]), ({"words": 6.6}, ["words"]),
    ({"capitalised": 0.25}, ["capitalised"]), ({"capitalised": 0.3}, []),
    ({"unknown": 0.007}, []), ({"unknown": 0.02}, ["unknown"]),
    ({"rare": 0.01, "words": 30.0}, ["words", "rare"]),
])
def test_what_differs_much_is_named_once(changes, unlike):
    comparison = compared(**changes)
    assert comparison.unlike == unlike and len(comparison.warnings()) == len(unlike)


def test_shares_that_are_small_on_both_sides_do_not_differ():
    assert not compared(dev=dataclasses.replace(LIKE, capitalised=0.0), capitalised=0.02).unlike


def test_a_few_dev_sentences_say_nothing():
    assert not compared(dev=dataclasses.replace(LIKE, sentences=LEAST - 1), words=100.0).warnings()


def test_the_teachers_view_and_languages():
    comparison = dataclasses.replace(compared(), without_text=("tl",))
    assert comparison.warnings() == ["no transfer text in tl, which dev has"]
    seen = comparison.with_entity_words(0.1, 0.3)
    assert seen.unlike == ["entity_words"] and "10.0 %, dev 30.0 %" in seen.warnings()[0]
    assert len(seen.rows()) == len(comparison.rows()) + 1
    assert Comparison.from_json(json.loads(json.dumps(seen.to_json()))).rows() == seen.rows()
