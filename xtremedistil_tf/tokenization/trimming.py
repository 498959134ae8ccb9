"""Removing from a tokenizer the pieces that the text at hand does not use.

Text whose pieces are all kept is encoded exactly as before:

- WordPiece takes the longest piece that fits. What it took is kept and nothing is added, so it takes the
  same. (A word became unknown because of a character without a piece of its own, and still does.)
- Unigram takes the best path through all pieces. That path is kept, and whatever competes with it did before,
  in the same order. The score of the unknown piece depends on the lowest score, so that piece is kept too.
- BPE applies the merges of the lowest rank first. A merge that was applied is part of a kept piece, and all
  merges that lead to kept pieces are kept; the others were never applied.

Single characters are kept, so other text falls into smaller pieces and not into unknown ones. Both hold for
vocabularies in which every character of a piece is a piece too, as trainers make them and as those of BERT
and XLM-RoBERTa are; a character that occurs in longer pieces only can become unknown with them, and a
WordPiece word that was unknown can become known.
"""

from __future__ import annotations

import dataclasses
import functools
import json
import re
from collections.abc import Iterable
from typing import Any

import numpy as np

from xtremedistil_tf.errors import ModelLoadError
from xtremedistil_tf.tokenization.spec import tokenizer_spec

_BYTE_PIECE = re.compile("<0x[0-9A-F]{2}>")


@dataclasses.dataclass(frozen=True)
class Trimmed:
    """A tokenizer with fewer pieces.

    Attributes:
        tokenizer: of the same class as the old one.
        kept: int32 [pieces], the old id of every new id.
    """

    tokenizer: Any
    kept: np.ndarray

    @functools.cached_property
    def _new_ids(self) -> np.ndarray:
        table = np.full(self.kept.max() + 1, -1, np.int32)
        table[self.kept] = np.arange(len(self.kept))
        return table

    def remap(self, ids: np.ndarray) -> np.ndarray:
        """Old ids -> new ids, int32 of the same shape.

        Raises:
            ValueError: an id that was not kept.
        """
        ids = np.asarray(ids, np.int64)
        new = self._new_ids[np.minimum(ids, len(self._new_ids) - 1)]
        lost = (new < 0) | (ids >= len(self._new_ids)) | (ids < 0)
        if lost.any():
            raise ValueError(f"piece {ids[lost].flat[0]} was not kept")
        return new


def trim_tokenizer(tokenizer, seen: np.ndarray) -> Trimmed:
    """Keeps seen pieces, special and added tokens, single characters, and what these are merged from.

    The order of the pieces stays. Source of the proof of equality: see the module's docstring.

    Args:
        tokenizer: fast tokenizer of transformers with a WordPiece, Unigram or BPE vocabulary.
        seen: bool [ids or more], whether a piece occurs in the text; beyond the tokenizer's ids (rows of an
            embedding table that no piece uses) it is ignored.

    Raises:
        ModelLoadError: the tokenizer's vocabulary is of another type, or cannot be rebuilt.
    """
    spec = tokenizer_spec(tokenizer)
    model = spec.get("model", {"type": "slow"})
    if model["type"] not in _KEEP:
        raise ModelLoadError("`trim_vocabulary` is available for fast tokenizers with a WordPiece, Unigram "
                             f"or BPE vocabulary; this one is {model['type']}. Omit it.")
    pieces = _pieces(model)
    named = {token["content"] for token in spec["added_tokens"]} | _framing(spec["post_processor"])
    named |= {model["unk_token"]} if model.get("unk_token") else set()
    wanted = {piece for piece, number in pieces.items()
              if piece in named or (number < len(seen) and seen[number]) or _is_single(piece, model)}
    keep = _KEEP[model["type"]](model, wanted)
    kept = sorted((piece for piece in pieces if piece in keep), key=pieces.get)
    # Tokens outside the model get the ids after it, in the order of the list.
    outside = sorted((t for t in spec["added_tokens"] if t["content"] not in pieces), key=lambda t: t["id"])
    names = kept + [token["content"] for token in outside]
    old_ids = pieces | {token["content"]: token["id"] for token in outside}
    new_ids = {name: number for number, name in enumerate(names)}
    _shrink(model, keep, new_ids)
    _renumber(spec, new_ids)
    return Trimmed(_rebuild(tokenizer, spec, new_ids), np.array([old_ids[name] for name in names], np.int32))


def _pieces(model: dict[str, Any]) -> dict[str, int]:
    """The ids of the model's own pieces."""
    if model["type"] == "Unigram":
        return {piece: number for number, (piece, _) in enumerate(model["vocab"])}
    return model["vocab"]


