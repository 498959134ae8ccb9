"""The transformer student against Hugging Face's own models, its groups, dropout and resume."""

from __future__ import annotations

import contextlib
import dataclasses

import numpy as np
import pytest
import tensorflow as tf
import tf_keras
from scipy.special import softmax

from xtremedistil_tf.distillation.signals import RepresentationSignal
from xtremedistil_tf.distillation.stages import LabelStage, LogitStage, RepresentationStage
from xtremedistil_tf.errors import ConfigError
from xtremedistil_tf.students.encoders import config_facts, new_encoder
from xtremedistil_tf.students.registry import deployed, new_student
from xtremedistil_tf.students.transformer import TransformerShape
from xtremedistil_tf.tasks.tagging import TaggingTask
from xtremedistil_tf.training.loop import LoopSettings, train_phase
from xtremedistil_tf.training.optimizers import RowAdam
from xtremedistil_tf.training.stage import precision

LABELS = ["O", "B-A", "I-A"]
ENCODER = new_encoder(30, 8, 3, 2, max_position_embeddings=16)
TWO_LAYERS = new_encoder(30, 8, 2, 2, max_position_embeddings=16)
FACTORISED = new_encoder(30, 8, 3, 2, embedding_size=4, max_position_embeddings=16)
SHAPE = TransformerShape(ENCODER, 3, mapped_layers=(0, 1, 3), teacher_width=6, attentions=True,
                         relations="qkv", relation_heads=4)


def student_of(shape: TransformerShape, seed: int = 1):
    tf_keras.utils.set_random_seed(seed)
    student = new_student(shape)
    rng = np.random.default_rng(seed)  # far from BERT's start near zero, so that differences show
    for variable in student.variables:
        if variable.shape.rank == 2:
            variable.assign(rng.normal(0, 0.3, variable.shape))
    return student


@pytest.fixture
def batch():
    rng = np.random.default_rng(0)
    mask = np.arange(7) < np.array([[7], [4], [2], [6]])
    return {"input_ids": tf.constant(np.where(mask, rng.integers(1, 30, (4, 7)), 0), tf.int32),
            "attention_mask": tf.constant(mask, tf.int32),
            "word_starts": tf.constant(mask * (rng.random((4, 7)) < 0.7), tf.float32),
            "labels": tf.constant(rng.integers(0, 3, (4, 7)), tf.int32),
            "teacher_logits": tf.constant(rng.normal(size=(4, 7, 3)), tf.float32),
            "teacher_hidden": tf.constant(rng.normal(size=(4, 7, 3, 6)), tf.float16),
            "teacher_attention": tf.constant(rng.random((4, 7, 2, 2, 9)), tf.float16),
            "teacher_relations": tf.constant(rng.random((4, 7, 3, 4, 9)), tf.float16)}


@pytest.mark.parametrize("encoder, twin", [(ENCODER, "TFBertModel"), (FACTORISED, "TFElectraModel")])
def test_forward_pass_is_hugging_faces(encoder, twin, batch):
    import transformers

    student = student_of(dataclasses.replace(SHAPE, encoder=encoder))
    arguments = {"add_pooling_layer": False} if twin == "TFBertModel" else {}
    model = getattr(transformers, twin)(student.shape.config, **arguments)
    model(model.dummy_inputs)
    model.set_weights(student.encoder.get_weights())
    found = student(batch)
    expected = model(batch["input_ids"], attention_mask=batch["attention_mask"], output_hidden_states=True,
                     output_attentions=True)
    for projection, state, ours in zip(student.projections, (0, 1, 3), found["representations"]):
        kernel, bias = projection.get_weights()
        np.testing.assert_allclose(ours, expected.hidden_states[state] @ kernel + bias, atol=1e-5)
    for layer, ours in zip((0, 2), found["attentions"]):
        np.testing.assert_allclose(ours, expected.attentions[layer], atol=1e-6)
    kernel, bias = student.head.get_weights()
    np.testing.assert_allclose(found["logits"], found["representations"][-1] @ kernel + bias, atol=1e-5)
    assert found["relations"].shape == (4, 7, 3, 4, 7)
    first = getattr(model, model.base_model_prefix).encoder.layer[-1].attention.self_attention
    query = first.query(expected.hidden_states[2])[0].numpy()
    np.testing.assert_allclose(found["relations"][0, :, 0, 1],
                               softmax(query[:, 2:4] @ query[:, 2:4].T / np.sqrt(2), -1), atol=1e-5)


