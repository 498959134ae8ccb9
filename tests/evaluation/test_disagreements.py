"""Examples that student and teacher answer differently, chosen and cut."""

from __future__ import annotations

import itertools
import types

import pytest

from xtremedistil_tf.corpus.example import Answer, Example, QuestionExample, TextExample
from xtremedistil_tf.evaluation.measuring import SHOWN, disagreements
from xtremedistil_tf.tasks.registry import make_task


def task(kind: str):
    labels = {"tagging": ["O", "B-X"], "classification": ["yes", "no"], "regression": ["score"],
              "question_answering": ["start", "end"]}
    return make_task(kind, labels[kind])


def named(label: str):
    return types.SimpleNamespace(label=label)


def said(text: str):
    return types.SimpleNamespace(text=text)


def test_tagged_sentences():
    examples = [Example(("a", "b"), ("O", "B-X"), "de"), Example(("c",), ("O",))]
    found = disagreements(task("tagging"), examples, [["O", "B-X"], ["O"]], [["O", "O"], ["O"]])
    assert found == {"examples": 2, "differ": 1, "shown": [
        {"language": "de", "words": "a b", "gold": "O B-X", "teacher": "O B-X", "student": "O O"}]}


@pytest.mark.parametrize("at", [0, 70, 199])
def test_of_a_long_sentence_the_part_with_the_first_difference(at):
    words = tuple(f"w{i}" for i in range(200))
    tags = ["O"] * 200
    student = [*tags[:at], "B-X", *tags[at + 1:]]
    shown, = disagreements(task("tagging"), [Example(words, tuple(tags))], [tags], [student])["shown"]
    columns = [shown[key].split(" ") for key in ("words", "gold", "teacher", "student")]
    assert {len(column) for column in columns} == {60}
    assert columns[0][columns[3].index("B-X")] == f"w{at}"
    first = int(columns[0][0][1:])
    assert shown["cut"] == f"words {first + 1} to {first + 60} of 200" and f"w{first + 59}" == columns[0][-1]


def test_classes_are_spread_evenly_over_all_that_differ():
    examples = [TextExample(f"t{i}", "p", "yes") for i in range(400)]
    teacher, student = [named("yes")] * 400, [named("no" if i % 2 else "yes") for i in range(400)]
    found = disagreements(task("classification"), examples, teacher, student)
    assert (found["examples"], found["differ"], len(found["shown"])) == (400, 200, SHOWN)
    places = [int(row["text"][1:]) for row in found["shown"]]
    assert all(place % 2 for place in places) and {b - a for a, b in itertools.pairwise(places)} == {20}
    assert found["shown"][0] == {"text": f"t{places[0]}", "pair": "p", "gold": "yes", "teacher": "yes",
                                 "student": "no"}


def test_of_numbers_those_furthest_apart():
    examples = [TextExample(f"t{i}", label=1.0) for i in range(30)]
    found = disagreements(task("regression"), examples, [1.0] * 30, [1.0 + 0.004 * i for i in range(30)])
    assert found["differ"] == 27  # within 0.01 they are the same
    assert [row["text"] for row in found["shown"]] == [f"t{i}" for i in range(29, 9, -1)]
    assert found["shown"][0] == {"text": "t29", "gold": 1.0, "teacher": 1.0, "student": 1.116}


def test_questions_show_the_context_around_the_answer():
    context = "x" * 3000 + "Ada" + "y" * 3000
    examples = [QuestionExample("1", "Who?", context, (Answer("Ada", 3000), Answer("Ada", 3000))),
                QuestionExample("2", "Why?", "short", ())]
    ada = types.SimpleNamespace(text="Ada", start=3000)
    found = disagreements(task("question_answering"), examples, [ada, said("")],
                          [said(""), types.SimpleNamespace(text="short", start=0)])
    first, second = found["shown"]
    assert "Ada" in first["context"] and len(first["context"]) == 502
    assert first["context"][0] == first["context"][-1] == "…"
    assert (first["gold"], first["teacher"], first["student"]) == ("Ada", "Ada", "")
    assert second == {"question": "Why?", "context": "short", "gold": "", "teacher": "", "student": "short"}


@pytest.mark.parametrize("kind, answers", [("tagging", [["O"]]), ("classification", [named("a")]),
                                           ("regression", [0.5]), ("question_answering", [said("a")])])
def test_same_answers_are_nothing_to_show(kind, answers):
    found = disagreements(task(kind), [object()], answers, answers)
    assert found == {"examples": 1, "differ": 0, "shown": []}
