"""Answers of teachers in the forms that their programs write, each against what its documentation says it means."""

import json

import pytest

from xtremedistil_tf.corpus.answered import AnswersReader, answer_files, kind_of_answers
from xtremedistil_tf.corpus.kept_answers import DEV, TEST, TRAIN, keep_answers
from xtremedistil_tf.corpus.spans import split_at_space
from xtremedistil_tf.errors import ConfigError, DataError

TEXT = "Ada Lovelace lived in London"
WORDS = TEXT.split()
PER, LOC = [0, 2, "PER", None], [4, 5, "LOC", None]


def scored(span, score):
    return [*span[:3], score]


TAGGING = {
    "GLiNER": ({"text": TEXT, "entities": [
        {"start": 0, "end": 12, "text": "Ada Lovelace", "label": "PER", "score": 0.9},
        {"start": 22, "end": 28, "text": "London", "label": "LOC", "score": 0.8}]},
        [scored(PER, .9), scored(LOC, .8)]),
    "GLiNER training": ({"tokenized_text": WORDS, "ner": [[0, 1, "PER"], [4, 4, "LOC"]]}, [PER, LOC]),
    "spaCy": ({"text": TEXT, "ents": [{"start": 0, "end": 12, "label": "PER"},
                                      {"start": 22, "end": 28, "label": "LOC"}],
               "tokens": [{"id": 0, "start": 0, "end": 3}]}, [PER, LOC]),
    "pipeline, aggregated": ({"text": TEXT, "entities": [
        {"entity_group": "PER", "score": 0.99, "word": "Ada Lovelace", "start": 0, "end": 12},
        {"entity_group": "LOC", "score": 0.98, "word": "London", "start": 22, "end": 28}]},
        [scored(PER, .99), scored(LOC, .98)]),
    "pipeline, by subword": ({"text": TEXT, "entities": [
        {"entity": "B-PER", "score": 0.99, "index": 1, "word": "Ada", "start": 0, "end": 3},
        {"entity": "I-PER", "score": 0.9, "index": 2, "word": "Love", "start": 4, "end": 8},
        {"entity": "I-PER", "score": 0.95, "index": 3, "word": "##lace", "start": 8, "end": 12},
        {"entity": "B-LOC", "score": 0.8, "index": 6, "word": "London", "start": 22, "end": 28}]},
        [scored(PER, .9), scored(LOC, .8)]),
    "Prodigy": ({"text": TEXT, "tokens": [{"text": "Ada", "start": 0, "end": 3}], "answer": "accept", "spans": [
        {"start": 0, "end": 12, "token_start": 0, "token_end": 1, "label": "PER"},
        {"start": 22, "end": 28, "token_start": 4, "token_end": 4, "label": "LOC"}]}, [PER, LOC]),
    "doccano": ({"id": 1, "text": TEXT, "label": [[0, 12, "PER"], [22, 28, "LOC"]]}, [PER, LOC]),
    "Label Studio, a model's": ({"data": {"text": TEXT}, "predictions": [{"score": 0.5, "result": [
        {"from_name": "label", "to_name": "text", "type": "labels", "score": 0.7,
         "value": {"start": 0, "end": 12, "text": "Ada Lovelace", "labels": ["PER"]}}]}]}, [scored(PER, .7)]),
    "Argilla": ({"id": "a", "fields": {"text": TEXT}, "responses": {"span": [
        {"user_id": "u", "value": [{"start": 0, "end": 12, "label": "PER"}]}]}, "suggestions": {}}, [PER]),
    "Argilla, suggested": ({"fields": {"text": TEXT}, "responses": {}, "suggestions": {"span": {
        "value": [{"start": 22, "end": 28, "label": "LOC"}], "agent": "a model"}}}, [LOC]),
    "a language model's quotes": ({"text": TEXT, "entities": [{"text": "London", "label": "LOC"}]}, [LOC]),
    "nothing found": ({"text": TEXT, "entities": []}, []),
}


def read(tmp_path, records, kind="tagging", pairs=False, labels=None):
    file = tmp_path / "answers.jsonl"
    file.write_text("".join(json.dumps(record) + "\n" for record in records))
    reader = AnswersReader(kind, pairs, split_at_space, labels)
    rows = [row for source in answer_files(file) for row in reader.rows_of(source)]
    return rows, reader


@pytest.mark.parametrize("name", TAGGING)
def test_entities_in_every_form_are_spans_of_words(tmp_path, name):
    record, spans = TAGGING[name]
    (row,), reader = read(tmp_path, [record])
    assert row["words"] == WORDS
    assert row["answers"] == [{"spans": spans}]
    assert not reader.counts


@pytest.mark.parametrize("name", TAGGING)
def test_the_kind_is_told_by_the_first_records(tmp_path, name):
    file = tmp_path / "answers.jsonl"
    file.write_text(json.dumps(TAGGING[name][0]) + "\n")
    assert kind_of_answers(file) == ("tagging", False)


