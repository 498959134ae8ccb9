"""Texts with labels in every layout that people have: the same examples come out, or the needed flag is named."""

from __future__ import annotations

import json

import pytest
from conformance.readers import put, refusal

from xtremedistil_tf.corpus.classified import read_classified, read_texts
from xtremedistil_tf.corpus.parallel import Parallel
from xtremedistil_tf.corpus.reading import Reading, UnlabelledError
from xtremedistil_tf.errors import DataError
from xtremedistil_tf.tasks.opening import kind_of, load_task, read_labelled, read_unlabeled

ROWS = [("a fine, \"good\" film", "pos"), ("dull", "neg"), ("so\nso", "neg")]
FLAT = [(text.replace("\n", " "), label) for text, label in ROWS]


def records(rows=ROWS, names=("text", "label")):
    return [dict(zip(names, row)) for row in rows]


def csv_text(delimiter=",", header=("text", "label")):
    rows = [delimiter.join(header)] if header else []
    rows += [delimiter.join('"' + cell.replace('"', '""') + '"' for cell in row) for row in ROWS]
    return "\n".join(rows) + "\n"


LAYOUTS = {
    "train.jsonl": ("\n".join(map(json.dumps, records())), ROWS),
    "train.json": (json.dumps(records(), indent=2), ROWS),
    "one_line.json": (json.dumps(records()), ROWS),
    "held.json": (json.dumps({"version": 1, "data": records()}), ROWS),
    "columns.json": (json.dumps({"text": [row[0] for row in ROWS], "label": [row[1] for row in ROWS]}), ROWS),
    "objects_in.txt": ("\n".join(map(json.dumps, records())), ROWS),
    "quoted.csv": (csv_text(), ROWS), "semicolons.csv": (csv_text(";"), ROWS), "bare.csv": (csv_text(header=()), ROWS),
    "csv_in.tsv": (csv_text(), ROWS), "csv_in.txt": (csv_text(), ROWS),
    "bare.tsv": ("".join(f"{text}\t{label}\n" for text, label in FLAT), FLAT),
    "header.tsv": ("Text\tLabel\n" + "".join(f"{text}\t{label}\n" for text, label in FLAT), FLAT),
    "turned.tsv": ("label\tid\ttext\n" + "".join(f"{label}\t7\t{text}\n" for text, label in FLAT), FLAT),
    "tabs.csv": ("text\tlabel\n" + "".join(f"{text}\t{label}\n" for text, label in FLAT), FLAT),
    "fasttext.txt": ("".join(f"__label__{label} {text}\n" for text, label in FLAT), FLAT),
    "sst.tsv": ("sentence\tpolarity\n" + "".join(f"{text}\t{label}\t\n" for text, label in FLAT), FLAT),
}


@pytest.mark.parametrize("name", LAYOUTS)
def test_layouts(tmp_path, name):
    content, rows = LAYOUTS[name]
    found = read_classified(put(tmp_path, name, content))
    assert [(e.text, e.label) for e in found] == rows
    if name != "bare.tsv" and name != "bare.csv":
        assert [e.text for e in read_texts(put(tmp_path, name, content))] == [text for text, _ in rows]


def test_parquet_with_names_of_classes(tmp_path):
    pyarrow = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    facts = {"info": {"features": {"label": {"names": ["neg", "pos"], "_type": "ClassLabel"}}}}
    table = pyarrow.table({"text": [text for text, _ in ROWS], "label": [1, 0, 0]})
    path = tmp_path / "train-00000-of-00001.parquet"
    parquet.write_table(table.replace_schema_metadata({"huggingface": json.dumps(facts)}), path)
    assert [(e.text, e.label) for e in read_classified(path)] == ROWS
    path.write_bytes(path.read_bytes()[:-9])
    assert "damaged Parquet" in refusal(read_classified, path)


@pytest.mark.parametrize(("header", "pairs", "texts"), [
    ("sentence1\tsentence2\tlabel", True, ("a", "b")), ("hypothesis\tpremise\tgold_label", True, ("b", "a")),
    ("title\ttext\tlabel", False, ("b",)), ("sentence_1\tsentence_2\tmood", True, ("a", "b")),
    ("text_1\ttext_2\tclass", True, ("a", "b")), ("question\tsentence\tlabel", True, ("a", "b"))])
def test_columns_by_name(tmp_path, header, pairs, texts):
    example, = read_classified(put(tmp_path, "t.tsv", f"{header}\na\tb\tc\n"), pairs)
    assert (example.text, *([example.pair] if pairs else []), example.label) == (*texts, "c")


@pytest.mark.parametrize(("reading", "row"), [
    ({"text_column": "2", "label_column": "1"}, ("b", "a")), ({"label_column": "1"}, ("b", "a")),
    ({"text_column": "3", "label_column": "-2"}, ("c", "b"))])