def test_without_projection_states_are_the_encoders_and_the_head_reads_the_first_piece(batch):
    student = student_of(TransformerShape(ENCODER, 2, per_piece=False, mapped_layers=(3,), teacher_width=8))
    assert student.projections == []
    assert student.groups == ("head", "layer_3", "layer_2", "layer_1", "embedding")
    outputs = student(batch)
    kernel, bias = student.head.get_weights()
    assert outputs["logits"].shape == (4, 2) and "attentions" not in outputs and "relations" not in outputs
    np.testing.assert_allclose(outputs["logits"], outputs["representations"][0][:, 0] @ kernel + bias,
                               atol=1e-5)


def test_head_reads_the_top_state_where_the_map_leaves_it_out(batch):
    student = student_of(TransformerShape(ENCODER, 3, mapped_layers=(1,), teacher_width=6))
    states = student.encoder(batch["input_ids"], attention_mask=batch["attention_mask"],
                             output_hidden_states=True).hidden_states
    kernel, bias = student.head.get_weights()
    np.testing.assert_allclose(student(batch)["logits"], states[-1] @ kernel + bias, atol=1e-5)


def test_padding_changes_nothing(batch):
    student = student_of(SHAPE)
    padded = student(batch)
    for row, length in enumerate([7, 4, 2, 6]):
        alone = student({name: batch[name][row:row + 1, :length] for name in ("input_ids", "attention_mask")})
        np.testing.assert_allclose(padded["logits"][row, :length], alone["logits"][0], atol=1e-5)
        np.testing.assert_allclose(padded["relations"][row, :length, ..., :length], alone["relations"][0],
                                   atol=1e-5)


def test_token_types_are_read(batch):
    student = student_of(SHAPE)
    types = tf.concat([tf.zeros((4, 3), tf.int32), tf.ones((4, 4), tf.int32)], 1)
    plain = student(batch)["logits"]
    assert not np.allclose(plain, student(batch | {"token_type_ids": types})["logits"], atol=1e-3)
    np.testing.assert_array_equal(plain, student(batch | {"token_type_ids": tf.zeros_like(types)})["logits"])


def test_attention_maps_are_those_before_dropout(batch):
    student = student_of(dataclasses.replace(SHAPE, encoder=ENCODER | {"attention_probs_dropout_prob": 0.9}))
    for training in (False, True):
        first = student(batch, training=training)["attentions"][0].numpy()
        np.testing.assert_allclose(first.sum(-1), 1, atol=1e-5)


@pytest.mark.parametrize("layers, width, heads, millions", [
    (6, 256, 8, 13), (6, 384, 12, 22), (12, 384, 12, 33)])
def test_parameter_counts_of_the_published_sizes(layers, width, heads, millions):
    with tf.Graph().as_default():  # no numbers are drawn for 33 million weights
        student = new_student(TransformerShape(new_encoder(30522, width, layers, heads), 2))
    found = sum(int(np.prod(v.shape)) for v in student.encoder.variables)
    layer = 4 * width * (width + 1) + width * (4 * width + 1) + 4 * width * (width + 1) + 4 * width
    assert found == (30522 + 512 + 2 + 2) * width + layers * layer
    assert abs(found / 1e6 - millions) < 0.75


def test_blocks_are_the_groups_in_fewer_steps():
    assert sum(SHAPE.blocks, ()) == SHAPE.groups
    assert [block[0] for block in SHAPE.blocks] == ["head", "projection", "layer_3", "embedding"]


def test_representation_steps_share_out_the_layers_up_to_the_topmost_mapped():
    assert SHAPE.representation_steps == (("projection", "embedding"), ("projection", "layer_1"),
                                          ("projection", "layer_3", "layer_2"))
    assert TransformerShape(ENCODER, 3, mapped_layers=(2, 3)).representation_steps == (
        ("layer_2", "layer_1", "embedding"), ("layer_3",))


