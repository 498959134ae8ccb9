"""From flags to the student: its kind, shape and layer map, and the contradictions that are refused."""

from __future__ import annotations

import dataclasses
import json
import pathlib
import shutil
from types import SimpleNamespace

import pytest

from xtremedistil_tf.config import DistillationConfig
from xtremedistil_tf.errors import ConfigError
from xtremedistil_tf.runs.phase_settings import signal_of, strategy_phases
from xtremedistil_tf.runs.student import StudentStep
from xtremedistil_tf.runs.student_shape import (
    TeacherSizes,
    layer_pairs,
    starts_from_teacher_embeddings,
    student_kind,
    student_shape,
    teacher_signals,
)
from xtremedistil_tf.students.bilstm import BiLSTMShape
from xtremedistil_tf.students.cnn import CNNShape
from xtremedistil_tf.tasks.classification import ClassificationTask
from xtremedistil_tf.tasks.tagging import TaggingTask

TEACHER = TeacherSizes(layers=12, width=768, heads=12)
TASK = TaggingTask(["O", "B-A", "I-A"])


class Tokenizer:
    pad_token_id = 3

    def __len__(self):
        return 1000


def config(**flags):
    return DistillationConfig(**{"dropout": 0.1} | flags)


def chosen(teacher=TEACHER, task=TASK, checkpoint="", tokenizer=None, **flags):
    """(shape, layer pairs) for flags."""
    shape = student_shape(config(**flags), tokenizer or Tokenizer(), task, teacher, checkpoint)
    return shape, layer_pairs(config(**flags), shape, teacher)


@pytest.mark.parametrize("flags, kind", [
    ({}, "bilstm"), ({"embedding_size": 50, "lstm_units": 100}, "bilstm"),
    ({"student_type": "transformer"}, "transformer"),
    ({"hidden_size": 384}, "transformer"), ({"num_hidden_layers": 2}, "transformer"),
    ({"pt_student_checkpoint": "x"}, "transformer"), ({"distil_attention": True}, "transformer"),
    ({"cnn_channels": 64}, "cnn"), ({"cnn_gated": True}, "cnn"), ({"student_type": "cnn"}, "cnn"),
    ({"distil_relations": "v"}, "transformer"), ({"freeze_word_embedding": True}, "bilstm")])
def test_kind(flags, kind):
    assert student_kind(config(**flags)) == kind


@pytest.mark.parametrize("flags, message", [
    (dict(student_type="bilstm", hidden_size=384), "`student_type=bilstm`: `hidden_size` is for transformer students"),
    (dict(student_type="bilstm", cnn_blocks=6), "`student_type=bilstm`: `cnn_blocks` is for cnn students"),
    (dict(student_type="cnn", distil_attention=True), "`student_type=cnn`: `distil_attention` is for transformer"),
    (dict(hidden_size=64, cnn_channels=64), "`hidden_size`: `cnn_channels` is for cnn students")])
def test_flags_of_another_kind_are_refused(flags, message):
    with pytest.raises(ConfigError, match=message):
        student_kind(config(**flags))


@pytest.mark.parametrize("flags, message", [
    (dict(student_type="transformer"), "`student_type=transformer`: `projection_size` is not for"),
    (dict(hidden_size=384), "`hidden_size`: `projection_size` is not for transformer students")])
def test_a_transformer_with_a_projection_size_is_refused(flags, message):
    with pytest.raises(ConfigError, match=message):
        student_kind(config(projection_size=64, **flags))


@pytest.mark.parametrize("asked, teacher_width, width", [(0, 768, 128), (0, 96, 96), (-1, 768, 768), (1000, 768, 1000)])
def test_the_projection_is_of_the_asked_width(asked, teacher_width, width):
    shape, _ = chosen(TeacherSizes(12, teacher_width, 12), projection_size=asked)
    assert (shape.projection_width, shape.teacher_width) == (width, teacher_width)
    assert shape.maps_to_teacher == (width != teacher_width)


def test_the_default_is_the_papers_bilstm_with_a_narrower_projection():
    shape, pairs = chosen()
    assert shape == BiLSTMShape(1000, 300, 600, 768, 3, dropout=0.1, per_piece=True, projection_size=128)
    assert [teacher for _, teacher in pairs] == [7]
    assert chosen(teacher_layer=11)[1][0][1] == 11
    assert chosen(freeze_word_embedding=True)[0].groups == ("head", "projection", "bilstm")


