"""Opening a model directory for the server, in the form that answers soonest and runs no code of the directory."""

from __future__ import annotations

import dataclasses
import functools
import importlib.util
import logging
import pathlib
import re
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from xtremedistil_tf.errors import ModelLoadError, reason_of
from xtremedistil_tf.inference.predictor import Predictor, fitting, open_predictor, open_runtime
from xtremedistil_tf.inference.runtimes import OnnxRuntime, Runtime
from xtremedistil_tf.inference.server.model import (
    DEFAULT_SIGNATURE,
    RequestError,
    ServedModel,
    ServedSignature,
    Spec,
    Tensors,
    Turns,
)
from xtremedistil_tf.process import register_text_ops
from xtremedistil_tf.students.metadata import (
    WEIGHTS_FILE,
    exported_forms,
    exported_path,
    read_metadata,
    vocabulary_size,
)
from xtremedistil_tf.tasks.raw_text import asked
from xtremedistil_tf.tasks.registry import KINDS, kind_of_outputs

if TYPE_CHECKING:
    from xtremedistil_tf.tasks.task import Task

log = logging.getLogger(__name__)

#: Most subwords in a batch where nothing else is said.
BATCH_SUBWORDS = 1024
# Batches of long texts are so much smaller: short texts wait for them.
_LONG_SHARE = 4
RAW_STRINGS, TOKEN_IDS = "raw_strings", "token_ids"
_MOST_QUOTED = 300


def form_of(model_dir: pathlib.Path, form: str = "") -> str:
    """The form that is served: the one that is asked for, or the first of `SERVED_FORMS` that can run here."""
    if form:
        return form
    if _onnx_file(model_dir) and importlib.util.find_spec("onnxruntime"):
        return "onnx"
    return "saved_model" if exported_path(model_dir, "saved_model").is_dir() else "keras"


def load_model(model_dir: pathlib.Path, form: str = "", batch_subwords: int = BATCH_SUBWORDS) -> ServedModel:
    """Opens a model directory.

    Args:
        model_dir: folder that a distillation run wrote.
        form: onnx, saved_model or keras; empty: see `form_of`. Reading a SavedModel runs what it holds; the other
            forms run no code. One that does not take raw strings gives way to the Keras student.
        batch_subwords: most subwords in a batch of the forms that tokenize outside of the graph.

    Raises:
        ModelLoadError: not a model directory, or one that cannot be read.
    """
    facts = read_metadata(model_dir)
    form = form_of(model_dir, form)
    if form == "saved_model":
        if found := _of_saved_model(model_dir, exported_path(model_dir, "saved_model"), facts, batch_subwords):
            return found
        form = "keras"
    return _in_python(model_dir, form, facts, batch_subwords)


def _onnx_file(model_dir: pathlib.Path) -> str | None:
    """The quantization of the ONNX file to serve, the exact one first; None: there is no file."""
    return next((quantization for form, quantization in exported_forms(model_dir) if form == "onnx"), None)


