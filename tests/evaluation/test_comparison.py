"""Retention, compression and speed-up."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from xtremedistil_tf.evaluation import footprint
from xtremedistil_tf.evaluation.footprint import count_parameters, latency, model_size
from xtremedistil_tf.evaluation.measuring import compare
from xtremedistil_tf.students.bilstm import BiLSTMShape
from xtremedistil_tf.students.registry import new_student


def test_retention_and_ratios():
    def model(f1, de, parameters, ms):
        return {"f1": f1, "mean_f1": de, "per_language": {"de": {"f1": de}}, "parameters": parameters,
                "parameters_seen_pieces": parameters // 2,
                "latency": {"batch_1": {"median_ms": ms}, "batch_32": {"median_ms": ms}}}

    kept = compare(model(0.8, 0.7, 10, 1.0), model(0.9, 0.0, 350, 51.0), "f1")
    assert kept["f1"] == pytest.approx(0.8 / 0.9)
    assert kept["per_language"]["de"] is None and kept["mean_f1"] is None
    assert kept["compression"] == 35 and kept["speedup_batch_32"] == 51


def test_size_counts_parameters_and_leaves_out_unseen_rows():
    student = new_student(BiLSTMShape(100, 4, 3, 5, 2))
    size = model_size(count_parameters(student), 100, 4, rows_seen=30)
    assert size["parameters"] == sum(np.prod(v.shape) for v in student.variables)
    assert size["bytes"] == 4 * size["parameters"]
    assert size["parameters"] - size["parameters_seen_pieces"] == 70 * 4


def test_latency_runs_full_batches_of_the_given_shape(monkeypatch):
    monkeypatch.setattr(footprint, "FEWEST_RUNS", 5)
    shapes = []

    def forward(batch):
        shapes.append(tuple(batch["input_ids"].shape))
        return tf.cast(batch["input_ids"], tf.float32) * 2

    times = latency(forward, vocab_size=10, seq_len=6, batch_sizes=(1, 3), seconds=0.01)
    assert {(1, 6), (3, 6)} & set(shapes)
    assert latency(forward, 10, 6, (1,), seconds=60, most_runs=7)["batch_1"]["runs"] == 7
    assert times["batch_1"]["runs"] >= 5 and 0 < times["batch_3"]["min_ms"] <= times["batch_3"]["median_ms"]
