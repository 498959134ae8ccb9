"""Fine-tuning learns, keeps its best weights, resumes; a teacher that answers is not trained again."""

from __future__ import annotations

import dataclasses
import importlib.util
import json
import logging
import types

import numpy as np
import pytest
from transformers import AutoConfig

from xtremedistil_tf.checkpoints.tokenizers import load_tokenizer
from xtremedistil_tf.errors import ConfigError, ModelLoadError
from xtremedistil_tf.fingerprint import examples_fingerprint
from xtremedistil_tf.tasks.opening import load_task
from xtremedistil_tf.tasks.registry import make_task
from xtremedistil_tf.tasks.tagging import TaggingTask
from xtremedistil_tf.teachers import fine_tuned
from xtremedistil_tf.teachers.fine_tuned import FineTunedTeachers, make_teacher, make_teachers
from xtremedistil_tf.teachers.fine_tuning import TeacherRecipe, dev_score
from xtremedistil_tf.teachers.protocol import TeacherPredictor
from xtremedistil_tf.training.batches import pad_batch

RECIPE = TeacherRecipe(epochs=12, learning_rate=3e-3, batch_size=16, patience=12, seq_len=48, seed=1)


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    """The threads of torch and TensorFlow wait for each other where there are few cores."""
    if importlib.util.find_spec("torch"):
        import torch

        torch.set_num_threads(1)


@pytest.fixture(scope="module")
def corpus(tiny_task):
    return load_task(tiny_task)


@pytest.fixture(scope="module")
def task(corpus):
    return TaggingTask(corpus.labels)


@pytest.fixture(scope="module")
def make(corpus, task, flat_teacher_dir):
    """Makes a teacher below a folder."""
    def make(root, recipe=RECIPE, epochs=None, task=task, checkpoint=flat_teacher_dir, minutes=5.0,
             **options):
        return make_teacher(str(checkpoint), root, load_tokenizer(str(checkpoint)), task, corpus.train,
                            corpus.dev, examples_fingerprint(corpus.train), recipe, minutes,
                            (lambda record: None) if epochs is None else epochs.append, **options)

    return make


@pytest.fixture(scope="module", params=["tf", "torch"])
def made(request, make, tmp_path_factory):
    if request.param == "torch":
        pytest.importorskip("torch", reason="needs the extra torch")
    root = tmp_path_factory.mktemp("teachers")
    return root, make(root, backend=request.param), request.param


def test_it_learns(made):
    history = made[1].history
    assert history[-1]["loss"] < 0.5 * history[0]["loss"]
    assert max(record["val_f1"] for record in history) > 0.3
    rates = [record["learning_rate"] for record in history]
    assert rates[1:] == sorted(rates[1:], reverse=True) and max(rates) <= 3e-3 and rates[-1] < 1e-4


def test_the_saved_teacher_is_a_hugging_face_directory_of_the_best_weights(made, corpus, task):
    fine_tuned = made[1]
    config = AutoConfig.from_pretrained(fine_tuned.path)
    assert [config.id2label[i] for i in range(len(corpus.labels))] == corpus.labels
    score = dev_score(fine_tuned.load(task), load_tokenizer(str(fine_tuned.path)), corpus.dev, 48)
    assert score()["f1"] == pytest.approx(max(record["val_f1"] for record in fine_tuned.history))
    assert (fine_tuned.num_layers, fine_tuned.width) == (1, 32)
    assert not list(fine_tuned.path.parent.glob("*-progress*"))


def test_the_same_settings_find_it_again_and_others_do_not(made, make):
    root, first, backend = made
    epochs = []
    assert make(root, epochs=epochs, backend=backend) == first and not epochs
    other = make(root, dataclasses.replace(RECIPE, epochs=1), epochs, backend=backend)
    assert other.path != first.path and len(epochs) == 1 and first.path.exists()


