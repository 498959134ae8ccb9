"""Encoders written as Hugging Face directories: both frameworks load them and give the student's states."""

from __future__ import annotations

import json

import numpy as np
import pytest
import tensorflow as tf
import tf_keras

from xtremedistil_tf.students.encoders import checkpoint_encoder, load_encoder, new_encoder
from xtremedistil_tf.students.model_directory import save_encoder
from xtremedistil_tf.students.registry import new_student
from xtremedistil_tf.students.transformer import TransformerShape

SIZES = dict(hidden_size=12, num_hidden_layers=2, num_attention_heads=2, intermediate_size=16,
             max_position_embeddings=40, pad_token_id=0)
OTHERS = {"roberta": SIZES | {"pad_token_id": 1}, "mpnet": SIZES,
          "distilbert": dict(dim=12, n_layers=2, n_heads=2, hidden_dim=16, max_position_embeddings=40),
          "deberta-v2": SIZES | {"relative_attention": True, "pos_att_type": ["c2p", "p2c"],
                                 "share_att_key": True, "norm_rel_ebd": "layer_norm",
                                 "position_biased_input": False}}
FAMILIES = ["bert", "electra", *OTHERS]


@pytest.fixture(scope="module", params=FAMILIES)
def written(request, tmp_path_factory, tiny_tokenizer):
    """(student, folder with its encoder) of a family."""
    vocab_size = len(tiny_tokenizer)
    if request.param in OTHERS:
        encoder = {"model_type": request.param, "vocab_size": vocab_size} | OTHERS[request.param]
    else:
        embedding_size = 6 if request.param == "electra" else 0
        encoder = new_encoder(vocab_size, 12, 2, 2, embedding_size=embedding_size, max_position_embeddings=40)
    tf_keras.utils.set_random_seed(1)
    student = new_student(TransformerShape(encoder, 3, mapped_layers=(0, 1, 2)))
    rng = np.random.default_rng(0)
    for variable in student.encoder.variables:
        variable.assign(variable + rng.normal(0, 0.3, variable.shape))
    folder = tmp_path_factory.mktemp("written") / "small-encoder"
    save_encoder(folder, student, tiny_tokenizer, {"Teacher": "a | b", "F1": 88.6})
    return student, folder


@pytest.fixture
def inputs(tiny_tokenizer):
    ids = np.random.default_rng(2).integers(5, len(tiny_tokenizer), (2, 6))
    return {"input_ids": ids, "attention_mask": np.array([[1] * 6, [1] * 4 + [0] * 2])}


def own_states(student, inputs):
    batch = {name: tf.constant(value, tf.int32) for name, value in inputs.items()}
    states = student(batch)["representations"]
    return [state.numpy()[inputs["attention_mask"].astype(bool)] for state in states]


def test_tensorflow_gives_the_same_states(written, inputs):
    from transformers import TFAutoModel

    student, folder = written
    model, info = TFAutoModel.from_pretrained(folder, output_loading_info=True)
    assert [key for key in info["missing_keys"] if "pooler" not in key] == [] == info["unexpected_keys"]
    states = model(**inputs, output_hidden_states=True).hidden_states
    for found, expected in zip(states, own_states(student, inputs)):
        np.testing.assert_allclose(found.numpy()[inputs["attention_mask"].astype(bool)], expected, atol=1e-5)


def test_pytorch_gives_the_same_states(written, inputs):
    torch = pytest.importorskip("torch", reason="needs the extra torch")
    from transformers import AutoModel

    student, folder = written
    model, info = AutoModel.from_pretrained(folder, output_loading_info=True)
    assert [key for key in info["missing_keys"] if "pooler" not in key] == [] == list(info["unexpected_keys"])
    model.eval()
    with torch.no_grad():
        states = model(**{k: torch.tensor(v) for k, v in inputs.items()},
                       output_hidden_states=True).hidden_states
    for found, expected in zip(states, own_states(student, inputs)):
        np.testing.assert_allclose(found.numpy()[inputs["attention_mask"].astype(bool)], expected, atol=1e-5)


def test_a_student_can_start_from_it(written, tiny_tokenizer, inputs):
    student, folder = written
    other = new_student(TransformerShape(checkpoint_encoder(str(folder), tiny_tokenizer), 5,
                                         mapped_layers=(0, 1, 2)))
    load_encoder(other, str(folder))
    for found, expected in zip(own_states(other, inputs), own_states(student, inputs)):
        np.testing.assert_allclose(found, expected, atol=1e-6)


def test_what_lies_in_the_folder(written, tiny_tokenizer):
    from transformers import AutoTokenizer

    student, folder = written
    config = json.loads((folder / "config.json").read_text())
    assert config["model_type"] == student.shape.config.model_type
    assert config["architectures"] == [type(student.encoder).__name__.removeprefix("TF")]
    assert AutoTokenizer.from_pretrained(folder).get_vocab() == tiny_tokenizer.get_vocab()
    card = (folder / "README.md").read_text()
    parameters = sum(int(np.prod(v.shape)) for v in student.encoder.variables if "/pooler/" not in v.name)
    assert card.startswith("---\nlibrary_name: transformers\n")
    for row in (f"| Parameters | {parameters:,} |", "| Teacher | a \\| b |", "| F1 | 88.6 |"):
        assert row in card
    assert {path.name for path in folder.iterdir()} >= {"tf_model.h5", "pytorch_model.safetensors", "tokenizer.json"}
    assert not list(folder.parent.glob(".part*"))
