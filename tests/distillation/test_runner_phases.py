"""The runner's own work: the order of phases, which are kept, which are made again, and what each trains on.

Training is a stand-in that adds a number of the phase's own to what it may move, so that weights tell what happened.
"""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import tf_keras

from xtremedistil_tf.distillation import runner as module
from xtremedistil_tf.distillation.runner import DistillationData, PhaseSettings, Runner
from xtremedistil_tf.distillation.schedule import phases_of
from xtremedistil_tf.distillation.signals import RepresentationSignal
from xtremedistil_tf.distillation.stages import Split
from xtremedistil_tf.students.cnn import CNNShape
from xtremedistil_tf.students.registry import new_student
from xtremedistil_tf.tasks.tagging import TaggingTask
from xtremedistil_tf.training.batches import Column, RaggedFeatures, pad_batch
from xtremedistil_tf.training.loop import PhaseResult

TASK = TaggingTask(["O", "B-A", "I-A"])
SETTINGS = {"epochs": 2, "batch_size": 3, "labelled_batch_size": 2, "patience": 7, "learning_rate": 0.5,
            "final_learning_rate": 0.25, "weights": (2.0, 3.0, 5.0), "policy": "float32", "seed": 4}


class Killed(Exception):
    pass


def features(columns, count):
    rng = np.random.default_rng(0)
    rows = []
    for _ in range(count):
        row = {"input_ids": rng.integers(1, 30, 4), "word_starts": np.ones(4), "labels": rng.integers(0, 3, 4),
               "teacher_logits": rng.normal(size=(4, 3)), "teacher_hidden": rng.normal(size=(4, 1, 6))}
        rows.append({name: row[name] for name in columns})
    return RaggedFeatures.from_rows(rows, columns)


TEACHER = {"teacher_logits": Column(np.float32, (3,))}
HIDDEN = TEACHER | {"teacher_hidden": Column(np.float16, (1, 6))}


def split(columns, count):
    return Split(features(TASK.text_columns | columns, count), np.arange(count - 1), np.arange(count - 1, count))


DATA = DistillationData(split(TASK.label_columns, 5), split(HIDDEN, 7), split(TEACHER, 7), 0)


@pytest.fixture
def trained(monkeypatch):
    """What was trained, in order: (stage, training data, loop settings)."""
    calls = []

    def train_phase(stage, data, validate, settings, checkpoint, on_epoch):
        calls.append((stage, data, settings))
        on_epoch({"epoch": 1})
        for variable in stage.trainable_variables:
            variable.assign(variable * 0.5 + len(settings.name))
        return PhaseResult([{"epoch": 1, "loss": 1.0}], 1, 1.0, 0.0, 0.0)

    monkeypatch.setattr(module, "train_phase", train_phase)
    return calls


@pytest.fixture
def run(tmp_path, trained):
    """(strategy, changes by stage) -> records, weights, fingerprint, names of the phases that were trained."""
    def run(strategy="logits_labels", start="start", on_epoch=lambda phase, record: None, **changes):
        tf_keras.utils.set_random_seed(1)
        student = new_student(CNNShape(30, 4, 5, 1, 6, 3))

        def settings(phase):
            changed = changes.get(phase.stage, {})
            return PhaseSettings(phase=phase.name, stage=phase.stage, unfrozen=phase.unfrozen,
                                 signal=RepresentationSignal("mse"), **SETTINGS | changed)

        del trained[:]
        runner = Runner(student, TASK, DATA, settings, tmp_path, start, 5.0, on_epoch)
        records = runner.run(phases_of(strategy, student.groups))
        return records, student.get_weights(), runner.fingerprint, [loop.name for _, _, loop in trained]

    return run


def same(one, other):
    return all(map(np.array_equal, one, other))


def test_phases_run_in_the_order_of_the_strategy_and_continue_from_each_other(run, trained):
    records, weights, _, names = run("D4.2")
    groups = ("head", "projection", "block_1", "embedding")
    gradual = [groups[:number] for number in (1, 2, 3, 4)]
    assert [(record.stage, record.unfrozen) for record in records] == [
        ("representation", groups[1:]), *((stage, part) for stage in ("logits", "labels") for part in gradual)]
    assert names == [record.name for record in records] == sorted(names)
    assert not any(record.reused for record in records)
    # Each stage had the weights that the one before left: the head alone moved in every phase but the first.
    expected = 0.0
    for name in names[1:]:
        expected = expected * 0.5 + len(name)
    np.testing.assert_allclose(weights[-1], expected, rtol=1e-6)