def test_settings_that_differ_are_named_before_anything_is_trained(made, make, monkeypatch, caplog, tmp_path):
    """Of two that are there, of the one that is nearer; with how to use it."""
    _, teacher, backend = made
    record, known = json.loads((teacher.path / "fine-tuning.json").read_text()), tmp_path / "known"
    for folder in (known, tmp_path / "other"):
        folder.mkdir()
    (known / "fine-tuning.json").write_text(json.dumps(record))
    record["identity"] |= {"data": "x", "kind": "regression"}
    (tmp_path / "other" / "fine-tuning.json").write_text(json.dumps(record))

    def trains(*args):
        assert f"the teacher {known} was fine-tuned with other settings (epochs 12 -> 3, seq_len 48 -> 32)" \
            in caplog.text and f"or its folder: `teacher_model_dir={known}`" in caplog.text
        raise KeyboardInterrupt

    monkeypatch.setattr(fine_tuned, "backend_named", lambda name: types.SimpleNamespace(fine_tune=trains))
    with pytest.raises(KeyboardInterrupt):
        make(tmp_path, dataclasses.replace(RECIPE, epochs=3, seq_len=32), backend=backend)


def test_torch_trains_in_bfloat16(make, tmp_path):
    pytest.importorskip("torch", reason="needs the extra torch")
    recipe = dataclasses.replace(RECIPE, epochs=2, policy="mixed_bfloat16")
    history = make(tmp_path, recipe, backend="torch").history
    assert history[1]["loss"] < history[0]["loss"]


def test_torch_refuses_float16(make, tmp_path):
    pytest.importorskip("torch", reason="needs the extra torch")
    with pytest.raises(ConfigError, match="mixed_float16"):
        make(tmp_path, dataclasses.replace(RECIPE, policy="mixed_float16"), backend="torch")


def test_torch_resumes_to_the_same_weights(make, task, tmp_path):
    pytest.importorskip("torch", reason="needs the extra torch")
    recipe = dataclasses.replace(RECIPE, epochs=4)
    whole = make(tmp_path / "whole", recipe, backend="torch")

    class Killed(Exception):
        pass

    def kill(record):
        if record["epoch"] == 3:
            raise Killed

    epochs = []
    interrupted = type("Kill", (list,), {"append": staticmethod(kill)})()
    with pytest.raises(Killed):
        make(tmp_path / "killed", recipe, interrupted, minutes=0.0, backend="torch")
    assert list((tmp_path / "killed").glob("*-progress.pt"))
    resumed = make(tmp_path / "killed", recipe, epochs, minutes=0.0, backend="torch")
    assert [record["epoch"] for record in epochs] == [3, 4]
    assert [record["loss"] for record in resumed.history] == [record["loss"] for record in whole.history]
    assert resumed.fingerprint == whole.fingerprint
    assert not list((tmp_path / "killed").glob("*-progress*"))


def test_a_teacher_for_the_task_is_used_as_it_is_wherever_it_is_given(made, make, caplog, tmp_path):
    path, backend = made[1].path, made[2]
    epochs = []
    with caplog.at_level(logging.INFO):
        assert make(path, epochs=epochs, backend=backend).path == path
        assert make(tmp_path / "root", epochs=epochs, checkpoint=path, backend=backend) == made[1]
    assert not epochs and not (tmp_path / "root").exists()
    assert "already fine-tuned for the task; used as it is; `refine_teacher`" in caplog.text


def test_refining(made, make, tmp_path):
    path, backend = made[1].path, made[2]
    epochs, recipe = [], dataclasses.replace(RECIPE, epochs=1, learning_rate=1e-6)
    refined = make(tmp_path, recipe, epochs, checkpoint=path, backend=backend, refine=True)
    assert len(epochs) == 1 and refined.path.parent == tmp_path
    assert epochs[0]["val_f1"] == pytest.approx(max(record["val_f1"] for record in made[1].history), abs=0.1)
    if backend == "tf":
        return
    given = make(path, recipe, backend=backend, refine=True)
    assert given.path.parent == path.with_name(f"{path.name}-refined")


def test_labels_in_another_order_are_put_into_the_tasks(made, make, corpus, task):
    path, backend = made[1].path, made[2]
    turned = TaggingTask(task.labels[::-1])
    assert make(path, task=turned, backend=backend).path == path
    tokenizer = load_tokenizer(str(path))
    features = task.prediction_features(tokenizer, corpus.dev, 48)
    first, second = (TeacherPredictor(made[1].load(t), (), tokenizer.pad_token_id, 16)
                     for t in (task, turned))
    own, other = first.logits(features.features), second.logits(features.features)
    assert task.decode(features, own) == turned.decode(features, other)
    np.testing.assert_allclose(own[0], other[0][:, ::-1], atol=1e-5)


