"""What sets one family of models apart from another: the facts that no config.json states."""

from __future__ import annotations

import dataclasses

from xtremedistil_tf.errors import ConfigError

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
                              "than there are pieces, so their states cannot be distilled. Use "
                              "`strategy=D1`, which distils logits, or a teacher of another family.")
        if not -top - 1 <= layer <= top:
            raise ConfigError(f"`teacher_layer={layer}`: the teacher has {top} layers. Expected 1 to {top}.")
    if attentions and not family.square_attention:
        raise ConfigError(f"A teacher of type {family.model_type} has no attention maps over all pieces. "
                          "Omit `distil_attention`, or use a teacher of another family.")
    for layer in attentions:
        if layer == 0 or not -top <= layer <= top:
            raise ConfigError(f"Attention maps of layer {layer}: the teacher has {top} layers. Expected 1 to "
                              f"{top}.")
