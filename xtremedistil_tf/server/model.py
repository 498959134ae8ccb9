"""What the server knows of a model: its signatures, whatever they run on."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from xtremedistil_tf.errors import ModelLoadError
from xtremedistil_tf.tasks.registry import kind_of_outputs

Tensors = dict[str, np.ndarray]
DEFAULT_SIGNATURE = "serving_default"
_EXAMPLE = {"texts": "Ada Lovelace was born in London .", "pairs": "Ada Lovelace came from London .",
            "questions": "Where was Ada Lovelace born?", "contexts": "Ada Lovelace was born in London."}


@dataclasses.dataclass(frozen=True)
class Spec:
    """Attributes:
        dtype: TensorFlow's name of the type, such as `string`.
        shape: None where a size may vary.
    """

    dtype: str
    shape: tuple[int | None, ...]


@dataclasses.dataclass(frozen=True)
class Signature:
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

    signatures: Mapping[str, Signature]
    labels: Sequence[str]
    source: str

    @property
    def default(self) -> Signature:
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
