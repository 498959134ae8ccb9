"""words.json and words.js beside a model: the rule in JavaScript, run by Node, against Python."""

from __future__ import annotations

import json
import shutil
import subprocess

import pytest
from word_rules import RULES, fuzzed

from xtremedistil_tf.export.words import SCRIPT, WORDS, write_words
from xtremedistil_tf.tasks.classification import ClassificationTask
from xtremedistil_tf.tasks.tagging import TaggingTask
from xtremedistil_tf.tokenization.raw_words import RawWords

_RUN = """
const fs = require("fs"), { wordSplitter } = require("./words.js");
const split = wordSplitter(JSON.parse(fs.readFileSync("words.json", "utf8")));
for (const text of JSON.parse(fs.readFileSync("texts.json", "utf8")))
  console.log(JSON.stringify(split(text).map((word) => [word.text, word.start, word.end])));
"""
node = pytest.mark.skipif(shutil.which("node") is None, reason="needs Node.js (Debian: nodejs)")


def in_node(folder, texts: list[str]) -> list[list[list]]:
    (folder / "texts.json").write_text(json.dumps(texts), "utf-8")
    run = subprocess.run(["node", "-e", _RUN], capture_output=True, text=True, encoding="utf-8", timeout=60, cwd=folder)
    assert not run.stderr, run.stderr
    return [json.loads(line) for line in run.stdout.splitlines()]


def tagging(rule: RawWords) -> TaggingTask:
    return TaggingTask(["O", "B-X", "I-X"], raw_words=rule.facts())


@node
@pytest.mark.parametrize("name", RULES)
def test_javascript_is_equal_to_python(tmp_path, name):
    rule = RULES[name]
    write_words(tmp_path, tagging(rule))
    vectors = json.loads((tmp_path / WORDS).read_text("utf-8"))["test_vectors"]
    assert in_node(tmp_path, [vector["text"] for vector in vectors]) == [
        [[word, *places] for word, places in zip(vector["words"], vector["utf16"])] for vector in vectors]
    texts = fuzzed(4000)
    for text, found in zip(texts, in_node(tmp_path, texts), strict=True):
        assert found == [[word.text, *(len(text[:place].encode("utf-16-le")) // 2 for place in (word.start, word.end))]
                         for word in rule.split(text)], text


@node
def test_lone_surrogates_are_letters(tmp_path):
    write_words(tmp_path, tagging(RULES["punctuation"]))
    assert in_node(tmp_path, ["a\ud800, \udc00."]) == [[["a\ud800", 0, 2], [",", 2, 3], ["\udc00", 4, 5], [".", 5, 6]]]


def test_white_space_is_a_rule_too(tmp_path):
    write_words(tmp_path, tagging(RawWords()))
    facts = json.loads((tmp_path / WORDS).read_text("utf-8"))
    assert facts["raw_words"] == {"rule": "whitespace"}
    assert {"text": "3.14 1,000 50% $5 A/B x=y", "words": ["3.14", "1,000", "50%", "$5", "A/B", "x=y"]}.items() <= next(
        vector for vector in facts["test_vectors"] if vector["text"].startswith("3.14")).items()


def test_a_task_without_words_has_no_files(tmp_path):
    write_words(tmp_path, ClassificationTask(["a", "b"]))
    assert not (tmp_path / WORDS).exists() and not (tmp_path / SCRIPT).exists()
