"""The rule and the test vectors beside exported files, followed by programs that know nothing else."""

from __future__ import annotations

import itertools
import json
import pathlib
import re
import shutil
import subprocess

import numpy as np
import pytest

from xtremedistil_tf.tasks.classification import ClassificationTask
from xtremedistil_tf.tasks.tagging import TaggingTask

LABELS = ["O", "B-LOC", "I-LOC", "I-PER", "B-PER"]
PAGE = pathlib.Path(__file__).resolve().parents[2] / "docs" / "onnx.md"


def best(logits: np.ndarray, facts: dict) -> list[int]:
    """The best of all sequences that the facts allow."""
    def allowed(sequence):
        return sequence[0] in facts["may_begin"] and all(
            after in facts["may_follow"][before] for before, after in itertools.pairwise(sequence))

    sequences = itertools.product(range(logits.shape[1]), repeat=len(logits))
    return list(max(filter(allowed, sequences), key=lambda s: logits[np.arange(len(s)), s].sum()))


def test_rule_and_vectors():
    facts = json.loads(json.dumps(TaggingTask(LABELS).decoding_facts()))
    assert facts["name"] == "legal" and facts["may_begin"] == [0, 1, 4]
    assert facts["may_follow"] == [[0, 1, 4], [0, 1, 2, 4], [0, 1, 2, 4], [0, 1, 3, 4], [0, 1, 3, 4]]
    assert len(facts["test_vectors"]) == 3
    for vector in facts["test_vectors"]:
        logits = np.array(vector["logits"])
        assert vector["label_ids"] == best(logits, facts)
        assert vector["argmax"] == logits.argmax(-1).tolist() != vector["label_ids"]


def test_where_nothing_is_forbidden():
    assert TaggingTask(LABELS, decoding="argmax").decoding_facts() == {"name": "argmax"}
    assert TaggingTask(["NOUN", "VERB"]).decoding_facts() == {"name": "argmax"}
    assert ClassificationTask(["bad", "good"]).decoding_facts() is None


def test_the_documented_function_in_python():
    code = re.search(r"^def decode.*?^    return found$", PAGE.read_text(encoding="utf-8"), re.S | re.M)[0]
    names = {"np": np}
    exec(code, names)
    facts = TaggingTask(LABELS).decoding_facts()
    for vector in facts["test_vectors"]:
        logits = np.array(vector["logits"])
        assert names["decode"](logits, facts) == vector["label_ids"]
        assert names["decode"](logits, {"name": "argmax"}) == vector["argmax"]


EDGE_WORDS = {"never_first": [",", "''"], "never_last": [",", "("]}


def test_words_are_cut_off_by_the_documented_function_in_python():
    code = re.search(r"^def cut_off.*?^    return tags$", PAGE.read_text(encoding="utf-8"), re.S | re.M)[0]
    names: dict = {}
    exec(code, names)
    facts = TaggingTask(LABELS, edge_words=EDGE_WORDS).decoding_facts()
    assert len(facts["edge_vectors"]) == 3
    for vector in facts["edge_vectors"]:
        tags, cut = ([LABELS[label] for label in vector[name]] for name in ("label_ids", "cut"))
        assert names["cut_off"](vector["words"], tags, facts) == cut
        assert names["cut_off"](vector["words"], tags, TaggingTask(LABELS).decoding_facts()) == tags


@pytest.mark.skipif(not shutil.which("node"), reason="node is not installed")
def test_words_are_cut_off_by_the_documented_function_in_javascript():
    code = re.search(r"^```js\n(.*?)^```", PAGE.read_text(encoding="utf-8"), re.S | re.M)[1]
    facts = TaggingTask(LABELS, edge_words=EDGE_WORDS).decoding_facts()
    rows = [(vector["words"], [LABELS[label] for label in vector["label_ids"]]) for vector in facts["edge_vectors"]]
    code += (f"const facts = {json.dumps(facts)}, rows = {json.dumps(rows)};\n"
             "console.log(JSON.stringify(rows.map(([words, tags]) => cutOff(words, tags, facts))));")
    done = subprocess.run(["node", "-e", code], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == [[LABELS[label] for label in vector["cut"]] for vector in facts["edge_vectors"]]


@pytest.mark.skipif(not shutil.which("node"), reason="node is not installed")
def test_the_documented_function_in_javascript():
    code = re.search(r"^```js\n(.*?)^```", PAGE.read_text(encoding="utf-8"), re.S | re.M)[1]
    facts = TaggingTask(LABELS).decoding_facts()
    code += f"const facts = {json.dumps(facts)};\n" + """
        console.log(JSON.stringify(facts.test_vectors.map(({logits}) => ({
          logits, label_ids: decode(logits, facts), argmax: decode(logits, {name: "argmax"})}))));"""
    done = subprocess.run(["node", "-e", code], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == facts["test_vectors"]
