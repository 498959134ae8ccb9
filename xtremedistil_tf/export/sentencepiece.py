"""A tokenizer of transformers as a model of SentencePiece, for operators that take these."""

from __future__ import annotations

import base64
from typing import Any

from xtremedistil_tf.tokenization.graph.normalizer import replaces_characters
from xtremedistil_tf.tokenization.texts import flat_steps

_SPACE = "\u2581"
# Steps before SentencePiece that its own model takes, and those that are left to the program.
_IN_MODEL, _IN_PROGRAM = ("Precompiled", "Strip"), ("Nmt", "NFKC", "Lowercase")
_SPACES_IN_A_ROW = {"Regex": " {2,}"}


def not_sentencepiece(spec: dict[str, Any]) -> str | None:
    """What a unigram tokenizer is, if SentencePiece has no such model."""
    model, steps = spec["model"], flat_steps(spec["normalizer"], "normalizers")
    for step in steps:
        if step["type"] == "Replace":
            if step["pattern"] != _SPACES_IN_A_ROW and not replaces_characters(step):
                return f"one whose normalizer replaces {step['pattern']}"
        elif step["type"] not in _IN_MODEL + _IN_PROGRAM:
            return f"one whose normalizer has a step {step['type']}"
    pre_tokenizers = flat_steps(spec["pre_tokenizer"], "pretokenizers")
    if [step["type"] for step in pre_tokenizers] not in (["Metaspace"], ["WhitespaceSplit", "Metaspace"]):
        return "one whose pre-tokenizer is not SentencePiece's"
    if pre_tokenizers[-1]["replacement"] != _SPACE or pre_tokenizers[-1]["prepend_scheme"] != "always":
        return "one that does not put a space before each text"
    if model["byte_fallback"]:
        return "one that falls back to bytes"
    return None


def sentencepiece_model(spec: dict[str, Any]) -> bytes:
    """A SentencePiece model with the ids of a tokenizer of transformers, also of a trimmed vocabulary."""
    from transformers.convert_slow_tokenizer import import_protobuf

    model, special = spec["model"], {token["id"] for token in spec["added_tokens"]}
    proto = import_protobuf().ModelProto()
    kinds = proto.SentencePiece.Type
    for number, (piece, score) in enumerate(model["vocab"]):
        kind = kinds.CONTROL if number in special else kinds.NORMAL
        proto.pieces.add(piece=piece, score=score, type=kinds.UNKNOWN if number == model["unk_id"] else kind)
    proto.trainer_spec.unk_id = model["unk_id"]
    proto.trainer_spec.unk_piece = model["vocab"][model["unk_id"]][0]
    for step in flat_steps(spec["normalizer"], "normalizers"):
        if step["type"] == "Precompiled":
            proto.normalizer_spec.precompiled_charsmap = base64.b64decode(step["precompiled_charsmap"])
    return proto.SerializeToString()
