"""Texts of many sentences, and of a hundred thousand words: answered whole, in bounded memory."""

from __future__ import annotations

import itertools
import logging
import random
import tracemalloc

import numpy as np
import pytest

from xtremedistil_tf.corpus.example import QuestionExample, TextExample
from xtremedistil_tf.inference.chunks import chunks
from xtremedistil_tf.inference.predictor import Predictor
from xtremedistil_tf.tasks.classification import ClassificationTask
from xtremedistil_tf.tasks.question_answering import QuestionAnsweringTask
from xtremedistil_tf.tasks.raw_text import asked
from xtremedistil_tf.tasks.tagging import TaggingTask
from xtremedistil_tf.tokenization.raw_words import RawWords

RULE = RawWords("punctuation").facts()
LABELS = ["O", "B-LOC", "I-LOC"]
SENTENCES = ["Anna met boris in paris.", "The old house, near oslo!", "\u0410\u043d\u043d\u0430 left (quito).",
             "Who is  left?"]


class Recording:
    """Logits that depend on a piece and its neighbours in the window, and what was asked."""

    def __init__(self, outputs: int, per_piece: bool = True):
        self.shapes: list[tuple[int, int]] = []
        self._outputs, self._per_piece = outputs, per_piece

    def forward(self, batch):
        ids = batch["input_ids"] * batch["attention_mask"]
        self.shapes.append(ids.shape)
        around = ids + 3 * np.pad(ids, ((0, 0), (1, 0)))[:, :-1] + 5 * np.pad(ids, ((0, 0), (0, 1)))[:, 1:]
        logits = np.sin(around[..., None] * np.arange(1.0, self._outputs + 1)).astype(np.float32)
        return {"logits": logits if self._per_piece else logits.sum(1)}


def tagger(tokenizer, max_length=None, **options):
    task, model = TaggingTask(LABELS, decoding="argmax", raw_words=RULE, **options), Recording(3)
    return task, model, Predictor(model.forward, tokenizer, task, max_length)


def article(count: int, seed: int = 0) -> str:
    return " ".join(random.Random(seed).choices(SENTENCES, k=count))


@pytest.mark.parametrize("max_length", [None, 24])
def test_an_article_is_answered_as_its_sentences(tiny_tokenizer, max_length):
    task, model, predictor = tagger(tiny_tokenizer, max_length, seq_len=16)
    sentences = random.Random(1).choices(SENTENCES, k=200)
    text, start, wanted = "  ".join(sentences), 0, []
    for sentence in sentences:
        answer, = predictor.answers([asked(task, sentence)])
        wanted += [(word.text, word.tag, start + word.start, start + word.end) for word in answer.words]
        start += len(sentence) + 2
    found, = predictor.answers([asked(task, text)])
    assert [(word.text, word.tag, word.start, word.end) for word in found.words] == wanted
    assert all(text[entity.start:entity.end] == entity.text for entity in found) and len(found) > 100
    assert max(time for _, time in model.shapes) <= 24


