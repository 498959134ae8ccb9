"""What lies beside ONNX files serves a program that has ONNX Runtime and `tokenizers` alone."""

import json

import numpy as np
import onnxruntime
import pytest
from tokenizers import Tokenizer

from xtremedistil_tf.export.onnx import export_onnx
from xtremedistil_tf.export.onnx_files import write_onnx_files
from xtremedistil_tf.students.bilstm import BiLSTMShape
from xtremedistil_tf.students.registry import new_student
from xtremedistil_tf.tasks.tagging import TaggingTask


@pytest.mark.parametrize("kind, pairs", [("tagging", False), ("classification", False), ("classification", True),
                                         ("regression", False), ("question_answering", False), ("multi_label", False)])
def test_a_program_finds_the_example_again(tmp_path, tasks, tiny_tokenizer, kind, pairs):
    task = tasks[kind]
    student = new_student(BiLSTMShape(len(tiny_tokenizer), 8, 8, 8, task.num_outputs, per_piece=task.per_piece))
    for quantization in ("none", "int8"):
        path = export_onnx(tmp_path / f"model_{quantization}.onnx", student, tiny_tokenizer, task, quantization)
        write_onnx_files(path, student, tiny_tokenizer, task, pairs)

    facts = json.loads((tmp_path / "interface.json").read_text("utf-8"))
    assert facts["labels"] == (tmp_path / "labels.txt").read_text("utf-8").splitlines() == list(task.labels)
    tokenizer, example = Tokenizer.from_file(str(tmp_path / facts["tokenizer"]["file"])), facts["example"]
    if facts["words"]:
        assert json.loads((tmp_path / facts["words"]).read_text("utf-8"))
        encoded = tokenizer.encode(example["words"], is_pretokenized=True)
    else:
        second = example.get("text_pair", example.get("context"))
        encoded = tokenizer.encode(example.get("text", example.get("question")), second)
    assert example["inputs"]["input_ids"] == [encoded.ids]
    assert example["inputs"].get("token_type_ids", [encoded.type_ids]) == [encoded.type_ids]
    assert set(example["logits"]) == {"model_none.onnx", "model_int8.onnx"}
    for name, logits in example["logits"].items():
        session = onnxruntime.InferenceSession(str(tmp_path / name))
        assert [one["name"] for one in facts["inputs"]] == [one.name for one in session.get_inputs()]
        assert [one["shape"] for one in facts["outputs"]] == [one.shape for one in session.get_outputs()]
        found = session.run(["logits"], {one["name"]: np.array(example["inputs"][one["name"]], one["dtype"])
                                         for one in facts["inputs"]})[0]
        np.testing.assert_allclose(found, logits, atol=1e-5)


def test_answers_of_files_that_are_gone_are_forgotten(tmp_path, tiny_tokenizer):
    task = TaggingTask(["O", "B-LOC", "I-LOC"])
    student = new_student(BiLSTMShape(len(tiny_tokenizer), 4, 4, 4, task.num_outputs))
    first = export_onnx(tmp_path / "a.onnx", student, tiny_tokenizer, task, "none")
    write_onnx_files(first, student, tiny_tokenizer, task)
    second = first.rename(tmp_path / "b.onnx")
    write_onnx_files(second, student, tiny_tokenizer, task)
    assert list(json.loads((tmp_path / "interface.json").read_text("utf-8"))["example"]["logits"]) == ["b.onnx"]
