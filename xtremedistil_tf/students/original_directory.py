"""Model directories of XtremeDistilTransformers (the original): its students, read as ours."""

from __future__ import annotations

import dataclasses
import logging
import pathlib
import re
from collections.abc import Mapping
from typing import Any

import h5py
import numpy as np

from xtremedistil_tf.checkpoints.hdf5 import check_hdf5
from xtremedistil_tf.checkpoints.reading import explained, quiet_transformers
from xtremedistil_tf.checkpoints.tokenizers import load_tokenizer
from xtremedistil_tf.config import DistillationConfig, field_type
from xtremedistil_tf.errors import ModelLoadError
from xtremedistil_tf.students.encoders import new_encoder
from xtremedistil_tf.students.registry import new_student
from xtremedistil_tf.students.transformer import TransformerShape, TransformerStudent
from xtremedistil_tf.tasks.registry import make_task
from xtremedistil_tf.tasks.task import Task

log = logging.getLogger(__name__)

WEIGHTS_FILE = "xtremedistil.h5"
_TABLE_FILE = "word_embedding.npy"
# Names of layers in its Keras model; the head's is whatever Keras called it.
_ENCODER, _PROJECTION = "student_2", "dense_2"
_TABLE = "embeddings/word_embeddings/weight:0"
_POSITIONS = "embeddings/position_embeddings/embeddings:0"
_SEGMENTS = "embeddings/token_type_embeddings/embeddings:0"
_INTERMEDIATE = "encoder/layer_._0/intermediate/dense/kernel:0"
_NEEDED = ("task", "seq_len", "do_NER", "do_pairwise", "num_attention_heads", "pt_teacher_checkpoint")
# Batches are padded to a multiple of this many pieces, and padding has positions too.
_PADDED_TO = 4

_Dense = tuple[np.ndarray, np.ndarray]


@dataclasses.dataclass(frozen=True)
class _Weights:
    """What `xtremedistil.h5` and `word_embedding.npy` hold, float32.

    Attributes:
        encoder: variables of the BERT by their path below it, such as `encoder/layer_._0/...`.
        projection: kernel and bias of the map to the teacher's width, where there is one.
        head: kernel and bias.
    """

    encoder: dict[str, np.ndarray]
    projection: _Dense | None
    head: _Dense


def load_original(model_dir: pathlib.Path, facts: Mapping[str, Any]) -> dict[str, Any]:
    """Reads a model directory of the original.

    The student answers as it did there, among the real labels: the classes that the original adds for
    continued pieces and special tokens (X, [CLS], [SEP], [PAD]) lose their row of the head. It takes
    `seq_len` pieces at once, as there; positions beyond have never been trained.

    Args:
        model_dir: folder with `xtremedistil.h5` and, where the table was frozen, `word_embedding.npy`.
        facts: contents of its `xtremedistil-config.json`.

    Returns:
        The fields of a `SavedStudent`.

    Raises:
        ModelLoadError: a file is missing, damaged or does not fit the others; the teacher's tokenizer,
            which the original keeps only by name, cannot be found.
    """
    if missing := [name for name in _NEEDED if name not in facts]:
        raise ModelLoadError(f"{model_dir}: xtremedistil-config.json has no {', '.join(missing)}. Expected "
                             "the file as the original's run_xtreme_distil.py writes it.")
    tokenizer = _tokenizer(model_dir, facts)
    weights = _read_weights(model_dir)
    task, rows = _task_and_rows(facts, tokenizer)
    _check_head(model_dir, facts, weights)
    shape = _shape(facts, weights, task, tokenizer)
    student = new_student(shape)
    _fill(model_dir, student, weights, rows)
    return {"student": student, "tokenizer": tokenizer, "task": task, "config": _config(facts),
            "weights_file": model_dir / WEIGHTS_FILE}


def _tokenizer(model_dir: pathlib.Path, facts: Mapping[str, Any]):
    from transformers import AutoTokenizer

    name = facts["pt_teacher_checkpoint"]
    try:
        tokenizer = load_tokenizer(name)
    except ModelLoadError as error:
        raise ModelLoadError(f"{model_dir}: the original keeps no tokenizer there, only the name of the "
                             f"teacher's, {name!r}. {error} Or write the path of a local copy into "
                             "xtremedistil-config.json, as pt_teacher_checkpoint.") from error
    if not facts["do_NER"] and getattr(tokenizer, "add_prefix_space", False):
        # Words need the space that byte-level BPE wants before them; whole texts went without it there.
        with quiet_transformers(), explained(name, "the tokenizer"):
            tokenizer = AutoTokenizer.from_pretrained(name, use_fast=True, trust_remote_code=False)
    return tokenizer