def plain_answers(tokenizer, words, forward, most):
    """Tags of one endless sentence by the words of the documentation, one word after another."""
    pieces = [tokenizer.convert_tokens_to_ids(tokenizer.tokenize(word)) for word in words]
    starts = np.cumsum([0, *map(len, pieces)])
    flat, total, begin, windows = list(itertools.chain(*pieces)), int(starts[-1]), 0, []
    while True:
        end = max((int(stop) for stop in starts if begin < stop <= begin + most), default=begin + most)
        windows.append((begin, end))
        if end >= total:
            break
        begin = min(int(start) for start in starts if start >= begin + most // 2)
    found = []
    for start in starts[:-1]:
        def context(window, start=start):
            left = np.inf if window[0] == 0 else start - window[0]
            right = np.inf if window[1] == total else window[1] - 1 - start
            return min(left, right) if window[0] <= start < window[1] else -1
        begin, end = max(windows, key=context)
        ids = np.array([[tokenizer.cls_token_id, *flat[begin:end], tokenizer.sep_token_id]])
        logits = forward({"input_ids": ids, "attention_mask": np.ones_like(ids)})["logits"]
        found.append(LABELS[int(logits[0, 1 + start - begin].argmax())])
    return found


def test_a_sentence_without_end_is_answered_in_windows(tiny_tokenizer):
    task, model, predictor = tagger(tiny_tokenizer, 22)
    words = random.Random(2).choices("anna met fatima in paris , the old house near quito".split(), k=300)
    found, = predictor.answers([asked(task, " ".join(words))])
    assert found.tags == plain_answers(tiny_tokenizer, words, model.forward, 20)


@pytest.mark.parametrize("shift", range(14))
def test_an_entity_at_the_edge_of_a_window_is_whole(tiny_tokenizer, shift):
    """The name is an entity only to who sees all of it."""
    name = tiny_tokenizer.convert_tokens_to_ids(["the", "an", "par"])

    def forward(batch):
        ids = batch["input_ids"]
        logits = np.zeros((*ids.shape, 3), np.float32)
        logits[..., 0] = 1
        for row, place in np.argwhere(ids == name[0]):
            if ids[row, place:place + 3].tolist() == name:
                logits[row, place, 1], logits[row, place + 1:place + 3, 2] = 2, 2
        return {"logits": logits}

    task = TaggingTask(LABELS, raw_words=RULE)
    text = " ".join(["met"] * (10 + shift) + ["the an par"] + ["met"] * 30)
    found, = Predictor(forward, tiny_tokenizer, task, 18).answers([asked(task, text)])
    assert [(entity.text, entity.type) for entity in found] == [("the an par", "LOC")]


def test_a_hundred_thousand_words(tiny_tokenizer):
    task, model, predictor = tagger(tiny_tokenizer, seq_len=32)
    text = article(16_000)
    one = asked(task, text)
    predictor.answers([asked(task, SENTENCES[0])])
    tracemalloc.start()
    found, = predictor.answers([one])
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(found.words) == len(one.spans) > 90_000
    assert peak < 200e6
    assert max(rows * time for rows, time in model.shapes) <= 256 * 512


def test_batches_of_long_inputs_are_small(tiny_tokenizer):
    task, model = ClassificationTask(["a", "b"]), Recording(2, per_piece=False)
    predictor = Predictor(model.forward, tiny_tokenizer, task, None, batch_size=4)
    texts = ["anna " * 5000, *["met"] * 9, "anna " * 900, "anna " * 900]
    found = predictor.predict([TextExample(text) for text in texts])
    alone = [predictor.predict([TextExample(text)])[0] for text in texts]
    assert [one.label for one in found] == [one.label for one in alone]
    assert max(rows * time for rows, time in model.shapes if rows > 1) <= 4 * 512
    assert predictor.truncated == 0


def test_what_is_cut_is_counted(tiny_tokenizer):
    task = ClassificationTask(["a", "b"])
    predictor = Predictor(Recording(2, False).forward, tiny_tokenizer, task, 12)
    predictor.predict([TextExample("anna " * 30), TextExample("anna"), TextExample("anna", "met " * 30)])
    assert predictor.truncated == 2
    task = QuestionAnsweringTask()
    predictor = Predictor(Recording(2).forward, tiny_tokenizer, task, 24)
    predictor.predict([QuestionExample("", "who ?", "anna " * 90), QuestionExample("", "who " * 90, "anna")])
    assert predictor.truncated == 1
    _, _, predictor = tagger(tiny_tokenizer, 12)
    predictor.answers([asked(TaggingTask(LABELS), "anna " * 90)])
    assert predictor.truncated == 0


def test_students_tell_once_what_was_cut(models, caplog, monkeypatch):
    from xtremedistil_tf.student import Student

    student = Student(models.folder / "classification", "onnx")
    student._opened.predictor.max_length = 12
    with caplog.at_level(logging.WARNING):
        student.predict(["anna " * 30, "met", "anna " * 40])
        assert [record.getMessage() for record in caplog.records] == [
            "2 of 3 inputs cut: longer than the 12 subwords that this student takes. Only the beginning was read."]
        caplog.clear()
        student.predict("met")
        assert not caplog.records


def test_chunks_are_bounded_and_lose_nothing():
    items = ["a" * size for size in (1, 1 << 19, 5, 180_000, 180_000, 3)]
    assert [len(chunk) for chunk in chunks(items, len)] == [2, 3, 1]
    assert [len(chunk) for chunk in chunks(["a"] * 10_000, len)] == [4096, 4096, 1808]
    assert list(chunks([], len)) == []

    def failing():
        yield "a"
        raise ValueError("no more")

    stream = chunks(failing(), len)
    assert next(stream) == ["a"]
    with pytest.raises(ValueError, match="no more"):
        next(stream)
