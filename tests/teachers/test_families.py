"""Every TensorFlow family: what an example gets does not depend on the padding beside it, and is what
transformers gives for the example alone."""

from __future__ import annotations

import functools

import numpy as np
import pytest
import tensorflow as tf
import transformers

from xtremedistil_tf.checkpoints.reading import find_word_embeddings
from xtremedistil_tf.errors import ConfigError, ModelLoadError
from xtremedistil_tf.tasks.registry import make_task
from xtremedistil_tf.teachers.loading import HeadedEncoder, load_classifier
from xtremedistil_tf.teachers.model import Teacher

BERT = dict(vocab_size=37, hidden_size=16, num_hidden_layers=2, num_attention_heads=2, intermediate_size=24,
            max_position_embeddings=40)
GPT = dict(vocab_size=37, n_embd=16, n_layer=2, n_head=2, n_positions=40, pad_token_id=0)
XLM = dict(vocab_size=37, emb_dim=16, n_layers=2, n_heads=2, max_position_embeddings=40)
T5 = dict(vocab_size=37, d_model=16, num_layers=2, num_heads=2, d_kv=8, d_ff=24)
BART = dict(vocab_size=37, d_model=16, encoder_layers=2, decoder_layers=1, encoder_attention_heads=2,
            decoder_attention_heads=2, encoder_ffn_dim=24, decoder_ffn_dim=24, max_position_embeddings=40,
            pad_token_id=1)
FAMILIES = {
    "Bert": BERT,
    "Electra": dict(BERT, embedding_size=8),
    "Roberta": dict(BERT, pad_token_id=1),
    "XLMRoberta": dict(BERT, pad_token_id=1),
    "Camembert": dict(BERT, pad_token_id=1),
    "RobertaPreLayerNorm": dict(BERT, pad_token_id=1),
    "DistilBert": dict(vocab_size=37, max_position_embeddings=40, dim=16, n_layers=2, n_heads=2,
                       hidden_dim=24),
    "Albert": dict(BERT, embedding_size=8),
    "MPNet": dict(BERT, pad_token_id=1),
    "Deberta": dict(BERT, relative_attention=True, pos_att_type=["p2c", "c2p"]),
    "DebertaV2": dict(BERT, relative_attention=True, position_buckets=8, pos_att_type=["p2c", "c2p"],
                      norm_rel_ebd="layer_norm", share_att_key=True, conv_kernel_size=3),
    "RemBert": dict(BERT, input_embedding_size=8, output_embedding_size=8),
    "RoFormer": dict(BERT, embedding_size=8),
    "ConvBert": dict(BERT, embedding_size=8),
    "MobileBert": dict(BERT, embedding_size=8, intra_bottleneck_size=8),
    "Longformer": dict(BERT, attention_window=4, pad_token_id=1),
    "LayoutLM": BERT,
    "Esm": dict(BERT, pad_token_id=1, mask_token_id=36),
    "Funnel": dict(vocab_size=37, block_sizes=[1, 1], d_model=16, n_head=2, d_head=8, d_inner=24,
                   num_decoder_layers=1),
    "XLNet": dict(vocab_size=37, d_model=16, n_layer=2, n_head=2, d_inner=24),
    "XLM": XLM,
    "Flaubert": XLM,
    "GPT2": GPT,
    "OpenAIGPT": GPT,
    "CTRL": dict(GPT, dff=24),
    "GPTJ": dict(GPT, rotary_dim=4),
    "OPT": dict(vocab_size=37, hidden_size=16, num_hidden_layers=2, num_attention_heads=2, ffn_dim=24,
                max_position_embeddings=40, word_embed_proj_dim=16),
    "XGLM": dict(vocab_size=37, d_model=16, num_layers=2, attention_heads=2, ffn_dim=24,
                 max_position_embeddings=40),
    "T5": T5,
    "MT5": T5,
    "Bart": BART,
    "MBart": BART,
    "Marian": BART,
    "Pegasus": BART,
    "Blenderbot": BART,
    "BlenderbotSmall": BART,
    "LED": dict({k: v for k, v in BART.items() if k != "max_position_embeddings"},
                max_encoder_position_embeddings=40, attention_window=4),
}
# Tracing takes most of the time: one family of each kind is enough to show that graphs take any shape.
TRACED = ("Bert", "DebertaV2", "ConvBert", "MobileBert", "Longformer", "XLNet", "XLM", "GPT2", "T5", "Bart")
# AutoGraph takes most of that, and these alone need it. Python's control flow on a tensor is an error without it, so
# the others' graphs are those that users have.
WITH_AUTOGRAPH = ("DebertaV2", "Longformer")
# Of these, one of each way to name and to order what a layer gives has two; the others show all with one.
TWO_LAYERS = ("Bert", "XLNet", "GPT2", "T5", "Bart")
LAYERS = ("num_hidden_layers", "num_layers", "n_layers", "n_layer", "encoder_layers")
# Our head answers questions as it tags, piece by piece: one of each way to reach the encoder shows that.
WITHOUT_QUESTIONS = ("OpenAIGPT", "CTRL", "OPT", "XGLM", "MT5", "MBart", "Marian", "Pegasus", "Blenderbot",
                     "BlenderbotSmall", "LED")
