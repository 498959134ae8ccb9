"""The folder in transformers.js on Node.js, nothing of ours in, against the Keras student."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf
from transformers import AutoTokenizer

TEXTS = ["pack the quick boxes , göran", "a", "tokenization of unbelievable words .", "",
         "the paris\tна \x01 москва\u200bx", "anna \U00020000\U00020049 x"]
PAIRS = [("the old house", "near paris"), ("anna", "left oslo yesterday and met boris")]
QUESTIONS = [("who left ?", "anna met the old house in paris"), ("the fox", "boris saw wien and left")]
# (family, kind, own vocabulary?)
TAGGERS = [("bilstm", "tagging", False), ("bilstm", "tagging", True), ("cnn", "tagging", True),
           ("transformer", "tagging", False)]
CLASSIFIERS = [("bilstm", "classification", True), ("bilstm", "multi_label", False),
               ("cnn", "classification", False), ("transformer", "multi_label", True)]
QA = [("bilstm", "question_answering", True), ("transformer", "question_answering", False)]


@pytest.fixture(scope="module")
def answered(made, in_node):
    """(family, kind, own vocabulary?) -> student, tokenizer, and answers by task of the runner."""
    requests, keys = [], []
    for case in [*TAGGERS, *CLASSIFIERS, *QA]:
        calls = {"tagging": {"token-classification": [[TEXTS, {"ignore_labels": []}]],
                             "tokens": [[text] for text in TEXTS]},
                 "question_answering": {"question-answering": QUESTIONS, "tokens": QUESTIONS}}.get(
                     case[1], {"text-classification": [[TEXTS, {"top_k": None}]], "model": PAIRS, "tokens": PAIRS})
        for task, asked in calls.items():
            requests.append({"folder": made(*case)[1], "task": task, "calls": asked, "dtype": "fp32"})
            keys.append((case, task))
    found = dict(zip(keys, in_node(requests)))
    return lambda *case: (made(*case)[0], AutoTokenizer.from_pretrained(made(*case)[1]),
                          {task: answer for (key, task), answer in found.items() if key == case})


def logits(student, tokenizer, *texts):
    """Of one input alone, and its ids."""
    batch = dict(tokenizer(*texts, truncation=True, return_token_type_ids=True, return_tensors="np"))
    outputs = student({name: tf.constant(values, tf.int32) for name, values in batch.items()}, training=False)
    return outputs["logits"].numpy()[0], batch["input_ids"][0].tolist()


def softmax(values):
    powers = np.exp(values - values.max(-1, keepdims=True))
    return powers / powers.sum(-1, keepdims=True)


@pytest.mark.parametrize(["family", "kind", "own"], TAGGERS)
def test_a_tagger(answered, family, kind, own):
    student, tokenizer, found = answered(family, kind, own)
    seen = set()
    for text, pieces, ids in zip(TEXTS, found["token-classification"][0], found["tokens"], strict=True):
        wanted, python_ids = logits(student, tokenizer, text)
        assert ids == python_ids, text
        words = tokenizer(text).word_ids()
        for piece in pieces:  # all but special tokens and a space alone
            place, first = piece["index"], words.index(words[piece["index"]])
            o, b_loc, i_loc, b_per = wanted[first]
            values = {"O": o, "B-LOC": b_loc, "I-LOC": i_loc, "B-PER": b_per} if first == place else {
                "O": o, "I-LOC": max(b_loc, i_loc), "I-PER": b_per}
            best = max(values, key=values.get)
            assert piece["entity"] == best, (text, place)
            assert piece["score"] == pytest.approx(softmax(np.array([*values.values()])).max(), abs=1e-4)
            seen.add((best[0], first == place))
    assert {True, False} <= {first for _, first in seen}


@pytest.mark.parametrize(["family", "kind", "own"], CLASSIFIERS)
def test_texts_and_pairs(answered, family, kind, own):
    student, tokenizer, found = answered(family, kind, own)
    for text, answer in zip(TEXTS, found["text-classification"][0], strict=True):
        values, _ = logits(student, tokenizer, text)
        scores = 1 / (1 + np.exp(-values)) if kind == "multi_label" else softmax(values)
        names = ["a", "b", "c"] if kind == "multi_label" else ["bad", "good"]
        assert {one["label"]: one["score"] for one in answer} == pytest.approx(dict(zip(names, scores)), abs=1e-4)
    for pair, ids, answer in zip(PAIRS, found["tokens"], found["model"], strict=True):
        values, python_ids = logits(student, tokenizer, *pair)
        assert ids == python_ids
        np.testing.assert_allclose(answer[0], values, atol=1e-4)


@pytest.mark.parametrize(["family", "kind", "own"], QA)
def test_questions(answered, family, kind, own):
    student, tokenizer, found = answered(family, kind, own)
    for pair, answer, ids in zip(QUESTIONS, found["question-answering"], found["tokens"], strict=True):
        values, python_ids = logits(student, tokenizer, *pair)
        assert ids == python_ids
        encoding = tokenizer(*pair).encodings[0]
        context = [place for place, part in enumerate(encoding.sequence_ids) if part == 1]
        # Its first piece may be no answer, but takes part in the softmax.
        starts, ends = softmax(values[[0, *context]].T)[:, 1:]
        score, start, end = max((starts[i] * ends[j], context[i], context[j])
                                for i in range(len(context)) for j in range(i, len(context)))
        assert answer["score"] == pytest.approx(score, abs=1e-4)
        assert answer["answer"] == tokenizer.decode(ids[start:end + 1], skip_special_tokens=True)