def test_tags_and_distributions_of_words(tmp_path):
    rows, _ = read(tmp_path, [{"tokens": ["in", "Rome"], "tags": ["O", "B-LOC"]},
                              {"tokens": ["in", "Rome"], "scores": [{"O": 1.0}, {"O": 0.25, "B-LOC": 0.75}]}])
    assert [row["answers"] for row in rows] == [[{"tags": ["O", "B-LOC"]}],
                                                [{"scores": [{"O": 1.0}, {"O": 0.25, "B-LOC": 0.75}]}]]


CLASSES = {
    "label": ({"label": "good"}, {"label": "good"}),
    "label and score": ({"label": "good", "score": 0.75}, {"label": "good", "score": 0.75}),
    "probabilities": ({"scores": {"good": 0.75, "bad": 0.25}}, {"scores": {"good": 0.75, "bad": 0.25}}),
    "zero-shot pipeline": ({"sequence": "fine", "labels": ["good", "bad"], "scores": [0.75, 0.25]},
                           {"scores": {"good": 0.75, "bad": 0.25}}),
    "pipeline, all scores": ({"output": [{"label": "good", "score": 0.75}, {"label": "bad", "score": 0.25}]},
                             {"scores": {"good": 0.75, "bad": 0.25}}),
    "spaCy": ({"cats": {"good": 0.75, "bad": 0.25}, "tokens": [{"id": 0, "start": 0, "end": 4}]},
              {"scores": {"good": 0.75, "bad": 0.25}}),
    "distilabel": ({"labels": "good", "distilabel_metadata": {}, "model_name": "m"}, {"label": "good"}),
    "Prodigy": ({"answer": "accept", "accept": ["good"], "options": [{"id": "good"}, {"id": "bad"}]},
                {"label": "good"}),
    "Argilla": ({"fields": {"text": "fine"}, "suggestions": {"q": {"value": "good", "score": 0.75}}},
                {"label": "good", "score": 0.75}),
    "Label Studio": ({"data": {"text": "fine"}, "annotations": [{"result": [
        {"type": "choices", "value": {"choices": ["good"]}}]}]}, {"label": "good"}),
}


@pytest.mark.parametrize("name", CLASSES)
def test_classes_in_every_form(tmp_path, name):
    record, answer = CLASSES[name]
    record = record if {"fields", "data", "sequence"} & set(record) else {"text": "fine"} | record
    (row,), _ = read(tmp_path, [record], "classification")
    assert (row["text"], row["answers"]) == ("fine", [answer])
    assert kind_of_answers(tmp_path / "answers.jsonl")[0] == "classification"


def test_labels_numbers_and_questions(tmp_path):
    (row,), _ = read(tmp_path, [{"text": "a", "labels": ["x", "y"]}], "multi_label")
    assert row["answers"] == [{"labels": ["x", "y"]}]
    assert read(tmp_path, [{"text": "a", "text_pair": "b", "score": 2}], "regression", True)[0] == [
        {"text": "a", "text_pair": "b", "answers": [{"value": 2.0}]}]
    question = {"question": "Where?", "context": TEXT, "answer": "London", "start": 22, "end": 28, "score": 0.5}
    assert read(tmp_path, [question], "question_answering")[0][0]["answers"] == [{"spans": [["London", 22, 0.5]]}]
    squad = {"question": "Where?", "context": TEXT, "answers": {"text": ["London"], "answer_start": [22]}}
    assert read(tmp_path, [squad], "question_answering")[0][0]["answers"] == [{"spans": [["London", 22, None]]}]


def test_what_cannot_be_learned_is_left_out_and_counted(tmp_path, caplog):
    good = TAGGING["GLiNER"][0]
    bad_place = {"text": TEXT, "entities": [{"start": 1, "end": 13, "label": "PER", "text": "Ada Lovelace"}]}
    overlapping = {"text": TEXT, "entities": [{"start": 0, "end": 3, "label": "PER", "score": 0.5},
                                              {"start": 0, "end": 12, "label": "PER", "score": 0.9}]}
    unknown = {"text": TEXT, "entities": [{"start": 22, "end": 28, "label": "CITY"}]}
    silent, empty = {"text": TEXT}, {"text": " ", "entities": []}
    rows, reader = read(tmp_path, [good, good, good, bad_place, overlapping, unknown, silent, empty],
                        labels=["O", "B-PER", "I-PER", "B-LOC", "I-LOC"])
    assert [row["answers"][0]["spans"] for row in rows[3:]] == [[scored(PER, .9)], [[4, 5, None, None]]]
    assert reader.counts == {"texts with spans whose offsets do not match": 1, "records without an answer": 1,
                             "spans that overlap a surer or longer one": 1, "texts that are empty or no Unicode": 1,
                             "spans with labels that the task does not have": 1}
    reader.say("answers.jsonl")
    assert "1 texts with spans whose offsets do not match, such as answers.jsonl:4" in caplog.text


