import gzip
import json
import sys
import types

import pytest

from xtremedistil_tf.augmentation.augmenter import plans_of
from xtremedistil_tf.augmentation.external import ExternalFile, ExternalFunction
from xtremedistil_tf.corpus.example import Example, QuestionExample, TextExample
from xtremedistil_tf.errors import ConfigError, DataError

PLAN = plans_of(["external"], 2, 1)["external"]


@pytest.fixture
def function(monkeypatch):
    """Makes a function importable as `mine:variants`."""
    def install(variants):
        module = types.ModuleType("mine")
        module.variants = variants
        monkeypatch.setitem(sys.modules, "mine", module)
        return "mine:variants"
    return install


def test_a_function_of_texts(function):
    calls = []

    def variants(texts):
        calls.append(list(texts))
        return [[text.upper(), text + " x", text + " y"] for text in texts]

    examples = [Example(("a", "b"), ("O", "B-X"), "de"), TextExample("c d", label="1"), QuestionExample("1", "q", "c")]
    found = [item.example for item in ExternalFunction(function(variants), block=2).augment(examples, PLAN)]
    assert calls == [["a b", "c d"], ["q"]]
    assert found == [Example(("A", "B"), ("O", "B-X"), "de"), Example(("a", "b", "x"), None, "de"),
                     TextExample("C D", label="1"), TextExample("c d x", label="1"),
                     QuestionExample("1", "Q", "c"), QuestionExample("1", "q x", "c")]


def test_a_function_of_examples(function):
    def variants(examples):
        return ([TextExample(e.pair, e.text)] for e in examples)

    augmenter = ExternalFunction(function(variants))
    assert [item.example for item in augmenter.augment([TextExample("a", "b")])] == [TextExample("b", "a")]
    assert augmenter.settings["function"] == "mine:variants"


@pytest.mark.parametrize(("variants", "message"), [
    (lambda texts: [], "returned 0 items for 1 examples, expected a list of texts or examples for each"),
    (lambda texts: texts, "returned 'a b' for an example, expected a list"),
    (lambda texts: [[" "]], "returned text ' '"),
    (lambda texts: [[3]], "returned 3, expected texts or examples of type Example"),
    (lambda texts: [[Example(("a b",))]], "returned an example whose token 1, 'a b', holds white space"),
    (lambda texts: 1 / 0, "failed: ZeroDivisionError: division by zero"),
    (lambda texts: None, "failed: TypeError"),
])
def test_what_a_function_does_wrong_is_said(function, variants, message):
    with pytest.raises(ConfigError) as error:
        list(ExternalFunction(function(variants)).augment([Example(("a", "b"))]))
    assert "`augment=external`: mine:variants " in str(error.value) and message in str(error.value)


@pytest.mark.parametrize(("name", "message"), [
    ("json", "Expected module:function"), ("json:", "Expected module:function"),
    ("no_such_module_here:f", "cannot be imported (ModuleNotFoundError"), ("json:nothing", "json has no nothing"),
    ("json:__name__", "json:__name__` is 'json'. Expected a function")])
def test_functions_that_are_none(name, message):
    with pytest.raises(ConfigError) as error:
        ExternalFunction(name)
    assert message in str(error.value)


def found_in(path, examples, pairs=False):
    return [(item.index, item.example) for item in ExternalFile(path, pairs).augment(examples, PLAN)]


@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_files_of_texts(tmp_path, pack):
    path = tmp_path / ("v.tsv.gz" if pack is gzip.compress else "v.tsv")
    path.write_bytes(pack(b"0\tA b\n0\ta c d\n0\tspare\n\n2\tq r\n"))
    tagged = [Example(("a", "b"), ("O", "B-X")), Example(("c",)), Example(("q",))]
    assert found_in(path, tagged) == [(0, Example(("A", "b"), ("O", "B-X"))), (0, Example(("a", "c", "d"))),
                                      (2, Example(("q", "r")))]
    questions = [QuestionExample(str(i), "q", "c") for i in range(3)]
    assert [e.question for _, e in found_in(path, questions)] == ["A b", "a c d", "q r"]


def test_files_of_pairs(tmp_path):
    (tmp_path / "v.tsv").write_text("1\tx\ty\n")
    (tmp_path / "v.jsonl").write_text(json.dumps({"index": 1, "text": "x", "pair": "y", "model": "z"}))
    for name in ("v.tsv", "v.jsonl"):
        assert found_in(tmp_path / name, [TextExample("a", "b", 1.5)] * 2, True) == [(1, TextExample("x", "y", 1.5))]


def test_a_file_is_streamed(tmp_path):
    (tmp_path / "v.tsv").write_text("".join(f"{i}\tvariant {i}\n" for i in range(1000)))
    read = []
    stream = ExternalFile(tmp_path / "v.tsv").augment((read.append(i) or TextExample("a") for i in range(1000)), PLAN)
    assert next(stream).example.text == "variant 0" and len(read) == 1


def test_faulty_files_are_explained(tmp_path):
    (tmp_path / "v.tsv").write_text("0\ta\nb\n1\ta\tb\nx\ta\n1\t \n3\ta\n2\tb\n")
    with pytest.raises(DataError) as error:
        ExternalFile(tmp_path / "v.tsv")
    message = str(error.value)
    assert "5 faults" in message and "v.tsv:2: 0 tabs, expected `index<TAB>text` lines" in message
    for part in ("v.tsv:3: 2 tabs", "v.tsv:4: index 'x'", "v.tsv:5: text ' '", "v.tsv:7: index 2 after 3"):
        assert part in message
    (tmp_path / "v.jsonl").write_text('{"index": 0}\n[]\n{"index": "1", "text": "a"}\n{\n{"index": true, "text": "a"}')
    with pytest.raises(DataError) as error:
        ExternalFile(tmp_path / "v.jsonl")
    message = str(error.value)
    assert 'v.jsonl:1: text None, expected {"index": 0, "text": "..."} lines' in message and "5 faults" in message
    for part in ("v.jsonl:2: []", "v.jsonl:3: index '1'", "v.jsonl:4: not JSON", "v.jsonl:5: index True"):
        assert part in message
    (tmp_path / "empty.tsv").touch()
    with pytest.raises(DataError, match="empty, expected `index<TAB>text<TAB>text` lines"):
        ExternalFile(tmp_path / "empty.tsv", pairs=True)
    with pytest.raises(DataError, match="no such file"):
        ExternalFile(tmp_path / "none.tsv")


def test_a_file_of_another_transfer_set(tmp_path):
    (tmp_path / "v.tsv").write_text("1\ta\n5\tb\n")
    with pytest.raises(DataError, match=r"v.tsv:2: index 5, but the transfer set has 3 examples, 0 to 2"):
        found_in(tmp_path / "v.tsv", [TextExample("x")] * 3)
