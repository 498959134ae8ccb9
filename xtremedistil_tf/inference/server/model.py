"""A model as the server knows it: its signatures, whatever they run on, and opening a model directory."""

from __future__ import annotations

import dataclasses
import functools
import logging
import pathlib
import re
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from xtremedistil_tf.atomic import read_json
from xtremedistil_tf.errors import ModelLoadError
from xtremedistil_tf.process import register_text_ops
from xtremedistil_tf.students.metadata import exported_path
from xtremedistil_tf.tasks.raw_text import asked
from xtremedistil_tf.tasks.registry import kind_of_outputs

if TYPE_CHECKING:
    from xtremedistil_tf.students.model_directory import SavedStudent

log = logging.getLogger(__name__)

Tensors = dict[str, np.ndarray]
DEFAULT_SIGNATURE = "serving_default"
_EXAMPLE = {"texts": "Ada Lovelace was born in London .", "pairs": "Ada Lovelace came from London .",
            "questions": "Where was Ada Lovelace born?", "contexts": "Ada Lovelace was born in London."}
_MOST_QUOTED = 300


class RequestError(Exception):
    """What a client is told in place of an answer.

    Attributes:
        status: status code of HTTP.
        message: for the client.
        headers: further headers of the response.
    """

    def __init__(self, status: int, message: str, headers: Mapping[str, str] | None = None):
        super().__init__(message)
        self.status, self.message, self.headers = status, message, dict(headers or {})


@dataclasses.dataclass(frozen=True)
class Spec:
    """Attributes:
        dtype: TensorFlow's name of the type, such as `string`.
        shape: None where a size may vary.
    """

    dtype: str
    shape: tuple[int | None, ...]


@dataclasses.dataclass(frozen=True)
class ServedSignature:
    """One way to ask the model.

    Attributes:
        inputs, outputs: by name.
        call: inputs by name -> outputs by name; strings are UTF-8 bytes in object arrays. Raises RequestError
            where the model refuses the inputs.
        optional: inputs that may be left out.
    """

    inputs: Mapping[str, Spec]
    outputs: Mapping[str, Spec]
    call: Callable[[Tensors], Tensors]
    optional: frozenset[str] = frozenset()

    @property
    def takes_texts(self) -> bool:
        """Whether every input is of strings; its rows are then independent of each other."""
        return all(spec.dtype == "string" for spec in self.inputs.values())


@dataclasses.dataclass(frozen=True)
class ServedModel:
    """A loaded model.

    Attributes:
        signatures: by name; `serving_default` among them, which takes texts.
        labels: names of the outputs; empty where unknown.
        source: what was loaded, for messages.
    """

    signatures: Mapping[str, ServedSignature]
    labels: Sequence[str]
    source: str

    @property
    def default(self) -> ServedSignature:
        return self.signatures[DEFAULT_SIGNATURE]

    @property
    def kind(self) -> str:
        """Kind of task, as in configurations.

        Raises:
            ModelLoadError: no kind answers so.
        """
        if kind := kind_of_outputs(self.default.outputs):
            return kind
        raise ModelLoadError(f"{self.source}: answers with {', '.join(sorted(self.default.outputs))}, which this "
                             "package does not know. Export the student again.")

    @property
    def inputs(self) -> list[str]:
        """Inputs of the default signature, in the order in which one reads them."""
        return [name for name in _EXAMPLE if name in self.default.inputs]

    @property
    def example(self) -> dict[str, str]:
        """A text for each input that the default signature requires."""
        return {name: _EXAMPLE[name] for name in self.inputs if name not in self.default.optional}


def load_model(model_dir: pathlib.Path) -> ServedModel:
    """The directory's SavedModel if it takes raw strings, else its Keras student.

    Raises:
        ModelLoadError: not a model directory, or one that cannot be read.
    """
    from xtremedistil_tf.students.model_directory import load_student
    from xtremedistil_tf.tasks.signatures import RAW_STRINGS

    exported = exported_path(model_dir, "saved_model")
    signatures = _signatures_of(exported) if exported.is_dir() else {}
    if RAW_STRINGS in signatures:
        return ServedModel(signatures, _labels(model_dir), str(exported))
    saved = load_student(model_dir)
    signature = _keras_signature(saved)
    return ServedModel({DEFAULT_SIGNATURE: signature, RAW_STRINGS: signature}, saved.task.labels,
                       str(saved.weights_file))


def _labels(model_dir: pathlib.Path) -> list[str]:
    """The labels that the configuration names; none for the original's directories, which number them."""
    from xtremedistil_tf.students.metadata import CONFIG_FILE

    try:
        task = read_json(model_dir / CONFIG_FILE).get("task")
    except FileNotFoundError:
        return []
    except ValueError as error:
        raise ModelLoadError(f"{model_dir / CONFIG_FILE}: not valid JSON ({error}).") from error
    return task["labels"] if isinstance(task, dict) else []


def _signatures_of(path: pathlib.Path) -> dict[str, ServedSignature]:
    """The signatures of a SavedModel that `export_saved_model` wrote, by name; none where it cannot run here."""
    import tensorflow as tf

    registered = register_text_ops()
    try:
        model = tf.saved_model.load(str(path))
    except (OSError, ValueError, RuntimeError, tf.errors.OpError) as error:
        if not registered:
            log.warning("%s is not used: it needs the package tensorflow_text, which is not installed", path)
            return {}
        raise ModelLoadError(f"{path}: the SavedModel cannot be read ({error}). Export the student again, or "
                             "delete the folder: the student itself is then served.") from error
    return {name: _graph_signature(model, function) for name, function in model.signatures.items()}


def _graph_signature(model: Any, function: Any) -> ServedSignature:
    specs = function.structured_input_signature[1]
    return ServedSignature({name: _spec(spec) for name, spec in sorted(specs.items())},
                     {name: _spec(spec) for name, spec in sorted(function.structured_outputs.items())},
                     functools.partial(_call_graph, model, function))


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
    return next((line for line in lines if line and not line.endswith(":")), "no reason given")[:_MOST_QUOTED]


def _keras_signature(saved: SavedStudent) -> ServedSignature:
    """A signature with the inputs and outputs of `raw_strings` of `export_saved_model`.

    Of kinds on texts it also takes `pairs`, which may be left out: a model directory does not say whether its task
    has pairs.
    """
    from xtremedistil_tf.inference.predictor import StudentPredictor

    predictor = StudentPredictor(saved.student, saved.tokenizer, saved.task)
    contract = saved.task.raw_text
    outputs = {name: Spec(output.dtype, (None,) * output.rank) for name, output in contract.outputs.items()}

    def call(texts: Tensors) -> Tensors:
        given = [texts[name] for name in contract.inputs if name in texts]
        columns = [[text.decode("utf-8", "replace") for text in values] for values in given]
        rows = [asked(saved.task, row[0] if len(row) == 1 else row) for row in zip(*columns)]
        return contract.arrays(saved.task, predictor.answers(rows))

    return ServedSignature({name: Spec("string", (None,)) for name in contract.inputs}, outputs, call,
                     contract.optional)
