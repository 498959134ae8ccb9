"""Relations against NumPy, and against the attention of Hugging Face's own encoders."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf
import tf_keras
from scipy.special import softmax

from xtremedistil_tf.errors import ConfigError
from xtremedistil_tf.training.losses import encoder_layers, query_key_value, relations

SMALL = dict(vocab_size=30, hidden_size=12, num_hidden_layers=2, num_attention_heads=3, intermediate_size=16,
             max_position_embeddings=20)
FAMILIES = {"bert": SMALL, "electra": SMALL | {"embedding_size": 5}, "roberta": SMALL, "xlm-roberta": SMALL,
            "camembert": SMALL, "distilbert": dict(vocab_size=30, dim=12, n_layers=2, n_heads=3,
                                                   hidden_dim=16),
            "mpnet": SMALL}


def test_relations_are_the_formula():
    rng = np.random.default_rng(0)
    states = rng.normal(size=(3, 2, 4, 6)).astype(np.float32)
    mask = np.array([[1, 1, 1, 1], [1, 1, 0, 0]])
    found = relations(*map(tf.constant, states), heads=2, mask=tf.constant(mask)).numpy()
    assert found.shape == (2, 4, 3, 2, 4)
    for kind in range(3):
        for row, length in enumerate(mask.sum(1)):
            for head in range(2):
                x = states[kind, row, :, 3 * head: 3 * head + 3]
                expected = softmax(x @ x[:length].T / np.sqrt(3), -1)
                np.testing.assert_allclose(found[row, :, kind, head, :length], expected, atol=1e-6)
                assert (found[row, :, kind, head, length:] == 0).all()


def test_kinds_are_chosen_by_letter():
    query, key, value = tf.constant(np.random.default_rng(0).normal(size=(3, 1, 4, 6)), tf.float32)
    mask = tf.ones((1, 4))
    every = relations(query, key, value, 3, mask)
    np.testing.assert_array_equal(relations(query, key, value, 3, mask, "v"), every[:, :, 2:])


def test_heads_that_do_not_divide_the_width_are_refused():
    with pytest.raises(ConfigError, match="`relation_heads=4` .* width 6. Expected one of 1, 2, 3, 6"):
        relations(*[tf.zeros((1, 2, 6))] * 3, heads=4, mask=tf.ones((1, 2)))


@pytest.mark.parametrize("family", FAMILIES)
def test_queries_and_keys_are_those_of_the_encoder(family):
    """Queries and keys of layer i give the attention that the encoder itself returns."""
    from transformers import AutoConfig, TFAutoModel

    tf_keras.utils.set_random_seed(0)
    model = TFAutoModel.from_config(AutoConfig.for_model(family, **FAMILIES[family], initializer_range=0.5))
    model.build_in_name_scope()
    for variable in model.variables:
        if "relative_attention_bias" in variable.name:  # MPNet adds it to the scores
            variable.assign(tf.zeros_like(variable))
    ids = tf.constant([[3, 4, 5, 6, 7]])
    outputs = model(ids, output_hidden_states=True, output_attentions=True)
    layers = encoder_layers(model)
    assert len(layers) == 2
    for number, layer in enumerate(layers):
        query, key, value = (np.array(x)[0].reshape(5, 3, 4)
                             for x in query_key_value(layer, outputs.hidden_states[number]))
        scores = np.einsum("ihd,jhd->hij", query, key) / 2
        np.testing.assert_allclose(softmax(scores, -1), outputs.attentions[number][0], atol=1e-5)
        kernel, = (v for v in layer.variables if v.name.endswith(("/value/kernel:0", "/v/kernel:0",
                                                                  "/v_lin/kernel:0")))
        np.testing.assert_allclose(value.reshape(5, 12), outputs.hidden_states[number][0] @ kernel, atol=1e-5)


def test_a_model_with_a_head_has_the_layers_of_its_encoder():
    from transformers import BertConfig, TFBertForTokenClassification

    model = TFBertForTokenClassification(BertConfig(**SMALL))
    assert encoder_layers(model) == list(model.bert.encoder.layer)


def test_layers_that_share_their_weights_are_refused():
    from transformers import AlbertConfig, TFAlbertModel

    model = TFAlbertModel(AlbertConfig(vocab_size=30, embedding_size=4, hidden_size=8, num_attention_heads=2,
                                       intermediate_size=8, num_hidden_layers=2))
    with pytest.raises(ConfigError, match="TFAlbertModel cannot be read one by one"):
        encoder_layers(model)