@pytest.mark.parametrize("other, message", [
    (TaggingTask(["O", "B-X"]), "its labels are O, B-LOC.*the task's are O, B-X"),
    (make_task("regression", ["score"]), "ForTokenClassification; expected .* SequenceClassification")])
def test_a_given_teacher_for_another_task_is_refused(made, make, other, message):
    with pytest.raises(ModelLoadError, match=message):
        make(made[1].path, task=other, backend=made[2])


def test_onnx_cannot_fine_tune(make, tmp_path):
    pytest.importorskip("onnxruntime", reason="needs the extra onnx")
    with pytest.raises(ConfigError, match="`teacher_backend=onnx` cannot fine-tune"):
        make(tmp_path, backend="onnx")


def test_several_checkpoints_and_several_given_teachers(made, corpus, task, flat_teacher_dir, tmp_path):
    backend, tokenizer = made[2], load_tokenizer(str(flat_teacher_dir))
    recipe, epochs = dataclasses.replace(RECIPE, epochs=1), []

    def several(checkpoints, roots):
        return make_teachers([str(c) for c in checkpoints], roots, tokenizer, task, corpus.train, corpus.dev,
                             "data", recipe, 5.0, epochs.append, backend)

    teachers = several([flat_teacher_dir, made[1].path], [tmp_path / "root"])
    assert len(epochs) == 1 and teachers.members[1] == made[1] and teachers.path == teachers.paths[0]
    assert [record["teacher"] for record in teachers.history] == [1] + [2] * len(made[1].history)
    assert teachers.seconds == sum(member.seconds for member in teachers.members)
    given = several([], teachers.paths)
    assert given == teachers and len(epochs) == 1
    assert FineTunedTeachers(given.members[::-1]).fingerprint != given.fingerprint
    one = several([], teachers.paths[1:])
    assert (one.fingerprint, one.history) == (made[1].fingerprint, made[1].history)
    features = task.prediction_features(tokenizer, corpus.dev, 48).features
    logits = [TeacherPredictor(t.load(task), (), tokenizer.pad_token_id, 16).logits(features)[0]
              for t in (given, *given.members)]
    np.testing.assert_allclose(logits[0], (logits[1] + logits[2]) / 2, atol=1e-5)
    with pytest.raises(ModelLoadError, match="nothing has no config.json. With several directories"):
        several([], [teachers.path, tmp_path / "nothing"])


def test_bucketed_prediction_equals_one_padded_batch(made, corpus, task):
    teacher, tokenizer = made[1].load(task), load_tokenizer(str(made[1].path))
    features = task.text_features(tokenizer, corpus.dev, 48).features
    predictor = TeacherPredictor(teacher, (0, 1), tokenizer.pad_token_id, 7, attentions=(1,), seq_len=48)
    outputs = sorted(predictor.predict(features), key=lambda o: o.index)
    batch = pad_batch(features, np.arange(len(features)), tokenizer.pad_token_id)
    whole = teacher.forward((0, 1), (1,))(batch)
    assert [o.index for o in outputs] == list(range(len(features)))
    for output in outputs:
        length = features.lengths[output.index]
        for name in ("logits", "hidden"):
            np.testing.assert_allclose(getattr(output, name), whole[name][output.index, :length], atol=1e-5)
        assert output.attentions.shape == (length, 1, 2, 48)
        np.testing.assert_allclose(output.attentions.sum(-1), 1, atol=1e-5)
        np.testing.assert_allclose(output.attentions[..., :length],
                                   whole["attentions"][output.index, :length, ..., :length], atol=1e-5)


@pytest.mark.parametrize("made", ["tf"], indirect=True)  # torch traces nothing
def test_one_trace_for_all_shapes(made, corpus, task, monkeypatch):
    teacher, tokenizer = made[1].load(task), load_tokenizer(str(made[1].path))
    calls, call = [], teacher.call
    monkeypatch.setattr(teacher, "call", lambda *args, **options: calls.append(1) or call(*args, **options))
    features = task.text_features(tokenizer, corpus.dev, 48).features
    assert len(set(features.lengths)) > 3
    TeacherPredictor(teacher, (1,), tokenizer.pad_token_id, 7).logits(features)
    assert len(calls) == 1