def test_a_convolutional_student_takes_its_sizes_from_the_flags():
    shape, pairs = chosen(student_type="cnn")
    assert shape == CNNShape(1000, 300, 128, 4, 768, 3, projection_size=128, dropout=0.1)
    assert [teacher for _, teacher in pairs] == [7]
    shape, _ = chosen(cnn_channels=64, cnn_blocks=6, cnn_gated=True, embedding_size=50, dropout=0.3, projection_size=-1)
    assert shape == CNNShape(1000, 50, 64, 6, 768, 3, gated=True, dropout=0.3, projection_size=768)
    phases = strategy_phases(config(student_type="cnn"), "D4.2", shape)
    assert phases[3].unfrozen == ("head", "projection", *(f"block_{number}" for number in (6, 5, 4, 3, 2, 1)))


def test_a_transformer_has_the_originals_defaults():
    shape, pairs = chosen(student_type="transformer", task=ClassificationTask(["a", "b"]))
    c = shape.config
    assert (c.model_type, c.hidden_size, c.num_hidden_layers, c.num_attention_heads, c.intermediate_size,
            c.vocab_size, c.pad_token_id, c.max_position_embeddings) == (
        "bert", 384, 6, 12, 1536, 1000, 3, 128)
    assert (shape.num_outputs, shape.per_piece, shape.teacher_width, shape.attentions, shape.relations) == (
        2, False, 768, False, "")
    assert pairs == ((6, 12),) and shape.mapped_layers == (6,) and shape.projected


def test_sizes_are_taken_from_the_flags():
    shape, _ = chosen(hidden_size=128, num_hidden_layers=2, num_attention_heads=2, intermediate_size=300,
                      seq_len=600, transformer_dropout=0.3)
    c = shape.config
    assert (c.hidden_size, c.num_hidden_layers, c.num_attention_heads, c.intermediate_size,
            c.max_position_embeddings, c.hidden_dropout_prob, shape.dropout) == (128, 2, 2, 300, 600, 0.3, 0.3)
    shape, _ = chosen(student_type="transformer")
    assert (shape.config.hidden_dropout_prob, shape.dropout) == (0.1, 0.1)


def test_several_layers_follow_the_map():
    shape, pairs = chosen(hidden_size=384, distil_multi_hidden_states=True)
    assert pairs == tuple((i, 2 * i) for i in range(7)) and shape.mapped_layers == tuple(range(7))
    shape, pairs = chosen(hidden_size=384, distil_attention=True, layer_map="last")
    assert pairs == tuple((i, 6 + i) for i in range(7)) and shape.attentions
    signals = teacher_signals(config(hidden_size=384, distil_attention=True, layer_map="last"), shape, pairs)
    assert (signals.hidden, signals.attentions) == (tuple(range(6, 13)), tuple(range(7, 13)))


def test_relations_alone_need_no_projection():
    flags = dict(hidden_size=384, distil_relations="qkv", hidden_weight=0.0)
    shape, pairs = chosen(**flags)
    assert (shape.relations, shape.relation_heads, shape.projected) == ("qkv", 12, False)
    assert chosen(relation_heads=48, **flags)[0].relation_heads == 48
    signal = signal_of(config(**flags))
    assert (signal.hidden_weight, signal.attention_weight, signal.relation_weight) == (0, 0, 1)
    assert teacher_signals(config(**flags), shape, pairs).hidden == ()


@pytest.mark.parametrize("flags, message", [
    (dict(hidden_size=100), "`num_attention_heads=3` does not divide `hidden_size=100`"),
    (dict(hidden_size=320, num_attention_heads=5, distil_attention=True),
     "student has 5 attention heads and the teacher 12"),
    (dict(hidden_size=384, distil_relations="v", relation_heads=5),
     "relation_heads=5` does not divide both .* 384 .* 768"),
    (dict(hidden_size=384, hidden_weight=0.0), "leaves the representation stage without a loss"),
    (dict(hidden_size=384, hidden_weight=0.0, distil_attention=True, progressive_transfer=True),
     "Expected `hidden_weight`"),
    (dict(num_hidden_layers=13, distil_multi_hidden_states=True, layer_map="last"),
     "13 layers and the teacher only 12"),
    (dict(teacher_layer=13), "the teacher has 12 layers"),
])
def test_contradictions_are_refused(flags, message):
    with pytest.raises(ConfigError, match=message):
        chosen(**flags)


@pytest.mark.parametrize("flags, model_type, width", [
    ({"hidden_size": 384}, "bert", 384),
    ({"hidden_size": 384, "compress_word_embedding": True}, "electra", 300),
    ({"hidden_size": 384, "compress_word_embedding": True, "embedding_size": 64}, "electra", 64),
    ({"hidden_size": 256, "compress_word_embedding": True}, "bert", 256)])
