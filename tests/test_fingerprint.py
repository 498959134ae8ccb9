"""Fingerprints of examples: the same as in earlier versions, so that runs and stores from then are still found."""

from __future__ import annotations

import dataclasses

from xtremedistil_tf.corpus import Example, TextExample
from xtremedistil_tf.fingerprint import examples_fingerprint

EXAMPLES = [Example(("a", "b"), ("O", "B-X"), "de", "f", 3), TextExample("a", None, "x")]


def test_the_fingerprint_is_that_of_earlier_versions():
    # Written by the version before examples had an `original`.
    assert examples_fingerprint(EXAMPLES) == "7c72d49a55c43233"


def test_what_the_teacher_reads_counts_where_it_is_something_else():
    other = dataclasses.replace(EXAMPLES[0], original=Example(("A", "B")))
    assert examples_fingerprint([other, EXAMPLES[1]]) != examples_fingerprint(EXAMPLES)
