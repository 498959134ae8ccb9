"""The kind of task that docs/task_kinds.md shows is one: its files, put into a package, do what the page says."""

from __future__ import annotations

import pathlib
import sys

import numpy as np
import pytest

import xtremedistil_tf as xd
from xtremedistil_tf import tasks
from xtremedistil_tf.corpus.reading import BY_CONTENT
from xtremedistil_tf.tasks import registry

PAGE = pathlib.Path(__file__).resolve().parents[2] / "docs" / "task_kinds.md"
TEXTS = ["anna met boris", "chen saw the old house in paris", "oslo"]


@pytest.fixture
def task(tmp_path, blocks_of, monkeypatch):
    folder = tmp_path / "tasks" / "share"
    folder.mkdir(parents=True)
    for block in blocks_of(PAGE):
        name = block.text.splitlines()[0].removeprefix("# tasks/share/")
        (folder / name).write_text(block.text, encoding="utf-8")
    (folder / "__init__.py").write_text("from xtremedistil_tf.tasks.share.task import ShareTask", encoding="utf-8")
    monkeypatch.setattr(tasks, "__path__", [*tasks.__path__, str(folder.parent)])
    monkeypatch.setitem(registry._CLASSES, "share", "ShareTask")
    yield registry.make_task("share", ["share"])
    registry._class_of.cache_clear()
    for name in [name for name in sys.modules if name.startswith("xtremedistil_tf.tasks.share")]:
        del sys.modules[name]


@pytest.fixture
def student(task, tiny_tokenizer):
    import tf_keras

    tf_keras.utils.set_random_seed(1)
    return xd.new_student(xd.BiLSTMShape(len(tiny_tokenizer), 4, 3, 8, 1, per_piece=False))


def test_its_lines_are_read_and_judged(task, tmp_path):
    (tmp_path / "train.tsv").write_text("anna met boris\t0.25\noslo\t1.5\n", encoding="utf-8")
    examples = task.files(False).read(tmp_path / "train.tsv", None, None, BY_CONTENT)
    assert [example.label for example in examples] == [0.25, 1.5]
    assert [task.label_problem(example.label) for example in examples] == [None, "share 1.5, expected 0 to 1"]
    assert registry.kind_of_outputs(["shares"]) == "share" and registry.kind_of_outputs(["scores"]) == "regression"
    assert task.scores(examples, [0.1, 0.2])["spearman"] == pytest.approx(1.0)


def test_a_student_learns_it(task, student, tiny_tokenizer):
    import tensorflow as tf
    import tf_keras

    examples = [xd.TextExample(text, None, share) for text, share in zip(TEXTS, (0.0, 0.5, 1.0))]
    features = task.training_features(tiny_tokenizer, examples, 24).features
    batch = {name: tf.constant(values) for name, values in _padded(features).items()}
    stage = xd.LabelStage(student, task)
    stage.compile(optimizer=tf_keras.optimizers.Adam(0.03))
    losses = stage.fit(tf.data.Dataset.from_tensors(batch).repeat(40), verbose=0, epochs=2).history["loss"]
    assert losses[1] < losses[0]


def _padded(features):
    from xtremedistil_tf.training.batches import pad_batch

    return pad_batch(features, np.arange(len(TEXTS)), 0)


def test_the_exported_graph_gives_the_same(task, student, tiny_tokenizer, tmp_path):
    import tensorflow as tf

    from xtremedistil_tf.inference.predictor import Predictor
    from xtremedistil_tf.inference.runtimes import SavedModelRuntime

    examples = [xd.TextExample(text) for text in TEXTS]
    expected = xd.StudentPredictor(student, tiny_tokenizer, task).predict(examples)
    assert len(set(expected)) == len(TEXTS) and all(0 < share < 1 for share in expected)
    xd.export_saved_model(tmp_path / "model", student, tiny_tokenizer, task)
    runtime = SavedModelRuntime(tmp_path / "model")
    found = Predictor(runtime.forward, tiny_tokenizer, task, None).predict(examples)
    assert found == pytest.approx(expected, abs=1e-6) and all(map(task.same, found, expected))
    raw = tf.saved_model.load(str(tmp_path / "model")).signatures["raw_strings"](texts=tf.constant(TEXTS))
    answers = task.raw_text.read({name: value.numpy() for name, value in raw.items()})
    assert [task.raw_text.prediction(answer) for answer in answers] == pytest.approx(expected, abs=1e-6)
    assert set(raw) == set(task.raw_text.outputs)
