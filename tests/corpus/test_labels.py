import pytest

from xtremedistil_tf.corpus.example import Example
from xtremedistil_tf.corpus.label_files import infer_labels, read_labels
from xtremedistil_tf.errors import DataError


def read(folder, text):
    path = folder / "labels.tsv"
    path.write_text(text, encoding="utf-8")
    return read_labels(path)


@pytest.mark.parametrize(("text", "labels"), [
    ("O\nB-PER\n\nI-PER", ["O", "B-PER", "I-PER"]),
    ("B-PER\r\nO\r\n", ["B-PER", "O"]),
    ("1\tB-PER\n0\tO\n", ["O", "B-PER"]),
    ("O\nX\nB-PER\n[CLS]\n[SEP]\n[PAD]\n", ["O", "B-PER"]),
    ("0\tO\n1\tX\n3\tB-PER\n", ["O", "B-PER"]),
    ("B-X\nI-X\n", ["B-X", "I-X"]),
])
def test_forms(tmp_path, text, labels):
    assert read(tmp_path, text) == labels


@pytest.mark.parametrize(("text", "labels"), [
    ("O\nPER\nLOC\n", ["O", "B-PER", "I-PER", "B-LOC", "I-LOC"]),
    ("O\nI-PER\nB-LOC\nI-LOC\n", ["O", "B-PER", "I-PER", "B-LOC", "I-LOC"]),
    ("S-PER\nB-PER\nE-PER\nI-PER\nO\n", ["B-PER", "I-PER", "O"]),
    ("NOUN\nX\nVERB\n", ["NOUN", "X", "VERB"]),
    ("O\nB\nI\n", ["O", "B-ENTITY", "I-ENTITY"]),
])
def test_labels_of_other_schemes(tmp_path, text, labels):
    assert read(tmp_path, text) == labels


@pytest.mark.parametrize(("text", "found"), [
    ("B-A\nLOC\n", "labels.tsv:2: label 'LOC', expected O, B-type"),
    ("O\nB-A\nO\n", "labels.tsv:3: label 'O' for the second time"),
    ("0\tO\n0\tB-A\n", "labels.tsv:2: label 'B-A' has the same index as 'O'"),
    ("O\tB-A\n", "labels.tsv:1: index 'O'"),
    ("²\tO\n", "labels.tsv:1: index '²'"),
    ("9" * 5000 + "\tO\n", "labels.tsv:1: index"),
    ("0\tO\tx\n", "labels.tsv:1: 3 columns"),
    ("", "empty"),
    ("[PAD]\nX\n", "empty"),
])
def test_faults(tmp_path, text, found):
    with pytest.raises(DataError) as error:
        read(tmp_path, text)
    assert found in str(error.value)


def test_inferred_labels_have_a_fixed_order():
    examples = [Example(("a", "b"), ("I-PER", "B-LOC")), Example(("c",)), Example(("c",), ("B-PER",))]
    assert infer_labels(examples) == ["O", "B-LOC", "I-LOC", "B-PER", "I-PER"]
    assert infer_labels(reversed(examples)) == infer_labels(examples)
    assert infer_labels([]) == ["O"]


def test_inferring_refuses_other_shapes():
    with pytest.raises(DataError, match=r"t\.tsv:7: malformed tag 'LOC'"):
        infer_labels([Example(("a", "b"), ("B-LOC", "LOC"), None, "t.tsv", 7)])


def test_parts_of_speech_are_labels_as_they_are():
    assert infer_labels([Example(("a", "b", "c"), ("VERB", "O", "DET"))]) == ["O", "DET", "VERB"]
