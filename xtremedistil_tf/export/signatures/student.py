"""What the SavedModels of all kinds of tasks share: the student's variables, and the ways to ask it."""

from __future__ import annotations

import abc
from collections.abc import Sequence
from typing import ClassVar

import tensorflow as tf

from xtremedistil_tf.tasks.task import Task
from xtremedistil_tf.tokenization.in_graph import InGraphWordPiece
from xtremedistil_tf.tokenization.in_graph_unigram import InGraphUnigram

TOKEN_IDS, RAW_STRINGS = "token_ids", "raw_strings"


class Signatures(tf.Module, abc.ABC):
    """The signatures of one student.

    Args:
        student: float32 student.
        task: what it answers.
        tokenizer_graph: its tokenizer's graph form; None: there is no signature for raw strings.
    """

    #: Whether texts are tokenized whole, not as white-space words.
    whole_texts: ClassVar[bool] = True
    #: Names of the inputs of `raw_strings`, each string [batch].
    raw_inputs: tuple[str, ...] = ("texts",)

    def __init__(self, student, task: Task, tokenizer_graph: InGraphWordPiece | InGraphUnigram | None):
        super().__init__()
        self.tokenizer_graph = tokenizer_graph
        self.student_variables = student.variables
        names = ["input_ids", "attention_mask"]
        names += ["token_type_ids"] if "token_type_ids" in task.text_columns else []
        self._inputs = {name: tf.TensorSpec([None, None], tf.int32, name) for name in names}
        # The student itself is no attribute: it would be saved layer by layer beside its graph. The
        # signatures share one graph of it: tracing a Keras LSTM takes seconds.
        self._call = tf.function(lambda inputs: student(inputs, training=False)["logits"],
                                 input_signature=[dict(self._inputs)])

    def inputs(self) -> dict[str, dict[str, tf.TensorSpec]]:
        """The inputs of each signature; the method of the signature's name answers them."""
        inputs = {TOKEN_IDS: self._inputs}
        if self.tokenizer_graph is not None:
            inputs[RAW_STRINGS] = {name: tf.TensorSpec([None], tf.string, name) for name in self.raw_inputs}
        return inputs

    def concrete(self) -> dict[str, tf.types.experimental.ConcreteFunction]:
        """The traced signatures by name, `serving_default` among them."""
        found = {name: tf.function(getattr(self, name)).get_concrete_function(**inputs)
                 for name, inputs in self.inputs().items()}
        return found | {"serving_default": found.get(RAW_STRINGS, found[TOKEN_IDS])}

    def token_ids(self, **inputs: tf.Tensor) -> dict[str, tf.Tensor]:
        """int32 [batch, time] each -> the outputs of `answers`."""
        return self.answers(self.logits(inputs))

    def logits(self, inputs: dict[str, tf.Tensor]) -> tf.Tensor:
        """The student's logits; it is given those inputs that the task has columns for."""
        return self._call({name: inputs[name] for name in self._inputs})

    @abc.abstractmethod
    def answers(self, logits: tf.Tensor) -> dict[str, tf.Tensor]:
        """float32 [batch, outputs], or [batch, time, outputs] -> the outputs of `token_ids`."""

    @abc.abstractmethod
    def raw_strings(self, **texts: tf.Tensor) -> dict[str, tf.Tensor]:
        """string [batch] each -> the outputs of `raw_strings`."""


def check_same_size(names: Sequence[str], inputs: Sequence[tf.Tensor]) -> None:
    """Makes the graph stop with a message where inputs are not of the same number of texts."""
    for name, texts in zip(names[1:], inputs[1:]):
        tf.debugging.assert_equal(tf.size(texts), tf.size(inputs[0]),
                                  f"{names[0]} and {name} differ in number, expected one of each")
