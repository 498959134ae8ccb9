"""The training loop: best weights, patience, resume from any checkpoint, non-finite losses."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf
import tf_keras

from xtremedistil_tf.errors import NonFiniteLossError
from xtremedistil_tf.training.loop import LoopSettings, load_state, save_state, train_phase
from xtremedistil_tf.training.optimizers import RowAdam
from xtremedistil_tf.training.stage import Stage


class Regression(Stage):
    def losses_of(self, batch, training):
        return {"loss": tf.reduce_mean(tf.square(self(batch["x"], training=training) - batch["y"]))}


class Data:
    """Five batches; may break off after some of them, as a killed process does."""

    batches_per_epoch = 5

    def __init__(self, break_after=None, poison=None):
        self.left, self.poison = break_after, poison

    def epoch(self, number, first_batch):
        return tf.data.Dataset.from_generator(lambda: self.batches(number, first_batch), output_signature={
            "x": tf.TensorSpec((None, 4)), "y": tf.TensorSpec((None, 1))})

    def batches(self, number, first_batch):
        for i in range(first_batch, 5):
            if self.left is not None:
                self.left -= 1
                if self.left < 0:
                    raise RuntimeError("broken off")
            rng = np.random.default_rng([number, i])
            x = rng.normal(size=(8, 4)).astype(np.float32)
            y = x.sum(1, keepdims=True) * (np.nan if (number, i) == self.poison else 1)
            yield {"x": x, "y": y.astype(np.float32)}


def make_stage():
    tf_keras.utils.set_random_seed(0)
    network = tf_keras.Sequential([tf_keras.layers.Dense(16, activation="tanh"), tf_keras.layers.Dropout(0.3),
                                   tf_keras.layers.Dense(1)])
    network.build((None, 4))
    stage = Regression(network, None, "regression")
    stage.compile(optimizer=RowAdam(1e-2))
    return stage


def held_out(stage):
    batch = next(iter(Data().epoch(99, 0)))
    return lambda: {"loss": float(stage.test_step(batch)["loss"])}


def settings(**changes):
    return LoopSettings(**{"name": "phase", "epochs": 4, "patience": 9, "checkpoint_minutes": 0.0} | changes)


def without_times(history):
    return [{name: value for name, value in record.items() if name != "seconds"} for record in history]


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory):
    """Weights and history after training step by step."""
    stage = make_stage()
    result = train_phase(stage, Data(), held_out(stage), settings(), tmp_path_factory.mktemp("whole") / "c.npz")
    return stage.get_weights(), without_times(result.history)


@pytest.mark.parametrize("steps_per_execution, breaks", [(1, (1, 5, 12)), (3, (1, 4, 6))])
def test_resumed_training_equals_uninterrupted_training(steps_per_execution, breaks, uninterrupted, tmp_path):
    for break_after in breaks:
        checkpoint = tmp_path / f"{break_after}.npz"
        broken = make_stage()
        with pytest.raises(tf.errors.OpError, match="broken off"):
            train_phase(broken, Data(break_after), held_out(broken), settings(steps_per_execution=steps_per_execution),
                        checkpoint)
        resumed = make_stage()
        result = train_phase(resumed, Data(), held_out(resumed), settings(steps_per_execution=steps_per_execution),
                             checkpoint)
        for a, b in zip(uninterrupted[0], resumed.get_weights(), strict=True):
            np.testing.assert_array_equal(a, b)
        assert without_times(result.history) == uninterrupted[1]


@pytest.mark.parametrize("steps_per_execution", [2, 5, 100])
def test_steps_in_one_graph_are_those_one_by_one(steps_per_execution, uninterrupted, tmp_path):
    stage = make_stage()
    history = train_phase(stage, Data(), held_out(stage), settings(steps_per_execution=steps_per_execution),
                          tmp_path / "c.npz").history
    for a, b in zip(uninterrupted[0], stage.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    assert without_times(history) == uninterrupted[1]


def test_a_phase_is_traced_once_for_all_lengths(tmp_path):
    class Lengths(Data):
        def batches(self, number, first_batch):
            for i, batch in enumerate(super().batches(number, first_batch)):
                yield {name: values[: 8 - i] for name, values in batch.items()}

    stage, traces = make_stage(), []
    losses_of = stage.losses_of
    stage.losses_of = lambda batch, training: traces.append(1) or losses_of(batch, training)
    train_phase(stage, Lengths(), lambda: {"loss": 0.0}, settings(), tmp_path / "c.npz")
    assert len(traces) == 1


def test_best_weights_are_restored_and_patience_ends_the_phase(tmp_path):
    stage = make_stage()
    values, weights = iter([5.0, 3.0, 4.0, 4.5, 1.0]), []

    def validate():
        weights.append(stage.get_weights())
        return {"loss": next(values)}

    result = train_phase(stage, Data(), validate, settings(epochs=9, patience=2), tmp_path / "c.npz")
    assert (result.best_epoch, result.best, len(result.history)) == (2, 3.0, 4)
    for a, b in zip(stage.get_weights(), weights[1]):
        np.testing.assert_array_equal(a, b)


def test_a_score_chooses_and_the_loss_decides_between_equal_scores(tmp_path):
    scores, losses = iter([-0.5, 0.0, 0.0, 0.0, 0.4, 0.4, 0.2, 0.4]), iter([9.0, 5.0, 4.0, 4.5, 6.0, 7.0, 1.0, 8.0])
    result = train_phase(make_stage(), Data(), lambda: {"loss": next(losses), "f1": next(scores)},
                         settings(epochs=9, patience=3, monitor="f1", higher_is_better=True, start_competes=True),
                         tmp_path / "c.npz")
    assert (result.best_epoch, result.best, len(result.history)) == (4, 0.4, 7)


def test_a_phase_never_ends_worse_than_it_began(tmp_path):
    stage = make_stage()
    values, before = iter([2.0, 5.0, 3.0, 4.0, 3.5]), stage.get_weights()
    result = train_phase(stage, Data(), lambda: {"loss": next(values)},
                         settings(epochs=9, patience=2, start_competes=True), tmp_path / "c.npz")
    assert (result.best_epoch, result.best, len(result.history)) == (0, 2.0, 4)
    for a, b in zip(stage.get_weights(), before):
        np.testing.assert_array_equal(a, b)


def test_a_phase_that_improves_goes_on_though_its_start_was_better(tmp_path):
    values = iter([2.0, 5.0, 4.0, 3.0, 1.0, 1.5, 1.6])
    result = train_phase(make_stage(), Data(), lambda: {"loss": next(values)},
                         settings(epochs=9, patience=2, start_competes=True), tmp_path / "c.npz")
    assert (result.best_epoch, result.best, len(result.history)) == (4, 1.0, 6)


def test_the_start_stays_a_candidate_after_an_interruption(tmp_path):
    stage = make_stage()
    values = iter([2.0, 5.0])
    with pytest.raises(tf.errors.OpError, match="broken off"):
        train_phase(stage, Data(7), lambda: {"loss": next(values)}, settings(start_competes=True),
                    tmp_path / "c.npz")
    before = make_stage().get_weights()
    resumed = make_stage()
    result = train_phase(resumed, Data(), lambda: {"loss": 3.0}, settings(start_competes=True),
                         tmp_path / "c.npz")
    assert (result.best_epoch, result.best) == (0, 2.0)
    for a, b in zip(resumed.get_weights(), before):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("steps_per_execution", [1, 2, 9])
def test_a_non_finite_loss_names_phase_epoch_and_batch(steps_per_execution, tmp_path):
    stage = make_stage()
    with pytest.raises(NonFiniteLossError, match=r"phase: loss is nan in epoch 2, batch 3.*c\.npz"):
        train_phase(stage, Data(poison=(1, 2)), held_out(stage),
                    settings(steps_per_execution=steps_per_execution), tmp_path / "c.npz")
    assert load_state(tmp_path / "c.npz")[1]["epoch"] == 1


def test_a_damaged_checkpoint_starts_the_phase_again(tmp_path, caplog):
    checkpoint = tmp_path / "c.npz"
    save_state(checkpoint, {"a": np.ones(1000)}, {"epoch": 1})
    checkpoint.write_bytes(checkpoint.read_bytes()[:500])
    stage = make_stage()
    result = train_phase(stage, Data(), held_out(stage), settings(epochs=1), checkpoint)
    assert len(result.history) == 1
    assert "cannot read the checkpoint" in caplog.text


def test_stages_work_with_compile_and_fit():
    stage = make_stage()
    history = stage.fit(Data().epoch(0, 0), epochs=3, verbose=0).history["loss"]
    assert history[-1] < history[0]