def stages(student):
    signal = RepresentationSignal("mse", attention_weight=1, relation_weight=1)
    task = TaggingTask(LABELS)
    return {"representation": RepresentationStage(student, task, signal), "logits": LogitStage(student, task),
            "labels": LabelStage(student, task)}


GROUPS = SHAPE.groups


@pytest.mark.parametrize("encoder", [ENCODER, FACTORISED])
@pytest.mark.parametrize("stage, unfrozen", [("representation", GROUPS[1:]), ("logits", GROUPS[:1]),
                                             ("logits", GROUPS[:3]), ("labels", GROUPS)])
def test_only_unfrozen_groups_move(encoder, stage, unfrozen, batch):
    student = student_of(dataclasses.replace(SHAPE, encoder=encoder))
    student.unfreeze(unfrozen)
    stage = stages(student)[stage]
    stage.compile(optimizer=RowAdam(1e-2))
    before = {name: [v.numpy() for v in variables] for name, variables in student.variables_of.items()}
    for _ in range(2):
        stage.train_step(batch)
    for name, variables in student.variables_of.items():
        moved = [not np.array_equal(a, b) for a, b in zip(before[name], variables)]
        assert any(moved) == (name in unfrozen), name


def test_a_frozen_table_never_moves_but_its_neighbours_do(batch):
    student = student_of(dataclasses.replace(SHAPE, freeze_word_embedding=True))
    table = student.word_embeddings.numpy()
    positions = student.encoder.bert.embeddings.position_embeddings.numpy()
    student.unfreeze(student.groups)
    stage = stages(student)["labels"]
    stage.compile(optimizer=RowAdam(1e-2))
    stage.train_step(batch)
    np.testing.assert_array_equal(student.word_embeddings, table)
    assert not np.array_equal(student.encoder.bert.embeddings.position_embeddings, positions)


def test_a_frozen_group_costs_no_backward_time(batch):
    """The graph of a step has a frozen layer's matrix products once, of an unfrozen one also the gradients."""
    def products(unfrozen):
        student.unfreeze(unfrozen)
        stage = stages(student)["logits"]
        stage.compile(optimizer=RowAdam(1e-2))
        stage.optimizer.build(stage.trainable_variables)
        graph = tf.function(stage.train_step, autograph=False).get_concrete_function(batch).graph
        return sum(op.type in ("MatMul", "BatchMatMulV2") for op in graph.get_operations())

    shape = TransformerShape(TWO_LAYERS, 3, mapped_layers=(0, 1, 2), teacher_width=6)
    student, groups = student_of(shape), shape.groups
    forward = 2 * 8 + 3 + 1  # six dense layers and two products of attention a layer, three projections, head
    found = [products(groups[:n]) for n in range(len(groups) + 1)]
    assert found[0] == forward
    assert found[1] == forward + 1  # the head's kernel
    assert found[2] == forward + 3  # the projection's, and through the head
    # Each product has two gradients; the lowest unfrozen layer does without those of what it reads, which
    # queries, keys and values would pass on. The first layer also needs the one through the projection.
    assert np.diff(found[2:]).tolist() == [2 * 8 - 3 + 1, 2 * 8, 3]


class Batches:
    """One and the same batch, three times an epoch."""

    batches_per_epoch = 3

    def __init__(self, batch):
        self.batch = batch

    def epoch(self, number, first_batch):
        return tf.data.Dataset.from_tensors(self.batch).repeat(3 - first_batch)


class Killed(Exception):
    pass


