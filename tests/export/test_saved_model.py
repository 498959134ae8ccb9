"""The SavedModel answers as the Keras student does, also in a fresh process without the package."""

from __future__ import annotations

import dataclasses
import json
import random
import subprocess
import sys
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
import tf_keras
from conformance.runtimes import run_runtime_test
from hypothesis import given, settings
from hypothesis import strategies as st

from xtremedistil_tf.corpus.example import Example, QuestionExample, TextExample
from xtremedistil_tf.export.saved_model import export_saved_model
from xtremedistil_tf.inference.predictor import StudentPredictor
from xtremedistil_tf.inference.runtimes import SavedModelRuntime
from xtremedistil_tf.students.bilstm import BiLSTMShape
from xtremedistil_tf.students.cnn import CNNShape
from xtremedistil_tf.students.encoders import new_encoder
from xtremedistil_tf.students.registry import new_student
from xtremedistil_tf.students.transformer import TransformerShape
from xtremedistil_tf.tasks.classification import ClassificationTask
from xtremedistil_tf.tasks.question_answering import QuestionAnsweringTask
from xtremedistil_tf.tasks.regression import RegressionTask
from xtremedistil_tf.tasks.tagging import TaggingTask

TEXTS = ["anna met boris in paris .", "", "   ", "москва , 北京 and göran", "x\u00a0y\u3000z",
         "a\u200db \u200d c", "anna " * 300,
         "\U0001F468\u200d\U0001F469 met [SEP] anna[MASK]", "\x07 . ,.;", "İstanbul ǅ ﬁ",
         "an\x1cna\x1f [CLS\x1e] \x85pa\x85ris\u2028oslo\u2029lima\x0bthe", "\ufeffanna\x00", "par\u0301is"]
MALFORMED = [b"anna \xff\xfe paris", b"\x80", b"\xe4\xb8 oslo[SEP", b"ab\xc3"]
HARD = TEXTS + MALFORMED
ANY_TEXTS = st.lists(st.one_of(st.text(max_size=60), st.text("aeinoprs .,\u0301", max_size=60)), min_size=1,
                     max_size=8)

SERVER = """
import json, sys
import tensorflow as tf, tensorflow_text
signature = tf.saved_model.load(sys.argv[1]).signatures["serving_default"]
texts = json.load(sys.stdin)
out = signature(texts=tf.constant(texts))
assert "xtremedistil_tf" not in sys.modules
json.dump({k: v.numpy().tolist() if v.dtype != tf.string else
           [[w.decode() for w in row] for row in v.numpy()] for k, v in out.items()}, sys.stdout)
"""


@dataclasses.dataclass
class Exported:
    task: Any
    student: Any
    path: Any
    signatures: Any
    predict: Any


@pytest.fixture(scope="module")
def export(tmp_path_factory, tiny_tokenizer):
    """Writes a random student for a task and loads it."""
    def make(task, shape=None, pairs=False) -> Exported:
        tf_keras.utils.set_random_seed(4)
        student = new_student(shape or BiLSTMShape(len(tiny_tokenizer), 8, 8, 8, task.num_outputs,
                                                   per_piece=task.per_piece))
        for variable in student.variables:
            variable.assign(tf.random.normal(variable.shape, stddev=0.5))
        path = tmp_path_factory.mktemp("export") / "saved_model"
        export_saved_model(path, student, tiny_tokenizer, task, pairs=pairs)
        return Exported(task, student, path, tf.saved_model.load(str(path)).signatures,
                        StudentPredictor(student, tiny_tokenizer, task).predict)

    return make


@pytest.fixture(scope="module")
def tagging(export):
    return export(TaggingTask(["O", "B-LOC", "I-LOC", "B-PER", "I-PER"]))


@pytest.fixture(scope="module")
def classification(export, tiny_tokenizer):
    shape = CNNShape(len(tiny_tokenizer), 8, 6, 3, 0, 3, per_piece=False, projection_size=5)
    return export(ClassificationTask(["bad", "fair", "good"]), shape)


