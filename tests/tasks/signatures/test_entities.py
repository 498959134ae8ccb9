"""Entities of raw strings are those that the package makes of the tags it predicts."""

from __future__ import annotations

import re

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from xtremedistil_tf.corpus.example import Example
from xtremedistil_tf.tasks.tagging import TaggingTask
from xtremedistil_tf.tasks.tagging.decoding import entities

LABELS = {"IOB2": (["O", "B-LOC", "I-LOC", "B-PER", "I-PER"], 17),
          "without O": (["I-LOC", "B-LOC", "I-PER"], None), "types": (["O", "LOC", "PER"], None),
          "parts of speech": (["NOUN", "VERB"], 5), "one": (["O"], None)}
WORDS = st.lists(st.sampled_from(["anna", "paris", "q", "fatima", ",", "москва", "\u200b", "\x01"]),
                 max_size=40).map(" \t".join)
TEXTS = st.lists(st.one_of(WORDS, st.text(max_size=60), st.binary(max_size=20)), max_size=6)
HARD = ["", " \u3000", "\U0001F468\u200d\U0001F469 met [SEP] anna[MASK]",
        "\u202eשלום\u200f عليكم \u2067anna\u2069",
        "می\u200cخواهم  \t paris\x00 e\u0301 \u0301", "\ufeffanna\x1cna\x1f\x85\u2028oslo"]


@pytest.fixture(scope="module", params=LABELS)
def both(request, asked):
    labels, max_length = LABELS[request.param]
    return *asked(TaggingTask(labels), max_length), labels


def assert_entities(both, texts: list) -> None:
    run, predict, labels = both
    found = run(texts=texts)
    texts = [text if isinstance(text, str) else text.decode(errors="replace") for text in texts]
    all_tags = predict([Example(tuple(text.split())) for text in texts])
    assert found["entity_counts"].tolist() == [len(entities(tags, labels)) for tags in all_tags]
    width = max(found["entity_counts"], default=0)
    for row, (text, tags) in enumerate(zip(texts, all_tags)):
        wanted, places = entities(tags, labels), [match.span() for match in re.finditer(r"\S+", text)]
        padding = width - len(wanted)
        starts, ends = [places[e.first][0] for e in wanted], [places[e.last][1] for e in wanted]
        assert found["entity_types"][row].tolist() == [e.type.encode() for e in wanted] + [b""] * padding
        assert found["entity_starts"][row].tolist() == starts + [-1] * padding
        assert found["entity_ends"][row].tolist() == ends + [-1] * padding
        surfaces = [text[start:end].encode() for start, end in zip(starts, ends)]
        assert found["entities"][row].tolist() == surfaces + [b""] * padding
        scores = [found["scores"][row, e.first:e.last + 1].mean() for e in wanted]
        np.testing.assert_allclose(found["entity_scores"][row], scores + [-1] * padding, rtol=1e-5)


@given(TEXTS)
@example(HARD)
@settings(max_examples=12)
def test_any_text(both, texts):
    assert_entities(both, texts)


def test_malformed_bytes_are_replaced(both):
    assert_entities(both, [b"anna \xff\xfe  paris", b"\x80", b"\xe4\xb8 oslo[SEP", b"ab\xc3"])


def test_entities_never_span_two_texts(asked):
    found = asked(TaggingTask(["X"]), None)[0](texts=["anna met", "", "paris"])
    assert found["entities"].tolist() == [[b"anna met"], [b""], [b"paris"]]
