"""The folder of `export_hub`, opened with ONNX Runtime and tokenizers alone, against the student."""

from __future__ import annotations

import json
import shutil
import subprocess

import numpy as np
import onnxruntime
import pytest
import tensorflow as tf
from tokenizers import Tokenizer
from transformers import AutoTokenizer

from xtremedistil_tf.export.hub import GRAPHS
from xtremedistil_tf.tokenization.portable import portable_spec, with_words
from xtremedistil_tf.tokenization.raw_words import RawWords

TEXTS = ["tokenization of unbelievable words , x", "a", "the quick brown fox jumped over"]


def answers(folder, texts, file="onnx/model.onnx"):
    """Ids [texts, time] padded by hand, mask, and the outputs by name."""
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer.enable_padding(pad_id=json.loads((folder / "config.json").read_text())["pad_token_id"])
    found = tokenizer.encode_batch(texts)
    inputs = {"input_ids": np.array([one.ids for one in found]), "attention_mask": np.array(
        [one.attention_mask for one in found]), "token_type_ids": np.array([one.type_ids for one in found])}
    session = onnxruntime.InferenceSession(str(folder / file))
    given = {value.name: inputs[value.name] for value in session.get_inputs()}
    return found, inputs, dict(zip([value.name for value in session.get_outputs()], session.run(None, given)))


def wanted(student, inputs):
    inputs = {name: tf.constant(values, tf.int32) for name, values in inputs.items()}
    return student(inputs, training=False)["logits"].numpy()


def test_a_tagger_answers_every_piece(made):
    student, folder = made("bilstm", "tagging")
    encodings, inputs, found = answers(folder, TEXTS)
    logits, later = wanted(student, inputs), 0
    assert found["logits"].shape == (*inputs["input_ids"].shape, 5)
    for row, encoding in enumerate(encodings):
        for place, token in enumerate(encoding.tokens):
            first = place
            while encoding.tokens[first].startswith("##"):
                first -= 1
            if encoding.attention_mask[place]:
                o, b_loc, i_loc, b_per = logits[row, first]
                later += first < place
                rule = [o, -1e4, max(b_loc, i_loc), -1e4, b_per] if first < place else [o, b_loc, i_loc, b_per, -1e4]
                np.testing.assert_allclose(found["logits"][row, place], rule, atol=1e-5, err_msg=token)
    assert later > 2
    config = json.loads((folder / "config.json").read_text())
    assert config["id2label"] == {"0": "O", "1": "B-LOC", "2": "I-LOC", "3": "B-PER", "4": "I-PER"}
    assert config["model_type"] == "distilbert" and set(config["label2id"]) == set(config["id2label"].values())


def test_int8_answers_nearly_the_same(made):
    _, folder = made("bilstm", "tagging")
    exact, coarse = (answers(folder, TEXTS[:1], file)[2]["logits"] for file in GRAPHS.values())
    assert 0 < np.abs(exact - coarse).max() < 0.2 * np.abs(exact[exact > -100]).max()
    assert "transformers.js_config" not in json.loads((folder / "config.json").read_text())


@pytest.mark.parametrize(["family", "kind", "problem"], [
    ("bilstm", "classification", "single_label_classification"),
    ("bilstm", "multi_label", "multi_label_classification"),
    ("transformer", "question_answering", None)])
def test_other_kinds(made, family, kind, problem):
    student, folder = made(family, kind)
    _, inputs, found = answers(folder, TEXTS)
    logits, config = wanted(student, inputs), json.loads((folder / "config.json").read_text())
    if kind == "question_answering":
        found = {"logits": np.stack([found["start_logits"], found["end_logits"]], -1)}
        real = inputs["attention_mask"] > 0
        found["logits"], logits = found["logits"][real], logits[real]
        assert config["transformers.js_config"] == {"dtype": "fp32"} and config["model_type"] == "bert"
    np.testing.assert_allclose(found["logits"], logits, atol=1e-5)
    assert config.get("problem_type") == problem


def test_the_longest_input_is_the_students(made, tiny_tokenizer):
    long = AutoTokenizer.from_pretrained(made("transformer", "question_answering")[1])
    assert long.model_max_length == 64 and len(long("word " * 99, truncation=True)["input_ids"]) == 64
    unlimited = AutoTokenizer.from_pretrained(made("bilstm", "classification")[1])
    assert unlimited.model_max_length > 1e29
    assert unlimited(TEXTS[0])["input_ids"] == tiny_tokenizer(TEXTS[0])["input_ids"]
    assert unlimited.model_input_names == ["input_ids", "attention_mask"]


@pytest.mark.skipif(shutil.which("node") is None, reason="needs Node.js (Debian: nodejs)")
def test_javascript_compiles_every_expression():
    """As `@huggingface/tokenizers` does it: `new RegExp(pattern, "gu")`."""
    rule = RawWords("punctuation", endings=("'s",), parted="/]-", kept_after="%")
    spec = portable_spec(with_words({"normalizer": {"type": "Nmt"}, "pre_tokenizer": {
        "type": "Metaspace", "prepend_scheme": "always"}}, rule))
    normalizer = [[step["pattern"]["Regex"], step["content"]] for step in spec["normalizer"]["normalizers"]]
    splits = [step["pattern"]["Regex"] for step in spec["pre_tokenizer"]["pretokenizers"][1:-1]]
    text = "a\x01b\u200bc\u2581d\x85e\ufffd (\"Ada's\") and/or J. 5%.."
    script = """const [steps, splits, text] = JSON.parse(process.argv[1]);
    let clean = text; for (const [p, c] of steps) clean = clean.replaceAll(new RegExp(p, "gu"), c);
    let words = clean.match(/\\S+/g);
    for (const p of splits) words = words.flatMap((w) => { const found = []; let at = 0;
      for (const m of w.matchAll(new RegExp(p, "gu"))) { found.push(w.slice(at, m.index), m[0]);
        at = m.index + m[0].length; }
      return [...found, w.slice(at)].filter((part) => part); });
    console.log(JSON.stringify(words));"""
    run = subprocess.run(["node", "-e", script, json.dumps([normalizer, splits, text])], capture_output=True, text=True,
                         encoding="utf-8", timeout=60)
    assert not run.stderr, run.stderr
    words = ["ab", "c", "d", "e", "(", '"', "Ada", "'s", '"', ")", "and", "/", "or", "J.", "5%", ".."]
    assert json.loads(run.stdout) == words
