"""What annotation tools export: character spans become tags of words, as raw text has them."""

from __future__ import annotations

import importlib.util
import json
import sys
import types

import pytest
from conformance.readers import put, refusal

from xtremedistil_tf.corpus.tagged import read_tagged
from xtremedistil_tf.tasks.opening import load_task, read_labelled

TEXT = "Ada Lovelace lived in London, (UK)."
RIGHT = [("Ada", "B-PER"), ("Lovelace", "I-PER"), ("lived", "O"), ("in", "O"), ("London", "B-LOC"), (",", "O"),
         ("(", "O"), ("UK", "B-LOC"), (")", "O"), (".", "O")]
SPANS = [(0, 12, "PER"), (22, 28, "LOC"), (31, 33, "LOC")]


def _objects(start, end, kind):
    return [{start: first, end: stop, kind: name} for first, stop, name in SPANS]


EXPORTS = {
    "doccano.jsonl": {"id": 1, "text": TEXT, "label": [list(span) for span in SPANS]},
    "doccano_new.jsonl": {"text": TEXT, "entities": [{"id": 3} | one for one in _objects(
        "start_offset", "end_offset", "label")], "relations": []},
    "spans.jsonl": {"text": TEXT, "labels": [list(span) for span in SPANS]},
    "prodigy.jsonl": {"text": TEXT, "tokens": [{"text": "Ada", "start": 0, "end": 3, "id": 0}], "answer": "accept",
                      "spans": [{"token_start": 0} | one for one in _objects("start", "end", "label")]},
    "label_studio.json": [{"data": {"text": TEXT}, "annotations": [{"result": [
        {"type": "choices", "value": {"choices": ["x"]}}, *(
        {"type": "labels", "value": {"start": start, "end": end, "text": TEXT[start:end], "labels": [kind]}}
        for start, end, kind in SPANS)]}]}],
    "label_studio_old.json": [{"data": {"text": TEXT}, "completions": [{"was_cancelled": True, "result": []}, {
        "result": [{"value": {"start": start, "end": end, "labels": [kind]}} for start, end, kind in SPANS]}]}],
    "label_studio_min.json": [{"text": TEXT, "id": 1, "label": [
        {"start": start, "end": end, "labels": [kind]} for start, end, kind in SPANS]}],
}


def tagged(path):
    return [list(zip(example.words, example.tags)) for example in read_labelled(path, "tagging")]


@pytest.mark.parametrize("name", EXPORTS)
def test_exports(tmp_path, name, caplog):
    assert tagged(put(tmp_path, name, json.dumps(EXPORTS[name]))) == [RIGHT]
    assert "span" not in caplog.text


@pytest.mark.parametrize(("start", "end", "kind"), [
    ("start_char", "end_char", "type"), ("begin", "end", "entity"), ("start", "end", "entity_group"),
    ("start", "stop", "tag"), ("start", "end", "category")])
def test_names_of_places_and_types(tmp_path, start, end, kind):
    path = put(tmp_path, "a.jsonl", json.dumps({"text": TEXT, "entities": _objects(start, end, kind)}))
    assert tagged(path) == [RIGHT]


def test_without_a_task_white_space_parts_words(tmp_path):
    example, = read_tagged(put(tmp_path, "a.jsonl", json.dumps(EXPORTS["spans.jsonl"])))
    assert list(zip(example.words, example.tags)) == [
        ("Ada", "B-PER"), ("Lovelace", "I-PER"), ("lived", "O"), ("in", "O"), ("London,", "B-LOC"), ("(UK).", "B-LOC")]


def test_two_spans_in_one_word(tmp_path, caplog):
    path = put(tmp_path, "a.jsonl", json.dumps({"text": "OsloRome", "spans": [[0, 4, "X"], [4, 8, "Y"]]}))
    assert tagged(path) == [[("OsloRome", "B-X")]]
    assert "1 span share their only word with another, which is kept, such as 'Rome' (Y)" in caplog.text


def test_brat(tmp_path):
    put(tmp_path, "train.txt", TEXT + "\nSo.\n")
    path = put(tmp_path, "train.ann", "T1\tPER 0 12\tAda Lovelace\nT2\tLOC 22 28\tLondon\n"
                                      "T3\tLOC 31 33\tUK\n"
                                      "R1\tlives Arg1:T1 Arg2:T2\nT4\tX 36 38;38 39\tSo .\n")
    assert tagged(path) == [RIGHT, [("So", "B-X"), (".", "O")]]
    put(tmp_path, "train.txt", "in Oslo")
    assert tagged(put(tmp_path, "train.ann", "T1\tLOC 3 7\tOslo")) == [[("in", "O"), ("Oslo", "B-LOC")]]
    put(tmp_path, "train.ann", "T1\tPER 0 99\tx\n")
    assert "train.ann:1: 'T1\\tPER 0 99\\tx', expected `T1<TAB>type start end" in refusal(
        read_labelled, path, "tagging")