TASKS = {"tagging": ["O", "B-X", "I-X"], "classification": ["no", "yes"],
         "question_answering": ["start", "end"]}
LENGTHS = [8, 3]
IDS = np.array([[3, 7, 9, 36, 6, 5, 4, 8], [6, 11, 5, 33, 33, 33, 33, 33]], np.int32)
MASK = (np.arange(8) < np.array(LENGTHS)[:, None]).astype(np.int32)
TYPES = np.array([[0, 0, 1, 1, 1, 1, 1, 1], [0, 1, 1, 0, 0, 0, 0, 0]], np.int32)


def make_pretrained(family, folder):
    """A random model in `folder`, with weights far enough from zero to show any mistake."""
    fewer = {} if family in TWO_LAYERS else {name: 1 for name in LAYERS if name in FAMILIES[family]}
    config = getattr(transformers, f"{family}Config")(**FAMILIES[family] | fewer)
    kind = "EncoderModel" if family in ("T5", "MT5") else "Model"
    model = getattr(transformers, f"TF{family}{kind}")(config)
    model.build_in_name_scope()
    rng = np.random.default_rng(0)
    for weight in model.weights:
        if "position" not in weight.name or weight.trainable:
            weight.assign(rng.normal(0, 0.3, weight.shape))
    model.save_pretrained(folder, safe_serialization=True)
    return model


@pytest.fixture(scope="module")
def pretrained(tmp_path_factory):
    """family -> its model, what its encoder gives for a row alone, and its folder; made once for all kinds of task."""
    @functools.lru_cache(maxsize=1)
    def made(family):
        folder = tmp_path_factory.mktemp(family)
        model = make_pretrained(family, folder)
        encoder = model.get_encoder() if model.config.is_encoder_decoder else model
        bare = functools.cache(lambda row, types: encoder(**alone(row, types), output_hidden_states=True,
                                                          output_attentions=True))
        return model, bare, str(folder)

    return made


def alone(row, types):
    length = LENGTHS[row]
    inputs = {"input_ids": IDS[row: row + 1, :length], "attention_mask": MASK[row: row + 1, :length]}
    return inputs | ({"token_type_ids": TYPES[row: row + 1, :length]} if types else {})


def answers_of(teacher, batch, layers, maps, traced):
    """What `forward` gives; without tracing, which takes most of the time, put together from a call."""
    if traced:
        return {name: values.numpy() for name, values in teacher.forward(layers, maps)(batch).items()}
    outputs = teacher({name: tf.constant(values) for name, values in batch.items()}, attentions=bool(maps))
    answers = {"logits": outputs["logits"].numpy(), "hidden": np.stack(outputs["hidden_states"], axis=2)}
    if maps:
        ends = [outputs["attentions"][i].numpy().swapaxes(1, 2) for i in (0, -1)]
        answers["attentions"] = np.stack(ends, axis=2)
    return answers


@pytest.mark.parametrize("family, kind", [
    (family, kind) for family in FAMILIES for kind in TASKS
    if kind != "question_answering" or family not in WITHOUT_QUESTIONS])
def test_padding_does_not_count(family, kind, pretrained, monkeypatch):
    model, bare_of, folder = pretrained(family)
    task = make_task(kind, TASKS[kind])
    teacher = Teacher(load_classifier(folder, task, seed=1), task)
    types = teacher._family.token_types
    maps = (1, -1) if teacher._family.square_attention else ()
    assert teacher.num_layers == (0 if family == "Funnel" else 2 if family in TWO_LAYERS else 1)
    assert teacher.width == 16
    layers = tuple(range(teacher.num_layers + 1))
    if family not in WITH_AUTOGRAPH:
        monkeypatch.setattr(tf, "function", functools.partial(tf.function, autograph=False))
    batch = {"input_ids": IDS, "attention_mask": MASK, "token_type_ids": TYPES}
    outputs = answers_of(teacher, batch, layers, maps, traced=kind == "tagging" and family in TRACED)
    for row, length in enumerate(LENGTHS):
        whole = teacher.classifier(**alone(row, types))
        own = [whole["logits"]] if "logits" in whole else [whole["start_logits"], whole["end_logits"]]
        logits = own[0][0] if len(own) == 1 else np.stack([o[0] for o in own], -1)
        found = outputs["logits"][row, :length] if task.per_piece else outputs["logits"][row]
        np.testing.assert_allclose(found, logits, atol=1e-5, err_msg="logits")
        bare = bare_of(row, types)
        states = bare.hidden_states[:1] if family == "Funnel" else bare.hidden_states
        if (family, kind) == ("Longformer", "classification"):  # all pieces attend to the first
            states = teacher.classifier(**alone(row, types), output_hidden_states=True).hidden_states
        assert outputs["hidden"].shape == (2, 8, len(states), 16)
        for layer, state in enumerate(states):
            np.testing.assert_allclose(outputs["hidden"][row, :length, layer], state[0], atol=1e-5)
        for number, layer in enumerate([0, -1] if maps else []):
            expected = np.transpose(bare.attentions[layer][0], [1, 0, 2])
            found = outputs["attentions"][row, :length, number]
            np.testing.assert_allclose(found[..., :length], expected, atol=1e-5)
            assert not found[..., length:].any()
    table = teacher.word_embeddings()
    assert table.shape[0] == 37 and table.dtype == np.float32 and teacher.parameters >= table.size
    np.testing.assert_array_equal(table, find_word_embeddings(model).numpy())


