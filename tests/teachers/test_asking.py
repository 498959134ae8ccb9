"""Asking a teacher: no answer is asked for twice, whatever happens in between."""

import json
import threading

import numpy as np
import pytest

from xtremedistil_tf.errors import ConfigError, TeacherError
from xtremedistil_tf.teachers.answering import answering, is_answering
from xtremedistil_tf.teachers.asking import ATTEMPTS, Asking

TEXTS = [f"text {number}" for number in range(10)]


class Teacher:
    """Answers with the text's last character, and counts what it is asked."""

    def __init__(self, fails=lambda text: False, stop_after=10**9):
        self.asked, self.calls, self._fails, self._stop_after = [], 0, fails, stop_after
        self._lock = threading.Lock()

    def __call__(self, texts):
        with self._lock:
            self.calls += 1
            if self.calls > self._stop_after:
                raise KeyboardInterrupt
            self.asked += texts
        if any(self._fails(text) for text in texts):
            raise OSError("overloaded")
        return [{"label": text[-1]} for text in texts]


def ask(teacher, tmp_path, texts=TEXTS, **settings):
    asking = Asking(answering(teacher), "teacher", tmp_path / "answers.jsonl", wait=0.0, **{"batch_size": 3} | settings)
    return asking.ask(lambda: iter(texts), len(texts)), asking


def labels(path):
    return [(row["text"], row["label"]) for row in map(json.loads, path.read_text().splitlines())]


EXPECTED = [(text, text[-1]) for text in TEXTS]


@pytest.mark.parametrize("workers", [1, 4])
def test_answers_are_in_the_order_of_the_texts(tmp_path, workers):
    teacher = Teacher()
    path, _ = ask(teacher, tmp_path, TEXTS + TEXTS[:2], workers=workers)
    assert labels(path) == EXPECTED and sorted(teacher.asked) == TEXTS
    ask(teacher, tmp_path)
    assert len(teacher.asked) == len(TEXTS)


def test_an_interrupted_run_asks_for_the_rest_only(tmp_path):
    first, second = Teacher(stop_after=2), Teacher()
    with pytest.raises(KeyboardInterrupt):
        ask(first, tmp_path)
    part = tmp_path / "answers.jsonl.part"
    before = part.read_bytes()
    assert before.count(b"\n") in (3, 6)
    part.write_bytes(before + b'{"text": "te')  # a line that was cut by a kill
    path, _ = ask(second, tmp_path)
    assert labels(path) == EXPECTED and not part.exists()
    assert len(second.asked) == len(TEXTS) - before.count(b"\n")


def test_a_failing_text_costs_the_others_nothing(tmp_path, caplog):
    path, asking = ask(Teacher(fails=lambda text: text == "text 4"), tmp_path)
    assert labels(path) == [row for row in EXPECTED if row[0] != "text 4"]
    assert asking.failed == 1 and "teacher failed on 'text 4': OSError: overloaded" in caplog.text


def test_a_call_that_fails_is_repeated(tmp_path):
    times = []

    def fails(text):
        times.append(text)
        return len(times) < ATTEMPTS

    path, asking = ask(Teacher(fails), tmp_path, batch_size=1)
    assert labels(path) == EXPECTED and not asking.failed


def test_a_teacher_that_always_fails_ends_the_run(tmp_path):
    with pytest.raises(TeacherError, match="3 batches in a row.*OSError: overloaded"):
        ask(Teacher(fails=lambda text: text >= "text 3"), tmp_path)
    assert (tmp_path / "answers.jsonl.part").read_bytes().count(b"\n") == 3


def test_another_number_of_answers_is_refused(tmp_path):
    with pytest.raises(ConfigError, match="gave 1 answers to 3 texts"):
        ask(lambda texts: ["a"], tmp_path)


@pytest.mark.parametrize("answer, record", [
    ("good", {"label": "good"}), (1.5, {"score": 1.5}), (np.float32(1.5), {"score": 1.5}),
    ({"good": 0.9, "bad": 0.1}, {"scores": {"good": 0.9, "bad": 0.1}}),
    ({"label": "good", "score": 0.9}, {"label": "good", "score": 0.9}),
    ([{"start": 0, "end": 1, "label": "X"}], {"entities": [{"start": 0, "end": 1, "label": "X"}]}),
    ([], {"entities": []}), (["a", "b"], {"labels": ["a", "b"]})])
def test_what_functions_answer(answer, record):
    assert answering(lambda texts: [answer])(["x"]) == [record]


def test_scikit_learns_classifiers_are_teachers():
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.naive_bayes import MultinomialNB
    from sklearn.pipeline import make_pipeline

    model = make_pipeline(TfidfVectorizer(), MultinomialNB()).fit(["fine film", "bad film"], ["good", "poor"])
    (found,) = answering(model)(["a fine film"])
    expected = model.predict_proba(["a fine film"])[0]
    assert found["scores"] == pytest.approx(dict(zip(["good", "poor"], expected)))


def test_keras_models_need_names_of_their_outputs():
    import tf_keras

    inputs = tf_keras.Input([], dtype="string")
    import tensorflow as tf

    lengths = tf_keras.layers.Lambda(lambda texts: tf.cast(tf.strings.length(texts), tf.float32)[:, None] / 10)(inputs)
    model = tf_keras.Model(inputs, tf_keras.layers.Dense(1, "sigmoid", kernel_initializer="ones")(lengths))
    with pytest.raises(ConfigError, match="gives probabilities without names"):
        answering(model)
    (found,) = answering(model, ["short", "long"])(["ten chars!"])
    assert found["scores"]["long"] == pytest.approx(1 / (1 + np.exp(-1)), abs=1e-6)


def test_names_of_checkpoints_are_no_teachers_to_ask():
    assert not any(map(is_answering, (None, "bert-base-cased", ["a", "b"])))
    assert is_answering(lambda texts: texts)


def test_pipelines_of_spacy_and_transformers_are_asked_as_they_are():
    class Doc:
        ents = ()

        def to_json(self):
            return {"text": "x", "ents": [{"start": 0, "end": 1, "label": "X"}]}

    class Nlp:
        vocab = None

        def __call__(self, text):
            raise AssertionError("one text at a time is slow")

        def pipe(self, texts):
            return (Doc() for _ in texts)

    assert answering(Nlp())(["x"]) == [{"text": "x", "ents": [{"start": 0, "end": 1, "label": "X"}]}]
