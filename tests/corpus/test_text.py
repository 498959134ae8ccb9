import functools

import pytest
from conformance.readers import put, refusal

from xtremedistil_tf.corpus.text import read_text, text_files

fails = functools.partial(refusal, read_text)


def sentences(path):
    return [(" ".join(e.words), e.language) for e in read_text(path)]


def test_lines_words_and_places(tmp_path):
    path = put(tmp_path, "wiki.txt", "a  b\n\n \t\nc\u00a0d\n")
    examples = list(read_text(path))
    assert [(e.words, e.tags, e.language, e.line) for e in examples] == [
        (("a", "b"), None, None, 1), (("c", "d"), None, None, 4)]
    assert examples[0].source == str(path)


@pytest.mark.parametrize(("name", "language"), [
    ("de.txt", "de"), ("zh-Hant.wiki.txt", "zh-Hant"), ("ceb.txt.xz", "ceb"), ("dev.txt", None),
    ("unlabeled.txt", None), ("de.dat", "de")])
def test_language_of_a_file_name(tmp_path, name, language):
    assert sentences(put(tmp_path, name, "a\n")) == [("a", language)]


def test_a_folder_is_read_in_the_order_of_names(tmp_path):
    for name in ("nl.txt", "de.txt.xz", "fr.tsv", "README.md", ".hidden.txt"):
        put(tmp_path, name, name)
    (tmp_path / "sub.txt").mkdir()
    assert sentences(tmp_path) == [("de.txt.xz", "de"), ("nl.txt", "nl")]


def test_several_paths(tmp_path):
    folder = tmp_path / "more"
    folder.mkdir()
    put(folder, "en.txt", "c\n")
    b, a = put(tmp_path, "b.txt", "b\n"), put(tmp_path, "a.txt", "a\n")
    assert [words for words, _ in sentences(f"{b}, {a},{folder},")] == ["b", "a", "c"]
    assert text_files(f"{b},{a}") == [b, a]
    with_comma = put(tmp_path, "x,y.txt", "d\n")
    assert sentences(with_comma) == [("d", None)]


def test_tagged_files_give_their_words(tmp_path):
    put(tmp_path, "t.tsv", "a b\tru:O ru:WRONG\nc\n")
    put(tmp_path, "t.conll", "a O\nb B-X\n\nc\n")
    put(tmp_path, "nl.jsonl", '{"tokens": ["a", "b"], "tags": [1]}\n{"words": ["c"], "language": "de"}\n')
    assert sentences(tmp_path / "t.tsv") == [("a b", "ru"), ("c", None)]
    assert sentences(tmp_path / "t.conll") == [("a b", None), ("c", None)]
    assert sentences(tmp_path / "nl.jsonl") == [("a b", "nl"), ("c", "de")]
    assert all(e.tags is None for e in read_text(tmp_path / "t.tsv"))


def test_faulty_json_is_reported(tmp_path):
    assert "t.jsonl:2: " in fails(put(tmp_path, "t.jsonl", '{"tokens": ["a"]}\n{\n'))


def test_reading_is_lazy(tmp_path):
    path = tmp_path / "wiki.txt"
    path.write_bytes(b"fine\n\xff\n")
    assert next(read_text(path)).words == ("fine",)


def test_what_is_missing_is_named(tmp_path):
    put(tmp_path, "en.txt", "a\n")
    assert "de.txt: no such file or folder" in fails(f"{tmp_path / 'en.txt'},{tmp_path / 'de.txt'}")
    assert "holds: en.txt" in fails(tmp_path / "de.txt")
    (tmp_path / "empty").mkdir()
    assert "no text file, expected *.txt" in fails(tmp_path / "empty")


@pytest.mark.parametrize("path", ["", " , "])
def test_no_path(path):
    assert "No transfer text is given" in fails(path)


@pytest.mark.parametrize("name", ["en.txt", "en.txt.xz", "en.tsv", "en.conll", "en.jsonl"])
def test_a_file_without_sentences(tmp_path, name):
    assert f"{name}: empty, expected one sentence a line" in fails(put(tmp_path, name, "\n\n"))


def test_plain_and_compressed_twins(tmp_path):
    put(tmp_path, "en.txt", "a\n")
    put(tmp_path, "en.txt.xz", "a\n")
    assert "en.txt and en.txt.xz would both be read" in fails(tmp_path)
