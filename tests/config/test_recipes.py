"""What a recipe fills in, and what it leaves alone."""

from __future__ import annotations

import dataclasses

import pytest

from xtremedistil_tf.config import DistillationConfig
from xtremedistil_tf.config.arguments import NEVER, with_epochs, with_recipe
from xtremedistil_tf.errors import ConfigError


def filled(kind="bilstm", **given):
    return with_recipe(DistillationConfig(**given), kind)


def test_the_papers_settings_are_one_flag_away():
    c = filled(recipe="paper")
    assert (c.strategy, c.learning_rate, c.embedding_init, c.embedding_scale) == ("D4.2", 1e-3, "svd", "none")
    assert (c.distil_epochs, c.ft_epochs, c.patience, c.warmup_ratio, c.clip_norm) == (500, 100, 5, 0, 0)
    assert c.label_learning_rate == c.learning_rate and (c.embedding_rate, c.projection_size) == (1, -1)
    assert filled("transformer", recipe="paper").learning_rate == 1e-4


def test_the_default_is_one_phase_from_the_teachers_states():
    c = filled()
    assert (c.strategy, c.embedding_init, c.embedding_scale, c.patience) == (
        "logits", "teacher_states", "unit", NEVER)
    assert c.learning_rate > 1e-3 and c.label_learning_rate == pytest.approx(c.learning_rate / 10)
    assert filled("transformer").strategy == "D4.2"


def test_a_transformer_that_is_made_of_the_teacher_learns_its_logits_in_one_phase():
    c = filled("transformer", pt_student_checkpoint="teacher")
    assert (c.strategy, c.student_layers) == ("logits", "lower")
    assert c.learning_rate > filled("transformer").learning_rate
    paper = filled("transformer", pt_student_checkpoint="teacher", recipe="paper")
    assert (paper.strategy, paper.student_layers) == ("D4.2", "spaced")


@pytest.mark.parametrize("recipe", ["default", "paper"])
def test_what_is_given_stays_and_filling_twice_changes_nothing(recipe):
    given = dict(strategy="D1", learning_rate=0.5, label_learning_rate=0.25, embedding_init="pca",
                 embedding_scale="one", warmup_ratio=0.0, clip_norm=0.0, embedding_rate=0.5, distil_epochs=7,
                 ft_epochs=8, patience=9)
    c = filled(recipe=recipe, **given)
    assert {name: getattr(c, name) for name in given} == given
    assert with_recipe(filled(recipe=recipe), "bilstm") == filled(recipe=recipe)


def test_dropout_is_small_where_much_text_is_learned_and_large_where_labels_are():
    assert (filled().dropout, filled().label_dropout) == (0.05, 0.2)
    assert (filled(dropout=0.0).dropout, filled(dropout=0.0).label_dropout) == (0.0, 0.0)
    assert (filled(dropout=0.3).label_dropout, filled(label_dropout=0.1).label_dropout) == (0.3, 0.1)
    assert (filled(recipe="paper").dropout, filled(transfer_labels="a.jsonl").dropout) == (0.2, 0.2)


def test_embeddings_of_rate_0_are_frozen():
    assert filled(embedding_rate=0.0).freeze_word_embedding
    assert not filled().freeze_word_embedding


@pytest.mark.parametrize("sentences, epochs", [(30_000, 26), (110_000, 7), (1_000_000, 4), (100, 100)])
def test_epochs_follow_from_the_size_of_the_transfer_set(sentences, epochs):
    assert with_epochs(filled(), sentences).distil_epochs == epochs
    assert with_epochs(dataclasses.replace(filled(), distil_epochs=3), sentences).distil_epochs == 3


@pytest.mark.parametrize("name", ["warmup_ratio", "clip_norm", "embedding_rate", "dropout", "label_dropout",
                                  "transformer_dropout"])
def test_a_value_between_minus_1_and_0_means_nothing(name):
    with pytest.raises(ConfigError, match=f"`{name}=-0.5`: expected 0 or more, or -1"):
        DistillationConfig(task="t", model_dir="m", transfer_file="f", **{name: -0.5}).validate()