def test_a_file_of_something_else_is_refused(tmp_path):
    _, reader = read(tmp_path, [{"text": TEXT, "entities": [{"start": 5, "end": 50, "label": "PER"}]}] * 3)
    with pytest.raises(DataError, match="0 of 3 records have a text and an answer of the kind tagging: 3 texts with"):
        reader.say("answers.jsonl")
    with pytest.raises(ConfigError, match=r"\?knows=PER"):
        answer_files(f"{tmp_path / 'answers.jsonl'}?know=PER")


def kept(tmp_path, records, fraction=0.0, kind="tagging", given=None):
    file = tmp_path / "answers.jsonl"
    file.write_text("".join(json.dumps(record) + "\n" for record in records))
    reader = AnswersReader(kind, False, split_at_space)
    return keep_answers(given or str(file), tmp_path / "kept", reader, "", fraction, 1)


def test_answers_to_one_text_stand_together_and_agree(tmp_path):
    other = {"text": TEXT, "entities": [{"start": 0, "end": 12, "label": "PER"}]}
    found = kept(tmp_path, [TAGGING["doccano"][0], {"text": "Nothing here", "entities": []}, other])
    first, second = found.examples(TRAIN)
    assert first.words == tuple(WORDS) and first.given == [{"spans": [PER, LOC]}, {"spans": [PER]}]
    assert second.given == [{"spans": []}]
    assert (found.facts["rows"], found.facts["several"], found.facts["agreement"]) == (2, 1, 4 / 5)
    assert found.names == ["LOC", "PER"]


def test_dev_and_test_are_whole_documents(tmp_path):
    records = [{"text": f"word {number}", "entities": [], "document": number // 4} for number in range(100)]
    found = kept(tmp_path, records, 0.1)
    parts = {split: {int(example.words[1]) // 4 for example in found.examples(split)} for split in (TRAIN, DEV, TEST)}
    assert len(list(found.examples(DEV))) == len(list(found.examples(TEST))) == 12  # three documents of four
    assert not parts[DEV] & parts[TEST] and not parts[TRAIN] & (parts[DEV] | parts[TEST])
    assert set.union(*parts.values()) == set(range(25))


def test_files_say_what_their_teachers_know(tmp_path):
    (tmp_path / "per.jsonl").write_text(json.dumps({"text": TEXT, "entities": [[0, 12, "PER"]]}) + "\n")
    (tmp_path / "loc.jsonl").write_text(json.dumps({"text": TEXT, "entities": [[22, 28, "LOC"]]}) + "\n")
    found = kept(tmp_path, [], given=f"{tmp_path}/per.jsonl?knows=PER,{tmp_path}/loc.jsonl?knows=LOC+ORG&weight=2")
    (example,) = found.examples(TRAIN)
    assert example.given == [{"spans": [PER], "knows": ["PER"]},
                             {"spans": [LOC], "knows": ["LOC", "ORG"], "weight": 2.0}]
    assert found.facts["partly"]


def test_what_is_kept_serves_when_the_files_are_gone(tmp_path):
    before = kept(tmp_path, [TAGGING["doccano"][0]])
    file = tmp_path / "answers.jsonl"
    file.unlink()
    reader = AnswersReader("tagging", False, split_at_space)
    after = keep_answers(str(file), tmp_path / "kept", reader, "", 0.0, 1)
    assert after == before
    with pytest.raises(DataError, match="no such file"):
        keep_answers(str(file), tmp_path / "elsewhere", reader, "", 0.0, 1)


@pytest.mark.parametrize("tags, expected", [
    (["O", "PER", "PER", "O", "O", "LOC"], ["O", "B-PER", "I-PER", "O", "O", "B-LOC"]),
    (["O", "B-PER", "L-PER", "O", "O", "U-LOC"], ["O", "B-PER", "I-PER", "O", "O", "B-LOC"]),
    (["DET", "NOUN", "NOUN", "VERB", "ADP", "PROPN"], ["DET", "NOUN", "NOUN", "VERB", "ADP", "PROPN"])])
def test_schemes_of_tags(tmp_path, tags, expected):
    records = [{"tokens": list("abcdef"), "tags": tags}, {"tokens": ["a", "b"], "tags": [tags[1], None]}]
    rows, _ = read(tmp_path, records)
    assert rows[0]["answers"] == [{"tags": expected}]
    assert rows[1]["answers"] == [{"tags": [expected[1], None]}]


def test_tags_that_the_task_does_not_have_are_left_out(tmp_path):
    labels = ["O", "B-PER", "I-PER"]
    rows, reader = read(tmp_path, [{"tokens": ["a"], "tags": ["B-PER"]}, {"tokens": ["a"], "tags": ["B-LOC"]}],
                        labels=labels)
    assert len(rows) == 1 and reader.counts == {"answers with labels that the task does not have": 1}


def test_classes_are_in_the_order_of_labelled_data(tmp_path):
    records = [{"text": f"text {label}", "label": label} for label in ["b", "10", "9", "-1", "²"]]
    assert kept(tmp_path, records, kind="classification").names == ["-1", "9", "10", "b", "²"]