@pytest.mark.parametrize("policy", ["float32", "mixed_bfloat16"])
def test_training_repeats_bit_for_bit_and_resumes_exactly(policy, batch, tmp_path):
    """A run that was killed and resumed is a second run."""
    one_layer = new_encoder(30, 8, 1, 2, max_position_embeddings=16)
    shape = dataclasses.replace(SHAPE, encoder=one_layer, mapped_layers=(0, 1))
    batch |= {"teacher_hidden": batch["teacher_hidden"][:, :, :2]}

    def train(file, stop_at=None):
        with precision(policy):
            student = student_of(shape)
            stage = stages(student)["representation"]
            student.unfreeze(shape.groups[1:])
            stage.compile(optimizer=RowAdam(1e-2))
            steps = []

            def count(record):
                steps.append(record)
                if len(steps) == stop_at:
                    raise Killed

            settings = LoopSettings("test", epochs=3, patience=9, seed=5, checkpoint_minutes=0.0)
            with pytest.raises(Killed) if stop_at else contextlib.nullcontext():
                train_phase(stage, Batches(batch), lambda: {"loss": -float(stage.optimizer.iterations)},
                            settings, tmp_path / file, count)
            return student.get_weights()

    whole = train("whole.npz")
    train("killed.npz", stop_at=2)
    resumed = train("killed.npz")
    for a, b in zip(whole, resumed):
        np.testing.assert_array_equal(a, b)


def test_dropout_differs_from_step_to_step(batch):
    from xtremedistil_tf.training.stage import seed_dropout_by_step

    student, step = student_of(SHAPE), tf.Variable(0, dtype=tf.int64)
    seed_dropout_by_step(student, step, seed=1)
    first, again = (student(batch, training=True)["logits"].numpy() for _ in range(2))
    np.testing.assert_array_equal(first, again)
    step.assign(1)
    assert not np.allclose(first, student(batch, training=True)["logits"])


def test_the_longest_input_is_as_long_as_max_length_says():
    roberta = {"model_type": "roberta", "vocab_size": 30, "hidden_size": 8, "num_hidden_layers": 1,
               "num_attention_heads": 2, "intermediate_size": 8, "max_position_embeddings": 16,
               "pad_token_id": 1}
    for encoder, positions in ((ENCODER, 16), (roberta, 14)):
        student = new_student(TransformerShape(encoder, 2))
        # Batches are padded to a multiple of 4 pieces.
        assert student.max_length == positions // 4 * 4
        ids = tf.fill((1, positions), 5)
        student({"input_ids": ids, "attention_mask": tf.ones_like(ids)})
        with pytest.raises(tf.errors.InvalidArgumentError):
            ids = tf.fill((1, positions + 1), 5)
            student({"input_ids": ids, "attention_mask": tf.ones_like(ids)})


def test_the_deployed_student_has_fewer_weights(batch):
    student = student_of(SHAPE)
    lean = deployed(student)
    assert len(student.variables) - len(lean.variables) == 4  # two of three projections
    assert "attentions" not in lean(batch) and lean.deployed_shape == lean.shape
    unprojected = student_of(TransformerShape(ENCODER, 3, mapped_layers=(1,), teacher_width=6))
    np.testing.assert_array_equal(unprojected(batch)["logits"], deployed(unprojected)(batch)["logits"])


@pytest.mark.parametrize("width, heads, expected", [
    (256, 5, "4 or 8 heads, or a hidden size of 255 or 260"),
    (100, 12, "10 or 20 heads, or a hidden size of 96 or 108"),
    (4, 6, "4 heads, or a hidden size of 6")])
def test_heads_that_do_not_divide_the_width_are_refused(width, heads, expected):
    with pytest.raises(ConfigError, match=f"`num_attention_heads={heads}` .*`hidden_size={width}`.*{expected}"):
        new_encoder(30, width, 2, heads)


def test_attention_of_a_family_that_hides_it_is_refused():
    encoder = {"model_type": "mobilebert", "vocab_size": 30, "hidden_size": 8, "embedding_size": 8,
               "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 8,
               "intra_bottleneck_size": 8, "true_hidden_size": 8}
    with pytest.raises(ConfigError, match="queries, keys and values of a TFMobileBertLayer"):
        new_student(TransformerShape(encoder, 2, mapped_layers=(1,), attentions=True))


def test_facts_of_a_configuration_make_it_again():
    config = SHAPE.config
    again = dataclasses.replace(SHAPE, encoder=config_facts(config)).config
    assert type(again) is type(config) and again.to_dict() == config.to_dict()
