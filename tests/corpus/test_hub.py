"""Data sets in the formats of the Hugging Face hub, from local folders."""

from __future__ import annotations

import pytest

from xtremedistil_tf.corpus import Answer
from xtremedistil_tf.errors import DataError
from xtremedistil_tf.tasks.opening import load_hub

datasets = pytest.importorskip("datasets", reason="needs the extra datasets")


@pytest.fixture(autouse=True)
def private_cache(tmp_path, monkeypatch):
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")


@pytest.fixture
def saved(tmp_path):
    def saved(features=None, **splits):
        made = {name: datasets.Dataset.from_dict(rows, datasets.Features(features) if features else None)
                for name, rows in splits.items()}
        datasets.DatasetDict(made).save_to_disk(str(tmp_path / "set"))
        return str(tmp_path / "set")
    return saved


def test_classification_of_pairs_with_class_labels(saved):
    features = {"sentence1": datasets.Value("string"), "sentence2": datasets.Value("string"),
                "label": datasets.ClassLabel(names=["not_equivalent", "equivalent"]), "idx": datasets.Value("int32")}
    rows = {"sentence1": ["a", "b"], "sentence2": ["c", "d"], "label": [1, 0], "idx": [0, 1]}
    hidden = dict(rows, label=[-1, -1])
    task = load_hub(saved(features, train=rows, validation=rows, test=hidden), "classification", pairs=True)
    assert task.labels == ["not_equivalent", "equivalent"] and task.test == []
    assert [(e.text, e.pair, e.label) for e in task.train] == [("a", "c", "equivalent"), ("b", "d", "not_equivalent")]


def test_tagging(saved):
    tags = datasets.Sequence(datasets.ClassLabel(names=["O", "B-LOC", "I-LOC"]))
    features = {"tokens": datasets.Sequence(datasets.Value("string")), "ner_tags": tags}
    rows = {"tokens": [["in", "Oslo"], []], "ner_tags": [[0, 1], []]}
    task = load_hub(saved(features, train=rows, validation=rows, test=rows), "tagging")
    assert task.labels == ["O", "B-LOC", "I-LOC"]
    assert [(e.words, e.tags) for e in task.test] == [(("in", "Oslo"), ("O", "B-LOC"))]


@pytest.mark.parametrize(("names", "given", "labels", "found"), [
    (["O", "B-LOC", "I-LOC", "E-LOC", "S-LOC"], [1, 3, 0, 4], ["O", "B-LOC", "I-LOC"], "B-LOC I-LOC O B-LOC"),
    (["O", "I-LOC", "B-LOC"], [1, 1, 0, 1], ["O", "I-LOC", "B-LOC"], "B-LOC I-LOC O B-LOC"),
    (["NOUN", "VERB"], [0, 1, 0, 0], ["NOUN", "VERB"], "NOUN VERB NOUN NOUN")])
def test_tagging_of_other_schemes(saved, names, given, labels, found):
    features = {"tokens": datasets.Sequence(datasets.Value("string")),
                "tags": datasets.Sequence(datasets.ClassLabel(names=names))}
    rows = {"tokens": [["New", "York", "or", "Oslo"]], "tags": [given]}
    task = load_hub(saved(features, train=rows, validation=rows), "tagging")
    assert task.labels == labels and task.train[0].tags == tuple(found.split())
    strings = {"tokens": rows["tokens"], "tags": [[names[number] for number in given]]}
    assert load_hub(saved(train=strings, validation=strings), "tagging").train[0].tags == tuple(found.split())


def test_regression_and_questions(saved):
    rows = {"text": ["a"], "score": [2.5]}
    assert load_hub(saved(train=rows, dev=rows), "regression").train[0].label == 2.5
    rows = {"id": ["7"], "question": ["Where?"], "context": ["In Oslo."],
            "answers": [{"text": ["Oslo"], "answer_start": [3]}]}
    task = load_hub(saved(train=rows, validation=rows), "question_answering")
    assert task.train[0].answers == (Answer("Oslo", 3),) and task.labels == ["start", "end"]


@pytest.mark.parametrize("form", ["json", "csv", "parquet"])
def test_folders_of_files(tmp_path, form):
    data = datasets.Dataset.from_dict({"text": ["x", "y", "z"], "label": ["no", "yes", "no"]})
    folder = tmp_path / "files"
    folder.mkdir()
    for split in ("train", "validation"):
        getattr(data, f"to_{form}")(str(folder / f"{split}.{form}"))
    task = load_hub(str(folder), "classification", max_train=2)
    assert task.labels == ["no", "yes"] and len(task.train) == 2 and len(task.surplus) == 1


