"""Examples given as Python objects, against the same examples read from files."""

from __future__ import annotations

import numpy as np
import pytest

from xtremedistil_tf.corpus import Example, QuestionExample, TextExample, load_task, read_unlabeled
from xtremedistil_tf.corpus.objects import kind_of_objects, write_examples, write_task
from xtremedistil_tf.errors import DataError

SENTENCES = [(["Ada", "lives", "in", "Oslo"], ["B-PER", "O", "O", "B-LOC"]), (["It", "rains"], ["O", "O"])]
TEXTS = [("good\nfilm", "yes"), ("bad film", "no")]


def columns(rows):
    return tuple(list(column) for column in zip(*rows))


def frame_of_pandas(rows, names):
    pandas = pytest.importorskip("pandas")
    return pandas.DataFrame([dict(zip(names, row)) for row in rows])


def data_set(rows, names):
    datasets = pytest.importorskip("datasets")
    return datasets.Dataset.from_list([dict(zip(names, row)) for row in rows])


FORMS = {"rows": lambda rows, names: rows, "iterator": lambda rows, names: iter(rows),
         "columns": lambda rows, names: columns(rows),
         "named columns": lambda rows, names: dict(zip(names, columns(rows))),
         "mappings": lambda rows, names: [dict(zip(names, row)) for row in rows],
         "pandas": frame_of_pandas, "datasets": data_set}


@pytest.mark.parametrize("form", FORMS)
def test_every_form_gives_the_same_examples(tmp_path, form):
    make = FORMS[form]
    write_task(tmp_path / "a", {"train": make(SENTENCES, ("tokens", "tags")),
                                "dev": make(SENTENCES, ("tokens", "tags"))}, "tagging")
    found = load_task(tmp_path / "a")
    assert [(list(e.words), list(e.tags)) for e in found.train] == SENTENCES == [
        (list(e.words), list(e.tags)) for e in found.dev]
    write_task(tmp_path / "b", {"train": make(TEXTS, ("text", "label")), "validation": make(TEXTS, ("text", "label"))},
               "classification", labels=["yes", "no"])
    found = load_task(tmp_path / "b", kind="classification")
    assert [(e.text, e.label) for e in found.train] == TEXTS and found.labels == ["yes", "no"]


def test_a_polars_frame(tmp_path):
    class Frame:  # what is used of one; the package need not be installed
        def iter_rows(self, named):
            assert named
            return iter([{"text": text, "label": label} for text, label in TEXTS])

    write_task(tmp_path / "a", {"train": Frame(), "dev": Frame()}, "classification")
    assert [(e.text, e.label) for e in load_task(tmp_path / "a", kind="classification").train] == TEXTS


def test_class_numbers_of_a_data_set_become_names(tmp_path):
    datasets = pytest.importorskip("datasets")
    features = datasets.Features({"text": datasets.Value("string"), "label": datasets.ClassLabel(names=["no", "yes"])})
    data = datasets.Dataset.from_dict({"text": ["a", "b"], "label": [1, 0]}, features=features)
    write_task(tmp_path / "a", datasets.DatasetDict({"train": data, "validation": data}), "classification")
    assert [e.label for e in load_task(tmp_path / "a", kind="classification").train] == ["yes", "no"]


def test_without_a_dev_set_every_tenth_example_becomes_one(tmp_path):
    rows = [(f"text {number}", "ab"[number % 2]) for number in range(25)]
    write_task(tmp_path / "a", rows, "classification")
    found = load_task(tmp_path / "a", kind="classification")
    assert [e.text for e in found.dev] == ["text 9", "text 19"] and len(found.train) == 23


def test_questions_numbers_and_examples(tmp_path):
    context = "Ada wrote it in London ."
    rows = [("Who?", context, "Ada"), ("Where?", context, [("London", 16)]), ("When?", context, []),
            {"question": "Who?", "context": context, "answers": {"text": ["Ada"], "answer_start": [0]}},
            QuestionExample("x", "Who?", "Bo did")]
    write_task(tmp_path / "a", {"train": rows[:4], "dev": rows[:1]}, "question_answering")
    found = load_task(tmp_path / "a", kind="question_answering").train
    assert [[(a.text, a.start) for a in e.answers] for e in found] == [[("Ada", 0)], [("London", 16)], [], [("Ada", 0)]]
    file = write_examples(tmp_path, "transfer", [rows[-1], ("Why?", "So.")], "question_answering")
    assert [(e.question, e.context) for e in read_unlabeled(str(file), "question_answering")] == [
        ("Who?", "Bo did"), ("Why?", "So.")]
    write_task(tmp_path / "b", [("a", np.float32(1.5)), ("b", np.int64(2))] * 2, "regression")
    assert [e.label for e in load_task(tmp_path / "b", kind="regression").train] == [1.5, 2.0, 1.5]
    file = write_examples(tmp_path, "texts", ["Ada lives", ["in", "Oslo"], Example(("x",))], "tagging")
    assert [e.words for e in read_unlabeled(str(file), "tagging")] == [("Ada", "lives"), ("in", "Oslo"), ("x",)]
    file = write_examples(tmp_path, "pairs", [("a", "b"), TextExample("c", "d")], "classification", pairs=True)
    assert [(e.text, e.pair) for e in read_unlabeled(str(file), "classification", True)] == [("a", "b"), ("c", "d")]


@pytest.mark.parametrize("task, kind, pairs", [
    (SENTENCES, "tagging", False), ([Example(("a",), ("O",))] * 2, "tagging", False),
    ([{"tokens": ["a"], "tags": ["O"]}] * 2, "tagging", False), (TEXTS, "classification", False),
    ({"train": TEXTS, "dev": TEXTS}, "classification", False), ([("a", 1.0)] * 2, "regression", False),
    ([("a", 1)] * 2, "classification", False), ([("a", ["x"])] * 2, "multi_label", False),
    ([("a", "b", "same")] * 2, "classification", True), ([TextExample("a", "b", 0.5)] * 2, "regression", True),
    ([{"question": "q", "context": "c", "answers": "c"}] * 2, "question_answering", False)])
def test_the_kind_is_told_by_the_first_example(task, kind, pairs):
    assert kind_of_objects(task) == (kind, pairs)


@pytest.mark.parametrize("task, message", [
    ({"train": [("a", "b")], "dev": [5]}, r"task\['dev'\]: example 1 is 5, expected \(text, label\)"),
    ({"dev": TEXTS}, "no 'train' among dev"), ([("a", "b")], "expected at least 2"),
    ({"train": (["a", "b"], ["x"]), "dev": TEXTS}, "columns of 2, 1 rows"),
    ({"train": 3, "dev": TEXTS}, "3, expected examples"),
    ({"train": [("a", object())], "dev": TEXTS}, "is a object, expected texts")])
def test_what_cannot_be_an_example_is_refused(tmp_path, task, message):
    with pytest.raises(DataError, match=message):
        write_task(tmp_path / "a", task, "classification")
    assert not (tmp_path / "a").exists()


def test_a_missing_label_is_named_by_file_and_line(tmp_path):
    write_task(tmp_path / "a", {"train": [("a", "x"), ("b", float("nan"))], "dev": TEXTS}, "classification")
    with pytest.raises(DataError, match=r"train.jsonl:2: no key label"):
        load_task(tmp_path / "a", kind="classification")
