"""Task folders built out of others."""

from __future__ import annotations

import json

import pytest

import paper_tasks
from xtremedistil_tf.corpus import read_text
from xtremedistil_tf.errors import DataError
from xtremedistil_tf.tasks.opening import load_task


def write(file, lines):
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("".join(line + "\n" for line in lines), encoding="utf-8")


@pytest.fixture
def data(tmp_path):
    """A language with much WikiANN, one with little of it and a gold corpus, one with a gold corpus, one with none."""
    for folder in ("ner-wikiann/de", "ner-wikiann-mini/tr", "ner-gold/tr", "ner-gold/cs"):
        for split in ("train", "dev", "test"):
            name = folder.replace("/", "-")
            count = 4 if "mini" in folder else 10
            write(tmp_path / folder / f"{split}.tsv", [f"{name} {split} {i}\tB-LOC O O" for i in range(count)])
    # A gold sentence that WikiANN tests on.
    with (tmp_path / "ner-gold/tr/train.tsv").open("a") as file:
        file.write("ner-wikiann-mini-tr test 0\tO O O\n")
    listed = {"de": ["ner-wikineural/de", "ner-wikiann/de"], "tr": ["ner-gold/tr", "ner-wikiann-mini/tr"],
              "cs": ["ner-gold/cs"], "ca": []}
    (tmp_path / "ner41.json").write_text(json.dumps(listed))
    return tmp_path


def test_sources_put_first_what_has_most_labels_of_wikiann(data):
    assert paper_tasks.sources(data) == {"de": ["ner-wikiann/de", "ner-wikineural/de"],
                                         "tr": ["ner-gold/tr", "ner-wikiann-mini/tr"], "cs": ["ner-gold/cs"]}


def test_a_set_without_training_sentences_is_no_source_of_labels(data):
    (data / "ner-gold/tr/train.tsv").unlink()
    assert paper_tasks.sources(data)["tr"] == ["ner-wikiann-mini/tr", "ner-gold/tr"]


def test_sources_without_the_map(tmp_path):
    with pytest.raises(DataError, match="ner41.json"):
        paper_tasks.sources(tmp_path)


def test_languages_have_all_splits_and_the_text_of_other_folders(data):
    folder = data / "built"
    paper_tasks.build_languages(data, folder, paper_tasks.sources(data))
    task = load_task(folder / "task")
    assert task.languages == ["cs", "de", "tr"]
    sizes = {language: [sum(e.language == language for e in split) for split in (task.train, task.dev, task.test)]
             for language in task.languages}
    assert sizes == {"cs": [10, 10, 10], "de": [10, 10, 10], "tr": [11, 10, 10]}
    text = {file.stem: [" ".join(e.words) for e in read_text(file)] for file in (folder / "unlabeled").iterdir()}
    assert text == {"tr": [f"ner-wikiann-mini-tr train {i}" for i in range(4)]}


@pytest.fixture
def classes(tmp_path):
    write(tmp_path / "task/train.tsv", [f"text {i}\t{'good' if i % 4 else 'bad'}" for i in range(20)])
    write(tmp_path / "task/dev.tsv", ["held out a\tgood", "held out b\tbad"])
    return tmp_path / "task"


def test_classes_come_first_and_equally_often(classes, tmp_path):
    paper_tasks.build_classes(classes, tmp_path / "built", 2, 4)
    built = load_task(tmp_path / "built", kind="classification", max_train=4)
    assert [(e.text, e.label) for e in built.train] == [("text 0", "bad"), ("text 1", "good"), ("text 2", "good"),
                                                        ("text 4", "bad")]
    assert [e.text for e in built.dev] == [f"text {i}" for i in range(16, 20)]
    assert [e.text for e in built.test] == ["held out a", "held out b"]
    assert [e.text for e in built.surplus] == [f"text {i}" for i in range(16) if i not in (0, 1, 2, 4)]
    assert built.labels == load_task(classes, kind="classification").labels


def test_too_few_of_a_class(classes, tmp_path):
    with pytest.raises(DataError, match=r"bad \(4\).*expected 5 of each class"):
        paper_tasks.build_classes(classes, tmp_path / "built", 5, 4)
    assert not (tmp_path / "built").exists()


def test_pairs_of_questions_and_sentences(tmp_path):
    context = "Oslo is cold. It has a port (a big one). Bergen is wet."
    questions = [{"id": "1", "question": "What  is wet?", "answers": [{"text": "Bergen", "answer_start": 41}]},
                 {"id": "2", "question": "Is there a port?", "answers": [{"text": "a port", "answer_start": 21}]}]
    file, out = tmp_path / "train.json", tmp_path / "pairs.tsv"
    file.write_text(json.dumps({"data": [{"paragraphs": [{"context": context, "qas": questions}]}]}))
    paper_tasks.build_question_pairs([file], out)
    pairs = [tuple(line.split("\t")) for line in out.read_text().splitlines()]
    assert pairs[0] == ("What is wet?", "Bergen is wet.")
    assert pairs[2] == ("Is there a port?", "It has a port (a big one).")
    sentences = {"Oslo is cold.", "It has a port (a big one).", "Bergen is wet."}
    assert len(pairs) == len(set(pairs)) == 4 and {sentence for _, sentence in pairs} <= sentences
