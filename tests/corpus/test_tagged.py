import functools
import json

import pytest
from conformance.readers import PACKERS, put, refusal

from xtremedistil_tf.corpus.files import stem_and_suffix
from xtremedistil_tf.corpus.parallel import Parallel
from xtremedistil_tf.corpus.reading import Reading
from xtremedistil_tf.corpus.tagged import read_tagged

SENTENCES = [(("Anna", "in", "Rom"), ("B-PER", "O", "B-LOC")), (("#", "ja"), ("O", "O"))]


def as_tsv(sentences):
    return "".join(f"{' '.join(words)}\t{' '.join(tags)}\n" for words, tags in sentences)


def as_conll(sentences):
    return "\n".join("".join(f"{w}\t{t}\n" for w, t in zip(*pair)) for pair in sentences)


def as_jsonl(sentences):
    return "".join(json.dumps({"tokens": words, "tags": tags}) + "\n" for words, tags in sentences)


fails = functools.partial(refusal, read_tagged)
WRITERS = {".tsv": as_tsv, ".conll": as_conll, ".jsonl": as_jsonl}


@pytest.mark.parametrize("suffix", WRITERS)
@pytest.mark.parametrize("packing", ["", ".gz", ".bz2", ".xz"])
def test_all_formats_read_the_same(tmp_path, suffix, packing):
    path = put(tmp_path, f"train{suffix}{packing}", WRITERS[suffix](SENTENCES))
    examples = read_tagged(path)
    assert [(e.words, e.tags) for e in examples] == SENTENCES
    assert {(e.source, e.language) for e in examples} == {(str(path), None)}


@pytest.mark.parametrize("suffix", WRITERS)
def test_language_of_prefixed_tags(tmp_path, suffix):
    prefixed = [(words, [f"{code}:{tag}" for tag in tags])
                for (words, tags), code in zip(SENTENCES, ["ru", "zh-Hant"])]
    path = put(tmp_path, f"train{suffix}", WRITERS[suffix](prefixed))
    examples = read_tagged(path, ["O", "B-PER", "B-LOC"])
    assert [(e.words, e.tags) for e in examples] == SENTENCES
    assert [e.language for e in examples] == ["ru", "zh-Hant"]
    assert {e.language for e in read_tagged(path, language="xx")} == {"xx"}


@pytest.mark.parametrize("labels", [None, ("O", "B-LOC")])
def test_faults_of_the_whole_file_in_one_error(tmp_path, labels):
    lines = ["a\tB-LOC", "a b\tO", "a\tLOC", "a\tO\tO", "b O"] + ["a\t?"] * 20
    message = fails(put(tmp_path, "train.tsv", "\n".join(lines)), labels=labels)
    assert "train.tsv: 24 faults, the first 10 of them" in message
    places = [line.split(": ")[0].rsplit(":")[-1] for line in message.splitlines()[1:-1]]
    assert places == [str(n) for n in range(2, 12)]
    assert ("unknown label 'LOC', expected one of O, B-LOC" if labels else "malformed tag 'LOC'") in message


def test_conll_faults_name_the_line_of_the_tag(tmp_path):
    message = fails(put(tmp_path, "train.conll", "# c\na B-A\nb X\nc Y\n\nd Z\n"))
    assert [f"train.conll:{n}: malformed tag" in message for n in (3, 4, 6)] == [True] * 3
    assert "3 faults" in message


def test_tsv_counts_a_line_once(tmp_path):
    message = fails(put(tmp_path, "train.tsv", "a b\tX Y\nc\tB-Z\n"))
    assert "train.tsv:1: malformed tag 'X'" in message and "'Y'" not in message


@pytest.mark.parametrize("suffix", WRITERS)
@pytest.mark.parametrize("text", ["", "\n \n", "\ufeff"])
def test_empty_files(tmp_path, suffix, text):
    assert f"train{suffix}: empty, expected " in fails(put(tmp_path, f"train{suffix}", text))


@pytest.mark.parametrize("name", ["train.csv", "train", "train.conllu.gz", "train.xz"])
def test_a_layout_is_recognised_by_content_whatever_the_name(tmp_path, name):
    path = tmp_path / name
    path.write_bytes(PACKERS.get(path.suffix, bytes)(b"a\tO\nb\tB-X\n\nc\tO\n"))
    assert [(e.words, e.tags) for e in read_tagged(path)] == [(("a", "b"), ("O", "B-X")), (("c",), ("O",))]


