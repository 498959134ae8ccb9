"""Decoding tags: against all sequences tried one by one, and against what seqeval makes of them."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from seqeval.scheme import IOB2, Entities

from xtremedistil_tf.tasks.tagging.decoding import best_sequences, entities, entity_rules, transitions
from xtremedistil_tf.tasks.tagging.decoding import test_vectors as vectors_of

PARTS_OF_SPEECH = ["NOUN", "VERB", "B-LOC", "I-LOC"]
LABELS = st.lists(st.sampled_from(["O", "B-A", "I-A", "B-B", "I-B", "I-C", "B-I-A", "I-I-A", "I-A-"]),
                  min_size=1, max_size=5, unique=True)


def is_legal(tags) -> bool:
    """IOB2 as it is written in books; hyphens at the end of a type do not count, as for seqeval."""
    for before, tag in zip(["O", *tags], tags):
        if tag.startswith("I-") and (before == "O" or before[2:].strip("-") != tag[2:].strip("-")):
            return False
    return True


def best_of_all(logits: np.ndarray, labels: list[str]) -> list[str]:
    """The first of the best legal sequences; of all, where no label can begin one."""
    sequences = itertools.product(range(len(labels)), repeat=len(logits))
    legal = [sequence for sequence in sequences if is_legal([labels[label] for label in sequence])]
    if all(label.startswith("I-") for label in labels):
        return [labels[label] for label in logits.argmax(-1)]
    return [labels[label] for label in max(legal, key=lambda s: sum(row[label] for row, label in zip(logits, s)))]


def decoded(sentences: list[np.ndarray], labels: list[str], decoding: str = "legal") -> list[list[str]]:
    lengths = [len(rows) for rows in sentences]
    flat = np.concatenate([np.zeros((0, len(labels)), np.float32), *sentences])
    found = best_sequences(flat, lengths, transitions(tuple(labels), decoding))
    return [[labels[label] for label in part] for part in np.split(found, np.cumsum(lengths)[:-1])]


@st.composite
def batches(draw):
    """Labels, and sentences whose logits are whole numbers, so that sums are exact and often equal."""
    labels = draw(LABELS)
    lengths = draw(st.lists(st.integers(0, 4), min_size=1, max_size=5))
    values = np.random.default_rng(draw(st.integers(0, 2**32)))
    size = draw(st.sampled_from([1, 4, 100]))
    return labels, [values.integers(-size, size + 1, (n, len(labels))).astype(np.float32) for n in lengths]


@given(batches())
@settings(max_examples=80)
def test_the_best_of_all_legal_sequences_and_of_equal_ones_the_first(batch):
    labels, sentences = batch
    assert decoded(sentences, labels) == [best_of_all(rows, labels) for rows in sentences]


@given(batches())
@settings(max_examples=30)
def test_argmax_decides_each_word_by_itself(batch):
    labels, sentences = batch
    assert decoded(sentences, labels, "argmax") == [[labels[i] for i in rows.argmax(-1)] for rows in sentences]


@given(st.integers(0, 2**32), st.lists(st.integers(0, 40), min_size=1, max_size=30))
@settings(max_examples=30)
def test_a_sentence_is_decoded_as_if_it_were_alone(seed, lengths):
    labels = ["O", "B-A", "I-A", "B-B", "I-B"]
    values = np.random.default_rng(seed)
    sentences = [values.normal(size=(n, 5)).astype(np.float32) for n in lengths]
    assert decoded(sentences, labels) == [decoded([rows], labels)[0] for rows in sentences]


@given(st.integers(0, 2**32))
@settings(max_examples=30)
def test_every_word_inside_is_of_an_entity(seed):
    labels = ["O", "B-A", "I-A", "B-B", "I-B", "I-C"]
    tags, = decoded([np.random.default_rng(seed).normal(size=(60, 6)).astype(np.float32)], labels)
    inside = [number for number, tag in enumerate(tags) if tag != "O"]
    found = entities(tags, labels)
    assert [word for entity in found for word in range(entity.first, entity.last + 1)] == inside
    independent = Entities([tags], IOB2).entities[0]
    assert [(e.type, e.first, e.last + 1) for e in found] == [(e.tag, e.start, e.end) for e in independent]


def test_a_legal_argmax_is_the_answer_whatever_rounding_does():
    rows = np.full((300, 3), -1e-4, np.float32)
    rows[:, 0] = 0.0
    rows[7] = [-1e6, 0.0, -1e-7]
    rows[8] = [-1e-7, -1e6, 0.0]
    assert decoded([rows], ["O", "B-A", "I-A"]) == [["O"] * 7 + ["B-A", "I-A"] + ["O"] * 291]


@pytest.mark.parametrize("labels", [PARTS_OF_SPEECH, ["I-A", "I-B"], ["O", "B-A"], ["X"]])
def test_labels_of_which_none_is_forbidden_are_decoded_by_argmax(labels):
    rows = np.random.default_rng(0).normal(size=(50, len(labels))).astype(np.float32)
    assert not transitions(tuple(labels)).restricted
    assert decoded([rows], labels) == [[labels[label] for label in rows.argmax(-1)]]


def test_words_that_nothing_speaks_for_are_outside():
    assert transitions(("B-A", "I-A", "O")).outside == 2
    assert transitions(("I-A", "B-A")).outside == 1
    assert transitions(("NOUN", "VERB")).outside == 0


def test_transitions_as_made_by_hand():
    """Types are numbered as they come: none, A, B, C."""
    rules = transitions(("O", "B-A", "I-A", "I-B", "B-C"))
    assert rules.restricted and rules.outside == 0
    assert rules.needs.tolist() == [-1, -1, 1, 2, -1] and rules.needs.dtype == np.int32
    assert rules.gives.tolist() == [-2, 1, 1, 2, 3, -2] and rules.gives.dtype == np.int32
    may = rules.may_follow(np.arange(6))
    assert may.tolist() == [[True, True, follows_a, follows_b, True] for follows_a, follows_b in (
        (False, False), (True, False), (True, False), (False, True), (False, False), (False, False))]
    assert rules.successors.tolist() == [[5, 5], [2, 5], [2, 5], [3, 5], [5, 5]]
    free = transitions(("O", "B-A", "I-A"), "argmax")
    assert not free.restricted and free.needs.tolist() == [-1] * 3 and free.gives.tolist() == [-2, 1, 1, -2]


def test_rules_as_made_by_hand():
    rules = entity_rules(("O", "B-A", "I-A", "I-B"))
    assert rules.types == ("", "A", "A", "B") and rules.begins.tolist() == [False, True, False, False]
    assert rules.joins.astype(int).tolist() == [[0, 0, 0, 0], [0, 0, 1, 0], [0, 0, 1, 0], [0, 0, 0, 1]]
    others = entity_rules(("NOUN", "O", "VERB"))
    assert others.types == ("NOUN", "", "VERB") and others.begins.tolist() == [True, False, True]
    assert others.joins.tolist() == np.eye(3, dtype=bool).tolist()


def test_examples_for_other_programs_need_decoding():
    labels = ["O", "B-A", "I-A", "B-B", "I-B"]
    vectors = vectors_of(transitions(tuple(labels)))
    assert len(vectors) == 3 and 1.5 < np.std([vector["logits"] for vector in vectors]) < 2.5
    for vector in vectors:
        logits = np.array(vector["logits"])
        assert logits.shape == (5, 5) and (np.round(logits, 2) == logits).all() and (logits % 1 != 0).any()
        assert vector["argmax"] == logits.argmax(-1).tolist() != vector["label_ids"]
        assert [labels[label] for label in vector["label_ids"]] == best_of_all(logits, labels)
    assert vectors_of(transitions(("NOUN", "VERB"))) == []


def test_answers_are_numbers_of_labels():
    rules = transitions(("O", "B-A", "I-A"))
    assert best_sequences(np.zeros((0, 3), np.float32), [0, 0], rules).dtype == np.int64
    assert best_sequences(np.eye(3, dtype=np.float32)[[2, 1]], [1, 0, 1], rules).tolist() == [0, 1]
