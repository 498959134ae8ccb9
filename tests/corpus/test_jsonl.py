import json

import pytest

from xtremedistil_tf.corpus.files import Faults
from xtremedistil_tf.corpus.tagged import sentences
from xtremedistil_tf.errors import DataError


def read(folder, text, tagged=True):
    path = folder / "train.jsonl"
    path.write_text(text, encoding="utf-8")
    faults = Faults(path)
    examples = list(sentences(path, faults, tagged))
    faults.raise_if_any()
    return [(e.words, e.tags, e.language, e.line) for e in examples]


@pytest.mark.parametrize("words", ["tokens", "words"])
@pytest.mark.parametrize("tags", ["tags", "labels", "ner_tags"])
def test_key_names(tmp_path, words, tags):
    line = json.dumps({"id": 7, words: ["Zürich", "#"], tags: ["B-LOC", "O"]})
    assert read(tmp_path, f"\n{line}\n") == [(("Zürich", "#"), ("B-LOC", "O"), None, 2)]


def test_language(tmp_path):
    assert read(tmp_path, '{"tokens": ["a"], "tags": ["O"], "language": "de"}')[0][2] == "de"


@pytest.mark.parametrize(("line", "found"), [
    ('{"tokens": ["a"]', "not JSON: Expecting ',' delimiter at column 17"),
    ("[" * 90_000, "JSON"),
    ("9" * 90_000, ", expected"),
    ('["a"]', "expected an object"),
    ('{"text": "a", "tags": ["O"]}', "no key 'tokens' or 'words' among 'text, tags'"),
    ('{"tokens": ["a"]}', "no key 'tags' or 'labels' or 'ner_tags' among 'tokens'"),
    ('{"tokens": "a", "tags": ["O"]}', "'tokens' is 'a', expected a list"),
    ('{"tokens": ["a", null], "tags": ["O", "O"]}', "'tokens' holds None"),
    ('{"tokens": ["a"], "ner_tags": [3]}', "'ner_tags' holds 3, expected strings only (write label names"),
    ('{"tokens": ["a", "b"], "tags": ["O"]}', "2 tokens but 1 tag"),
    ('{"tokens": [], "tags": []}', "no tokens"),
    ('{"tokens": ["a", ""], "tags": ["O", "O"]}', "token 2, '', is empty"),
    ('{"tokens": ["New York"], "tags": ["O"]}', "token 1, 'New York', holds white space"),
    ('{"tokens": ["\\ud800"], "tags": ["O"]}', "surrogate"),
    ('{"tokens": ["a\\u0000"], "tags": ["O"]}', "NUL"),
    ('{"tokens": ["a"], "tags": ["O"], "language": 3}', "language 3"),
    ('{"tokens": ["a"], "tags": ["O"], "language": ""}', "language ''"),
])
def test_faults_name_line_and_finding(tmp_path, line, found):
    with pytest.raises(DataError) as error:
        read(tmp_path, '{"tokens": ["a"], "tags": ["O"]}\n' + line + "\n")
    assert "train.jsonl:2: " in str(error.value) and found in str(error.value)
    assert len(str(error.value)) < 500


def test_as_text_tags_are_not_looked_at(tmp_path):
    text = '{"tokens": ["a"]}\n{"tokens": ["b"], "tags": [1, 2]}\n'
    assert read(tmp_path, text, tagged=False) == [(("a",), None, None, 1), (("b",), None, None, 2)]
