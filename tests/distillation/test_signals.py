"""The composite signal against NumPy: hidden states, attention maps of fewer heads, relations."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf
from scipy.special import log_softmax, rel_entr, softmax

from xtremedistil_tf.distillation.signals import RepresentationSignal, check_attention_heads, group_heads
from xtremedistil_tf.errors import ConfigError

LENGTHS = (5, 3)
TIME, SEQ_LEN, WIDTH = 5, 9, 6


def distributions(rng, *shape):
    """[batch, time, ..., columns]: sums to one over the real pieces, 0 beyond."""
    logits = rng.normal(size=shape)
    real = np.arange(shape[-1]) < np.array(LENGTHS).reshape(-1, *[1] * (len(shape) - 1))
    return softmax(np.where(real, logits, -np.inf), -1)


@pytest.fixture
def batch():
    rng = np.random.default_rng(0)
    return {"attention_mask": tf.constant(np.arange(TIME) < np.array(LENGTHS)[:, None], tf.int32),
            "teacher_hidden": tf.constant(rng.normal(size=(2, TIME, 3, WIDTH)), tf.float16),
            "teacher_attention": tf.constant(distributions(rng, 2, TIME, 2, 4, SEQ_LEN), tf.float16),
            "teacher_relations": tf.constant(distributions(rng, 2, TIME, 3, 8, SEQ_LEN), tf.float16)}


@pytest.fixture
def outputs():
    rng = np.random.default_rng(1)
    maps = distributions(rng, 2, 2, TIME, 2, TIME)  # [batch, heads, time, layers, time]
    return {"representations": tuple(tf.constant(rng.normal(size=(2, TIME, WIDTH)), tf.float32)
                                     for _ in range(3)),
            "attentions": tuple(tf.constant(maps[:, :, :, i], tf.float32) for i in range(2)),
            "relations": tf.constant(distributions(rng, 2, TIME, 3, 8, TIME), tf.float32)}


def tokens():
    return [(row, piece) for row, length in enumerate(LENGTHS) for piece in range(length)]


def expected_hidden(batch, outputs, layers, loss):
    values = []
    for layer in layers:
        for row, piece in tokens():
            teacher = batch["teacher_hidden"].numpy()[row, piece, layer].astype(float)
            student = outputs["representations"][layer].numpy()[row, piece].astype(float)
            values.append(np.mean((teacher - student) ** 2) if loss == "mse" else
                          np.sum(softmax(teacher) * (log_softmax(teacher) - log_softmax(student))))
    return np.mean(values)


def expected_attention(batch, outputs, layers, loss):
    values = []
    for layer in layers:
        for row, piece in tokens():
            length = LENGTHS[row]
            for head in range(2):
                theirs = batch["teacher_attention"].numpy().astype(float)[row, piece, layer, :, :length]
                theirs = (theirs[2 * head] + theirs[2 * head + 1]) / 2
                ours = outputs["attentions"][layer].numpy()[row, head, piece, :length].astype(float)
                mse, kl = np.mean((theirs - ours) ** 2), rel_entr(theirs, ours).sum()
                values.append(mse if loss == "mse" else kl)
    return np.mean(values)


def expected_relations(batch, outputs):
    theirs, ours = (x.numpy().astype(float) for x in (batch["teacher_relations"], outputs["relations"]))
    return np.mean([rel_entr(theirs[row, piece, kind, head, :LENGTHS[row]],
                             ours[row, piece, kind, head, :LENGTHS[row]]).sum()
                    for row, piece in tokens() for kind in range(3) for head in range(8)])


@pytest.mark.parametrize("loss", ["kl", "mse"])
def test_hidden_states_alone(batch, outputs, loss):
    losses = RepresentationSignal(loss).losses(batch, {"representations": outputs["representations"]})
    assert list(losses) == ["loss"]
    assert float(losses["loss"]) == pytest.approx(expected_hidden(batch, outputs, [0, 1, 2], loss), rel=1e-5)


@pytest.mark.parametrize("loss", ["mse", "kl"])
def test_attention_of_grouped_heads(batch, outputs, loss):
    signal = RepresentationSignal(hidden_weight=0, attention_weight=1, attention_loss=loss)
    assert float(signal.losses(batch, outputs)["loss"]) == pytest.approx(
        expected_attention(batch, outputs, [0, 1], loss), rel=1e-4)


@pytest.mark.parametrize("loss", ["mse", "kl"])
def test_attention_that_is_known_of_some_pieces_only(batch, outputs, loss, monkeypatch):
    known = [(0, 1), (0, 4), (1, 2)]
    maps = batch["teacher_attention"].numpy()
    for row, piece in tokens():
        if (row, piece) not in known:
            maps[row, piece] = 0
    signal = RepresentationSignal(hidden_weight=0, attention_weight=1, attention_loss=loss)
    found = float(signal.losses(batch | {"teacher_attention": tf.constant(maps)}, outputs)["loss"])
    monkeypatch.setitem(globals(), "tokens", lambda: known)
    assert found == pytest.approx(expected_attention(batch, outputs, [0, 1], loss), rel=1e-4)


def test_relations(batch, outputs):
    signal = RepresentationSignal(hidden_weight=0, relation_weight=1)
    assert float(signal.losses(batch, outputs)["loss"]) == pytest.approx(expected_relations(batch, outputs),
                                                                         rel=1e-4)


def test_the_sum_is_weighted_and_its_parts_are_shown(batch, outputs):
    signal = RepresentationSignal("mse", hidden_weight=2, attention_weight=100, relation_weight=0.5)
    losses = {name: float(value) for name, value in signal.losses(batch, outputs).items()}
    assert losses["hidden_loss"] == pytest.approx(expected_hidden(batch, outputs, [0, 1, 2], "mse"), rel=1e-4)
    assert losses["attention_loss"] == pytest.approx(expected_attention(batch, outputs, [0, 1], "mse"),
                                                     rel=1e-4)
    assert losses["relation_loss"] == pytest.approx(expected_relations(batch, outputs), rel=1e-4)
    assert losses["loss"] == pytest.approx(
        2 * losses["hidden_loss"] + 100 * losses["attention_loss"] + 0.5 * losses["relation_loss"], rel=1e-5)


@pytest.mark.parametrize("layers, attended, with_relations", [((0,), [], False), ((1,), [0], False),
                                                              ((2,), [1], True)])
def test_one_layer_at_a_time(batch, outputs, layers, attended, with_relations):
    signal = RepresentationSignal("mse", attention_weight=1, relation_weight=1, layers=layers)
    expected = expected_hidden(batch, outputs, layers, "mse")
    expected += expected_attention(batch, outputs, attended, "mse") if attended else 0
    expected += expected_relations(batch, outputs) if with_relations else 0
    assert float(signal.losses(batch, outputs)["loss"]) == pytest.approx(expected, rel=1e-4)


def test_padding_never_counts(batch, outputs):
    signal = RepresentationSignal(attention_weight=1, relation_weight=1)
    before = float(signal.losses(batch, outputs)["loss"])
    noise = {name: value.numpy() for name, value in batch.items()}
    for name in ("teacher_hidden", "teacher_attention", "teacher_relations"):
        noise[name][1, 3:] = 7.0
    after = signal.losses({k: tf.constant(v) for k, v in noise.items()}, outputs)["loss"]
    assert float(after) == pytest.approx(before, rel=1e-6)


def test_an_imitator_has_no_loss(batch, outputs):
    """The student's own outputs as the teacher's: every part is 0, in float16's precision."""
    own = batch | {
        "teacher_hidden": tf.stack(outputs["representations"], 2),
        "teacher_attention": tf.stack([tf.transpose(a, [0, 2, 1, 3]) for a in outputs["attentions"]], 2),
        "teacher_relations": outputs["relations"]}
    signal = RepresentationSignal("mse", attention_weight=1, relation_weight=1, attention_loss="kl")
    assert float(signal.losses(own, outputs)["loss"]) == pytest.approx(0, abs=1e-6)


def test_gradients_are_finite_where_probabilities_are_zero(batch, outputs):
    with tf.GradientTape() as tape:
        tape.watch([outputs["attentions"][0], outputs["relations"]])
        signal = RepresentationSignal(attention_weight=1, relation_weight=1, attention_loss="kl")
        loss = signal.losses(batch, outputs)["loss"]
    for gradient in tape.gradient(loss, [outputs["attentions"][0], outputs["relations"]]):
        assert np.isfinite(gradient).all() and np.abs(gradient).max() > 0


def test_grouping_is_the_mean_of_neighbours():
    maps = np.random.default_rng(0).random((1, 2, 6, 2)).astype(np.float32)
    expected = np.stack([maps[:, :, 0:3].mean(2), maps[:, :, 3:6].mean(2)], 2)
    np.testing.assert_allclose(group_heads(tf.constant(maps), 2), expected, rtol=1e-6)


def test_heads_that_cannot_be_shared_out_are_refused():
    with pytest.raises(ConfigError, match="8 attention heads and the teacher 12.*distil_relations=qkv.*1, 2, "
                                          "3, 4, 6, 12"):
        check_attention_heads(8, 12)