def test_compressed_embeddings_are_narrower_than_the_states(flags, model_type, width):
    shape, _ = chosen(**flags)
    assert (shape.config.model_type, shape.embedding_size) == (model_type, width)


@pytest.mark.parametrize("flags, expected", [
    ({}, True), ({"embedding_init": "random"}, False), ({"hidden_size": 384}, True),
    ({"hidden_size": 384, "embedding_init": "random", "compress_word_embedding": True}, True),
    ({"pt_student_checkpoint": "x"}, False),
    ({"pt_student_checkpoint": "x", "compress_word_embedding": True}, True)])
def test_where_word_embeddings_come_from(flags, expected):
    assert starts_from_teacher_embeddings(config(**flags)) == expected


@pytest.mark.parametrize("flags, message", [
    ({"strategy": "D0S"}, "contradicts `strategy=D0S`"), ({"teacher_backend": "onnx"}, "needs a teacher with layers"),
    ({"transfer_labels": "answers.jsonl", "transfer_file": ""}, "no teacher is run here")])
def test_where_there_is_no_fine_tuned_teacher_to_start_from(flags, message):
    with pytest.raises(ConfigError, match=message):
        config(**{"task": "task", "transfer_file": "text", "model_dir": "out", "pt_student_checkpoint": "teacher"}
               | flags).validate()


def test_a_checkpoint_brings_its_own_sizes(tiny_teacher_dir, tiny_tokenizer):
    path = str(tiny_teacher_dir)
    found = dict(checkpoint=path, tokenizer=tiny_tokenizer, pt_student_checkpoint=path, seq_len=32)
    shape, _ = chosen(**found)
    assert (shape.hidden_size, shape.num_hidden_layers, shape.config.num_attention_heads) == (32, 2, 2)
    assert chosen(num_hidden_layers=1, **found)[0].num_hidden_layers == 1
    with pytest.raises(ConfigError, match="`hidden_size=64`: `pt_student_checkpoint=.*` has 32"):
        chosen(hidden_size=64, **found)
    with pytest.raises(ConfigError, match="`seq_len=128`: .* takes at most 64 subwords"):
        chosen(**found | {"seq_len": 128})


@pytest.mark.parametrize("flags, message", [
    ({"pt_student_checkpoint": "teacher", "num_hidden_layers": 3}, "`num_hidden_layers=3`: .* has 2 layers"),
    ({"pt_student_checkpoint": "modernbert"}, "transformers has modernbert in PyTorch only"),
    ({"hidden_size": 30, "num_attention_heads": 4}, "does not divide `hidden_size=30`"),
    ({"hidden_size": 32, "num_attention_heads": 4, "num_hidden_layers": 1, "distil_attention": True}, "heads")])
def test_a_student_that_cannot_be_is_refused_before_its_teacher_is_trained(tmp_path, tiny_task, tiny_teacher_dir, flags,
                                                                           message, monkeypatch):
    from xtremedistil_tf.runs.distil import prepare
    from xtremedistil_tf.runs.run import Run

    monkeypatch.chdir(tmp_path)
    shutil.copytree(tiny_teacher_dir, "modernbert")
    file = pathlib.Path("modernbert/config.json")
    file.write_text(json.dumps({**json.loads(file.read_text()), "model_type": "modernbert"}))
    given = config(task=str(tiny_task), transfer_file=str(tiny_task / "unlabeled.txt"), model_dir="out", do_NER=True,
                   pt_teacher_checkpoint=str(tiny_teacher_dir), seq_len=32, **flags)
    given.validate()
    with pytest.raises(ConfigError, match=message):
        prepare(Run.of(given))
    assert not pathlib.Path("out/teacher").exists()


def test_labels_alone_have_a_dropout_rate_of_their_own():
    shape, _ = chosen()
    step = StudentStep(*[None] * 4, plan=SimpleNamespace(config=config(label_dropout=0.3)), store=None,
                       data=SimpleNamespace(shape=shape))
    for strategy, rate in (("D0S", 0.3), ("logits", 0.1), ("D4.2", 0.1)):
        assert step.shape_for(strategy_phases(config(), strategy, shape)).dropout == rate
    transformer, _ = chosen(student_type="transformer")
    step = dataclasses.replace(step, data=SimpleNamespace(shape=transformer))
    assert step.shape_for(strategy_phases(config(), "D0S", transformer)) is transformer