def test_stem_and_suffix():
    assert stem_and_suffix("x/train.tsv.xz") == stem_and_suffix("train.tsv") == ("train", ".tsv")
    assert stem_and_suffix("x/train") == ("train", "")


def test_a_token_a_line_under_another_name_is_read_as_what_it_is(tmp_path, caplog):
    text = "Ada\tB-PER\nlives\tO\n\nIt\tO\nrains\tO\n"
    for name in ("a.tsv", "a.conll"):
        (tmp_path / name).write_text(text, encoding="utf-8")
    found = read_tagged(tmp_path / "a.tsv")
    assert [e.words for e in found] == [e.words for e in read_tagged(tmp_path / "a.conll")] == [
        ("Ada", "lives"), ("It", "rains")]
    assert "it is read in the CoNLL format" in caplog.text


@pytest.mark.parametrize(("text", "count"), [
    ("Ada\tB-PER\nEva\tB-PER\nOslo\tB-LOC\n", 3),  # one-word sentences, it may be
    ("Ada\tB-PER\nOslo\tB-LOC\nLee\tI-PER\n", 3), ("so\tO\nLee\tI-PER\n", 2),
    ("in\tO\nNew\tB-LOC\nYork\tI-LOC\ncalls\tO\n", 1)])
def test_entities_that_go_on_show_that_lines_are_tokens(tmp_path, text, count, caplog):
    assert len(read_tagged(put(tmp_path, "b.tsv", text))) == count
    assert ("CoNLL" in caplog.text) == (count == 1)


@pytest.mark.parametrize("words", ["tokens", "words"])
@pytest.mark.parametrize("tags", ["tags", "labels", "ner_tags"])
def test_keys_of_json_lines_that_data_sets_use(tmp_path, words, tags):
    line = json.dumps({"id": 3, tags: ["B-X", "O"], words: ["a", "b"], "language": "de"})
    example, = read_tagged(path := put(tmp_path, "t.jsonl", f"\n{line}\n"))
    assert (example.words, example.tags, example.language) == (("a", "b"), ("B-X", "O"), "de")
    assert (example.source, example.line) == (str(path), 2)


def test_one_token_a_line_is_conll_only_where_blank_lines_part_sentences(tmp_path):
    parted = read_tagged(put(tmp_path, "a.tsv", "a\tO\nb\tB-X\n\nc\tO\n"))
    assert [example.words for example in parted] == [("a", "b"), ("c",)]
    alone = read_tagged(put(tmp_path, "b.tsv", "a\tO\nb\tB-X\nc\tO\n"))
    assert [example.words for example in alone] == [("a",), ("b",), ("c",)]
    longer = read_tagged(put(tmp_path, "c.tsv", "a\tO\n\nb c\tB-X O\n"))
    assert [example.words for example in longer] == [("a",), ("b", "c")]


def test_parallel_files(tmp_path):
    paths = Parallel(put(tmp_path, "seq.in", "to New York\n\nja\n"), put(tmp_path, "seq.out", "O B-LOC I-LOC\n\nO\n"))
    assert [(e.words, e.tags, e.line) for e in read_tagged(paths)] == [
        (("to", "New", "York"), ("O", "B-LOC", "I-LOC"), 1), (("ja",), ("O",), 3)]
    put(tmp_path, "seq.out", "O B-LOC\n\nO\n")
    assert "seq.in:1: 3 tokens but 2 tags" in fails(paths)


@pytest.mark.parametrize(("name", "text"), [
    ("a.jsonl", '{"tokens": ["in", "Oslo"], "ner_tags": [0, 1]}'),
    ("a.csv", "tokens;ner_tags\n\"['in', 'Oslo']\";[0, 1]\n")])
def test_class_numbers_stand_for_the_names_of_labels(tmp_path, name, text):
    example, = read_tagged(put(tmp_path, name, text), reading=Reading(names=("O", "B-LOC")))
    assert (example.words, example.tags) == (("in", "Oslo"), ("O", "B-LOC"))


def test_tags_stay_where_the_labels_that_may_occur_are_of_their_scheme(tmp_path):
    path = put(tmp_path, "a.conll", "New B-LOC\nYork E-LOC\ncalls O\n")
    assert read_tagged(path, ["O", "B-LOC", "E-LOC", "S-LOC"])[0].tags == ("B-LOC", "E-LOC", "O")
