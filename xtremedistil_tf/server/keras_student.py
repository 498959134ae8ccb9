"""Serving the Keras student of a model directory that has no SavedModel for raw strings."""

from __future__ import annotations

from xtremedistil_tf.inference.keras import StudentPredictor
from xtremedistil_tf.server.model import Signature, Spec, Tensors
from xtremedistil_tf.students.model_directory import SavedStudent
from xtremedistil_tf.tasks.raw_text import asked


def raw_strings(saved: SavedStudent) -> Signature:
    """A signature with the inputs and outputs of `raw_strings` of `export_saved_model`.

    Of kinds on texts it also takes `pairs`, which may be left out: a model directory does not say whether its task
    has pairs.
    """
    predictor = StudentPredictor(saved.student, saved.tokenizer, saved.task)
    contract = saved.task.raw_text
    outputs = {name: Spec(output.dtype, (None,) * output.rank) for name, output in contract.outputs.items()}

    def call(texts: Tensors) -> Tensors:
        given = [texts[name] for name in contract.inputs if name in texts]
        columns = [[text.decode("utf-8", "replace") for text in values] for values in given]
        rows = [asked(contract, row[0] if len(row) == 1 else row) for row in zip(*columns)]
        return contract.arrays(saved.task, predictor.answers(rows))

    return Signature({name: Spec("string", (None,)) for name in contract.inputs}, outputs, call,
                     contract.optional)
