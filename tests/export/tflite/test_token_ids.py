"""Token-id files in every quantization answer as the Keras student does, padded or not, call after call."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf
import tf_keras
from tensorflow.lite.python import schema_py_generated as schema

from xtremedistil_tf.errors import ConfigError
from xtremedistil_tf.export.tflite import export_tflite
from xtremedistil_tf.students.bilstm import BiLSTMShape
from xtremedistil_tf.students.cnn import CNNShape
from xtremedistil_tf.students.encoders import checkpoint_encoder, load_encoder, new_encoder
from xtremedistil_tf.students.registry import new_student
from xtremedistil_tf.students.transformer import TransformerShape
from xtremedistil_tf.tasks.classification import ClassificationTask
from xtremedistil_tf.tasks.question_answering import QuestionAnsweringTask
from xtremedistil_tf.tasks.regression import RegressionTask
from xtremedistil_tf.tasks.tagging import TaggingTask

QUANTIZATIONS = ["none", "float16", "dynamic", "int8"]
VOCABULARY, WIDTH = 2000, 32
TASKS = {"tagging": TaggingTask(["O", "B-LOC", "I-LOC"]),
         "classification": ClassificationTask(["bad", "fair", "good"]),
         "regression": RegressionTask(), "question_answering": QuestionAnsweringTask()}


def make_student(kind: str, task):
    tf_keras.utils.set_random_seed(4)
    if kind == "bilstm":
        student = new_student(BiLSTMShape(VOCABULARY, WIDTH, WIDTH, WIDTH, task.num_outputs,
                                          per_piece=task.per_piece))
    elif kind == "cnn":
        student = new_student(CNNShape(VOCABULARY, WIDTH, WIDTH, 4, WIDTH, task.num_outputs, per_piece=task.per_piece))
    else:
        encoder = new_encoder(VOCABULARY, WIDTH, 1, 2, embedding_size=16 if kind == "narrow" else 0)
        student = new_student(TransformerShape(encoder, task.num_outputs, per_piece=task.per_piece))
    for variable in student.variables:
        if len(variable.shape) > 1:
            # Three pieces go into each value of a convolution: the same spread would make logits ten times as large.
            inner = kind == "cnn" and variable.shape != student.head.kernel.shape and variable.shape[0] < VOCABULARY
            variable.assign(tf.random.normal(variable.shape, stddev=variable.shape[0] ** -0.5 if inner else 0.3))
    return student


def inputs_of(lengths: list[int], task, seed: int = 0) -> dict[str, np.ndarray]:
    rng, time = np.random.default_rng(seed), max(lengths)
    mask = (np.arange(time) < np.array(lengths)[:, None]).astype(np.int32)
    # Padding holds ids that would change the answer if it were read.
    batch = {"input_ids": rng.integers(1, VOCABULARY, mask.shape).astype(np.int32), "attention_mask": mask}
    if task.kind != "tagging":
        batch["token_type_ids"] = rng.integers(0, 2, mask.shape).astype(np.int32) * mask
    return batch


class Exported:
    def __init__(self, kind: str, task, path, student, interpreter):
        self.kind, self.task, self.path, self.student = kind, task, path, student
        self.run = interpreter(model_path=str(path)).get_signature_runner("token_ids")
        self.model = schema.ModelT.InitFromObj(schema.Model.GetRootAsModel(path.read_bytes(), 0))

    def tensors(self):
        return [tensor for graph in self.model.subgraphs for tensor in graph.tensors]

    def ops(self) -> set[str]:
        names = {code: name for name, code in vars(schema.BuiltinOperator).items() if isinstance(code, int)}
        return {names[max(op.builtinCode, op.deprecatedBuiltinCode)] for op in self.model.operatorCodes}


@pytest.fixture(scope="module")
def interpreter():
    from ai_edge_litert.interpreter import Interpreter
    return Interpreter


@pytest.fixture(scope="module")
def export(tmp_path_factory, interpreter):
    students, files = {}, {}

    def make(kind: str, task_kind: str, quantization: str) -> Exported:
        key, task = (kind, task_kind), TASKS[task_kind]
        if key not in students:
            students[key] = make_student(kind, task)
        if (*key, quantization) not in files:
            path = export_tflite(tmp_path_factory.mktemp("tflite"), students[key], None, task, quantization,
                                 lambda: (inputs_of([9, 3, 12, 7, 1, 24], task, seed) for seed in range(10)))
            files[(*key, quantization)] = Exported(kind, task, path, students[key], interpreter)
        return files[(*key, quantization)]

    return make


# A convolutional classifier is a tagger's convolutions with one answer, so that two quantizations show it.
@pytest.fixture(scope="module", params=[(kind, task, q) for kind, task in (
    ("bilstm", "tagging"), ("cnn", "tagging"), ("transformer", "classification")) for q in QUANTIZATIONS
    ] + [("cnn", "classification", q) for q in ("none", "int8")], ids="-".join)
def exported(request, export):
    return export(*request.param)


# Of logits whose standard deviation is 1 or more.
TOLERANCE = {"none": 1e-5, "float16": 1e-2, "dynamic": 0.2, "int8": 0.6}


def quantization_of(exported: Exported) -> str:
    return exported.path.stem.removeprefix("token_ids_")


@pytest.mark.parametrize("length", [1, 2, 5, 24])
def test_answers_as_keras(exported, length):
    inputs = inputs_of([length], exported.task, seed=length)
    expected = exported.student(inputs)["logits"].numpy()
    found = exported.run(**inputs)["logits"]
    assert found.shape == expected.shape and found.dtype == np.float32
    np.testing.assert_allclose(found, expected, atol=TOLERANCE[quantization_of(exported)])


def test_padding_changes_nothing(exported):
    padded = inputs_of([7, 19], exported.task)
    padded = {name: values[:1] for name, values in padded.items()}
    plain = {name: values[:, :7] for name, values in padded.items()}
    found, expected = exported.run(**padded)["logits"], exported.run(**plain)["logits"]
    if exported.task.per_piece:
        assert found.shape[1] == 19 and not found[:, 7:].any()
        found = found[:, :7]
    np.testing.assert_allclose(found, expected, atol=1e-6)


def test_a_call_leaves_nothing_behind(exported):
    first, other = inputs_of([9], exported.task, 1), inputs_of([9], exported.task, 2)
    before = exported.run(**first)["logits"].copy()
    exported.run(**other)
    np.testing.assert_array_equal(exported.run(**first)["logits"], before)
    assert not any(tensor.isVariable for tensor in exported.tensors())


def test_built_in_ops_only(exported):
    assert not {"CUSTOM"} & exported.ops()
    assert not any(code.customCode for code in exported.model.operatorCodes)


def test_a_convolutional_student_has_no_loop(export):
    # One subgraph is what MediaPipe loads.
    assert len(export("cnn", "tagging", "dynamic").model.subgraphs) == 1
    assert len(export("bilstm", "tagging", "dynamic").model.subgraphs) > 1


def test_names_and_shapes_of_the_signature(exported):
    signature, = exported.model.signatureDefs
    names = ["input_ids", "attention_mask"] + ["token_type_ids"] * (exported.task.kind != "tagging")
    assert signature.signatureKey == b"token_ids"
    assert {item.name.decode() for item in signature.inputs} == set(names)
    assert [item.name for item in signature.outputs] == [b"logits"]
    for item in signature.inputs:
        tensor = exported.model.subgraphs[signature.subgraphIndex].tensors[item.tensorIndex]
        assert tensor.type == schema.TensorType.INT32 and list(tensor.shapeSignature) == [1, -1]


@pytest.mark.parametrize(["kind", "task"], [
    ("bilstm", "tagging"), ("cnn", "tagging"), ("transformer", "classification")])
def test_sizes(export, kind, task):
    sizes = {q: export(kind, task, q).path.stat().st_size for q in QUANTIZATIONS}
    assert sizes["float16"] < 0.6 * sizes["none"]
    assert sizes["dynamic"] < 0.4 * sizes["none"] and sizes["int8"] < 0.45 * sizes["none"]


@pytest.mark.parametrize("quantization", ["dynamic", "int8"])
@pytest.mark.parametrize(["kind", "task"], [
    ("bilstm", "tagging"), ("cnn", "tagging"), ("transformer", "classification")])
def test_the_embedding_table_is_int8(export, kind, task, quantization):
    tables = [tensor for tensor in export(kind, task, quantization).tensors()
              if list(tensor.shape) == [VOCABULARY, WIDTH]]
    assert [table.type for table in tables] == [schema.TensorType.INT8]


@pytest.mark.parametrize(["kind", "count"], [("cnn", 7), ("transformer", 5)])
def test_full_int8_computes_with_int8(export, kind, count):
    exported = export(kind, "classification", "int8")
    codes = exported.model.operatorCodes
    dense = [op for graph in exported.model.subgraphs for op in graph.operators
             if max(codes[op.opcodeIndex].builtinCode, codes[op.opcodeIndex].deprecatedBuiltinCode)
             in (schema.BuiltinOperator.FULLY_CONNECTED, schema.BuiltinOperator.SOFTMAX)]
    tensors = exported.model.subgraphs[0].tensors
    assert len(dense) > count
    assert {tensors[op.inputs[0]].type for op in dense} == {schema.TensorType.INT8}


# With those above, every kind answers pieces and whole inputs, and every task is asked.
@pytest.mark.parametrize(["kind", "task"], [
    ("bilstm", "classification"), ("cnn", "question_answering"), ("narrow", "tagging"), ("transformer", "regression")])
def test_other_students_and_tasks(export, kind, task):
    exported = export(kind, task, "none")
    padded = {name: values[:1] for name, values in inputs_of([6, 11], exported.task).items()}
    found, expected = exported.run(**padded)["logits"], exported.student(padded)["logits"].numpy()
    if exported.task.per_piece:
        found, expected = found[:, :6], expected[:, :6]
    np.testing.assert_allclose(found, expected, atol=1e-5)
    assert "CUSTOM" not in exported.ops()


def test_a_student_from_a_checkpoint(tmp_path, tiny_teacher_dir, tiny_tokenizer, interpreter):
    task = TASKS["tagging"]
    shape = TransformerShape(checkpoint_encoder(str(tiny_teacher_dir), tiny_tokenizer, 1), task.num_outputs)
    student = new_student(shape)
    load_encoder(student, str(tiny_teacher_dir))
    path = export_tflite(tmp_path, student, tiny_tokenizer, task, "none")
    assert path == tmp_path / "token_ids_none.tflite"
    inputs = {name: values % 40 for name, values in inputs_of([8], task).items()}
    found = interpreter(model_path=str(path)).get_signature_runner("token_ids")(**inputs)["logits"]
    np.testing.assert_allclose(found, student(inputs)["logits"], atol=1e-5)


@pytest.mark.parametrize(["kind", "task", "quantization"], [
    ("bilstm", "tagging", "dynamic"), ("cnn", "tagging", "int8"), ("transformer", "classification", "none")])
def test_a_fixed_length(tmp_path, export, interpreter, kind, task, quantization):
    free = export(kind, task, quantization)
    batches = (inputs_of([9, 3, 12, 7, 1, 24], free.task, seed) for seed in range(10))
    path = export_tflite(tmp_path, free.student, None, free.task, quantization, lambda: batches, length=16)
    assert path.name == f"token_ids_{quantization}_16.tflite"
    fixed = Exported(kind, free.task, path, free.student, interpreter)
    for item in fixed.model.signatureDefs[0].inputs:
        tensor = fixed.model.subgraphs[0].tensors[item.tensorIndex]
        assert list(tensor.shape) == [1, 16] and tensor.shapeSignature is None
    rows = {name: values[:1] for name, values in inputs_of([6, 16], free.task).items()}
    found, expected = fixed.run(**rows)["logits"], free.student(rows)["logits"].numpy()
    if free.task.per_piece:
        assert found.shape[1] == 16 and not found[:, 6:].any()
        found, expected = found[:, :6], expected[:, :6]
    np.testing.assert_allclose(found, expected, atol=TOLERANCE[quantization])


def test_a_length_that_the_student_does_not_take(tmp_path, export):
    student, task = export("transformer", "classification", "none").student, TASKS["classification"]
    with pytest.raises(ConfigError, match=f"`fixed_length=9999`: this student takes at most {student.max_length}"):
        export_tflite(tmp_path, student, None, task, "none", length=9999)


def test_int8_without_anything_to_calibrate_on(tmp_path, export):
    student, task = export("transformer", "classification", "none").student, TASKS["classification"]
    for calibration in (None, lambda: iter([])):
        with pytest.raises(ConfigError, match="`quantize=int8`.*calibrated on real inputs"):
            export_tflite(tmp_path, student, None, task, "int8", calibration)


def test_an_unknown_quantization(tmp_path):
    with pytest.raises(ConfigError, match="`quantize=int4`: expected one of none, float16, dynamic, int8"):
        export_tflite(tmp_path, None, None, TASKS["tagging"], "int4")
    assert not list(tmp_path.iterdir())