def test_a_second_run_loads_all_phases(run):
    first, again = run(), run()
    assert again[3] == [] and [record.reused for record in again[0]] == [True, True]
    assert same(first[1], again[1]) and first[2] == again[2]
    assert [dataclasses.replace(record, reused=False) for record in again[0]] == first[0]


def test_a_run_killed_between_phases_goes_on_with_the_next(run, tmp_path):
    def kill(phase, record):
        if phase.startswith("2"):
            raise Killed

    with pytest.raises(Killed):
        run(on_epoch=kill)
    records, weights, fingerprint, names = run()
    assert names == ["2-labels"] and [record.reused for record in records] == [True, False]
    whole = run(start="another")  # never interrupted
    assert whole[3] == ["1-logits", "2-labels"] and same(whole[1], weights) and whole[2] != fingerprint


@pytest.mark.parametrize("changes, remade", [
    ({}, []), ({"labels": {"learning_rate": 0.1}}, ["2-labels"]), ({"labels": {"clip_norm": 1.0}}, ["2-labels"]),
    ({"labels": {"weights": (2.0, 5.0, 3.0)}}, ["2-labels"]), ({"logits": {"epochs": 3}}, ["1-logits", "2-labels"]),
    ({"logits": {"seed": 5}}, ["1-logits", "2-labels"]), ({"start": "other data"}, ["1-logits", "2-labels"])])
def test_a_change_makes_again_what_depends_on_it_and_keeps_the_rest(run, changes, remade):
    first = run()
    assert run(**changes)[3] == remade
    again = run()  # what was there before is there still
    assert again[3] == [] and same(first[1], again[1])


def test_a_damaged_result_is_made_again(run, tmp_path, caplog):
    first = run()
    file, = tmp_path.glob("2-labels-*/result.npz")
    file.write_bytes(file.read_bytes()[:100])
    again = run()
    assert again[3] == ["2-labels"] and same(first[1], again[1])
    assert "the phase is trained again" in caplog.text


def test_what_changed_is_said(run, caplog):
    run()
    run(labels={"patience": 8, "clip_norm": 1.0})
    assert "phase 2-labels was trained with other settings (patience 7 -> 8, clip_norm None -> 1.0)" in caplog.text
    caplog.clear()
    run(logits={"epochs": 3})
    assert "phase 1-logits was trained with other settings (epochs 2 -> 3)" in caplog.text
    assert "phase 2-labels was trained with other settings (an earlier phase, the teacher or the data" in caplog.text


def test_each_phase_reads_its_own_data_at_its_own_rate(run, trained):
    run("D4.1", labels={"learning_rate": 0.125})
    (_, hidden, _), (_, text, _), (_, labelled, last) = trained
    assert "teacher_hidden" in hidden.source.columns and "teacher_hidden" not in text.source.columns
    assert "labels" in labelled.source.columns
    sizes = [max(map(len, data.plan.epoch(0))) for data in (hidden, text, labelled)]
    assert sizes == [3, 3, 2]  # `batch_size` of transfer text, `labelled_batch_size` of labels
    rates = [float(stage.optimizer.learning_rate) for stage, _, _ in trained]
    assert rates == pytest.approx([0.5, 0.5, 0.125])
    assert (last.epochs, last.patience, last.seed) == (2, 7, 4)


def test_the_joint_loss_weighs_labels_representations_and_logits(run, trained):
    run("D2")
    (stage, joint, loop), = trained
    assert (stage.name, loop.name) == ("joint_stage", "1-joint")
    batch = {"transfer": pad_batch(DATA.transfer.source, np.arange(3), 0),
             "labelled": pad_batch(DATA.labelled.source, np.arange(2), 0)}
    losses = {name: float(value) for name, value in stage.test_step(batch).items()}
    parts = [losses[name] for name in ("label_loss", "representation_loss", "logit_loss")]
    assert len({round(part, 3) for part in parts}) == 3  # no two are alike
    assert losses["loss"] == pytest.approx(2 * parts[0] + 3 * parts[1] + 5 * parts[2], rel=1e-5)
    assert (joint.transfer.plan.batch_size, joint.labelled.plan.batch_size) == (3, 2)