@pytest.fixture(scope="module")
def regression(export, tiny_tokenizer):
    encoder = new_encoder(len(tiny_tokenizer), 8, 1, 2, max_position_embeddings=16)
    return export(RegressionTask(), TransformerShape(encoder, 1, per_piece=False), pairs=True)


@pytest.fixture(scope="module")
def answering(export):
    return export(QuestionAnsweringTask(version_2=True, null_threshold=0.5))


def ask(exported: Exported, **texts: list) -> dict[str, np.ndarray]:
    encoded = {name: [text.encode() if isinstance(text, str) else text for text in values]
               for name, values in texts.items()}
    found = exported.signatures["serving_default"](**{name: tf.constant(values, tf.string)
                                                      for name, values in encoded.items()})
    return {name: value.numpy() for name, value in found.items()}


def readable(texts: list) -> list[str]:
    return [text if isinstance(text, str) else text.decode(errors="replace") for text in texts]


def assert_tags(answers, texts: list[str], wanted: list[list[str]]) -> None:
    sentences = [text.split() for text in texts]
    assert answers["word_counts"] == [len(words) for words in sentences]
    for row, (text, words) in enumerate(zip(texts, sentences)):
        count = len(words)
        assert answers["words"][row][:count] == words
        assert answers["tags"][row][:count] == wanted[row]
        assert all(tag == "" for tag in answers["tags"][row][count:])
        spans = zip(answers["starts"][row], answers["ends"][row])
        assert [text[a:b] for a, b in list(spans)[:count]] == words
        assert all(0 < s <= 1.0001 for s in answers["scores"][row][:count])


def test_tags_in_a_process_without_the_package(tagging):
    rng = random.Random(0)
    alphabet = "aeinoprs москва北京\u0301\u200d.,!? \t\n"
    texts = TEXTS + ["".join(rng.choices(alphabet, k=rng.randint(0, 60))) for _ in range(100)]
    run = subprocess.run([sys.executable, "-c", SERVER, str(tagging.path)], input=json.dumps(texts),
                         text=True, capture_output=True, cwd=tagging.path)
    assert run.returncode == 0, run.stderr
    wanted = tagging.predict([Example(tuple(text.split())) for text in texts])
    assert_tags(json.loads(run.stdout), texts, wanted)


def test_tags_of_malformed_texts(tagging):
    found = ask(tagging, texts=MALFORMED)
    lists = {name: value.tolist() if value.dtype != object else [[w.decode() for w in row] for row in value]
             for name, value in found.items()}
    texts = readable(MALFORMED)
    assert_tags(lists, texts, tagging.predict([Example(tuple(text.split())) for text in texts]))


def assert_classes(exported: Exported, texts: list) -> None:
    found = ask(exported, texts=texts)
    wanted = exported.predict([TextExample(text) for text in readable(texts)])
    assert [label.decode() for label in found["labels"]] == [prediction.label for prediction in wanted]
    np.testing.assert_allclose(found["probabilities"], [prediction.probabilities for prediction in wanted],
                               atol=1e-5)
    np.testing.assert_array_equal(found["scores"], found["probabilities"].max(-1))


def test_classes(classification):
    assert_classes(classification, HARD)


@given(ANY_TEXTS)
@settings(max_examples=10)
def test_classes_of_any_text(classification, texts):
    assert_classes(classification, texts)


def assert_numbers(exported: Exported, texts: list, pairs: list) -> None:
    examples = [TextExample(*pair) for pair in zip(readable(texts), readable(pairs))]
    np.testing.assert_allclose(ask(exported, texts=texts, pairs=pairs)["scores"], exported.predict(examples),
                               atol=1e-5)


def test_numbers_of_pairs(regression):
    assert_numbers(regression, HARD, HARD[::-1])


@given(ANY_TEXTS)
@settings(max_examples=10)
def test_numbers_of_any_pairs(regression, texts):
    assert_numbers(regression, texts, texts[::-1])


