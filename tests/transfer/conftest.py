"""A teacher of arithmetic, so that stores can be written without a model: its answers follow from the pieces."""

from __future__ import annotations

import dataclasses
import os
import pathlib
import time
from types import SimpleNamespace
from typing import ClassVar

import numpy as np
import pytest

from xtremedistil_tf.corpus.example import Example
from xtremedistil_tf.training.batches import Column, RaggedFeatures
from xtremedistil_tf.transfer import writer
from xtremedistil_tf.transfer.format import ATTENTION, HIDDEN

SEQ_LEN, LAYERS, HEADS, WIDTH = 16, 2, 3, 24
SHARD = 50


class FakeTask:
    """Tagging whose pieces are the words, which are numbers; records how many examples it encoded."""

    kind, per_piece, num_outputs = "tagging", True, 3
    text_columns: ClassVar = {"input_ids": Column(np.int32), "word_starts": Column(np.float32)}

    def __init__(self) -> None:
        self.encoded = 0

    def text_features(self, tokenizer, examples, seq_len):
        words = [[int(word) for word in example.words] for example in examples]
        self.encoded += len(words)
        rows = [{"input_ids": row[:seq_len], "word_starts": np.ones(len(row[:seq_len]))} for row in words]
        return SimpleNamespace(features=RaggedFeatures.from_rows(rows, self.text_columns),
                               truncated=sum(len(row) > seq_len for row in words))


def hidden_states(ids: np.ndarray, noise: float = 0.02) -> np.ndarray:
    """float32 [pieces, LAYERS, WIDTH]: a few directions, a little noise, and two outlier channels, one of them 30
    times as wide as the rest and one shifted by 30."""
    rng = np.random.default_rng(5)
    directions, table = rng.normal(size=(LAYERS, 6, WIDTH)), rng.normal(size=(1000, LAYERS, 6))
    states = np.einsum("plk,lkw->plw", table[ids], directions) + noise * rng.normal(size=(1000, LAYERS, WIDTH))[ids]
    states[..., 3] *= 30
    states[..., 7] += 30
    return states.astype(np.float32)


def attentions(ids: np.ndarray) -> np.ndarray:
    """float16 [pieces, LAYERS, HEADS, SEQ_LEN]: distributions over the pieces of the example."""
    logits = np.sin(np.multiply.outer(ids + 1.0, np.arange(1, LAYERS * HEADS + 1))[..., None] + ids)
    maps = np.zeros((len(ids), LAYERS, HEADS, SEQ_LEN), np.float16)
    shares = np.exp(logits) / np.exp(logits).sum(-1, keepdims=True)
    maps[..., :len(ids)] = shares.reshape(len(ids), LAYERS, HEADS, len(ids))
    return maps


@dataclasses.dataclass
class FakeTeacher:
    """Attributes:
        log: file that gets a line for every shard run.
        seconds: to take for a shard.
        noise: see `hidden_states`.
    """

    log: pathlib.Path | None = None
    seconds: float = 0.0
    noise: float = 0.02

    def predict(self, source):
        if self.log:
            with open(self.log, "a") as log:
                log.write(f"{os.getpid()} {len(source)}\n")
        time.sleep(self.seconds)
        for index in reversed(range(len(source))):
            ids = source.read(index)["input_ids"]
            yield SimpleNamespace(index=index, logits=np.stack([ids % 7, ids % 5, ids % 3], -1).astype(np.float32),
                                  hidden=hidden_states(ids, self.noise), attentions=attentions(ids))


def sentences(count: int, seed: int = 0) -> list[Example]:
    """Sentences of up to 20 numbers; those of more than SEQ_LEN are cut."""
    rng = np.random.default_rng(seed)
    return [Example(tuple(str(n) for n in rng.integers(0, 1000, rng.integers(1, 21)))) for _ in range(count)]


def write(root, text, teacher=None, task=None, **settings) -> pathlib.Path:
    """Writes a store of the fake teacher's answers."""
    signals = {HIDDEN: Column(np.float16, (LAYERS, WIDTH))} if settings.pop("hidden", True) else {}
    if "attention_sample" in settings:
        signals[ATTENTION] = Column(np.float16, (LAYERS, HEADS, SEQ_LEN))
    identity = settings.pop("identity", {"teacher": "fake"})
    verify = settings.pop("verify", False)
    spec = writer.StoreSpec(identity, task or FakeTask(), len(text), SEQ_LEN, signals, **settings)
    return writer.write_store(pathlib.Path(root), spec, lambda: text, None, lambda: teacher or FakeTeacher(),
                              verify=verify)


@pytest.fixture
def fake(monkeypatch):
    """The functions above, with shards of 50 sentences."""
    monkeypatch.setattr(writer, "_PIECES_PER_SHARD", SEQ_LEN * SHARD)
    return SimpleNamespace(write=write, sentences=sentences, Task=FakeTask, Teacher=FakeTeacher,
                           hidden_states=hidden_states, seq_len=SEQ_LEN, layers=LAYERS, width=WIDTH, file=__file__)
