"""SQuAD's JSON, versions 1.1 and 2.0."""

from __future__ import annotations

import gzip
import json

import pytest

from xtremedistil_tf.corpus import Answer, read_squad
from xtremedistil_tf.errors import DataError
from xtremedistil_tf.tasks.opening import load_task, read_unlabeled

CONTEXT = "Ada lived in London. London is big."


def squad(*questions, context=CONTEXT):
    return {"version": "v2.0", "data": [{"title": "t", "paragraphs": [{"context": context, "qas": list(questions)}]}]}


def question(number, *answers, **more):
    return {"id": f"q{number}", "question": "Where?", "answers": [
        {"text": text, "answer_start": start} for text, start in answers], **more}


@pytest.fixture
def write(tmp_path):
    def write(content, name="train.json"):
        path = tmp_path / name
        path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
        return path
    return write


def test_answers_and_their_places(write):
    path = write(squad(question(1, ("London", 13), ("Ada", 0)), question(2, is_impossible=True), question(3),
                       {"id": "q4", "question": "Unlabelled?"}))
    read = read_squad(path, "en")
    assert [e.answers for e in read] == [(Answer("London", 13), Answer("Ada", 0)), (), (), None]
    assert [(e.id, e.line, e.language, e.context) for e in read][1] == ("q2", 2, "en", CONTEXT)


@pytest.mark.parametrize("start, expected", [(13, 13), (12, 13), (14, 13), (20, 21), (17, 13), (30, 21), (-5, 13)])
def test_an_answer_that_is_off_is_taken_from_the_nearest_place(write, start, expected):
    assert read_squad(write(squad(question(1, ("London", start)))))[0].answers == (Answer("London", expected),)


@pytest.mark.parametrize("content, message", [
    ("{", "not JSON"), ({"data": 3}, "is missing or of another type"), ({"data": []}, "no questions"),
    (squad(question(1, ("Paris", 3))), "train.json:1: answer 'Paris' does not occur in its context"),
    (squad(question(1), question(1)), "train.json:2: question id 'q1' for the second time"),
    (squad(question(1), context=" "), "empty context"),
    (squad({"id": 1, "question": "?", "answers": [{"text": "x"}]}), "expected an object with text and answer_start"),
])
def test_faults(write, content, message):
    with pytest.raises(DataError, match=message):
        read_squad(write(content))


def test_text_that_is_no_utf_8(tmp_path):
    (tmp_path / "a.json").write_bytes(b'{\n"data": "\xff"}')
    with pytest.raises(DataError, match="a.json:2: byte 0xff"):
        read_squad(tmp_path / "a.json")
    (tmp_path / "b.json").write_bytes(b'{\n\n"data": "\0"}')
    with pytest.raises(DataError, match="b.json:3: NUL byte"):
        read_squad(tmp_path / "b.json")


def test_task_folders_and_transfer_sets(tmp_path, write):
    write(squad(question(1, ("Ada", 0))), "train-v2.0.json")
    write(squad(question(2, ("Ada", 0))), "dev-v1.1.json")
    packed = gzip.compress(json.dumps(squad(question(3, ("Ada", 0)))).encode())
    (tmp_path / "test.json.gz").write_bytes(packed)
    task = load_task(tmp_path, kind="question_answering")
    assert [[e.id for e in split] for split in (task.train, task.dev, task.test)] == [["q1"], ["q2"], ["q3"]]
    assert task.labels == ["start", "end"]
    free = list(read_unlabeled(str(tmp_path / "test.json.gz"), "question_answering"))
    assert [(e.id, e.answers) for e in free] == [("q3", None)]


@pytest.mark.parametrize("part", ["Where?", "q1", "Ada"])
@pytest.mark.parametrize("bad, message", [(r"\ud800", "lone surrogate"), (r"\u0000", "NUL character")])
def test_json_holds_nothing_that_a_text_file_cannot(write, part, bad, message):
    content = json.dumps(squad(question(1)))
    with pytest.raises(DataError, match="train.json:1: .*" + message):
        read_squad(write(content.replace(part, part + bad)))


def test_places_are_whole_numbers(write):
    with pytest.raises(DataError, match="expected an object with text and answer_start"):
        read_squad(write(squad(question(1, ("London", True)))))


def test_moved_answers_are_counted(write, caplog):
    read_squad(write(squad(question(1, ("London", 12), ("London", 13)), question(2, ("Ada", 5)))))
    assert "2 answers are not at their answer_start" in caplog.text


def test_answers_of_transfer_text_are_not_looked_at(write):
    path = write(squad(question(1, ("Paris", 3)), {"id": "q2", "question": "?", "answers": 7}))
    assert [e.answers for e in read_unlabeled(str(path), "question_answering")] == [None, None]


def test_task_folders_need_answers(tmp_path, write):
    write(squad(question(1)), "train.json")
    write(squad(question(1), {"id": "q2", "question": "Unlabelled?"}), "dev.json")
    with pytest.raises(DataError, match="dev.json:2: no answers"):
        load_task(tmp_path, kind="question_answering")


def test_versions_in_names_are_for_squad_only(tmp_path):
    for name in ("train.tsv", "train-v2.tsv", "dev.tsv"):
        (tmp_path / name).write_text(f"{name}\tO\n")
    assert [e.words for e in load_task(tmp_path).train] == [("train.tsv",)]
