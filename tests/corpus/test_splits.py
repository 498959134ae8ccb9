"""Task folders as they are published: which files are which split, which folders are languages."""

from __future__ import annotations

import pytest
from conformance.readers import put, refusal

from xtremedistil_tf.corpus.splits import is_language_folder
from xtremedistil_tf.errors import DataError
from xtremedistil_tf.tasks.opening import load_task

TAGGED = "Oslo ja\tB-LOC O\n"


def words(examples):
    return [" ".join(example.words) for example in examples]


@pytest.mark.parametrize("names", [
    ("train.txt", "devel.txt", "test.txt"), ("train.tsv", "valid.tsv", "test.tsv"),
    ("train.conll", "validation.conll", "test.conll"), ("eng.train", "eng.testa", "eng.testb"),
    ("esp.train.gz", "esp.testa.gz", "esp.testb.gz"), ("NER-de-train.tsv", "NER-de-dev.tsv", "NER-de-test.tsv"),
    ("en_ewt-ud-train.conllu", "en_ewt-ud-dev.conllu", "en_ewt-ud-test.conllu"), ("Train.txt", "Dev.txt", "Test.txt"),
    ("emerging.train.conll", "emerging.dev.conll", "emerging.test.conll")])
def test_names_of_splits(tmp_path, names):
    for name, word in zip(names, ("one", "two", "three")):
        put(tmp_path, name, f"{word}\tB-LOC\nja\tO\n\nso\tO\n")
    put(tmp_path, "README.md", "x")
    task = load_task(tmp_path)
    assert [words(task.train), words(task.dev), words(task.test)] == [
        ["one ja", "so"], ["two ja", "so"], ["three ja", "so"]]


def test_shards_of_a_split(tmp_path):
    for name, text in (("train-00000-of-00002.jsonl", "a"), ("train-00001-of-00002.jsonl", "b"),
                       ("validation-00000-of-00001.jsonl", "c")):
        put(tmp_path, name, f'{{"tokens": ["{text}"], "tags": ["B-X"]}}\n')
    task = load_task(tmp_path)
    assert words(task.train) == ["a", "b"] and words(task.dev) == ["c"]
    (tmp_path / "train-00000-of-00002.jsonl").unlink()
    assert "1 of 2 train files, such as train-00001-of-00002.jsonl" in refusal(load_task, tmp_path)


def test_a_text_file_beside_a_labelled_one_is_not_read(tmp_path, caplog):
    put(tmp_path, "train.tsv", TAGGED), put(tmp_path, "dev.tsv", TAGGED)
    put(tmp_path, "train.txt", "unlabelled text\n")
    assert words(load_task(tmp_path).train) == ["Oslo ja"]
    assert "train.txt: not read, as train.tsv is there" in caplog.text


def test_stray_folders_are_no_languages(tmp_path, caplog):
    for folder in ("", "de/", "zh-Hant/", "pt_BR/", "bak/", "old/", "backup/", ".ipynb_checkpoints/"):
        put(tmp_path, f"{folder}train.tsv", f"{folder or 'top'}\tB-LOC\n"), put(tmp_path, f"{folder}dev.tsv", "a\tO\n")
    task = load_task(tmp_path)
    assert task.languages == ["de", "pt_BR", "zh-Hant"] and len(task.train) == 4
    assert "backup, bak, old: no language, and not read; `languages` takes it in" in caplog.text
    assert load_task(tmp_path, ["old", "de"]).languages == ["de", "old"]


def test_only_folders_that_are_no_languages(tmp_path):
    put(tmp_path, "english/train.tsv", TAGGED)
    assert "folders that have one: english" in refusal(load_task, tmp_path)
    put(tmp_path, "english/dev.tsv", TAGGED)
    assert load_task(tmp_path, ["english"]).languages == ["english"]


@pytest.mark.parametrize(("name", "is_one"), [
    ("de", True), ("ceb", True), ("be-x-old", True), ("zh_Hans", True), ("xx", True), ("bak", False), ("old", False),
    ("tmp", False), ("German", False), ("train", False), ("v2", False)])
def test_names_of_languages(name, is_one):
    assert is_language_folder(name) == is_one