@pytest.mark.parametrize("family, kind", [("GPT2", "question_answering"), ("T5", "tagging"), ("Bart", "tagging")])
def test_a_head_of_our_own_is_saved_with_the_encoder(family, kind, tmp_path):
    make_pretrained(family, tmp_path / "plain")
    task = make_task(kind, TASKS[kind])
    model = load_classifier(str(tmp_path / "plain"), task, seed=1)
    assert isinstance(model, HeadedEncoder)
    model.head.set_weights([np.random.default_rng(1).normal(size=w.shape) for w in model.head.weights])
    model.save_pretrained(tmp_path / "saved", safe_serialization=True)
    again = load_classifier(str(tmp_path / "saved"), task, seed=2)
    np.testing.assert_allclose(again(IDS, MASK)["logits"], model(IDS, MASK)["logits"], atol=1e-6)
    new = load_classifier(str(tmp_path / "saved"), make_task("tagging", list("abcd")), seed=2)
    assert new.head.units == 4
    auto = transformers.TFAutoModel if family != "T5" else transformers.TFT5EncoderModel
    bare = auto.from_pretrained(tmp_path / "saved")
    encoder = bare.get_encoder() if family == "Bart" else bare
    states = encoder(input_ids=IDS, attention_mask=MASK).last_hidden_state
    expected = states @ model.head.kernel + model.head.bias
    np.testing.assert_allclose(model(IDS, MASK)["logits"], expected, atol=1e-5)


@pytest.mark.parametrize("family, position", [("OPT", [7, 2]), ("T5", [0, 0])])
def test_one_answer_comes_from_the_last_piece_of_decoders_the_first_of_encoders(family, position, tmp_path):
    bare = make_pretrained(family, tmp_path)
    task = make_task("regression", ["score"])
    model = load_classifier(str(tmp_path), task, seed=1)
    states = bare(input_ids=IDS, attention_mask=MASK).last_hidden_state.numpy()
    expected = states[np.arange(2), position] @ model.head.kernel.numpy() + model.head.bias.numpy()
    np.testing.assert_allclose(model(IDS, MASK)["logits"], expected, atol=1e-5)


@pytest.mark.parametrize("layers, attentions, message", [
    ((3,), (), "`teacher_layer=3`.*2 layers"), ((-4,), (), "`teacher_layer=-4`"), ((), (0,), "layer 0"),
    ((), (3,), "layer 3.*2 layers")])
def test_layers_that_are_not_there(layers, attentions, message, tmp_path):
    make_pretrained("Bert", tmp_path)
    task = make_task("tagging", TASKS["tagging"])
    with pytest.raises(ConfigError, match=message):
        Teacher(load_classifier(str(tmp_path), task, 0), task).forward(layers, attentions)


def test_funnel_has_neither_layers_nor_attention_maps(tmp_path):
    make_pretrained("Funnel", tmp_path)
    task = make_task("tagging", TASKS["tagging"])
    teacher = Teacher(load_classifier(str(tmp_path), task, 0), task)
    with pytest.raises(ConfigError, match="fewer positions.*`strategy=D1`"):
        teacher.forward((1,))
    with pytest.raises(ConfigError, match="no attention maps"):
        teacher.forward((), (1,))


@pytest.mark.parametrize("config, message", [
    (transformers.TransfoXLConfig, "Transformer-XL.*random weights"),
    (transformers.CLIPConfig, "'clip'.*no TensorFlow class that encodes text.*`teacher_backend=torch`.*bert"),
    (transformers.ModernBertConfig, "'modernbert'.*`teacher_backend=torch`")])
def test_refused_families(config, message, tmp_path):
    config().save_pretrained(tmp_path)
    with pytest.raises(ModelLoadError, match=message):
        load_classifier(str(tmp_path), make_task("tagging", TASKS["tagging"]), seed=0)