def test_what_is_missing_is_said(saved, monkeypatch):
    monkeypatch.setattr(datasets.config, "HF_HUB_OFFLINE", True)
    rows = {"text": ["a"], "label": [1]}
    with pytest.raises(DataError, match="no split validation or dev"):
        load_hub(saved(train=rows), "classification")
    with pytest.raises(DataError, match="no column tokens or words among text, label"):
        load_hub(saved(train=rows, validation=rows), "tagging")
    with pytest.raises(DataError, match="1 text columns among text, label, expected 2"):
        load_hub(saved(train=rows, validation=rows), "classification", pairs=True)
    with pytest.raises(DataError, match="hf:no/such-set: cannot be loaded"):
        load_hub("no/such-set", "classification")


def classes(*names):
    return {"text": datasets.Value("string"), "label": datasets.ClassLabel(names=list(names))}


def test_a_test_set_of_scores_without_labels_is_left_out(saved):
    rows = {"sentence1": ["a"], "sentence2": ["b"], "label": [3.5]}
    assert load_hub(saved(train=rows, validation=rows, test=dict(rows, label=[-1.0])), "regression",
                    pairs=True).test == []
    scored = {key: values * 2 for key, values in rows.items()} | {"label": [-1.0, 2.0]}
    assert [e.label for e in load_hub(saved(train=rows, validation=rows, test=scored), "regression",
                                      pairs=True).test] == [-1.0, 2.0]


def test_hidden_tags_are_no_tags(saved):
    tags = datasets.Sequence(datasets.ClassLabel(names=["O", "B-PER", "I-PER"]))
    features = {"tokens": datasets.Sequence(datasets.Value("string")), "ner_tags": tags}
    rows = {"tokens": [["Ada"], ["x"]], "ner_tags": [[1], [0]]}
    hidden = dict(rows, ner_tags=[[-1], [-1]])
    task = load_hub(saved(features, train=dict(rows, ner_tags=[[1], [-1]]), validation=rows, test=hidden), "tagging")
    assert task.test == [] and [e.tags for e in task.train] == [("B-PER",)]


def test_tags_have_names_of_the_known_shape(saved):
    rows = {"tokens": [["Ada"]], "ner_tags": [[1]]}
    with pytest.raises(DataError, match="column ner_tags holds int64, expected lists of tags"):
        load_hub(saved(train=rows, validation=rows), "tagging")
    features = {"tokens": datasets.Sequence(datasets.Value("string")),
                "ner_tags": datasets.Sequence(datasets.ClassLabel(names=["B-X", "VERB"]))}
    with pytest.raises(DataError, match="has the class 'VERB', expected O, B-type and I-type"):
        load_hub(saved(features, train=rows, validation=rows), "tagging")


def test_rows_without_text_or_label_are_counted(saved, caplog):
    rows = {"text": ["a", "", None, "b"], "label": [0, 1, 1, -1]}
    good = {"text": ["a"], "label": [1]}
    task = load_hub(saved(classes("n", "p"), train=rows, validation=good), "classification")
    assert [(e.text, e.label) for e in task.train] == [("a", "n")]
    assert "3 of 4 rows are skipped" in caplog.text


def test_known_names_of_text_columns_come_first(saved):
    rows = {"guid": ["7", "8"], "text": ["a", "b"], "label": ["x", "y"]}
    assert [e.text for e in load_hub(saved(train=rows, validation=rows), "classification").train] == ["a", "b"]


def test_numbers_as_classes_are_in_their_order(saved):
    rows = {"text": ["a", "b", "c"], "label": [10, 9, 2]}
    assert load_hub(saved(train=rows, validation=rows), "classification").labels == ["2", "9", "10"]


def test_classes_and_scores_are_not_mixed_up(saved):
    rows = {"text": ["a"], "label": [1]}
    with pytest.raises(DataError, match="holds the classes n, p, expected numbers"):
        load_hub(saved(classes("n", "p"), train=rows, validation=rows), "regression")
    rows = {"text": ["a"], "label": [1.5]}
    with pytest.raises(DataError, match="numbers with a fraction, expected classes"):
        load_hub(saved(train=rows, validation=rows), "classification")


def test_answers_that_are_off_are_looked_for(saved):
    rows = {"id": ["7", "8"], "question": ["Where?"] * 2, "context": ["In Oslo."] * 2,
            "answers": [{"text": ["Oslo"], "answer_start": [1]}, {"text": ["Rome"], "answer_start": [3]}]}
    task = load_hub(saved(train=rows, validation=rows), "question_answering")
    assert [e.answers for e in task.train] == [(Answer("Oslo", 3),)]


def test_one_split_alone_is_no_task(tmp_path):
    data = datasets.Dataset.from_dict({"text": ["a"], "label": ["x"]})
    data.save_to_disk(str(tmp_path / "single"))
    data.to_json(str(tmp_path / "train.json"))
    for name in ("single", "train.json"):
        with pytest.raises(DataError, match="no split validation or dev .* among train"):
            load_hub(str(tmp_path / name), "classification")
