"""Reading a TensorFlow model of transformers from any of the layouts that checkpoints come in."""

from __future__ import annotations

import importlib.util
from typing import Any

from xtremedistil_tf.errors import ModelLoadError
from xtremedistil_tf.teachers.safetensors_archive import iterable_safetensors


def model_from_pretrained(model_class, checkpoint: str, **options: Any) -> tuple[Any, dict[str, list]]:
    """`model_class.from_pretrained` with its loading info, also for weights in PyTorch's layouts.

    Raises:
        ModelLoadError: the weights are only in pytorch_model.bin, and torch is not installed.
        OSError: as transformers raises it.
    """
    with iterable_safetensors():
        try:
            return model_class.from_pretrained(checkpoint, output_loading_info=True, **options)
        except OSError as error:
            if "PyTorch weights" not in str(error):
                raise
        if importlib.util.find_spec("torch") is None:
            raise ModelLoadError(
                f"{checkpoint!r} has its weights only as pytorch_model.bin, which cannot be read without "
                "torch. Convert them to model.safetensors, or run: pip install torch")
        return model_class.from_pretrained(checkpoint, from_pt=True, output_loading_info=True, **options)
