"""Accelerated paths answer as the exact one does, or say why not."""

from __future__ import annotations

import functools
import importlib.util
import logging
import sys

import numpy as np
import pytest
import tensorflow as tf
import tf_keras
import transformers

from xtremedistil_tf.errors import ConfigError, MissingExtraError
from xtremedistil_tf.tasks.registry import make_task
from xtremedistil_tf.teachers import acceleration as paths
from xtremedistil_tf.teachers.model import Teacher
from xtremedistil_tf.teachers.protocol import AveragedTeacher, Relations, TeacherPredictor, TeacherSignals
from xtremedistil_tf.training.batches import RaggedFeatures

SIZES = dict(vocab_size=37, hidden_size=16, num_hidden_layers=2, num_attention_heads=2, intermediate_size=24,
             max_position_embeddings=40)
ONE_LAYER = SIZES | dict(num_hidden_layers=1)
LABELS = {"tagging": ["O", "B-X", "I-X"], "classification": ["no", "yes", "so"], "regression": ["score"],
          "question_answering": ["start", "end"]}
LOGITS = TeacherSignals()
ALL = TeacherSignals((0, -1), (1, -1), Relations("qkv", 2, 4))
# Every family and every task once, with what each can give.
TEACHERS = {
    "Bert": ("tagging", SIZES, ALL),
    "Roberta": ("classification", ONE_LAYER | dict(pad_token_id=1), TeacherSignals((0, 1))),
    "DistilBert": ("question_answering", dict(vocab_size=37, max_position_embeddings=40, dim=16, n_layers=2,
                                              n_heads=2, hidden_dim=24), ALL),
    "Electra": ("regression", ONE_LAYER | dict(embedding_size=8), TeacherSignals((-1,), (1,))),
}
# As a share of what the numbers are; in bfloat16 they have 8 binary digits, in int8 7.
NEAR = {"bfloat16": 0.05, "openvino": 0.05, "onnx_int8": 0.2}


@pytest.fixture(autouse=True)
def without_autograph(monkeypatch):
    """It takes most of the time of tracing, and makes the same graphs of these families, which have no loops."""
    monkeypatch.setattr(tf, "function", functools.partial(tf.function, autograph=False))


@functools.cache
def make_teacher(family="Bert", seed=3):
    kind, sizes, _ = TEACHERS[family]
    task = make_task(kind, LABELS[kind])
    tf_keras.utils.set_random_seed(seed)
    names = dict(enumerate(task.labels))
    config = getattr(transformers, f"{family}Config")(**sizes, id2label=names,
                                                      label2id={name: i for i, name in names.items()})
    model = getattr(transformers, f"TF{family}For{task.auto_class}")(config)
    model.build_in_name_scope()
    for weight in model.weights:  # as they are made, they are next to nothing
        if "LayerNorm" not in weight.name:
            weight.assign(weight + np.random.normal(0, 0.15, weight.shape))
    return Teacher(model, task)


def features_of(task, count=30):
    rng = np.random.default_rng(0)
    rows = [{name: rng.integers(*{"input_ids": (3, 37)}.get(name, (0, 2)), length if column.per_piece else ())
             for name, column in task.text_columns.items()} for length in rng.integers(2, 20, count)]
    return RaggedFeatures.from_rows(rows, task.text_columns)


def answers(teacher, features, signals, batch_size=7):
    predictor = TeacherPredictor(teacher, signals.hidden, 0, batch_size, signals.attentions, 20,
                                 signals.relations)
    return sorted(predictor.predict(features), key=lambda answer: answer.index)


@functools.cache
def exact_answers(family):
    """Of a teacher with what it can give; tracing it takes seconds."""
    teacher = make_teacher(family)
    return answers(teacher, features_of(teacher.task), TEACHERS[family][2])


def fast(teacher, path, signals=LOGITS, tolerance=1.0):
    return paths.accelerated(teacher, path, tolerance, features_of(teacher.task), 0, 128, signals)


@functools.cache
def forward_of_layer_1():
    return make_teacher().forward((1,), (1,))


@pytest.fixture
def through(monkeypatch):
    """Has every path be a function of ours."""
    def replace(convert):
        monkeypatch.setattr(paths, "_convert_named", lambda path: convert)

    return replace


@pytest.mark.parametrize("family", TEACHERS)
@pytest.mark.parametrize("path", NEAR)
def test_a_path_answers_as_the_exact_teacher_does(path, family):
    for package, extra in {"openvino": {"openvino": "openvino"},
                           "onnx_int8": {"onnxruntime": "onnx", "tf2onnx": "onnx"}}.get(path, {}).items():
        pytest.importorskip(package, reason=f"needs the extra {extra}")
    teacher, signals = make_teacher(family), TEACHERS[family][2]
    found, exact = answers(fast(teacher, path, signals), features_of(teacher.task), signals), exact_answers(family)
    for name in ("logits", "hidden", "attentions", "relations"):
        wanted, values = ([getattr(answer, name) for answer in rows] for rows in (exact, found))
        if wanted[0] is None:
            assert set(values) == {None}, name
            continue
        assert [(one.shape, one.dtype) for one in values] == [(one.shape, np.float32) for one in wanted], name
        wanted, values = (np.concatenate([one.ravel() for one in rows]) for rows in (wanted, values))
        assert np.abs(values - wanted).mean() < NEAR[path] * np.abs(wanted).mean(), name


