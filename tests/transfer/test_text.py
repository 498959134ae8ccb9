"""The transfer set as text."""

from __future__ import annotations

import pytest

from xtremedistil_tf.corpus import Example
from xtremedistil_tf.corpus.example import MeasuredTexts
from xtremedistil_tf.errors import DataError
from xtremedistil_tf.transfer.text import TransferText


def examples(letters):
    return [Example((letter, "x")) for letter in letters]


def shown(text):
    return "".join(example.words[0] for example in text)


def test_what_is_measured_is_left_out_of_files_and_surplus_before_the_maximum_is_taken():
    files, surplus, measured = examples("abcdef"), examples("gah"), MeasuredTexts(examples("ADg"))
    text = TransferText(lambda: files, "t", surplus, 0, measured)
    assert shown(text) == shown(text) == "bcefh" and (text.sentences, text.left_out) == (5, 4)
    assert shown(TransferText(lambda: files, "t", surplus, 2, measured)) == "eh"


def test_the_fingerprint_is_that_of_the_text_that_is_left():
    measured = MeasuredTexts(examples("b"))
    left = TransferText(lambda: examples("abc"), "t", measured=measured)
    assert left.fingerprint == TransferText(lambda: examples("ac"), "t").fingerprint
    assert left.fingerprint != TransferText(lambda: examples("abc"), "t").fingerprint
    untouched = TransferText(lambda: examples("xyz"), "t", measured=measured)
    assert untouched.fingerprint == TransferText(lambda: examples("xyz"), "t").fingerprint


def test_text_that_is_measured_altogether_is_refused():
    with pytest.raises(DataError, match="all 2 examples also occur in dev or test.*`keep_test_text`"):
        TransferText(lambda: examples("ab"), "t", measured=MeasuredTexts(examples("abc")))


def test_a_text_counts_once_in_each_language(caplog):
    languages = "de de de fr fr de de".split()
    rows = [Example((letter, "x"), None, language) for letter, language in zip("abacabd", languages)]
    text = TransferText(lambda: rows, "t")
    assert shown(text) == shown(text) == "abcad" and (text.sentences, text.repeated) == (5, 2)
    assert shown(TransferText(lambda: rows, "t", most=2)) == "cd"
    distinct = TransferText(lambda: [rows[0], rows[1]], "t")
    assert distinct.repeated == 0 and text.fingerprint != distinct.fingerprint