def _task_and_rows(facts: Mapping[str, Any], tokenizer) -> tuple[Task, list[int]]:
    """The task, and the row of the head that answers for each of its labels."""
    names = facts["label_list"]
    if not facts["do_NER"]:
        # There a label is the number of its row; the list has them in the order of a set.
        return make_task("classification", [str(row) for row in range(len(names))]), list(range(len(names)))
    unreal = {"X", *tokenizer.all_special_tokens}
    rows = [row for row, name in enumerate(names) if name not in unreal and name not in names[:row]]
    return make_task("tagging", [names[row] for row in rows], decoding="argmax"), rows


def _read_weights(model_dir: pathlib.Path) -> _Weights:
    path = model_dir / WEIGHTS_FILE
    if not path.exists():
        raise ModelLoadError(f"{path}: not found. The original writes it at the end of its run; copy it "
                             "here, or let that run finish.")
    check_hdf5(path)
    try:
        with h5py.File(path) as file:
            layers = {name: _arrays(group) for name, group in file.items()}
    except (OSError, RuntimeError) as error:
        raise ModelLoadError(f"{path}: cannot be read ({error}). The file is damaged; copy it again from "
                             "where it was made.") from error
    layers = {name: arrays for name, arrays in layers.items() if arrays}
    found = ", ".join(layers) or "nothing"
    encoder = layers.pop(_ENCODER, None)
    projection = _dense(layers.pop(_PROJECTION)) if len(layers) == 2 and _PROJECTION in layers else None
    head = _dense(next(iter(layers.values()))) if len(layers) == 1 else None
    if encoder is None or head is None:
        raise ModelLoadError(f"{path}: holds {found}. Expected the layers {_ENCODER}, perhaps {_PROJECTION}, "
                             "and a dense one, as the original's run_xtreme_distil.py saves them.")
    return _Weights(_encoder_variables(model_dir, encoder), projection, head)


def _arrays(group: h5py.Group) -> dict[str, np.ndarray]:
    """All arrays below a group by their paths."""
    found: dict[str, np.ndarray] = {}
    group.visititems(lambda name, item: found.update({name: np.asarray(item, np.float32)})
                     if isinstance(item, h5py.Dataset) else None)
    return found


def _dense(arrays: Mapping[str, np.ndarray]) -> _Dense | None:
    by_name = {path.rsplit("/", 1)[-1]: array for path, array in arrays.items()}
    return (by_name["kernel:0"], by_name["bias:0"]) if by_name.keys() == {"kernel:0", "bias:0"} else None