def _in_python(model_dir: pathlib.Path, form: str, facts: Mapping[str, Any], batch_subwords: int) -> ServedModel:
    """A student whose texts are tokenized, and whose answers are put together, in Python."""
    quantization = (_onnx_file(model_dir) if form == "onnx" else None) or "none"
    opened = open_predictor(model_dir, form, quantization)
    if opened.student is None:
        runtime = fitting(open_runtime(form, model_dir, quantization), opened.task, model_dir)
        source = exported_path(model_dir, form, quantization)
    else:
        from xtremedistil_tf.inference.runtimes import KerasRuntime

        runtime, source = KerasRuntime(opened.student), model_dir / WEIGHTS_FILE
    turns, task = Turns(), opened.task

    def call(pieces: int) -> Callable[[Tensors], Tensors]:
        predictor = Predictor(turns.one_by_one(runtime.forward), opened.tokenizer, task, opened.predictor.max_length,
                              batch_pieces=pieces)
        return _python_call(predictor, task)

    signature = _text_signature(task, call(batch_subwords), call(batch_subwords // _LONG_SHARE))
    signatures = dict.fromkeys([DEFAULT_SIGNATURE, RAW_STRINGS], signature)
    if isinstance(runtime, OnnxRuntime):
        signatures[TOKEN_IDS] = _ids_signature(runtime, turns, task, facts)
    return ServedModel(signatures, task.labels, str(source), turns)


def _text_signature(task: Task, call: Callable[[Tensors], Tensors],
                    whole: Callable[[Tensors], Tensors]) -> ServedSignature:
    """A signature with the inputs and outputs of `raw_strings` of `export_saved_model`.

    Of kinds on texts it also takes `pairs`, which may be left out: a model directory does not say whether its task
    has pairs.
    """
    contract = task.raw_text
    outputs = {name: Spec(output.dtype, (None,) * output.rank) for name, output in contract.outputs.items()}
    return ServedSignature({name: Spec("string", (None,)) for name in contract.inputs}, outputs, call,
                           contract.optional, whole if task.per_piece else None, contract.counted, pads=False)


def _ids_signature(runtime: OnnxRuntime, turns: Turns, task: Task, facts: Mapping[str, Any]) -> ServedSignature:
    size = vocabulary_size(facts)
    shape = (None, None, task.num_outputs) if task.per_piece else (None, task.num_outputs)
    return ServedSignature(dict.fromkeys(sorted(runtime.inputs), Spec("int32", (None, None))),
                           {"logits": Spec("float32", shape)}, turns.one_by_one(runtime.forward),
                           sizes={"input_ids": size} if size else {})


def _python_call(predictor: Predictor, task: Task) -> Callable[[Tensors], Tensors]:
    contract = task.raw_text

    def call(texts: Tensors) -> Tensors:
        given = [texts[name] for name in contract.inputs if name in texts]
        columns = [[text.decode("utf-8", "replace") for text in values] for values in given]
        rows = [asked(task, row[0] if len(row) == 1 else row) for row in zip(*columns)]
        return contract.arrays(task, predictor.answers(rows))

    return call


def _of_saved_model(model_dir: pathlib.Path, path: pathlib.Path, facts: Mapping[str, Any],
                    batch_subwords: int) -> ServedModel | None:
    """The SavedModel; None where it does not take raw strings here."""
    turns = Turns()
    signatures = _signatures_of(path, turns, vocabulary_size(facts))
    if RAW_STRINGS not in signatures:
        return None
    whole = _whole_texts(model_dir, signatures[RAW_STRINGS], turns, batch_subwords)
    signatures |= {name: dataclasses.replace(signatures[name], whole=whole)
                   for name in (RAW_STRINGS, DEFAULT_SIGNATURE)}
    return ServedModel(signatures, _labels(facts), str(path), turns, runs_code=True)


def _whole_texts(model_dir: pathlib.Path, signature: ServedSignature, turns: Turns,
                 batch_subwords: int) -> Callable[[Tensors], Tensors] | None:
    """See `ServedSignature.whole`. A SavedModel reads all windows of a text at once; in Python batches bound memory."""
    kind = kind_of_outputs(signature.outputs)
    if kind is None or not KINDS[kind].per_piece:
        return None

    @functools.cache
    def call() -> Callable[[Tensors], Tensors]:
        opened = open_predictor(model_dir, "saved_model")
        runtime: Runtime = open_runtime("saved_model", model_dir)
        predictor = Predictor(turns.one_by_one(runtime.forward), opened.tokenizer, opened.task,
                              opened.predictor.max_length, batch_pieces=batch_subwords // _LONG_SHARE)
        return _python_call(predictor, opened.task)

    return lambda texts: call()(texts)


def _labels(facts: Mapping[str, Any]) -> list[str]:
    """The labels that the configuration names; none for the original's directories, which number them."""
    task = facts.get("task")
    return task["labels"] if isinstance(task, dict) else []


def _signatures_of(path: pathlib.Path, turns: Turns, ids: int | None) -> dict[str, ServedSignature]:
    """The signatures of a SavedModel that `export_saved_model` wrote, by name; none where it cannot run here."""
    import tensorflow as tf

    registered = register_text_ops()
    try:
        model = tf.saved_model.load(str(path))
    except (OSError, ValueError, RuntimeError, tf.errors.OpError) as error:
        if not registered:
            log.warning("%s is not used: it needs the package tensorflow_text, which is not installed", path)
            return {}
        raise ModelLoadError(f"{path}: the SavedModel cannot be read ({reason_of(error)}). Export the student again, "
                             "or delete the folder: the student itself is then served.") from error
    return {name: _graph_signature(model, function, turns, ids) for name, function in model.signatures.items()}


def _graph_signature(model: Any, function: Any, turns: Turns, ids: int | None) -> ServedSignature:
    specs = function.structured_input_signature[1]
    outputs = {name: _spec(spec) for name, spec in sorted(function.structured_outputs.items())}
    kind = kind_of_outputs(outputs)
    counted = KINDS[kind].raw_text.counted if kind else {}
    return ServedSignature(
        {name: _spec(spec) for name, spec in sorted(specs.items())}, outputs,
        turns.one_by_one(functools.partial(_call_graph, model, function)),
        counted={name: count for name, count in counted.items() if {name, count} <= outputs.keys()},
        sizes={name: ids for name in specs if name == "input_ids" and ids})


def _call_graph(model: Any, function: Any, inputs: Tensors) -> Tensors:
    """`model` is held because a signature holds it weakly: without it the variables would be gone."""
    import tensorflow as tf

    try:
        outputs = function(**{name: tf.constant(values) for name, values in inputs.items()})
        return {name: values.numpy() for name, values in sorted(outputs.items())}
    except tf.errors.InvalidArgumentError as error:
        raise RequestError(400, f"the model refuses these inputs: {_first_line(error.message)}") from error


def _spec(spec: Any) -> Spec:
    return Spec(spec.dtype.name, tuple(spec.shape))


def _first_line(message: str) -> str:
    """What is wrong, without the nodes of the graph that TensorFlow lists around it."""
    lines = (line.strip() for line in re.sub(r"\{\{[^}]*\}\}", "", message).splitlines())
    said = (line for line in lines if line and not line.endswith(":") and "stack traces unavailable" not in line)
    return next(said, "no reason given")[:_MOST_QUOTED]


def warm_up(model: ServedModel) -> None:
    """Shows that the model works, and builds what later calls use: a Keras student's graph is traced for the
    first shape, and for any shape once another one comes."""
    for count in (1, 2):
        model.default.call({name: np.array([" ".join([text] * count).encode()] * count, object)
                            for name, text in model.example.items()})
