"""Writing and reading the self-contained model directory, and its encoder for Hugging Face."""

from __future__ import annotations

import copy
import dataclasses
import importlib.metadata
import os
import pathlib
import platform
import tempfile
from collections.abc import Mapping
from typing import Any

import h5py
import numpy as np

from xtremedistil_tf import markdown
from xtremedistil_tf.atomic import atomic_directory, atomic_file, read_json, write_json
from xtremedistil_tf.checkpoints.hdf5 import check_hdf5
from xtremedistil_tf.checkpoints.tokenizers import load_tokenizer
from xtremedistil_tf.errors import ModelLoadError, XtremeDistilError, reason_of
from xtremedistil_tf.students.encoders import is_pooler
from xtremedistil_tf.students.facts import check_sizes
from xtremedistil_tf.students.metadata import (
    CONFIG_FILE,
    FORMAT,
    WEIGHTS_FILE,
    is_original,
    read_metadata,
    saved_task,
    with_decoding,
)
from xtremedistil_tf.students.original_directory import load_original
from xtremedistil_tf.students.registry import new_student, shape_from_json
from xtremedistil_tf.tasks.task import Task

_CARD = """---
library_name: transformers
pipeline_tag: feature-extraction
tags:
- knowledge-distillation
- xtremedistil
---

# {name}

A small encoder distilled with XtremeDistil-TF. It is a plain `{model_type}` model of transformers, without a
task's head and without a pooler: take the first subword's state for the whole input.

```python
from transformers import AutoModel, AutoTokenizer

tokenizer = AutoTokenizer.from_pretrained("path/to/{name}")
model = AutoModel.from_pretrained("path/to/{name}")
states = model(**tokenizer("Some text.", return_tensors="pt")).last_hidden_state
```

`TFAutoModel` loads it as well. transformers finds `pytorch_model.safetensors` by `config.json`, from version 4.56 on. For
programs that look for `model.safetensors`, rename it and delete `transformers_weights` from `config.json`.

| | |
|---|---|
{rows}
"""
#: What `AutoModel` reads in the folder of an encoder: transformers from 4.56 on, where config.json names it.
PYTORCH_WEIGHTS = "pytorch_model.safetensors"
_VERSIONED = ("tensorflow", "tf-keras", "transformers", "tokenizers", "numpy")


def save_encoder(folder: str | os.PathLike[str], student: Any, tokenizer: Any,
                 card_facts: Mapping[str, Any]) -> None:
    """Writes a transformer student's encoder: config.json, weights twice, tokenizer, README.md.

    `TFAutoModel` reads tf_model.h5, `AutoModel` the file that config.json names, which has PyTorch's names and
    transposes; torch is not needed to write it. There is no model.safetensors: from 4.55 to 4.57, where TensorFlow
    ends, transformers would take it for TensorFlow too, and cannot read it there, see `iterable_safetensors`. Head and
    projections are not part of it.

    Args:
        folder: directory, replaced as a whole.
        student: built `TransformerStudent`.
        tokenizer: its fast tokenizer.
        card_facts: what the model card tells besides sizes, in order: name -> value.
    """
    from safetensors.numpy import save_file

    config = copy.deepcopy(student.shape.config)
    config.architectures = [type(student.encoder).__name__.removeprefix("TF")]
    weights = pytorch_weights(student.encoder)
    with atomic_directory(folder) as part:
        config.save_pretrained(part)
        write_json(part / "config.json", read_json(part / "config.json") | {"transformers_weights": PYTORCH_WEIGHTS})
        save_file(weights, part / PYTORCH_WEIGHTS, metadata={"format": "pt"})
        _write_tensorflow_weights(part / "tf_model.h5", student.encoder)
        tokenizer.save_pretrained(part)
        parameters = sum(array.size for array in weights.values())
        card = _model_card(os.path.basename(os.path.abspath(folder)), config, parameters, card_facts)
        (part / "README.md").write_text(card, encoding="utf-8")


def pytorch_weights(encoder: Any) -> dict[str, np.ndarray]:
    """The variables of a `TF...Model` under the names and in the layout of its PyTorch twin, float32."""
    from transformers.modeling_tf_pytorch_utils import apply_transpose, convert_tf_weight_name_to_pt_weight_name

    weights = {}
    for variable in encoder.variables:
        if is_pooler(variable):
            continue
        name, transpose = convert_tf_weight_name_to_pt_weight_name(
            variable.name, start_prefix_to_remove=f"{encoder.base_model_prefix}.",
            tf_weight_shape=variable.shape)
        array = apply_transpose(transpose, variable.numpy(), pt_to_tf=False)
        weights[name] = np.ascontiguousarray(array, np.float32)
    return weights


