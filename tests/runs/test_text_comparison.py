"""Transfer text beside dev text, with a real tokenizer and the answers of a teacher in a store."""

from __future__ import annotations

import dataclasses
import itertools

import numpy as np
import pytest

from xtremedistil_tf.config import DistillationConfig
from xtremedistil_tf.corpus import Example, read_text
from xtremedistil_tf.errors import ConfigError
from xtremedistil_tf.runs import transfer_text as text_comparison
from xtremedistil_tf.runs.labelled_data import Labelled
from xtremedistil_tf.runs.transfer_text import compare_texts, text_metrics, transfer_text, with_teachers_view
from xtremedistil_tf.tasks.opening import load_task
from xtremedistil_tf.tasks.tagging import TaggingTask
from xtremedistil_tf.teachers.loading import load_classifier
from xtremedistil_tf.teachers.model import Teacher
from xtremedistil_tf.teachers.protocol import TeacherPredictor
from xtremedistil_tf.transfer.text import TransferText
from xtremedistil_tf.transfer.writer import StoreSpec, write_store


@pytest.fixture
def labelled(tiny_task, tiny_tokenizer):
    corpus = load_task(tiny_task)
    return Labelled(corpus, TaggingTask(corpus.labels), [], tiny_tokenizer, "f")


def config(task, **options):
    return DistillationConfig(task=str(task), transfer_file=str(task / "unlabeled.txt"), seq_len=100, **options)


def test_pieces_are_counted_as_the_tokenizer_gives_them(labelled, tiny_task, tiny_tokenizer):
    # Sentences of the same words, in 40 orders: equal ones would count once.
    orders = itertools.islice(itertools.permutations("the old house met Zorro".split()), 40)
    text = [Example(order, None, "xx") for order in orders]
    comparison = compare_texts(config(tiny_task), labelled, TransferText(lambda: text, "t"))
    assert comparison.transfer.words == 5 and comparison.transfer.capitalised == pytest.approx(0.2)
    pieces = [piece for word in text[0].words for piece in tiny_tokenizer.tokenize(word)]
    assert comparison.transfer.unknown == pytest.approx(pieces.count("[UNK]") / len(pieces))
    assert comparison.transfer.unknown > 0
    assert comparison.transfer.rare == 0 < comparison.dev.rare
    dev = [piece for e in labelled.corpus.dev for word in e.words for piece in tiny_tokenizer.tokenize(word)]
    assert comparison.dev.rare == pytest.approx(np.mean([piece not in pieces for piece in dev]))
    assert comparison.without_text == ("yy",)


def test_no_text_is_not_compared(labelled, tiny_task):
    assert compare_texts(config(tiny_task), labelled, None) is None
    assert text_metrics(labelled, None, None) == {"left_out": {"training": 0, "transfer": 0}}


def test_the_teachers_view_is_that_of_its_answers(labelled, tiny_task, tiny_tokenizer, tiny_teacher_dir, tmp_path,
                                                  monkeypatch):
    task = labelled.task
    teacher = Teacher(load_classifier(str(tiny_teacher_dir), task, seed=1), task)
    sentences = list(read_text(tiny_task / "unlabeled.txt"))[:40]
    store = write_store(tmp_path, StoreSpec({}, task, len(sentences), 24, {}), lambda: sentences, tiny_tokenizer,
                        lambda: TeacherPredictor(teacher, (), tiny_tokenizer.pad_token_id, 16))
    comparison = compare_texts(config(tiny_task), labelled, TransferText(lambda: sentences, "t"))
    seen = with_teachers_view(comparison, store, labelled, lambda: teacher, 24)

    def entity_words(examples):
        features = task.prediction_features(tiny_tokenizer, examples, 24)
        logits = TeacherPredictor(teacher, (), tiny_tokenizer.pad_token_id, 16).logits(features.features)
        return np.mean([tag != "O" for tags in task.decode(features, logits) for tag in tags])

    # Long sentences are cut in the store, and answered in windows here.
    assert seen.transfer.entity_words == pytest.approx(entity_words(sentences), abs=0.1)
    assert seen.dev.entity_words == pytest.approx(entity_words(labelled.corpus.dev))
    assert text_metrics(labelled, None, seen)["transfer_text"]["dev"]["entity_words"] == seen.dev.entity_words
    scores = dataclasses.replace(labelled, task=TaggingTask(["B-PER", "I-PER"]))
    assert with_teachers_view(comparison, store, scores, lambda: None, 24) == comparison


