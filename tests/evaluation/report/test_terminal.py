"""Tables for the terminal, read back cell by cell, and the logs for TensorBoard."""

from __future__ import annotations

import subprocess
import sys

from xtremedistil_tf.evaluation.report.terminal import EpochLog, exports_table, results_table


def cells(text: str, name: str) -> list[str]:
    return next(line.split() for line in text.splitlines() if line.split()[:1] == [name])


def test_results_with_languages_and_further_sets(metrics):
    table = results_table(metrics(extra={"mismatched": {"teacher": 0.91, "student": 0.745}}))
    assert cells(table, "entity")[2:] == ["91.23", "88.17", "79.01", "96.65", "%"]
    assert cells(table, "mean")[3:] == ["86.23", "±5.50", "83.17", "±5.50", "74.01", "±5.50", "96.44", "%"]
    assert cells(table, "sw") == ["sw", "80.73", "77.67", "68.51", "96.20", "%"]
    assert cells(table, "PER") == ["PER", "93.23", "90.17", "81.01"]
    assert cells(table, "mismatched") == ["mismatched", "91.00", "74.50", "-"]
    assert cells(table, "parameters") == ["parameters", "(M)", "117.5", "117.5", "117.5", "5.6x"]


def test_results_without_a_teacher(metrics):
    alone = metrics()
    del alone["teacher"], alone["retention"]
    assert cells(results_table(alone), "entity") == ["entity", "F1", "88.17", "79.01"]


def test_exports(metrics):
    table = exports_table(metrics()["exports"])
    head = "500 dev examples; latency at 32 subwords, 1 thread, examples/s without tokenization\nform "
    assert table.startswith(head)
    assert cells(table, "tflite") == ["tflite", "int8", "2.0", "98.50", "72.00", "-2.00", "0.25", "0.50", "9.00",
                                      "1,234", "-"]


def test_tensorboard_finds_the_floats_of_every_epoch(tmp_path):
    import tensorflow as tf

    log = EpochLog(tmp_path)
    for phase, epoch, loss in (("1-labels", 1, 0.5), ("1-labels", 2, 0.25), ("teacher", 1, 0.75)):
        log.epoch(phase, {"epoch": epoch, "loss": loss, "note": "text"})
    found = []
    for file in tmp_path.rglob("*tfevents*"):
        for event in tf.compat.v1.train.summary_iterator(str(file)):
            for value in event.summary.value:
                assert value.metadata.plugin_data.plugin_name == "scalars"
                found.append((file.parent.name, event.step, value.tag, float(tf.make_ndarray(value.tensor))))
    assert sorted(found) == [("1-labels", 1, "loss", 0.5), ("1-labels", 2, "loss", 0.25), ("teacher", 1, "loss", 0.75)]


def test_tables_do_without_tensorflow():
    rooms = "xtremedistil_tf.evaluation.report"
    code = f"import sys, {rooms}.terminal, {rooms}.page; print('tensorflow' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "False\n"