def _write_tensorflow_weights(path: pathlib.Path, encoder: Any) -> None:
    """The variables of a `TF...Model` but its pooler's, as Keras and transformers lay them out in HDF5."""
    with h5py.File(path, "w") as file:
        file.attrs["layer_names"] = [layer.name for layer in encoder.layers]
        for layer in encoder.layers:
            kept = [variable for variable in layer.weights if not is_pooler(variable)]
            group = file.create_group(layer.name)
            group.attrs["weight_names"] = [variable.name for variable in kept]
            for variable in kept:
                group[variable.name] = variable.numpy()


def _model_card(name: str, config: Any, parameters: int, facts: Mapping[str, Any]) -> str:
    sizes = {"Parameters": f"{parameters:,}", "Layers": config.num_hidden_layers,
             "Hidden size": config.hidden_size, "Attention heads": config.num_attention_heads,
             "Vocabulary": f"{config.vocab_size:,} subwords"}
    rows = "\n".join(f"| {markdown.cell(key)} | {markdown.cell(value)} |" for key, value in {**sizes, **facts}.items())
    return _CARD.format(name=name, model_type=config.model_type, rows=rows)


@dataclasses.dataclass(frozen=True)
class SavedStudent:
    """A student with all that prediction needs.

    Attributes:
        student: float32 student with its weights.
        tokenizer: fast tokenizer of transformers.
        task: what it answers, with its labels.
        config: the run's whole configuration as a dict.
        weights_file: file that the weights came from.
    """

    student: Any
    tokenizer: Any
    task: Task
    config: Mapping[str, Any]
    weights_file: pathlib.Path


def save_student(model_dir: pathlib.Path, student: Any, tokenizer: Any, task: Task,
                 config: Mapping[str, Any]) -> None:
    """Writes the model directory; the configuration is last, so a directory with it is whole."""
    model_dir.mkdir(parents=True, exist_ok=True)
    with atomic_file(model_dir / WEIGHTS_FILE) as part:
        student.save_weights(part)
    with tempfile.TemporaryDirectory(prefix=".part-tokenizer-", dir=model_dir) as part:
        for file in tokenizer.save_pretrained(part):
            if os.path.exists(file):
                os.replace(file, model_dir / os.path.basename(file))
    write_json(model_dir / CONFIG_FILE, {
        "format": FORMAT, "student_type": student.kind, "student": dataclasses.asdict(student.shape),
        "max_length": student.max_length,
        "task": {"kind": task.kind, "labels": task.labels, "options": task.options},
        "config": dict(config), "versions": versions()})


def load_student(model_dir: pathlib.Path, decoding: str = "") -> SavedStudent:
    """Reads a model directory, also one that XtremeDistilTransformers wrote.

    Args:
        model_dir: folder that a distillation run wrote.
        decoding: `legal` or `argmax`, how a tagger's tags are chosen, see `TaggingTask`; empty: as the directory
            says, argmax where it says nothing.

    Raises:
        ModelLoadError: not a model directory, an unfinished one, or one of a newer format.
        ConfigError: there is no such decoding, or the student is no tagger.
    """
    saved = _load(pathlib.Path(model_dir))
    task, config = with_decoding(saved.task, saved.config, decoding)
    return dataclasses.replace(saved, task=task, config=config)


def _load(model_dir: pathlib.Path) -> SavedStudent:
    facts = read_metadata(model_dir)
    try:
        if is_original(facts):
            return SavedStudent(**load_original(model_dir, facts))
        task, weights = saved_task(facts), model_dir / WEIGHTS_FILE
        check_sizes(model_dir / CONFIG_FILE, facts["student"], check_hdf5(weights))
        student = new_student(shape_from_json(facts["student_type"], facts["student"]))
        student.load_weights(weights)
        return SavedStudent(student, load_tokenizer(str(model_dir)), task, facts["config"], weights)
    except XtremeDistilError:
        raise
    except Exception as error:  # the libraries raise what a wrong file led to, from TypeError to MemoryError
        raise ModelLoadError(f"{model_dir}: the student cannot be read ({reason_of(error)}). Run the distillation "
                             "command again: it rewrites the directory from its checkpoints.") from error


def versions() -> dict[str, str]:
    """Versions of Python and of the libraries that decide a result."""
    found = {"python": platform.python_version()}
    for name in _VERSIONED:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found