def test_overlaps_and_parts_of_words_are_counted_and_named(tmp_path, caplog):
    record = {"text": "the Londoners came", "spans": [[4, 10, "LOC"], [4, 13, "PER"], [14, 17, "V"], [3, 4, "X"]]}
    assert tagged(put(tmp_path, "a.jsonl", json.dumps(record))) == [
        [("the", "O"), ("Londoners", "B-PER"), ("came", "B-V")]]
    for line in ("1 span overlap a longer one, which is kept, such as 'London' (LOC)",
                 "1 span begin or end inside a word, and cover the whole word, such as 'cam' (V)",
                 "1 span cover no word and are skipped, such as ' ' (X)"):
        assert line in caplog.text


def test_spaces_around_a_span_do_not_matter_and_lines_are_sentences(tmp_path, caplog):
    record = {"text": "in Oslo \n\nso", "entities": [[2, 8, "two words"]]}
    assert tagged(put(tmp_path, "a.jsonl", json.dumps(record))) == [
        [("in", "O"), ("Oslo", "B-two_words")], [("so", "O")]]
    assert not caplog.text


@pytest.mark.parametrize(("span", "found"), [
    ([0, 99, "X"], "span [0, 99, 'X'], expected [start, end, type] within the 4 characters"), ([2, 2, "X"], "span"),
    ([0, "1", "X"], "span"), ([0, 1, ""], "expected the name of a type"), ("x", "span 'x'"), ([0, 1], "span [0, 1]")])
def test_faulty_spans(tmp_path, span, found):
    path = put(tmp_path, "a.jsonl", json.dumps({"text": "Oslo", "spans": [span]}))
    message = refusal(read_labelled, path, "tagging")
    assert f"{path}:1: " in message and found in message


def test_what_the_annotator_rejected_is_skipped(tmp_path):
    rows = [{"text": "a", "spans": [], "answer": answer} for answer in ("reject", "accept", "ignore")]
    assert len(tagged(put(tmp_path, "a.jsonl", "\n".join(map(json.dumps, rows))))) == 1


def test_a_run_reads_raw_text_as_the_annotated_text_was_read(tmp_path):
    for split in ("train", "dev"):
        put(tmp_path, f"{split}.jsonl", json.dumps(EXPORTS["spans.jsonl"]))
    assert load_task(tmp_path).labels == ["O", "B-LOC", "I-LOC", "B-PER", "I-PER"]


def test_docbin_needs_spacy(tmp_path):
    path = put(tmp_path, "train.spacy", b"x")
    if importlib.util.find_spec("spacy"):
        assert "cannot be read as spaCy's DocBin" in refusal(read_labelled, path, "tagging")
    else:
        from xtremedistil_tf.errors import MissingExtraError

        with pytest.raises(MissingExtraError, match="spacy"):
            read_labelled(path, "tagging")


class Doc(list):
    """Tokens as spaCy gives them; `sentences` holds where they begin, if that is known."""

    def __init__(self, tokens, sentences=()):
        super().__init__(types.SimpleNamespace(text=text, ent_iob_=tag[:1], ent_type_=tag[2:]) for text, tag in tokens)
        self.begin = sentences

    def has_annotation(self, name):
        return name == "SENT_START" and bool(self.begin)

    @property
    def sents(self):
        if not self.begin:
            raise ValueError("[E030] Sentence boundaries unset.")
        return (self[start:end] for start, end in zip(self.begin, [*self.begin[1:], None]))


def test_docbin_without_spacy(tmp_path, monkeypatch):
    docs = [Doc([("in", "O"), ("New", "B-LOC"), ("York", "I-LOC"), ("\n", "O"), ("So", ""), (".", "")], (0, 4)),
            Doc([("Ada", "B-PER"), (" ", "")]), Doc([("\n", "O")])]

    class DocBin:
        def from_disk(self, path):
            assert path.read_bytes() == b"docs"
            return self

        def get_docs(self, vocab):
            return iter(docs if vocab == "vocab of xx" else [])

    def blank(language):
        return types.SimpleNamespace(vocab=f"vocab of {language}")

    monkeypatch.setitem(sys.modules, "spacy", types.SimpleNamespace(blank=blank))
    monkeypatch.setitem(sys.modules, "spacy.tokens", types.SimpleNamespace(DocBin=DocBin))
    found = read_labelled(put(tmp_path, "train.spacy", b"docs"), "tagging")
    assert [(list(zip(example.words, example.tags)), example.line) for example in found] == [
        ([("in", "O"), ("New", "B-LOC"), ("York", "I-LOC")], 1), ([("So", "O"), (".", "O")], 1),
        ([("Ada", "B-PER")], 2)]