def test_parallel_files(tmp_path):
    for split in ("train", "valid", "test"):
        put(tmp_path, f"{split}/seq.in", "play jazz\nstop\n")
        put(tmp_path, f"{split}/seq.out", "O B-genre\nO\n")
        put(tmp_path, f"{split}/label", "play\nstop\n")
    task = load_task(tmp_path)
    assert [(e.words, e.tags) for e in task.train] == [(("play", "jazz"), ("O", "B-genre")), (("stop",), ("O",))]
    intents = load_task(tmp_path, kind="classification")
    assert [(e.text, e.label) for e in intents.test] == [("play jazz", "play"), ("stop", "stop")]
    put(tmp_path, "test/label", "play\n")
    assert "label: 1 lines, but" in refusal(load_task, tmp_path, kind="classification")
    put(tmp_path, "test/seq.out", "O\nO\n")
    assert "seq.in:1: 2 tokens but 1 tag" in refusal(load_task, tmp_path)


def test_parallel_files_by_prefix_with_a_mapping(tmp_path):
    for split in ("train", "val", "test"):
        put(tmp_path, f"{split}_text.txt", "so sad\nfine\n"), put(tmp_path, f"{split}_labels.txt", "0\n1\n")
    put(tmp_path, "mapping.txt", "0\tsadness\n1\tjoy\n")
    task = load_task(tmp_path, kind="classification")
    assert task.labels == ["sadness", "joy"] and [e.label for e in task.dev] == ["sadness", "joy"]


def test_text_and_labels_in_folders(tmp_path):
    for split in ("train", "dev"):
        put(tmp_path, f"{split}/text.txt", "so sad\nfine\n"), put(tmp_path, f"{split}/labels.txt", "x\ny\n")
    assert load_task(tmp_path, kind="classification").labels == ["x", "y"]


@pytest.mark.parametrize("name", ["labels.txt", "names", "classes.txt", "label_names.txt"])
def test_names_of_class_numbers(tmp_path, name):
    put(tmp_path, name, "no\nyes\n")
    put(tmp_path, "train.csv", "text,label\na,0\nb,1\n"), put(tmp_path, "dev.csv", "text,label\na,1.0\n")
    task = load_task(tmp_path, kind="classification")
    assert [e.label for e in task.train + task.dev] == ["no", "yes", "yes"]


def test_tags_by_number(tmp_path):
    put(tmp_path, "labels.tsv", "O\nS-LOC\nB-LOC\nE-LOC\n")
    for split in ("train", "dev"):
        put(tmp_path, f"{split}.jsonl", '{"tokens": ["New", "York", "or", "Oslo"], "ner_tags": [2, 3, 0, 1]}')
    task = load_task(tmp_path)
    assert task.train[0].tags == ("B-LOC", "I-LOC", "O", "B-LOC") and task.labels == ["O", "B-LOC", "I-LOC"]


def test_the_other_splits_are_read_as_train_is(tmp_path):
    put(tmp_path, "train.conll", "Ann PER\nruns O\nfar O\n\n"), put(tmp_path, "dev.conll", "Ann PER\nBob PER\nruns O\n")
    assert load_task(tmp_path).dev[0].tags == ("B-PER", "I-PER", "O")
    put(tmp_path, "train.conll", "Ann NOUN\nruns VERB\n\n"), put(tmp_path, "dev.conll", "o O\no O\nAnn NOUN\n")
    assert load_task(tmp_path).dev[0].tags == ("O", "O", "NOUN")


def test_tags_that_train_lacks_are_warned_about(tmp_path, caplog):
    put(tmp_path, "train.conll", "Ann B-PER\n"), put(tmp_path, "dev.conll", "Ann B-PER\nOslo B-LOC\n")
    load_task(tmp_path)
    assert "dev has labels that train has not: LOC (1 words)" in caplog.text


def test_a_tagging_file_without_do_ner(tmp_path):
    put(tmp_path, "train.conllu", "1\ta\ta\tDET\n")
    assert "train.conllu looks like a file of tagged words: give `do_NER`" in refusal(
        load_task, tmp_path, kind="classification")


def test_one_file_becomes_train_and_dev(tmp_path):
    rows = "".join(f"text {number}\t{'rare' if number % 10 == 0 else 'often'}\n" for number in range(100))
    path = put(tmp_path, "reviews.tsv", rows)
    with pytest.raises(DataError, match="no dev sentences.*`dev_fraction=0.1`"):
        load_task(tmp_path, kind="classification")
    for given in (tmp_path, path):
        task = load_task(given, kind="classification", dev_fraction=0.2)
        assert len(task.train) == 80 and sorted(e.label for e in task.dev) == ["often"] * 18 + ["rare"] * 2
        assert {e.text for e in task.train}.isdisjoint(e.text for e in task.dev)
        assert task.dev == load_task(given, kind="classification", dev_fraction=0.2).dev
