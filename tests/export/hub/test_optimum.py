"""The folder in optimum's models and Python's pipelines, nothing of ours in, against the Keras student."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf
from transformers import AutoTokenizer, pipeline

models = pytest.importorskip(
    "optimum.onnxruntime", reason="needs: pip install --no-deps optimum-onnx==0.1.0 optimum==2.1.0")
TEXTS = ["pack the quick boxes , göran", "a", "tokenization of unbelievable words .",
         "anna left oslo yesterday and met boris in wien"]
PAIRS = [("the old house", "near paris"), ("anna", "left oslo yesterday and met boris")]
QUESTIONS = [("who left ?", "anna met the old house in paris"), ("the fox", "boris saw wien and left")]


def opened(made, task, auto_class, *case):
    """The student, its tokenizer, and a pipeline on its folder."""
    student, folder = made(*case)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    opening = getattr(models, f"ORTModelFor{auto_class}")
    model = opening.from_pretrained(folder, subfolder="onnx", file_name="model.onnx")
    return student, tokenizer, pipeline(task, model=model, tokenizer=tokenizer)


def logits(student, tokenizer, *texts):
    batch = tokenizer(*texts, return_token_type_ids=True, return_tensors="np")
    return student({name: tf.constant(values, tf.int32) for name, values in batch.items()},
                   training=False)["logits"].numpy()[0]


def softmax(values):
    powers = np.exp(values - values.max(-1, keepdims=True))
    return powers / powers.sum(-1, keepdims=True)


def tags(student, tokenizer, text):
    """(label, start, end, score) of each piece: later pieces of a word go on with what its first one is."""
    encoding, values = tokenizer(text).encodings[0], logits(student, tokenizer, text)
    for place, word in enumerate(encoding.word_ids):
        if word is None:
            continue
        first = encoding.word_ids.index(word)
        o, b_loc, i_loc, b_per = values[first]
        all_of = {"O": o, "B-LOC": b_loc, "I-LOC": i_loc, "B-PER": b_per} if place == first else {
            "O": o, "I-LOC": max(b_loc, i_loc), "I-PER": b_per}
        yield max(all_of, key=all_of.get), *encoding.offsets[place], softmax(np.array([*all_of.values()])).max()


def entities(found):
    """[type, start, end] of runs of pieces: each B opens one, as does an I of another type."""
    runs, before = [], ""
    for label, start, end, _ in found:
        if label != "O" and label[0] == "I" and label[2:] == before:
            runs[-1][2] = end
        elif label != "O":
            runs.append([label[2:], start, end])
        before = label[2:]
    return runs


@pytest.mark.parametrize(["family", "own"], [
    ("bilstm", False), ("bilstm", True), ("cnn", True), ("transformer", False)])
def test_a_tagger(made, family, own):
    student, tokenizer, run = opened(made, "token-classification", "TokenClassification", family, "tagging", own)
    seen = []
    for text in TEXTS:
        wanted = list(tags(student, tokenizer, text))
        found = run(text, aggregation_strategy="none", ignore_labels=[])
        assert [(one["entity"], one["start"], one["end"]) for one in found] == [one[:3] for one in wanted]
        assert [one["score"] for one in found] == pytest.approx([one[3] for one in wanted], abs=1e-4)
        for strategy in ("simple", "first"):
            found = run(text, aggregation_strategy=strategy)
            assert [[one["entity_group"], one["start"], one["end"]] for one in found] == entities(wanted), strategy
        seen += entities(wanted)
    assert seen


@pytest.mark.parametrize(["family", "kind", "own"], [
    ("bilstm", "classification", True), ("bilstm", "multi_label", False),
    ("cnn", "classification", False), ("transformer", "multi_label", True)])
def test_texts_and_pairs(made, family, kind, own):
    student, tokenizer, run = opened(made, "text-classification", "SequenceClassification", family, kind, own)
    names = ["a", "b", "c"] if kind == "multi_label" else ["bad", "good"]
    for texts in [*((text,) for text in TEXTS), *PAIRS]:
        values = logits(student, tokenizer, *texts)
        scores = 1 / (1 + np.exp(-values)) if kind == "multi_label" else softmax(values)
        found = run(dict(zip(("text", "text_pair"), texts)), top_k=None)
        assert {one["label"]: one["score"] for one in found} == pytest.approx(dict(zip(names, scores)), abs=1e-4)


@pytest.mark.parametrize(["family", "own"], [("bilstm", True), ("transformer", False)])
def test_questions(made, family, own):
    student, tokenizer, run = opened(made, "question-answering", "QuestionAnswering", family, "question_answering", own)
    for question, context in QUESTIONS:
        values, encoding = logits(student, tokenizer, question, context), tokenizer(question, context).encodings[0]
        places = [place for place, part in enumerate(encoding.sequence_ids) if part == 1]
        # Its first piece may be no answer, but takes part in the softmax.
        starts, ends = softmax(values[[0, *places]].T)[:, 1:]
        score, i, j = max((starts[i] * ends[j], i, j) for i in range(len(places))
                          for j in range(i, min(i + 15, len(places))))
        start, end = encoding.offsets[places[i]][0], encoding.offsets[places[j]][1]
        found = run(question=question, context=context, align_to_words=False)
        assert (found["start"], found["end"], found["answer"]) == (start, end, context[start:end])
        assert found["score"] == pytest.approx(score, abs=1e-4)
