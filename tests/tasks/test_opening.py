import functools
import pathlib

import pytest
from conformance.readers import refusal

from xtremedistil_tf.config import DistillationConfig
from xtremedistil_tf.errors import ConfigError
from xtremedistil_tf.tasks.opening import load_task, open_corpus

fails = functools.partial(refusal, load_task)


def put(folder, **texts):
    """Writes `train="..."` as train.tsv, `train_conll="..."` as train.conll."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in texts.items():
        stem, _, suffix = name.partition("_")
        (folder / f"{stem}.{suffix or 'tsv'}").write_text(text, encoding="utf-8")


def lines(prefix, count, tag="O"):
    return "".join(f"{prefix}{i}\t{tag}\n" for i in range(count))


def words(examples):
    return [" ".join(e.words) for e in examples]


@pytest.fixture
def multilingual(tmp_path):
    for language in ("nl", "de"):
        put(tmp_path / language, train=lines(f"{language}-train", 5, "B-LOC"),
            dev=lines(f"{language}-dev", 3), test=lines(f"{language}-test", 4))
    (tmp_path / "notes").mkdir()
    return tmp_path


def test_one_folder(tmp_path):
    put(tmp_path, train=lines("a", 2, "B-LOC"), valid_conll="d B-PER\n")
    task = load_task(tmp_path)
    assert (words(task.train), words(task.dev), task.test) == (["a0", "a1"], ["d"], [])
    assert task.labels == ["O", "B-LOC", "I-LOC", "B-PER", "I-PER"]
    assert (task.languages, task.surplus) == ([], [])
    assert {pathlib.Path(e.source).name for e in task.train + task.dev} == {"train.tsv", "valid.conll"}


def test_language_folders(multilingual):
    task = load_task(str(multilingual))
    assert task.languages == ["de", "nl"]
    assert [e.language for e in task.train] == ["de"] * 5 + ["nl"] * 5
    assert (len(task.dev), len(task.test)) == (6, 8)


def test_root_and_language_folders_together(multilingual):
    put(multilingual, train="x\tru:O\ny\tO\n", labels="B-LOC\nI-LOC\n")
    task = load_task(multilingual)
    assert task.languages == ["de", "nl", "ru"]
    assert [e.language for e in task.train[:2]] == ["ru", None]
    assert task.labels == ["O", "B-LOC", "I-LOC"]
    chosen = load_task(multilingual, ["ru", "de"])
    assert words(chosen.train) == ["x"] + [f"de-train{i}" for i in range(5)]


def test_choice_of_languages(multilingual):
    task = load_task(multilingual, languages=["nl"])
    assert task.languages == ["nl"] and all(pathlib.Path(e.source).parent.name == "nl" for e in task.train)
    assert load_task(multilingual, []).languages == ["de", "nl"]


def test_unknown_languages_name_the_known_ones(multilingual):
    assert "no data for language fr, xx; it has: de, nl." in fails(multilingual, ["xx", "de", "fr"])
    put(multilingual, train="x\tO\n")
    assert "no data for language fr; it has: de, nl." in fails(multilingual, ["fr"])


def test_languages_of_a_task_without_any(tmp_path):
    put(tmp_path, train="a\tO\n", dev="a\tO\n")
    assert "its sentences have no language" in fails(tmp_path, ["de"])


def test_limits_count_per_language(multilingual):
    task = load_task(multilingual, max_train=2, max_dev=1, max_test=100)
    assert words(task.train) == ["de-train0", "de-train1", "nl-train0", "nl-train1"]
    assert words(task.surplus) == [f"{code}-train{i}" for code in ("de", "nl") for i in (2, 3, 4)]
    assert words(task.dev) == ["de-dev0", "nl-dev0"]
    assert len(task.test) == 8


def test_labels_do_not_depend_on_limits(tmp_path):
    put(tmp_path, train="a\tO\nb\tB-LOC\n", dev="a\tO\n", test="a\tO\nc\tB-PER\n")
    assert load_task(tmp_path, max_train=1, max_test=1).labels == load_task(tmp_path).labels


@pytest.mark.parametrize("name", ["max_train", "max_dev", "max_test"])
@pytest.mark.parametrize("value", [0, -1])
def test_limits_below_one(multilingual, name, value):
    with pytest.raises(ConfigError, match=f"{name} is {value}"):
        load_task(multilingual, **{name: value})


def test_a_language_may_lack_splits(multilingual):
    put(multilingual / "tl", test=lines("tl", 2))
    task = load_task(multilingual)
    assert task.languages == ["de", "nl", "tl"]
    assert "no train sentences for tl" in fails(multilingual, ["tl"])


def test_labels_of_several_files_are_united(multilingual):
    put(multilingual / "de", labels="B-PER\nO\nX\n")
    put(multilingual / "nl", labels="O\nB-LOC\nB-PER\n")
    assert load_task(multilingual).labels == ["O", "B-PER", "B-LOC"]


@pytest.mark.parametrize("split", ["train", "dev", "test"])
def test_a_label_not_in_the_list(tmp_path, split):
    splits = {"train": "a\tO\n", "dev": "a\tO\n"} | {split: "a\tO\nb\tB-PER\n"}
    put(tmp_path, labels="O\nB-LOC\n", **splits)
    message = fails(tmp_path)
    assert f"{split}.tsv:2: unknown label 'B-PER', expected one of O, B-LOC" in message


def test_missing_train(tmp_path):
    put(tmp_path, dev="a\tO\n", train_pdf="a,O\n")
    message = fails(tmp_path)
    assert "no train sentences, expected train.tsv or train.conll or train.jsonl" in message
    assert "holds: dev.tsv, train.pdf" in message


def test_missing_dev_says_how_to_make_one(tmp_path):
    put(tmp_path, train="a\tO\n")
    message = fails(tmp_path)
    assert "no dev sentences" in message and "`dev_fraction=0.1` takes every tenth" in message


def test_an_empty_folder_and_no_folder(tmp_path):
    assert "no train sentences" in fails(tmp_path) and "no train sentences" in fails(tmp_path, ["de"])
    assert f"no such task folder; the folder {tmp_path} is empty" in fails(tmp_path / "ner")
    (tmp_path / "file").write_text("a\tB-X\n", encoding="utf-8")
    message = fails(tmp_path / "file")
    assert "no dev sentences" in message and "`dev_fraction=0.1`" in message


@pytest.mark.parametrize(("first", "second"), [
    ("train.tsv", "train.conll"), ("dev.tsv", "valid.tsv"), ("dev.jsonl", "validation.tsv.gz"),
    ("train.tsv", "train.tsv.xz")])
def test_two_files_for_one_split(tmp_path, first, second):
    for name in (first, second):
        (tmp_path / name).touch()
    message = fails(tmp_path)
    assert first in message and second in message and "expected one" in message


@pytest.mark.parametrize("options", [{"task": "hf:x"}, {"task": "x", "task_name": "mnli"}])
def test_settings_of_files_are_refused_for_other_data(options):
    config = DistillationConfig(tag_scheme="IOB1", **options)
    with pytest.raises(ConfigError, match="`tag_scheme=IOB1` is for files of a task folder"):
        open_corpus(config)


def test_a_configuration_says_how_files_are_read(tmp_path):
    put(tmp_path, train_conll="Ann NNP B-PER\nsings VBZ O\n\nOslo NNP B-LOC\nis VBZ O\n\n")
    corpus = open_corpus(DistillationConfig(task=str(tmp_path), do_NER=True, tag_column="2", dev_fraction=0.5))
    assert corpus.labels == ["NNP", "VBZ"] and len(corpus.train) == len(corpus.dev) == 1
    put(tmp_path / "texts", train="pos\tfine\nneg\tdull\n", dev="pos\tgood\n")
    corpus = open_corpus(DistillationConfig(task=str(tmp_path / "texts"), label_column="1"))
    assert corpus.labels == ["neg", "pos"] and corpus.dev[0].text == "good"
