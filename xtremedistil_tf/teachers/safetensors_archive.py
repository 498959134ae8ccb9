"""Reading PyTorch-format safetensors into TensorFlow models with transformers 4.55 to 4.57.

These versions iterate over the open archive (`for key in pt_state_dict`), which the archive does not
support, so that every `TF...from_pretrained` of a PyTorch-format `model.safetensors` fails with
"'builtins.safe_open' object is not iterable" (huggingface/transformers#40028, not to be mended upstream
since the TensorFlow classes are deprecated there). An archive that can be iterated is all they need.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator


class _IterableArchive:
    """A `safetensors.safe_open` that can be iterated over its keys."""

    def __init__(self, *args, **kwargs):
        import safetensors

        self._archive = safetensors.safe_open(*args, **kwargs)

    def __enter__(self) -> _IterableArchive:
        self._archive.__enter__()
        return self

    def __exit__(self, *exception):
        return self._archive.__exit__(*exception)

    def __iter__(self) -> Iterator[str]:
        return iter(self._archive.keys())

    def __getattr__(self, name: str):
        return getattr(self._archive, name)


@contextlib.contextmanager
def iterable_safetensors() -> Iterator[None]:
    """Within the context, transformers' TensorFlow loaders open safetensors that can be iterated."""
    from transformers import modeling_tf_pytorch_utils, modeling_tf_utils

    # The first opens single files, the second the shards of a sharded checkpoint.
    modules = (modeling_tf_utils, modeling_tf_pytorch_utils)
    originals = [module.safe_open for module in modules]
    for module in modules:
        module.safe_open = _IterableArchive
    try:
        yield
    finally:
        for module, original in zip(modules, originals):
            module.safe_open = original
