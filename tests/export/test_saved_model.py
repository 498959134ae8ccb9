"""The SavedModel, loaded in a fresh process without the package, answers as the Keras student does."""

from __future__ import annotations

import json
import random
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf
import tf_keras

from xtremedistil_tf.export.saved_model import export_saved_model
from xtremedistil_tf.students.bilstm import BiLSTMShape
from xtremedistil_tf.students.model_directory import new_student
from xtremedistil_tf.students.prediction import StudentTagger

LABELS = ["O", "B-LOC", "I-LOC", "B-PER", "I-PER"]
TEXTS = ["anna met boris in paris .", "", "   ", "москва , 北京 and göran", "x\u00a0y\u3000z", "a\u200db \u200d c",
         "anna " * 700, "\U0001F468\u200d\U0001F469 met [SEP] anna[MASK]", "\x07 . ,.;", "İstanbul ǅ ﬁ"]

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


@pytest.fixture(scope="module")
def student(tiny_tokenizer):
    tf_keras.utils.set_random_seed(4)
    return new_student(BiLSTMShape(len(tiny_tokenizer), 8, 8, 8, len(LABELS)))


@pytest.fixture(scope="module")
def saved_model(tmp_path_factory, student, tiny_tokenizer):
    path = tmp_path_factory.mktemp("export") / "saved_model"
    export_saved_model(path, student, tiny_tokenizer, LABELS)
    return path


def test_raw_strings_answer_as_the_student_in_a_process_of_their_own(saved_model, student, tiny_tokenizer):
    rng = random.Random(0)
    alphabet = "aeinoprs москва北京\u0301\u200d.,!? \t\n"
    texts = TEXTS + ["".join(rng.choices(alphabet, k=rng.randint(0, 60))) for _ in range(300)]
    run = subprocess.run([sys.executable, "-c", SERVER, str(saved_model)], input=json.dumps(texts), text=True,
                         capture_output=True, cwd=saved_model)
    assert run.returncode == 0, run.stderr
    answers = json.loads(run.stdout)
    sentences = [text.split() for text in texts]
    expected = StudentTagger(student, tiny_tokenizer, LABELS).tag(sentences)
    assert answers["word_counts"] == [len(words) for words in sentences]
    for row, (text, words) in enumerate(zip(texts, sentences)):
        count = len(words)
        assert answers["words"][row][:count] == words
        assert answers["tags"][row][:count] == expected[row]
        assert all(tag == "" for tag in answers["tags"][row][count:])
        spans = zip(answers["starts"][row], answers["ends"][row])
        assert [text[a:b] for a, b in list(spans)[:count]] == words
        assert all(0 < s <= 1.0001 for s in answers["scores"][row][:count])


def test_invalid_utf8_is_answered(saved_model):
    signature = tf.saved_model.load(str(saved_model)).signatures["serving_default"]
    out = signature(texts=tf.constant([b"anna \xff\xfe paris", b"\x80"]))
    assert out["word_counts"].numpy().tolist() == [3, 1]


def test_token_ids_equal_the_student(saved_model, student):
    signature = tf.saved_model.load(str(saved_model)).signatures["token_ids"]
    ids = tf.constant(np.random.default_rng(0).integers(1, 40, (3, 11)), tf.int32)
    mask = tf.constant((np.arange(11) < np.array([[11], [4], [1]])).astype(np.int32))
    out = signature(input_ids=ids, attention_mask=mask)
    expected = student({"input_ids": ids, "attention_mask": mask})["logits"].numpy()
    np.testing.assert_allclose(out["logits"], expected, atol=1e-5)
    assert out["label_ids"].numpy().tolist() == expected.argmax(-1).tolist()
    np.testing.assert_allclose(out["probabilities"].numpy().sum(-1), 1, atol=1e-5)


def test_other_vocabularies_get_the_token_id_signature_alone(tmp_path, student):
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    backend = Tokenizer(models.Unigram([("<pad>", 0.0), ("<unk>", 0.0), ("\u2581a", -1.0)], unk_id=1))
    backend.pre_tokenizer = pre_tokenizers.Metaspace()
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=backend, pad_token="<pad>", unk_token="<unk>")
    export_saved_model(tmp_path / "m", student, tokenizer, LABELS)
    assert set(tf.saved_model.load(str(tmp_path / "m")).signatures) == {"token_ids", "serving_default"}