def _is_single(piece: str, model: dict[str, Any]) -> bool:
    """Whether it is one character as the model writes it, or one byte of a model that falls back to bytes."""
    prefix, suffix = model.get("continuing_subword_prefix"), model.get("end_of_word_suffix")
    bare = piece
    if prefix and len(bare) > len(prefix):
        bare = bare.removeprefix(prefix)
    if suffix and len(bare) > len(suffix):
        bare = bare.removesuffix(suffix)
    is_byte = model.get("byte_fallback") and _BYTE_PIECE.fullmatch(piece)
    return len(bare) == 1 or bool(is_byte)


def _wordpiece_keep(model: dict[str, Any], wanted: set[str]) -> set[str]:
    return wanted


def _unigram_keep(model: dict[str, Any], wanted: set[str]) -> set[str]:
    lowest = min(model["vocab"], key=lambda entry: entry[1])[0]
    unknown = {model["vocab"][model["unk_id"]][0]} if model["unk_id"] is not None else set()
    return wanted | {lowest} | unknown


def _bpe_keep(model: dict[str, Any], wanted: set[str]) -> set[str]:
    """Every merge that makes a kept piece stays, hence both of its parts."""
    parts: dict[str, list[str]] = {}
    for left, right in model["merges"]:
        parts.setdefault(_merged(left, right, model), []).extend((left, right))
    keep, rest = set(wanted), list(wanted)
    while rest:
        new = set(parts.get(rest.pop(), ())) - keep
        keep |= new
        rest += new
    return keep


def _merged(left: str, right: str, model: dict[str, Any]) -> str:
    return left + right[len(model["continuing_subword_prefix"] or ""):]


_KEEP = {"WordPiece": _wordpiece_keep, "Unigram": _unigram_keep, "BPE": _bpe_keep}


def _shrink(model: dict[str, Any], keep: set[str], new_ids: dict[str, int]) -> None:
    if model["type"] == "Unigram":
        unknown = model["unk_id"]
        model["unk_id"] = unknown if unknown is None else new_ids[model["vocab"][unknown][0]]
        model["vocab"] = [entry for entry in model["vocab"] if entry[0] in keep]
        return
    model["vocab"] = {piece: new_ids[piece] for piece in model["vocab"] if piece in keep}
    if model["type"] == "BPE":
        model["merges"] = [pair for pair in model["merges"] if _merged(*pair, model) in keep]


def _processors(post_processor: dict[str, Any] | None) -> Iterable[dict[str, Any]]:
    if post_processor is None:
        return
    yield post_processor
    for part in post_processor.get("processors", ()):
        yield from _processors(part)


def _framing(post_processor: dict[str, Any] | None) -> set[str]:
    """The tokens that the post-processor puts around text."""
    names = set()
    for part in _processors(post_processor):
        names |= {part[key][0] for key in ("cls", "sep") if key in part}
        for special in part.get("special_tokens", {}).values():
            names |= set(special["tokens"])
    return names


def _renumber(spec: dict[str, Any], new_ids: dict[str, int]) -> None:
    """Writes the new ids wherever the tokenizer's file names one outside its model."""
    for token in spec["added_tokens"]:
        token["id"] = new_ids[token["content"]]
    spec["added_tokens"].sort(key=lambda token: token["id"])
    if spec["padding"]:
        spec["padding"]["pad_id"] = new_ids.get(spec["padding"]["pad_token"], 0)
    for part in _processors(spec["post_processor"]):
        for key in ("cls", "sep"):
            if key in part:
                part[key][1] = new_ids[part[key][0]]
        for special in part.get("special_tokens", {}).values():
            special["ids"] = [new_ids[token] for token in special["tokens"]]


def _rebuild(tokenizer, spec: dict[str, Any], new_ids: dict[str, int]):
    """A tokenizer of the same class around the new backend."""
    from tokenizers import Tokenizer

    backend = Tokenizer.from_str(json.dumps(spec))
    # The old files hold the old vocabulary: without their names they are not copied beside the new one.
    stale = {*tokenizer.vocab_files_names, "tokenizer_file", "special_tokens_map_file",
             "added_tokens_decoder"}
    options = {name: value for name, value in tokenizer.init_kwargs.items() if name not in stale}
    options.update(tokenizer.special_tokens_map_extended)
    rebuilt = type(tokenizer)(tokenizer_object=backend, **options)
    # Not options of the constructor, which would otherwise be lost or set to the class's own.
    for name in ("model_max_length", "padding_side", "truncation_side", "model_input_names"):
        setattr(rebuilt, name, getattr(tokenizer, name))
    if rebuilt.get_vocab() != new_ids:
        raise ModelLoadError(f"`trim_vocabulary`: {type(tokenizer).__name__} adds pieces of its own to the "
                             "trimmed vocabulary, which would no longer fit the model. Omit `trim_vocabulary`.")
    return rebuilt
