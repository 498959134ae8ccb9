"""A student's encoder as a standard Hugging Face directory, which PyTorch and TensorFlow load alike."""

from __future__ import annotations

import copy
import os
from collections.abc import Mapping
from typing import Any

import numpy as np

from xtremedistil_tf.atomic import atomic_directory
from xtremedistil_tf.students.encoders import is_pooler

_CARD = """---
library_name: transformers
pipeline_tag: feature-extraction
tags:
- knowledge-distillation
- xtremedistil
---

# {name}

A small encoder distilled with XtremeDistil-TF. It is a plain `{model_type}` model of transformers, without a
task's head and without a pooler: take the first piece's state for the whole input.

```python
from transformers import AutoModel, AutoTokenizer

tokenizer = AutoTokenizer.from_pretrained("path/to/{name}")
model = AutoModel.from_pretrained("path/to/{name}")
states = model(**tokenizer("Some text.", return_tensors="pt")).last_hidden_state
```

| | |
|---|---|
{rows}
"""


def save_encoder(folder: str | os.PathLike[str], student: Any, tokenizer: Any,
                 card_facts: Mapping[str, Any]) -> None:
    """Writes a transformer student's encoder: config.json, model.safetensors, tokenizer, README.md.

    The weights are in PyTorch's layout (names and transposes), in which the hub keeps models, so that
    `AutoModel` loads them as it does any other; torch is not needed to write them. Head and projections
    are not part of it.

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
        save_file(weights, part / "model.safetensors", metadata={"format": "pt"})
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


def _model_card(name: str, config: Any, parameters: int, facts: Mapping[str, Any]) -> str:
    sizes = {"Parameters": f"{parameters:,}", "Layers": config.num_hidden_layers,
             "Hidden size": config.hidden_size, "Attention heads": config.num_attention_heads,
             "Vocabulary": f"{config.vocab_size:,} pieces"}
    rows = "\n".join(f"| {_cell(key)} | {_cell(value)} |" for key, value in {**sizes, **facts}.items())
    return _CARD.format(name=name, model_type=config.model_type, rows=rows)


def _cell(value: Any) -> str:
    """A value on one line of a Markdown table."""
    return " ".join(str(value).replace("|", "\\|").split())