def _encoder_variables(model_dir: pathlib.Path, arrays: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The BERT's variables by their paths, with the table of word embeddings wherever it is kept.

    Where a pre-trained student's table was replaced by the teacher's, it is a variable without a path,
    and where that is frozen, it is in `word_embedding.npy` only.
    """
    arrays = {name: array for name, array in arrays.items() if "/pooler/" not in name}
    found = {_path(name): array for name, array in arrays.items() if _path(name)}
    pathless = [array for name, array in arrays.items() if not _path(name)]
    if _TABLE not in found:
        found[_TABLE] = pathless[0] if len(pathless) == 1 else _frozen_table(model_dir)
    if missing := [name for name in (_POSITIONS, _SEGMENTS, _INTERMEDIATE) if name not in found]:
        raise ModelLoadError(f"{model_dir / WEIGHTS_FILE}: has no {missing[0]} in {_ENCODER}. Expected a "
                             "BERT, as the original's students are.")
    return found


def _frozen_table(model_dir: pathlib.Path) -> np.ndarray:
    file = model_dir / _TABLE_FILE
    if not file.exists():
        raise ModelLoadError(f"{file}: not found, and {WEIGHTS_FILE} holds no word embeddings, because they "
                             "were frozen. Copy the file here from where the student was made.")
    try:
        return np.load(file).astype(np.float32)
    except (OSError, ValueError, EOFError) as error:
        raise ModelLoadError(f"{file}: cannot be read ({error}). The file is damaged; copy it again from "
                             "where it was made.") from error


def _path(name: str) -> str | None:
    """A variable's path below its BERT, None where the name has no such path."""
    match = re.search(r"(?:^|/)((?:embeddings|encoder)/.+)$", name)
    return match[1] if match else None


def _check_head(model_dir: pathlib.Path, facts: Mapping[str, Any], weights: _Weights) -> None:
    kernel, bias = weights.head
    width = weights.projection[0].shape[1] if weights.projection else weights.encoder[_TABLE].shape[1]
    expected = (width, len(facts["label_list"]))
    if kernel.shape != expected or bias.shape != expected[1:]:
        raise ModelLoadError(f"{model_dir / WEIGHTS_FILE}: the head is {kernel.shape}, but the labels in "
                             f"xtremedistil-config.json ask for {expected}. Take both files from one run.")


def _shape(facts: Mapping[str, Any], weights: _Weights, task: Task, tokenizer) -> TransformerShape:
    found = weights.encoder
    layers = len({match[1] for match in map(re.compile(r"encoder/layer_\._(\d+)/").match, found) if match})
    vocab_size, hidden_size = found[_TABLE].shape
    positions = min(len(found[_POSITIONS]), -(-facts["seq_len"] // _PADDED_TO) * _PADDED_TO)
    encoder = new_encoder(max(vocab_size, len(tokenizer)), hidden_size, layers, facts["num_attention_heads"],
                          found[_INTERMEDIATE].shape[1], max_position_embeddings=positions,
                          type_vocab_size=len(found[_SEGMENTS]), pad_token_id=tokenizer.pad_token_id)
    shape = TransformerShape(encoder | _rules(facts.get("pt_student_checkpoint")), task.num_outputs,
                             task.per_piece, freeze_word_embedding=bool(facts.get("freeze_word_embedding")))
    if weights.projection is None:
        return shape
    return dataclasses.replace(shape, mapped_layers=(layers,), teacher_width=weights.projection[0].shape[1])


def _rules(checkpoint: str | None) -> dict[str, Any]:
    """What of the encoder no shape tells: from the checkpoint that it started from, if any."""
    from transformers import BertConfig

    if not checkpoint:
        return {}
    try:
        with quiet_transformers(), explained(checkpoint, "the config"):
            config = BertConfig.from_pretrained(checkpoint)
    except ModelLoadError as error:
        log.warning("assuming BERT's gelu as the activation of the student's layers: its "
                    "pt_student_checkpoint could not be loaded (%s)", error)
        return {}
    return {"hidden_act": config.hidden_act, "layer_norm_eps": config.layer_norm_eps}


def _fill(model_dir: pathlib.Path, student: TransformerStudent, weights: _Weights, rows: list[int]) -> None:
    config, found = student.shape.config, dict(weights.encoder)
    found[_POSITIONS] = found[_POSITIONS][:config.max_position_embeddings]
    # On a GPU TensorFlow reads zeros where a table has no row, so that runs there went through with
    # pieces that a student from scratch has no embedding for.
    found[_TABLE] = np.pad(found[_TABLE], ((0, config.vocab_size - len(found[_TABLE])), (0, 0)))
    for variable in student.encoder.variables:
        array = found.get(_path(variable.name))
        if array is None or array.shape != variable.shape:
            is_there = "is missing" if array is None else f"has the shape {array.shape}"
            raise ModelLoadError(f"{model_dir / WEIGHTS_FILE}: {_path(variable.name)} {is_there}; expected "
                                 f"{tuple(variable.shape)}. Take all files from the same run.")
        variable.assign(array)
    for projection in student.projections:
        projection.set_weights(weights.projection)
    kernel, bias = weights.head
    student.head.set_weights([kernel[:, rows], bias[rows]])


def _config(facts: Mapping[str, Any]) -> dict[str, Any]:
    """The original's arguments as the configuration of a run. Unset ones (False, None) get defaults."""
    names = [field.name for field in dataclasses.fields(DistillationConfig)]
    kept = {name: facts[name] for name in names
            if name in facts and type(facts[name]) is field_type(DistillationConfig, name)}
    return DistillationConfig.from_json({**kept, "student_type": "transformer"}).to_json()
