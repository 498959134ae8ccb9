"""Transfer text in every layout that people have, and long lines as sentences."""

from __future__ import annotations

import json

import pytest
from conformance.readers import put, refusal

from xtremedistil_tf.corpus.reading import Reading
from xtremedistil_tf.corpus.sentences import PAGE_CHARS, sentences_of
from xtremedistil_tf.corpus.text import read_text, text_files
from xtremedistil_tf.tasks.opening import read_unlabeled

TEXTS = ["Ada lived in London.", "So it is, \"they\" say."]


def texts(path, **options):
    return [" ".join(example.words) for example in read_text(path, **options)]


LAYOUTS = {
    "plain.txt": "\n".join(TEXTS), "plain.txt.gz": "\n".join(TEXTS), "no_suffix": "\n".join(TEXTS),
    "lines.jsonl": "\n".join(json.dumps({"text": text, "id": 1}) for text in TEXTS),
    "lines.txt": "\n".join(json.dumps({"content": text}) for text in TEXTS),
    "array.json": json.dumps([{"sentence": text} for text in TEXTS], indent=1),
    "table.csv": "id,text\n" + "".join('1,"{}"\n'.format(text.replace('"', '""')) for text in TEXTS),
    "header.tsv": "id\ttext\n" + "".join(f"1\t{text}\n" for text in TEXTS),
    "tagged.txt": "".join("".join(f"{word} B-X\n" for word in text.split()) + "\n" for text in TEXTS),
    "wiki_00": "".join(f'<doc id="1" url="x" title="T">\nTitle\n\n{text}\n\n</doc>\n' for text in TEXTS),
    "utf16.txt": "\n".join(TEXTS).encode("utf-16"), "carriage.txt": "\r".join(TEXTS),
}


@pytest.mark.parametrize("name", LAYOUTS)
def test_layouts(tmp_path, name):
    assert texts(put(tmp_path, name, LAYOUTS[name])) == TEXTS


@pytest.mark.parametrize("name", sorted(set(LAYOUTS) - {"tagged.txt"}))
def test_layouts_of_texts(tmp_path, name):
    assert [e.text for e in read_unlabeled(str(put(tmp_path, name, LAYOUTS[name])), "classification")] == TEXTS


def test_parquet(tmp_path):
    pyarrow = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    parquet.write_table(pyarrow.table({"text": TEXTS, "n": [1, 2]}), tmp_path / "a.parquet")
    assert texts(tmp_path / "a.parquet") == texts(tmp_path) == TEXTS


def test_a_column_that_the_labelled_files_name(tmp_path):
    path = put(tmp_path, "a.csv", "text,said\nno,yes\n")
    assert texts(path, reading=Reading(text_column="said")) == ["yes"]
    assert texts(path, reading=Reading(text_column="other")) == texts(path, reading=Reading(text_column="2")) == ["no"]
    path = put(tmp_path, "a.jsonl", '{"text": "no", "said": "yes"}')
    assert texts(path, reading=Reading(text_column="said")) == ["yes"]
    assert "no key 'tokens' or 'words'" in refusal(read_text, put(tmp_path, "b.jsonl", '{"n": 1}'))


def test_what_is_mended_is_said(tmp_path, caplog):
    for name in ("wiki_00", "tagged.txt"):
        texts(put(tmp_path, name, LAYOUTS[name]))
    assert "6 lines of <doc> and their titles are left out" in caplog.text
    assert "has tokens and tags; its tokens are read" in caplog.text


def test_folders_of_extractors(tmp_path):
    put(tmp_path, "AA/wiki_00", LAYOUTS["wiki_00"]), put(tmp_path, "AB/wiki_01.bz2"[:-4], "Ja.\n")
    assert [path.name for path in text_files(tmp_path)] == ["wiki_00", "wiki_01"]
    assert texts(tmp_path) == [*TEXTS, "Ja."]


def test_pages_become_sentences_and_lines_stay(tmp_path, caplog):
    sentence = "He came from afar on Monday."
    page = " ".join([sentence] * (PAGE_CHARS // len(sentence) + 5))
    path = put(tmp_path, "a.txt", f"One. Two.\n{page}\n")
    found = texts(path)
    assert found[0] == "One. Two." and set(found[1:]) == {sentence} and len(found) == 1 + page.count(".")
    assert {example.line for example in read_text(path)} == {1, 2}
    assert "1 lines are longer than 3,000 characters and split into sentences" in caplog.text
    assert len(texts(put(tmp_path, "b.txt", page * 50))) > 5000  # far beyond the longest line of other files


@pytest.mark.parametrize(("text", "sentences"), [
    ("One came. Two went! Who? Ja…  So", ["One came.", "Two went!", "Who?", "Ja…", "So"]),
    ("Dr. J. Smith paid 3.5 dollars. He left.", ["Dr. J. Smith paid 3.5 dollars.", "He left."]),
    ('He said "No." "Why?" (Because.) End.', ['He said "No."', '"Why?"', "(Because.)", "End."]),
    ("am 3. Mai kam er. dann nicht. Gut", ["am 3.", "Mai kam er. dann nicht.", "Gut"]),
    ("彼は来た。彼女は去った！誰？", ["彼は来た。", "彼女は去った！", "誰？"]), ("यह है। वह था।", ["यह है।", "वह था।"]),
    ("Ждём. Он ушёл.", ["Ждём.", "Он ушёл."]), ("  ", []), ("no end", ["no end"])])
def test_sentences(text, sentences):
    assert list(sentences_of(text)) == sentences
    assert "".join("".join(sentences_of(text)).split()) == "".join(text.split())


def test_a_table_of_sentences_with_blank_lines_is_no_list_of_tokens(tmp_path):
    assert texts(put(tmp_path, "a.tsv", "So it is.\n\nYes.\n\nNo\n")) == ["So it is.", "Yes.", "No"]
