"""Encoders of today as teachers: small random ones in their real formats, in PyTorch and in ONNX Runtime."""

from __future__ import annotations

import numpy as np
import pytest
from todays_encoders import FAMILIES, save_encoder

from xtremedistil_tf.checkpoints.tokenizers import load_tokenizer
from xtremedistil_tf.corpus.example import Example
from xtremedistil_tf.tasks.tagging import TaggingTask
from xtremedistil_tf.teachers.protocol import backend_named
from xtremedistil_tf.teachers.torch_loading import load_torch_classifier
from xtremedistil_tf.training.batches import pad_batch

torch = pytest.importorskip("torch", reason="needs the extra torch")

TASK = TaggingTask(["O", "B-LOC", "I-LOC"])
EXAMPLES = [Example(("anna", "met", "boris", "in", "москва", ".")), Example(("北京", "x"))]


def export(model, inputs, folder):
    """Writes model.onnx with Optimum's names, and the inputs that the model takes."""
    class Flat(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.model = model

        def forward(self, *values):
            found = self.model(**dict(zip(inputs, values)), output_hidden_states=True)
            return (found.logits, *found.hidden_states)

    names = ["logits", *(f"hidden_states.{i}" for i in range(3))]
    torch.onnx.export(Flat().eval(), tuple(inputs.values()), str(folder / "model.onnx"), input_names=list(inputs),
                      output_names=names, opset_version=17, dynamo=False,
                      dynamic_axes={name: {0: "batch", 1: "time"} for name in [*inputs, *names]})


@pytest.fixture(params=FAMILIES)
def encoder(request, tmp_path, tiny_task):
    save_encoder(request.param, tmp_path, (tiny_task / "unlabeled.txt").read_text(encoding="utf-8").splitlines())
    return tmp_path


def test_answers_are_those_of_the_model_for_the_text(encoder):
    tokenizer, folder = load_tokenizer(str(encoder)), encoder / "tagger"
    model = load_torch_classifier(str(encoder), TASK, seed=1)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    features = TASK.text_features(tokenizer, EXAMPLES, 32).features
    batch = pad_batch(features, np.arange(2), tokenizer.pad_token_id)
    names = [name for name in tokenizer.model_input_names if name in batch]
    export(model, {name: torch.tensor(np.asarray(batch[name]), dtype=torch.long) for name in names}, folder)
    found = {name: backend_named(name).load(str(folder), TASK).forward((0, 1, 2))(batch) for name in ("torch", "onnx")}
    for row, example in enumerate(EXAMPLES):
        text = tokenizer(" ".join(example.words), return_tensors="pt")
        with torch.no_grad():
            own = model(**text, output_hidden_states=True)
        length = text["input_ids"].shape[1]
        states = torch.stack(own.hidden_states, 2)[0].numpy()
        for name, answers in found.items():
            np.testing.assert_allclose(answers["logits"][row, :length], own.logits[0].numpy(), atol=1e-4, err_msg=name)
            np.testing.assert_allclose(answers["hidden"][row, :length], states, atol=1e-4, err_msg=name)
        assert features.lengths[row] == length
