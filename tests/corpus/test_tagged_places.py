"""Tags of parts that offsets place, at the words of a text."""

import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xtremedistil_tf.corpus.answer_dialects import Fault
from xtremedistil_tf.corpus.answered import AnswerFile, AnswersReader
from xtremedistil_tf.corpus.tagged_places import at_words, known_scores, places_of
from xtremedistil_tf.tokenization.raw_words import PUNCTUATION, RawWords


@pytest.mark.parametrize("words, places, tags, expected", [
    ([(0, 6), (7, 13)], [(0, 6), (7, 13)], ["B-PER", "I-PER"], ["B-PER", "I-PER"]),
    ([(0, 6), (6, 7), (7, 12)], [(0, 12)], ["B-LOC"], ["B-LOC", "I-LOC", "I-LOC"]),
    ([(0, 12)], [(0, 6), (6, 7), (7, 12)], ["B-LOC", "O", "B-LOC"], ["B-LOC"]),
    ([(0, 3), (4, 9)], [(5, 9)], ["B-LOC"], ["O", "B-LOC"]),
    ([(0, 3)], [], [], ["O"]),
    ([(0, 3), (4, 9)], [(0, 9)], [None], [None, None])])
def test_tags_are_those_of_the_part_in_which_a_word_begins(words, places, tags, expected):
    assert at_words({"tags": tags}, places, words) == {"tags": expected}


def test_distributions_go_on_as_inside():
    scores = [{"B-LOC": 0.5, "I-LOC": 0.25, "O": 0.25}]
    assert at_words({"scores": scores}, [(0, 9)], [(0, 3), (4, 9)]) == {
        "scores": [scores[0], {"I-LOC": 0.75, "O": 0.25}]}


@given(st.text("ab .", max_size=30))
def test_each_word_finds_its_own_part(text):
    places = [match.span() for match in re.finditer(r"\S+", text)]
    tags = [f"tag{number}" for number in range(len(places))]
    assert at_words({"tags": tags}, places, places) == {"tags": tags}


@pytest.mark.parametrize("value", [7, [[0, 1], [0, 2]], [[0, 9]], [[2, 2]], [["0", 1]], [[0, 1, 2]], [[-1, 1]]])
def test_offsets_that_are_none(value):
    with pytest.raises(Fault, match="in order"):
        places_of(value, "abc")


def test_what_the_task_does_not_have_is_not_known():
    assert known_scores({"B-MISC": 0.6, "O": 0.4}, {"O"}) == {}
    assert known_scores({"B-MISC": 0.4, "O": 0.6}, {"O"}) == {"O": 0.6}


def read(tmp_path, rows, labels=None):
    file = tmp_path / "answers.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    reader = AnswersReader("tagging", False, RawWords(PUNCTUATION).split, labels)
    return list(reader.rows_of(AnswerFile(file))), reader


def test_a_file_with_offsets_has_the_words_of_the_rule(tmp_path):
    row = {"text": "Ann saw Berlin-Mitte, twice.", "offsets": [[0, 3], [4, 7], [8, 21], [22, 28]],
           "tags": ["B-PER", "O", "B-LOC", "O"]}
    (found,), _ = read(tmp_path, [row])
    assert found["words"] == ["Ann", "saw", "Berlin-Mitte", ",", "twice", "."]
    assert found["answers"] == [{"tags": ["B-PER", "O", "B-LOC", "I-LOC", "O", "O"]}]


def test_offsets_and_tags_of_different_number_are_counted(tmp_path):
    rows, reader = read(tmp_path, [{"text": "Ann", "offsets": [[0, 3]], "tags": ["O", "O"]}])
    assert not rows and dict(reader.counts) == {"tags that are not as many as the words": 1}


def test_tags_of_other_types_leave_the_rest_of_a_sentence(tmp_path):
    labels = ["O", "B-PER", "I-PER"]
    rows, reader = read(tmp_path, [{"tokens": ["Ann", "in", "Rome"], "tags": ["B-PER", "O", "B-LOC"]},
                                   {"tokens": ["in", "Rome"], "tags": ["O", "B-LOC"]},
                                   {"tokens": ["Ann", "Rome"], "scores": [{"B-PER": 1.0}, {"B-LOC": 0.9, "O": 0.1}]}],
                        labels)
    assert [row["answers"] for row in rows] == [[{"tags": ["B-PER", "O", None]}], [{"scores": [{"B-PER": 1.0}, {}]}]]
    assert dict(reader.counts) == {"answers with labels that the task does not have": 3}