def test_all_matrices_of_an_int8_teacher_are_integers():
    pytest.importorskip("tf2onnx", reason="needs the extra onnx")
    from xtremedistil_tf.onnx_graphs import function_model, quantized_model
    from xtremedistil_tf.teachers.accelerated_paths import teacher_graph

    graph = quantized_model(function_model(teacher_graph(make_teacher(), TeacherSignals()))[0]).graph
    kinds = [node.op_type for node in graph.node]
    assert kinds.count("MatMulInteger") == 2 * 6 + 1  # the head is one, too
    assert kinds.count("MatMul") == 2 * 2  # of attention, which multiplies no weights
    assert not any("Erfc" in kind for kind in kinds)


def test_the_exact_path_is_the_teacher():
    teacher = make_teacher()
    assert fast(teacher, "exact") is teacher


def test_what_is_compared_is_logged(through, caplog):
    caplog.set_level(logging.INFO, paths.__name__)
    through(lambda teacher, signals: forward_of_layer_1())
    fast(make_teacher(), "openvino", TeacherSignals((1,), (1,)))
    assert "`teacher_path=openvino`" in caplog.text
    assert "30 examples, 0.00% of the answers changed" in caplog.text


@pytest.mark.parametrize("name, change", [("logits", lambda values: values[..., ::-1]),
                                          ("hidden", lambda values: values * 0),
                                          ("attentions", lambda values: values[:, ::-1]),
                                          ("logits", lambda values: values + np.nan)])
def test_a_path_that_is_wrong_is_refused(name, change, through):
    def wrong(teacher, signals):
        forward = forward_of_layer_1()
        return lambda batch: dict(forward(batch)) | {name: change(forward(batch)[name].numpy())}

    through(wrong)
    with pytest.raises(ConfigError, match="`teacher_path=bfloat16` deviates too much from the exact teacher"):
        fast(make_teacher(), "bfloat16", TeacherSignals((1,), (1,)), tolerance=0.02)


def test_a_path_that_knows_one_shape_only_is_refused(through):
    def narrow(teacher, signals):
        forward, seen = teacher.forward(), []

        def run(batch):
            seen.append(batch["input_ids"].shape)
            if seen[-1] != seen[0]:
                raise RuntimeError(f"expected {seen[0]}\nand a long trace")
            return forward(batch)

        return run

    through(narrow)
    with pytest.raises(ConfigError, match=r"cannot be run \(expected \(.*\)\). Use `teacher_path=exact`"):
        fast(make_teacher(), "openvino")


def test_a_converter_that_fails_is_explained(through):
    def fail(teacher, signals):
        raise KeyError("Erfc")

    through(fail)
    with pytest.raises(ConfigError, match="type bert, cannot be converted .*Erfc.*Use `teacher_path=exact`"):
        fast(make_teacher(), "onnx_int8")


def test_a_teacher_is_converted_once(through):
    converted = []
    through(lambda teacher, signals: converted.append(signals) or teacher.forward(signals.hidden))
    found = fast(make_teacher(), "openvino", TeacherSignals((2,)))
    found.forward((2,))
    assert converted == [TeacherSignals((2,))]


def test_averaged_teachers_are_accelerated_one_by_one():
    both = AveragedTeacher([make_teacher(seed=seed) for seed in (3, 4)])
    features = features_of(both.task)
    signals = TeacherSignals((1,))
    found = answers(fast(both, "bfloat16", signals), features, signals)
    for answer, exact in zip(found, answers(both, features, signals), strict=True):
        assert np.abs(answer.logits - exact.logits).mean() < 0.05
        assert np.abs(answer.hidden - exact.hidden).mean() < 0.05


def test_the_rewriting_of_graphs_is_taken_back():
    teacher = make_teacher()
    before = answers(teacher, features_of(teacher.task), TeacherSignals())
    fast(teacher, "bfloat16")
    assert not any(tf.config.optimizer.get_experimental_options().values())
    after = answers(teacher, features_of(teacher.task), TeacherSignals())
    assert all((one.logits == other.logits).all() for one, other in zip(before, after, strict=True))


def test_packages_that_are_missing(monkeypatch):
    monkeypatch.setitem(sys.modules, "openvino", None)
    with pytest.raises(MissingExtraError, match=r"`teacher_path=openvino` .*xtremedistil-tf\[openvino\]"):
        fast(make_teacher(), "openvino")
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(MissingExtraError, match=r"`teacher_path=onnx_int8` .*xtremedistil-tf\[onnx\]"):
        fast(make_teacher(), "onnx_int8")


def test_teachers_that_an_onnx_graph_cannot_hold(monkeypatch):
    pytest.importorskip("tf2onnx", reason="needs the extra onnx")
    monkeypatch.setattr(Teacher, "parameters", property(lambda teacher: 560_000_000))
    with pytest.raises(ConfigError, match="take 2.2 GB, but .* at most 2 GB. Use `teacher_path=openvino`"):
        fast(make_teacher(), "onnx_int8")


def test_teachers_of_other_backends():
    class Other:
        task = make_task("tagging", LABELS["tagging"])

    with pytest.raises(ConfigError, match="`teacher_path=openvino` needs `teacher_backend=tf`"):
        fast(Other(), "openvino")
