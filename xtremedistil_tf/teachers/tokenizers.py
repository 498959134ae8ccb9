"""The tokenizer of a checkpoint, ready for words and texts, and one tokenizer for several teachers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from xtremedistil_tf.errors import ConfigError, ModelLoadError
from xtremedistil_tf.teachers.messages import explained, quiet_transformers
from xtremedistil_tf.tokenization.slow import SlowTokenizer


def load_tokenizer(checkpoint: str) -> Any:
    """The checkpoint's tokenizer, ready for sentences that are already split into words.

    Args:
        checkpoint: local directory or hub name.

    Returns:
        A `PreTrainedTokenizerFast`, or where there is no fast version (CTRL, XLM, FlauBERT) a
        `SlowTokenizer`, which answers for words and texts, but not for questions. Byte-level BPE
        tokenizers (RoBERTa and others) are loaded with `add_prefix_space=True`, without which they refuse
        words. Without a padding token of its own (GPT-2 and others), the end of text or the unknown token
        pads; the attention mask says what is padding.

    Raises:
        ModelLoadError: the tokenizer cannot be found, or has no token to pad with.
    """
    from transformers import AutoTokenizer

    with quiet_transformers(), explained(checkpoint, "the tokenizer"):
        tokenizer = AutoTokenizer.from_pretrained(checkpoint, use_fast=True)
        if tokenizer.is_fast and _is_byte_level(tokenizer):
            tokenizer = AutoTokenizer.from_pretrained(checkpoint, use_fast=True, add_prefix_space=True)
        if tokenizer.pad_token_id is None:
            tokenizer.pad_token = tokenizer.eos_token or tokenizer.unk_token
    if tokenizer.pad_token_id is None:
        raise ModelLoadError(f"The tokenizer of {checkpoint!r} has no padding token, nor an end-of-text or "
                             "unknown token to pad with; expected a pad_token in its tokenizer_config.json.")
    return tokenizer if tokenizer.is_fast else SlowTokenizer(tokenizer)


def common_tokenizer(checkpoints: Sequence[str]) -> Any:
    """The tokenizer that several teachers share.

    Args:
        checkpoints: local directories or hub names, at least one.

    Raises:
        ConfigError: two of them differ.
        ModelLoadError: see `load_tokenizer`.
    """
    first = load_tokenizer(checkpoints[0])
    for checkpoint in checkpoints[1:]:
        difference = _difference(first, load_tokenizer(checkpoint))
        if difference:
            raise ConfigError(f"The teachers {checkpoints[0]!r} and {checkpoint!r} have different tokenizers "
                              f"({difference}), so their logits belong to different pieces. Expected "
                              "teachers with the same tokenizer.")
    return first


def _difference(first: Any, second: Any) -> str | None:
    ours, theirs = first.get_vocab(), second.get_vocab()
    if len(ours) != len(theirs):
        return f"{len(ours)} and {len(theirs)} pieces"
    for piece, number in ours.items():
        if theirs.get(piece) != number:
            found = f"number {theirs[piece]}" if piece in theirs else "not there"
            return f"{piece!r} is number {number} in the first and {found} in the second"
    probe = "A probe, naïve: Ünïcode"
    if first(probe).input_ids != second(probe).input_ids:
        return "the same pieces, put together differently"
    return None


def _is_byte_level(tokenizer: Any) -> bool:
    pre_tokenizer = tokenizer.backend_tokenizer.pre_tokenizer
    return pre_tokenizer is not None and b'"ByteLevel"' in pre_tokenizer.__getstate__()