def test_columns_by_number(tmp_path, reading, row):
    found = read_classified(put(tmp_path, "t.tsv", "a\tb\tc\na\tb\tc\n"), reading=Reading(**reading))
    assert [(e.text, e.label) for e in found] == [row, row]


def test_columns_by_a_name_that_nobody_knows(tmp_path):
    path = put(tmp_path, "t.tsv", "id\tsaid\tmood\n1\tfine\tgood\n")
    example, = read_classified(path, reading=Reading(text_column="said", label_column="Mood"))
    assert (example.text, example.label) == ("fine", "good")
    assert "`text_column=words`, but the file has 3 columns" in refusal(
        read_classified, path, reading=Reading(text_column="words"))
    jsonl = put(tmp_path, "t.jsonl", '{"said": "fine", "mood": "good"}')
    assert read_classified(jsonl, reading=Reading(text_column="said", label_column="mood"))[0].label == "good"


def test_the_only_other_column_is_the_label(tmp_path):
    example, = read_classified(put(tmp_path, "t.tsv", "mood\ttext\ngood\tfine\n"))
    assert (example.text, example.label) == ("fine", "good")


def test_a_record_without_the_key_that_is_asked_for(tmp_path):
    path = put(tmp_path, "t.jsonl", '{"said": "fine", "label": "x"}\n{"text": "dull", "label": "y"}')
    assert "t.jsonl:2: no key said among 'text, label'" in refusal(
        read_classified, path, reading=Reading(text_column="said"))


def test_pairs_without_labels_by_the_names_of_their_columns(tmp_path):
    path = put(tmp_path, "t.tsv", "id\treply\tsaid\n1\tb\ta\n")
    found = read_texts(path, True, reading=Reading(text_column="said,reply"))
    assert [(e.text, e.pair) for e in found] == [("a", "b")]


def test_the_text_of_records_for_a_tagger(tmp_path):
    put(tmp_path, "t.jsonl", '{"id": "x y", "body": "in Oslo"}\n{"title": 3, "review": "so"}')
    assert [e.words for e in read_unlabeled(str(tmp_path), "tagging")] == [("in", "Oslo"), ("so",)]


def test_pairs_in_parallel_files(tmp_path):
    paths = Parallel(put(tmp_path, "text", "a fine one\tb\n"), put(tmp_path, "label", "x\n"))
    assert [(e.text, e.pair, e.label) for e in read_classified(paths, True)] == [("a fine one", "b", "x")]


def test_a_line_without_a_label_among_those_of_fasttext(tmp_path):
    assert "t.txt:2: no __label__ at the beginning" in refusal(
        read_classified, put(tmp_path, "t.txt", "__label__x a\nb\n"))


def test_a_text_that_reads_language_names_no_column(tmp_path):
    found = read_classified(put(tmp_path, "t.tsv", "language\tnoun\nspeak\tverb\n"))
    assert [(e.text, e.label, e.language) for e in found] == [("language", "noun", None), ("speak", "verb", None)]


def test_the_language_of_a_column(tmp_path):
    found = read_classified(put(tmp_path, "t.tsv", "text\tlabel\tlanguage\na\tx\tde\nb\ty\tfr\n"))
    assert [e.language for e in found] == ["de", "fr"]


def test_an_unknown_header_is_asked_about(tmp_path):
    rows = "said so\tgenre\n" + "good one\tx\nbad one\ty\n" * 6
    message = refusal(read_classified, put(tmp_path, "t.tsv", rows))
    assert "t.tsv:1: 'said so' and 'genre' look like names of columns" in message and "`label_column`" in message


def test_a_header_above_numbers_is_skipped(tmp_path, caplog):
    found = read_classified(put(tmp_path, "t.tsv", "said\thow\na\t1.5\nb\t2\n"), regression=True)
    assert [e.label for e in found] == [1.5, 2.0] and "the first row is a header (how)" in caplog.text


def test_quotes_of_csv_that_never_close(tmp_path):
    assert "t.csv:2: not CSV" in refusal(read_classified, put(tmp_path, "t.csv", 'text,label\n"a,b\nc,d\n'))


@pytest.mark.parametrize(("name", "text"), [
    ("t.jsonl", '{"sentence1": "a", "sentence2": "b", "label": "x"}'), ("t.csv", "premise,hypothesis,label\na,b,x\n"),
    ("t.tsv", "question1\tquestion2\tis_duplicate\na\tb\t1\n"), ("t.tsv", "a\tb\tx\nc\td\ty\n")])
def test_a_second_text_is_not_dropped(tmp_path, name, text):
    message = refusal(read_classified, put(tmp_path, name, text))
    assert "give `do_pairwise`" in message and message.startswith(str(tmp_path / name))


