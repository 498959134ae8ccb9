"""Fine-tuning learns, keeps its best weights, and a finished or given teacher is not trained again."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from xtremedistil_tf.batching.ragged import pad_batch
from xtremedistil_tf.corpus import load_task
from xtremedistil_tf.errors import ModelLoadError
from xtremedistil_tf.fingerprint import examples_fingerprint
from xtremedistil_tf.tasks.tagging import text_features
from xtremedistil_tf.teachers.fine_tuning import TeacherRecipe
from xtremedistil_tf.teachers.prediction import TeacherPredictor
from xtremedistil_tf.teachers.workshop import make_teacher, tokenizer_of

RECIPE = TeacherRecipe(epochs=12, learning_rate=3e-3, batch_size=16, patience=12, seq_len=48, seed=1)


@pytest.fixture(scope="module")
def corpus(tiny_task):
    return load_task(tiny_task)


@pytest.fixture(scope="module")
def made(corpus, tiny_teacher_dir, tmp_path_factory):
    root = tmp_path_factory.mktemp("teachers")
    return root, make(root, corpus, tiny_teacher_dir, RECIPE)


def make(root, corpus, checkpoint, recipe, epochs=None):
    return make_teacher(str(checkpoint), root, tokenizer_of(str(checkpoint)), corpus.train, corpus.dev, corpus.labels,
                        examples_fingerprint(corpus.train), recipe, 5.0,
                        (lambda record: None) if epochs is None else epochs.append)


def test_it_learns(made):
    history = made[1].history
    assert history[-1]["loss"] < 0.5 * history[0]["loss"]
    assert max(record["val_f1"] for record in history) > 0.3


def test_the_saved_teacher_is_a_hugging_face_directory_of_the_best_weights(made, corpus):
    from transformers import AutoConfig

    fine_tuned = made[1]
    config = AutoConfig.from_pretrained(fine_tuned.path)
    assert [config.id2label[i] for i in range(len(corpus.labels))] == corpus.labels
    from xtremedistil_tf.teachers.fine_tuning import dev_f1

    f1 = dev_f1(fine_tuned.load(corpus.labels), tokenizer_of(str(fine_tuned.path)), corpus.dev, corpus.labels, 48)
    assert f1()["f1"] == pytest.approx(max(record["val_f1"] for record in fine_tuned.history))


def test_the_same_settings_find_it_again_and_others_do_not(made, corpus, tiny_teacher_dir):
    root, first = made
    epochs = []
    assert make(root, corpus, tiny_teacher_dir, RECIPE, epochs) == first and not epochs
    other = make(root, corpus, tiny_teacher_dir, dataclasses.replace(RECIPE, epochs=1), epochs)
    assert other.path != first.path and len(epochs) == 1 and first.path.exists()


def test_a_given_teacher_is_used_as_it_is(made, corpus, tiny_teacher_dir):
    epochs = []
    given = make(made[1].path, corpus, tiny_teacher_dir, RECIPE, epochs)
    assert given.path == made[1].path and not epochs


def test_a_given_teacher_for_other_labels_is_refused(made, corpus, tiny_teacher_dir):
    other = dataclasses.replace(corpus, labels=["O", "B-X"])
    with pytest.raises(ModelLoadError, match="its labels are O, B-LOC.*the task's are O, B-X"):
        make(made[1].path, other, tiny_teacher_dir, RECIPE)


def test_bucketed_prediction_equals_one_padded_batch(made, corpus):
    teacher, tokenizer = made[1].load(corpus.labels), tokenizer_of(str(made[1].path))
    features = text_features(tokenizer, [e.words for e in corpus.dev], 48).features
    outputs = sorted(TeacherPredictor(teacher, (1, 2), tokenizer.pad_token_id, 7).predict(features), key=lambda o: o.index)
    batch = pad_batch(features, np.arange(len(features)), tokenizer.pad_token_id)
    whole = teacher({k: batch[k] for k in ("input_ids", "attention_mask")})
    assert [o.index for o in outputs] == list(range(len(features)))
    for output in outputs:
        length = features.lengths[output.index]
        np.testing.assert_allclose(output.logits, whole.logits[output.index, :length], atol=1e-5)
        for layer, states in zip((1, 2), output.hidden):
            np.testing.assert_allclose(states, whole.hidden_states[layer][output.index, :length], atol=1e-5)
