"""Examples given as Python objects, against the same examples read from files."""

from __future__ import annotations

import numpy as np
import pytest

from xtremedistil_tf.corpus import Example, QuestionExample, TextExample
from xtremedistil_tf.corpus.objects import examples_of, kind_of_objects, write_task, write_text
from xtremedistil_tf.errors import DataError
from xtremedistil_tf.tasks.opening import kind_named, load_task, read_unlabeled

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
    a = write_task(tmp_path, {"train": make(SENTENCES, ("tokens", "tags")),
                                "dev": make(SENTENCES, ("tokens", "tags"))}, kind_named("tagging"))
    found = load_task(a)
    assert [(list(e.words), list(e.tags)) for e in found.train] == SENTENCES == [
        (list(e.words), list(e.tags)) for e in found.dev]
    b = write_task(tmp_path, {"train": make(TEXTS, ("text", "label")), "validation": make(TEXTS, ("text", "label"))},
               kind_named("classification"), labels=["yes", "no"])
    found = load_task(b, kind="classification")
    assert [(e.text, e.label) for e in found.train] == TEXTS and found.labels == ["yes", "no"]


def test_a_polars_frame(tmp_path):
    class Frame:  # what is used of one; the package need not be installed
        def iter_rows(self, named):
            assert named
            return iter([{"text": text, "label": label} for text, label in TEXTS])

    a = write_task(tmp_path, {"train": Frame(), "dev": Frame()}, kind_named("classification"))
    assert [(e.text, e.label) for e in load_task(a, kind="classification").train] == TEXTS


def test_class_numbers_of_a_data_set_become_names(tmp_path):
    datasets = pytest.importorskip("datasets")
    features = datasets.Features({"text": datasets.Value("string"), "label": datasets.ClassLabel(names=["no", "yes"])})
    data = datasets.Dataset.from_dict({"text": ["a", "b"], "label": [1, 0]}, features=features)
    a = write_task(tmp_path, datasets.DatasetDict({"train": data, "validation": data}), kind_named("classification"))
    assert [e.label for e in load_task(a, kind="classification").train] == ["yes", "no"]


def test_without_a_dev_set_every_tenth_example_becomes_one(tmp_path):
    rows = [(f"text {number}", "ab"[number % 2]) for number in range(25)]
    a = write_task(tmp_path, rows, kind_named("classification"))
    found = load_task(a, kind="classification")
    assert [e.text for e in found.dev] == ["text 9", "text 19"] and len(found.train) == 23


def test_questions_numbers_and_examples(tmp_path):
    context = "Ada wrote it in London ."
    rows = [("Who?", context, "Ada"), ("Where?", context, [("London", 16)]), ("When?", context, []),
            {"question": "Who?", "context": context, "answers": {"text": ["Ada"], "answer_start": [0]}},
            QuestionExample("x", "Who?", "Bo did")]
    a = write_task(tmp_path, {"train": rows[:4], "dev": rows[:1]}, kind_named("question_answering"))
    found = load_task(a, kind="question_answering").train
    assert [[(a.text, a.start) for a in e.answers] for e in found] == [[("Ada", 0)], [("London", 16)], [], [("Ada", 0)]]
    file = write_text(tmp_path, [rows[-1], ("Why?", "So.")], kind_named("question_answering"))
    assert [(e.question, e.context) for e in read_unlabeled(str(file), "question_answering")] == [
        ("Who?", "Bo did"), ("Why?", "So.")]
    b = write_task(tmp_path, [("a", np.float32(1.5)), ("b", np.int64(2))] * 2, kind_named("regression"))
    assert [e.label for e in load_task(b, kind="regression").train] == [1.5, 2.0, 1.5]
    file = write_text(tmp_path, ["Ada lives", ["in", "Oslo"], Example(("x",))], kind_named("tagging"))
    assert [e.words for e in read_unlabeled(str(file), "tagging")] == [("Ada", "lives"), ("in", "Oslo"), ("x",)]
    file = write_text(tmp_path, [("a", "b"), TextExample("c", "d")], kind_named("classification", pairs=True))
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


@pytest.mark.parametrize("task, labels, message", [
    ({"train": [("a", "b")], "dev": [5]}, None, r"task\['dev'\]: example 1 is 5, expected \(text, label\)"),
    ({"dev": TEXTS}, None, "no 'train' among 'dev'"), ({"training": TEXTS}, None, "no 'train' among 'training'"),
    ([("a", "b")], None, "expected at least 2"), ([], None, "task: empty"),
    ({"train": (["a", "b"], ["x"]), "dev": TEXTS}, None, "columns of 2, 1 rows"),
    ({"train": 3, "dev": TEXTS}, None, "3, expected examples"),
    ({"train": [("a", object())], "dev": TEXTS}, None, "is a object, expected texts"),
    ([("a", "x"), ("b", None), ("c", float("nan"))], None,
     "task: 2 faults, all of them:\n  task, example 2: no key label"),
    (TEXTS, ["yes"], "^labels: 1 classes, expected at least two. Leave labels out to have them inferred"),
    (TEXTS, ["yes", "yes"], "^labels, label 2: "), ([("a", "x"), ("b", "x")] * 3, None, "^task.*only the class 'x'")])
def test_what_cannot_be_an_example_is_refused_by_the_name_it_was_given(tmp_path, task, labels, message):
    with pytest.raises(DataError, match=message) as caught:
        write_task(tmp_path, task, kind_named("classification"), labels=labels)
    assert str(tmp_path) not in str(caught.value) and not list(tmp_path.iterdir())


def test_other_data_leaves_what_was_there(tmp_path):
    first = write_task(tmp_path, TEXTS * 2, kind_named("classification"))
    before = {file.name: file.read_bytes() for file in first.iterdir()}
    second = write_task(tmp_path, [(f"{text}!", label) for text, label in TEXTS * 2], kind_named("classification"))
    assert second != first == write_task(tmp_path, iter(TEXTS * 2), kind_named("classification"))
    assert {file.name: file.read_bytes() for file in first.iterdir()} == before
    assert write_text(tmp_path, ["a"], kind_named("tagging")) != write_text(tmp_path, ["b"], kind_named("tagging"))
    with pytest.raises(DataError, match="^transfer: empty"):
        write_text(tmp_path, [], kind_named("tagging"))


def test_examples_are_read_as_from_files():
    found = examples_of([("a", "x"), {"text": "b", "label": "y"}], kind_named("classification"), labels=["x", "y"])
    assert [(e.text, e.label) for e in found] == [("a", "x"), ("b", "y")]
    with pytest.raises(DataError, match="^data, example 1: unknown label 'z'"):
        examples_of([("a", "z")], kind_named("classification"), labels=["x", "y"])