def assert_answers(exported: Exported, questions: list, contexts: list) -> None:
    found = ask(exported, questions=questions, contexts=contexts)
    wanted = exported.predict([QuestionExample("", *texts)
                               for texts in zip(readable(questions), readable(contexts))])
    spans = list(zip([answer.decode() for answer in found["answers"]], found["starts"], found["ends"]))
    assert spans == [(answer.text, answer.start, answer.end) for answer in wanted]
    np.testing.assert_allclose(found["scores"], [answer.score for answer in wanted], atol=1e-5)
    np.testing.assert_allclose(found["no_answer_scores"], [answer.no_answer_score for answer in wanted],
                               atol=1e-5)


def test_answers(answering):
    assert_answers(answering, HARD[::-1], HARD)


@given(ANY_TEXTS)
@settings(max_examples=10)
def test_answers_in_any_text(answering, texts):
    assert_answers(answering, texts[::-1], texts)


@pytest.mark.parametrize("name", ["tagging", "classification", "regression", "answering"])
def test_runtime(request, name):
    exported = request.getfixturevalue(name)
    run_runtime_test(lambda threads: SavedModelRuntime(exported.path), exported.student, exported.task)


@pytest.mark.parametrize(["name", "inputs"], [
    ("tagging", ["texts"]), ("classification", ["texts"]),
    ("regression", ["texts", "pairs"]), ("answering", ["questions", "contexts"])])
def test_no_texts_have_no_answers(request, name, inputs):
    exported = request.getfixturevalue(name)
    assert all(len(value) == 0 for value in ask(exported, **{name: [] for name in inputs}).values())


@pytest.fixture(params=["tagging", "classification", "regression", "answering"])
def by_token_ids(request):
    """The outputs for a batch of ids, and the student's logits for the same."""
    exported = request.getfixturevalue(request.param)
    random_ids = np.random.default_rng(0).integers(1, 40, (3, 11))
    inputs = {"input_ids": random_ids, "attention_mask": np.arange(11) < np.array([[11], [4], [1]])}
    if request.param != "tagging":
        inputs["token_type_ids"] = random_ids % 2
    inputs = {name: tf.constant(value, tf.int32) for name, value in inputs.items()}
    found = exported.signatures["token_ids"](**inputs)
    return exported.task.kind, found, exported.student(inputs)["logits"].numpy()


@pytest.mark.parametrize(["name", "signatures"], [
    ("tagging", {"token_ids", "raw_strings", "words"}), ("classification", {"token_ids", "raw_strings"}),
    ("regression", {"token_ids", "raw_strings"}), ("answering", {"token_ids", "raw_strings"})])
def test_the_first_axis_of_every_input_and_output_is_the_batch(request, name, signatures):
    found = request.getfixturevalue(name).signatures
    assert set(found) == signatures | {"serving_default"}
    for signature in signatures:
        specs = [*found[signature].structured_input_signature[1].values(),
                 *found[signature].structured_outputs.values()]
        assert all(spec.shape.rank and spec.shape[0] is None for spec in specs)


def test_token_ids(by_token_ids):
    kind, found, logits = by_token_ids
    powers = np.exp(logits)
    wanted = {"regression": {"scores": logits[..., 0]},
              "question_answering": {"start_logits": logits[..., 0], "end_logits": logits[..., -1]},
              }.get(kind, {"logits": logits, "probabilities": powers / powers.sum(-1, keepdims=True),
                           "label_ids": logits.argmax(-1)})
    assert set(found) == set(wanted)
    for name, values in wanted.items():
        np.testing.assert_allclose(found[name], values, atol=1e-5)


def test_other_vocabularies_get_the_token_id_signature_alone(tmp_path, regression):
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    pieces = ["<pad>", *pre_tokenizers.ByteLevel.alphabet()]
    backend = Tokenizer(models.BPE({piece: number for number, piece in enumerate(pieces)}, []))
    backend.pre_tokenizer = pre_tokenizers.ByteLevel()
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=backend, pad_token="<pad>")
    export_saved_model(tmp_path / "m", regression.student, tokenizer, regression.task)
    assert set(tf.saved_model.load(str(tmp_path / "m")).signatures) == {"token_ids", "serving_default"}
