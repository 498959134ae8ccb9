"""Scores of entities and of tags against counts made by hand."""

from __future__ import annotations

import statistics

import pytest

from xtremedistil_tf.tasks.scores import with_languages
from xtremedistil_tf.tasks.tagging.tag_scores import entity_scores, tag_scores

GOLD = [["B-PER", "I-PER", "O", "B-LOC"], ["O", "B-LOC"], ["B-PER", "O"], ["O", "O"]]
PREDICTED = [["B-PER", "I-PER", "O", "O"], ["O", "B-LOC"], ["B-LOC", "O"], ["I-PER", "O"]]


def test_overall_and_per_type():
    scores = entity_scores(GOLD, PREDICTED)
    # gold 4 entities, predicted 3 (a lone I- is none), 2 right
    assert scores["precision"] == pytest.approx(2 / 3) and scores["recall"] == pytest.approx(2 / 4)
    assert scores["f1"] == pytest.approx(4 / 7) and scores["support"] == 4
    assert scores["per_type"]["PER"]["f1"] == pytest.approx(2 / 3)
    assert scores["per_type"]["LOC"]["f1"] == pytest.approx(2 / 4)
    assert "per_language" not in scores


def test_per_language_mean_and_deviation():
    scores = with_languages(entity_scores, "f1", GOLD, PREDICTED, ["de", "de", "en", None])
    f1 = {language: row["f1"] for language, row in scores["per_language"].items()}
    assert f1 == {"de": pytest.approx(4 / 5), "en": 0.0}
    assert scores["mean_f1"] == pytest.approx(0.4)
    assert scores["std_f1"] == pytest.approx(statistics.pstdev([0.8, 0.0]))
    assert scores["per_language"]["de"]["sentences"] == 2


def test_sentences_are_not_joined():
    assert entity_scores([["B-PER"], ["I-PER"]], [["B-PER"], ["I-PER"]])["support"] == 1


def test_no_entities_at_all():
    nothing = {"precision": 1.0, "recall": 1.0, "f1": 1.0, "support": 0, "per_type": {}}
    assert entity_scores([["O"]], [["O"]]) == nothing
    assert entity_scores([["O"]], [["B-PER"]])["f1"] == 0.0


def test_tags_that_are_no_entities():
    found = tag_scores([["NOUN", "VERB", "NOUN"], ["ADV"], []], [["NOUN", "NOUN", "X"], ["ADV"], []])
    # 4 words, 2 right; of NOUN one of two, and one more is given; VERB is never right, X is given for nothing
    assert (found["accuracy"], found["support"]) == (0.5, 4)
    assert found["per_type"] == {
        "ADV": {"f1": 1.0, "precision": 1.0, "recall": 1.0, "support": 1},
        "NOUN": {"f1": 0.5, "precision": 0.5, "recall": 0.5, "support": 2},
        "VERB": {"f1": 0.0, "precision": 0.0, "recall": 0.0, "support": 1},
        "X": {"f1": 0.0, "precision": 0.0, "recall": 0.0, "support": 0}}
    assert found["macro_f1"] == pytest.approx((1 + 0.5) / 4)


def test_tags_of_no_words_and_of_other_lengths():
    assert tag_scores([[]], [[]]) == {"accuracy": 0.0, "macro_f1": 0.0, "support": 0, "per_type": {}}
    with pytest.raises(ValueError, match="different lengths"):
        tag_scores([["NOUN"], ["VERB", "X"]], [["NOUN", "VERB"], ["X"]])