@pytest.mark.parametrize(("name", "text"), [
    ("t.tsv", "a\tO\nb\tB-X\n"), ("t.jsonl", '{"tokens": ["a"], "tags": ["O"]}'), ("t.csv", "a,O\nb,B-X\n")])
def test_tags_are_no_classes(tmp_path, name, text):
    message = refusal(read_classified, put(tmp_path, name, text))
    assert "ive `do_NER`" in message


def test_numbers_with_a_point_are_classes(tmp_path, caplog):
    found = read_classified(put(tmp_path, "t.tsv", "a\t1.0\nb\t0\nc\t2.0\n"))
    assert [e.label for e in found] == ["1", "0", "2"]
    assert "2 labels such as 1.0 are whole numbers" in caplog.text
    assert [e.label for e in read_classified(put(tmp_path, "u.tsv", "a\t1.0\nb\t1.5\n"))] == ["1.0", "1.5"]


def test_minus_one_is_no_label_where_nothing_else_is_there_or_classes_are_named(tmp_path, caplog):
    with pytest.raises(UnlabelledError, match="all 2 labels are -1"):
        read_classified(put(tmp_path, "t.tsv", "a\t-1\nb\t-1\n"))
    found = read_classified(put(tmp_path, "u.tsv", "a\t-1\nb\t1\n"), labels=["no", "yes"])
    assert [(e.text, e.label) for e in found] == [("b", "yes")]
    assert "1 text with the label -1, which stands for no label, are skipped" in caplog.text
    polarity = read_classified(put(tmp_path, "v.tsv", "a\t-1\nb\t1\nc\t0\n"))
    assert [e.label for e in polarity] == ["-1", "1", "0"]


def task(folder, train, dev="a\tx\nb\ty\n", **others):
    for name, text in {"train.tsv": train, "dev.tsv": dev, **others}.items():
        put(folder, name, text)
    return load_task(folder, kind="classification")


def test_a_test_set_without_labels_is_left_out(tmp_path, caplog):
    corpus = task(tmp_path, "a\tx\nb\ty\n", **{"test.jsonl": '{"text": "c"}\n{"text": "d", "label": null}\n'})
    assert corpus.test == [] and "nor has any of the 2 texts a label. The dev set is measured instead" in caplog.text


def test_several_labels_each_are_no_classes(tmp_path):
    with pytest.raises(DataError, match="4 classes, of which 2 are several of the others.*`task_kind=multi_label`"):
        task(tmp_path, "a\t3\nb\t14\nc\t3,14\nd\t14,3\n")


def test_almost_as_many_classes_as_examples(tmp_path):
    rows = "".join(f"{'spam' if number % 3 else 'ham'}\ttext number {number}\n" for number in range(30))
    with pytest.raises(DataError, match="30 classes for 30 examples.*only 2 different ones.*`label_column`"):
        task(tmp_path, rows)


def test_labels_that_differ_in_case_are_warned_about(tmp_path, caplog):
    task(tmp_path, "a\tPos\nb\tpos\nc\tx\nd\ty\n")
    assert "differ in case or white space only are different ones: 'Pos' and 'pos'" in caplog.text


def test_a_class_that_train_lacks_names_the_remedy(tmp_path):
    with pytest.raises(DataError, match="class 'z' does not occur in the training examples; labels.tsv"):
        task(tmp_path, "a\tx\nb\ty\n", "a\tz\nb\ty\n")


def test_multi_label_and_regression_read_tables_too(tmp_path):
    path = put(tmp_path, "t.csv", 'text,labels\na,"x,y"\nb,\n')
    assert [e.label for e in read_labelled(path, "multi_label")] == [("x", "y"), ()]
    path = put(tmp_path, "s.csv", "sentence1,sentence2,similarity\na,b,2.5\n")
    assert read_labelled(path, "regression", True)[0].label == 2.5


def test_texts_and_classes_in_a_tagging_task_name_the_flag(tmp_path):
    for name, text in (("t.tsv", "a film\tgood\nmore of it\tbad\n"), ("t.jsonl", '{"text": "a", "label": "x"}')):
        assert "omit `do_NER`" in refusal(read_labelled, put(tmp_path, name, text), "tagging")


def test_which_json_is_question_answering(tmp_path):
    class Config:
        do_NER, task_kind, task_name, task = False, "auto", "", str(tmp_path)

    put(tmp_path, "train.json", json.dumps(records()))
    assert kind_of(Config) == "classification"
    put(tmp_path, "train.json", '{"version": "1.1", "data": [{"paragraphs": []}]}')
    assert kind_of(Config) == "question_answering"


def test_a_second_text_that_is_missing_is_none(tmp_path):
    path = put(tmp_path, "t.jsonl", '{"text": "a", "text_pair": null, "label": "x"}')
    assert [(e.text, e.pair) for e in read_classified(path)] == [("a", None)]
