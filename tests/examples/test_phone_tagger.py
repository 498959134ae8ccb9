"""examples/phone/tagger.cpp, compiled and linked with LiteRT, tags texts as the student does."""

from __future__ import annotations

import pathlib
import random
import shutil
import subprocess

import pytest
import tensorflow as tf
import tf_keras

from xtremedistil_tf.corpus.example import Example
from xtremedistil_tf.export.tflite import export_tflite
from xtremedistil_tf.inference.predictor import StudentPredictor
from xtremedistil_tf.students.bilstm import BiLSTMShape
from xtremedistil_tf.students.cnn import CNNShape
from xtremedistil_tf.students.registry import new_student
from xtremedistil_tf.tasks.tagging import TaggingTask

SOURCE = pathlib.Path(__file__).resolve().parents[2] / "examples" / "phone" / "tagger.cpp"
TASK = TaggingTask(["O", "B-LOC", "I-LOC", "B-PER", "I-PER"], raw_words={"rule": "whitespace"})
rng = random.Random(3)
TEXTS = ["anna met boris in paris .", "", "   ", "москва , 北京 and göran", "x\u00a0y\u3000z",
         "(anna),boris!? 3€ «par»",
         "an\u00adna an\u200dna \u200d", "a" * 120, "anna " * 40, "par\u0301is ☃ unknown",
         "an\ue000na an\u0600na an\ufffbna an\U0002b821na an\U0002b701na an\ufdd0na"]
TEXTS += ["".join(rng.choices("aeinoprs москва北京.,!? \t", k=rng.randint(0, 60))).strip("\t") for _ in range(40)]


@pytest.fixture(scope="module")
def tagger(tmp_path_factory):
    import ai_edge_litert

    compiler = shutil.which("g++") or shutil.which("clang++")
    if compiler is None:
        pytest.skip("no C++ compiler is installed: apt-get install g++")
    library, program = pathlib.Path(ai_edge_litert.__file__).parent, tmp_path_factory.mktemp("phone") / "tagger"
    subprocess.run([compiler, "-std=c++17", "-Wall", "-Wextra", "-Werror", str(SOURCE), str(library / "libLiteRt.so"),
                    f"-Wl,-rpath,{library}", "-o", str(program)], check=True)
    return program


def make_student(shape, tokenizer):
    tf_keras.utils.set_random_seed(4)
    sizes = (8, 8, 8) if shape is BiLSTMShape else (8, 8, 2, 8)
    student = new_student(shape(len(tokenizer), *sizes, TASK.num_outputs))
    for variable in student.variables:
        variable.assign(tf.random.normal(variable.shape, stddev=0.8))
    return student


@pytest.mark.parametrize(["shape", "quantization"], [
    (BiLSTMShape, "none"), (CNNShape, "none"), (BiLSTMShape, "dynamic")], ids=["bilstm", "cnn", "dynamic"])
def test_the_program_tags_as_the_student(tagger, tmp_path, tiny_tokenizer, shape, quantization):
    student = make_student(shape, tiny_tokenizer)
    path = export_tflite(tmp_path, student, tiny_tokenizer, TASK, quantization)
    done = subprocess.run([tagger, path], input="".join(text + "\n" for text in TEXTS), capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    found = [line.split() for line in done.stdout.splitlines()]
    rows = [tuple(word for word in text.split() if word.strip("\u200d")) for text in TEXTS]
    expected = StudentPredictor(student, tiny_tokenizer, TASK).predict([Example(row) for row in rows])
    same = sum(one == list(other) for one, other in zip(found, expected, strict=True))
    assert len({tag for tags in expected for tag in tags}) >= 2
    assert same == len(TEXTS) if quantization == "none" else same >= 0.8 * len(TEXTS)


def test_what_it_cannot_read_is_told(tagger, tmp_path, tiny_tokenizer):
    student = make_student(CNNShape, tiny_tokenizer)
    bare = export_tflite(tmp_path, student, None, TASK, "none")
    for path, reason in ((bare, "no files in this .tflite"), (tmp_path / "missing", "cannot be read")):
        done = subprocess.run([tagger, path], input="anna\n", capture_output=True, text=True)
        assert done.returncode == 1 and reason in done.stderr