def test_a_sample_spread_over_the_text_is_compared(labelled, tiny_task, monkeypatch):
    monkeypatch.setattr(text_comparison, "SAMPLE", 4)
    text = [Example(("a",) * length) for length in range(1, 9)]
    assert compare_texts(config(tiny_task), labelled, TransferText(lambda: text, "t")).transfer.words == 5


def test_the_transfer_text_of_a_task(labelled, tiny_task, caplog):
    caplog.set_level("INFO", "xtremedistil_tf")
    dev, test = labelled.corpus.dev, labelled.corpus.test
    corpus = dataclasses.replace(labelled.corpus, dev=dev[:5], test=test[:5], surplus=dev[:3] + dev[5:8],
                                 unmeasured=test[4:9])
    labelled = dataclasses.replace(labelled, corpus=corpus)
    lines = list(read_text(tiny_task / "unlabeled.txt"))
    measured = {e.words for e in (*dev[:5], *test[:5])}
    surplus, rest = ([e for e in part if e.words not in measured] for part in (corpus.surplus, corpus.unmeasured))
    honest = [e for e in lines if e.words not in measured]

    def words(**options):
        return [e.words for e in transfer_text(config(tiny_task, **options), labelled)]

    assert words() == [e.words for e in honest]
    assert words(transfer_surplus=True, transfer_unmeasured=True) == [e.words for e in (*honest, *surplus, *rest)]
    assert f"0 training and {11 - len(surplus) - len(rest) + len(lines) - len(honest)} transfer examples are left out" \
        in caplog.text
    assert words(transfer_unmeasured=True, keep_test_text=True) == [e.words for e in (*lines, *corpus.unmeasured)]


def test_a_sample_like_the_task(labelled, tiny_task, tmp_path, caplog):
    caplog.set_level("INFO", "xtremedistil_tf")
    rng = np.random.default_rng(5)
    words = [word for e in labelled.corpus.train for word in e.words]
    lines = [" ".join(rng.choice(words, 60)) for _ in range(200)]
    (tmp_path / "long.txt").write_text("\n".join(lines), encoding="utf-8")
    corpus = dataclasses.replace(labelled.corpus, surplus=labelled.corpus.train[:7])
    labelled = dataclasses.replace(labelled, corpus=corpus)

    def text(**options):
        return transfer_text(dataclasses.replace(config(tiny_task), transfer_file=str(tmp_path / "long.txt"),
                                                 transfer_like="task", **options), labelled)

    def mean(examples):
        return np.mean([len(e.words) for e in examples])

    own = [*corpus.train, *corpus.dev]
    sampled = text(max_transfer=150)
    assert sampled.sentences == len(list(sampled)) == 150 and mean(sampled) == pytest.approx(mean(own), rel=0.15)
    assert all(any(" ".join(e.words) in line for line in lines) for e in sampled)
    assert text(max_transfer=150).fingerprint == sampled.fingerprint != text(max_transfer=150, seed=1).fingerprint
    with_own = list(text(max_transfer=150, transfer_surplus=True))
    assert len(with_own) == 150 and with_own[143:] == corpus.surplus
    assert list(text(max_transfer=5, transfer_surplus=True)) == [e for i, e in enumerate(corpus.surplus)
                                                                 if (i + 1) * 5 // 7 > i * 5 // 7]
    assert "`transfer_like=task`: 150 of" in caplog.text


@pytest.mark.parametrize("options, message", [
    ({"transfer_surplus": True}, "`transfer_like=task` samples `transfer_file`, which is not given"),
    ({"transfer_file": "f", "transfer_store": "s"}, "`transfer_like=task`.*`transfer_store` is given"),
    ({"transfer_file": "f", "transfer_like": "dev"}, "`transfer_like=dev`: expected one of"),
])
def test_samples_that_cannot_be_meant_are_refused(options, message):
    with pytest.raises(ConfigError, match=message):
        DistillationConfig(**{"task": "t", "model_dir": "m", "transfer_like": "task"} | options).validate()
