"""Students from checkpoints of several families, against Hugging Face's own loading."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest
import tensorflow as tf
import tf_keras

from xtremedistil_tf.errors import ConfigError, ModelLoadError
from xtremedistil_tf.runs.starting_weights import checkpoint_word_embeddings
from xtremedistil_tf.students.encoders import checkpoint_encoder, kept_layers, load_encoder
from xtremedistil_tf.students.registry import new_student
from xtremedistil_tf.students.transformer import TransformerShape

SIZES = dict(hidden_size=12, num_hidden_layers=3, num_attention_heads=2, intermediate_size=16,
             max_position_embeddings=40)
FAMILIES = {
    "bert": SIZES, "electra": SIZES | {"embedding_size": 6}, "roberta": SIZES, "xlm-roberta": SIZES,
    "distilbert": dict(dim=12, n_layers=3, n_heads=2, hidden_dim=16, max_position_embeddings=40),
    "mpnet": SIZES,
    "deberta": SIZES | {"relative_attention": True, "pos_att_type": ["c2p", "p2c"]},
    "deberta-v2": SIZES | {"relative_attention": True, "pos_att_type": ["c2p", "p2c"]}}


@pytest.fixture(scope="module")
def checkpoints(tmp_path_factory, tiny_tokenizer):
    """Family -> Hugging Face directory with far from initial weights, made once."""
    made = {}

    def checkpoint(family: str):
        from transformers import AutoConfig, TFAutoModel

        if family not in made:
            config = AutoConfig.for_model(family, vocab_size=len(tiny_tokenizer), **FAMILIES[family])
            tf_keras.utils.set_random_seed(1)
            model = TFAutoModel.from_config(config)
            model(model.dummy_inputs)
            rng = np.random.default_rng(0)
            for variable in model.variables:
                variable.assign(variable + rng.normal(0, 0.3, variable.shape))
            made[family] = tmp_path_factory.mktemp(family)
            model.save_pretrained(made[family], safe_serialization=True)
            tiny_tokenizer.save_pretrained(made[family])
        return made[family]

    return checkpoint


def student_of(checkpoint, tokenizer, layers="spaced", **options):
    tf_keras.utils.set_random_seed(7)
    shape = TransformerShape(checkpoint_encoder(str(checkpoint), tokenizer, **options), 3,
                             mapped_layers=(0, 1, 2))
    student = new_student(shape)
    load_encoder(student, str(checkpoint), layers)
    return student


@pytest.fixture
def inputs(tiny_tokenizer):
    ids = np.random.default_rng(2).integers(5, len(tiny_tokenizer), (2, 6))
    return {"input_ids": tf.constant(ids, tf.int32),
            "attention_mask": tf.constant([[1] * 6, [1] * 4 + [0] * 2])}


@pytest.mark.parametrize("family", FAMILIES)
def test_a_rate_of_dropout_that_is_given_holds_inside_the_encoder(family, checkpoints, tiny_tokenizer, inputs):
    def differs(**options):
        encoder = student_of(checkpoints(family), tiny_tokenizer, **options).encoder
        first, second = (encoder(**inputs, training=training)[0].numpy() for training in (True, False))
        return not np.allclose(first, second, atol=1e-6)

    assert differs() and differs(dropout=0.3) and not differs(dropout=0.0)


@pytest.mark.parametrize("family", FAMILIES)
def test_states_are_those_of_the_checkpoint(family, checkpoints, tiny_tokenizer, inputs):
    from transformers import TFAutoModel

    expected = TFAutoModel.from_pretrained(checkpoints(family))(**inputs,
                                                                output_hidden_states=True).hidden_states
    student = student_of(checkpoints(family), tiny_tokenizer)
    real = inputs["attention_mask"].numpy().astype(bool)
    for found, state in zip(student(inputs)["representations"], expected):
        np.testing.assert_allclose(found.numpy()[real], state.numpy()[real], atol=1e-5)


@pytest.mark.parametrize("family", ["mpnet", "deberta-v2"])
def test_what_all_layers_share_trains_with_the_embeddings(family, checkpoints, tiny_tokenizer):
    student = student_of(checkpoints(family), tiny_tokenizer)
    shared = [v.name for v in student.variables if "relative_attention_bias" in v.name
              or "rel_embeddings" in v.name]
    assert shared
    for groups, trains in ((student.groups[:-1], False), (student.groups[-1:], True)):
        student.unfreeze(groups)
        assert {v.name in [t.name for t in student.trainable_variables] for v in student.variables
                if v.name in shared} == {trains}


@pytest.mark.parametrize("count, total, kept", [(6, 12, [1, 3, 5, 7, 9, 11]), (3, 12, [3, 7, 11]),
                                                (2, 3, [0, 2]), (3, 3, [0, 1, 2]), (1, 6, [5])])
def test_kept_layers_are_evenly_spaced_up_to_the_top(count, total, kept):
    assert kept_layers(count, total) == kept


def test_the_lowest_layers():
    assert kept_layers(3, 12, "lower") == [0, 1, 2]


@pytest.mark.parametrize("family, layers, top", [("bert", "spaced", "layer_3"), ("bert", "lower", "layer_2"),
                                                 ("distilbert", "spaced", "layer_3")])
def test_a_shallower_student_has_the_kept_layers(family, layers, top, checkpoints, tiny_tokenizer):
    whole = student_of(checkpoints(family), tiny_tokenizer)
    shallow = student_of(checkpoints(family), tiny_tokenizer, layers, num_hidden_layers=2)
    assert shallow.groups == ("head", "layer_2", "layer_1", "embedding")
    for name, origin in (("layer_1", "layer_1"), ("layer_2", top), ("embedding", "embedding")):
        for a, b in zip(shallow.variables_of[name], whole.variables_of[origin]):
            np.testing.assert_array_equal(a, b)


def test_the_table_of_a_checkpoint(checkpoints, tiny_tokenizer):
    table = checkpoint_word_embeddings(str(checkpoints("electra")))
    assert table.shape == (len(tiny_tokenizer), 6)
    np.testing.assert_array_equal(table, student_of(checkpoints("electra"), tiny_tokenizer).word_embeddings)


def test_new_word_embeddings_leave_all_else(checkpoints, tiny_tokenizer, tmp_path):
    """A checkpoint of another vocabulary serves where the table is made anew."""
    from transformers import BertTokenizerFast

    (tmp_path / "vocab.txt").write_text("\n".join(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "new"]))
    other = BertTokenizerFast(str(tmp_path / "vocab.txt"))
    with pytest.raises(ConfigError, match=r"subwords have another index .* such as "
                                          r"'new'.*`compress_word_embedding`"):
        checkpoint_encoder(str(checkpoints("bert")), other)
    student = student_of(checkpoints("bert"), other, new_word_embeddings=True)
    assert student.word_embeddings.shape == (6, 12)
    same = student_of(checkpoints("bert"), tiny_tokenizer)
    for ours, theirs in zip(student.encoder.variables, same.encoder.variables):
        if ours is not student.word_embeddings:
            np.testing.assert_array_equal(ours, theirs)


def test_a_vocabulary_that_is_too_small_is_refused(checkpoints, tiny_tokenizer, tmp_path):
    shutil.copytree(checkpoints("bert"), tmp_path, dirs_exist_ok=True)
    config = json.loads((tmp_path / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps(config | {"vocab_size": 10}))
    with pytest.raises(ConfigError, match=f"10 word embeddings, the teacher's tokenizer "
                                          f"{len(tiny_tokenizer)} subwords"):
        checkpoint_encoder(str(tmp_path), tiny_tokenizer)


def test_more_layers_than_there_are_are_refused(checkpoints, tiny_tokenizer):
    with pytest.raises(ConfigError, match="`num_hidden_layers=4`: .* has 3 layers"):
        checkpoint_encoder(str(checkpoints("bert")), tiny_tokenizer, num_hidden_layers=4)


def test_a_checkpoint_that_lacks_weights_is_refused(checkpoints, tiny_tokenizer, tmp_path):
    from safetensors import safe_open
    from safetensors.numpy import save_file

    shutil.copytree(checkpoints("bert"), tmp_path, dirs_exist_ok=True)
    with safe_open(tmp_path / "model.safetensors", framework="np") as file:
        names = file.keys()  # the archive itself cannot be iterated
        kept = {key: file.get_tensor(key) for key in names if "layer_._1/attention/self/key" not in key}
    save_file(kept, tmp_path / "model.safetensors", metadata={"format": "tf"})
    with pytest.raises(ModelLoadError, match="2 weights of the encoder are missing .*attention/self/key"):
        student_of(tmp_path, tiny_tokenizer)


def test_a_checkpoint_of_another_architecture_is_refused(checkpoints, tiny_tokenizer, tmp_path):
    shutil.copytree(checkpoints("bert"), tmp_path, dirs_exist_ok=True)
    config = json.loads((tmp_path / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps(config | {"hidden_size": 8}))
    with pytest.raises(ModelLoadError):
        student_of(tmp_path, tiny_tokenizer)


def test_a_checkpoint_that_is_none_is_named(tiny_tokenizer, tmp_path):
    with pytest.raises(ModelLoadError, match="Cannot load the config"):
        checkpoint_encoder(str(tmp_path), tiny_tokenizer)
