"""Trimming a vocabulary: which subwords stay, and a tokenizer without the others.

Those stay that the text has. With little text many pieces of new text were never seen, so pieces of the text's scripts
are added, likeliest first, until dev text lacks hardly any. How likely a piece is, is told by its rank in the
vocabulary (trainers of WordPiece, BPE and Unigram write the frequent pieces first; Zipf's law makes a frequency of a
rank) and by its letters: the mean logarithm of the probabilities of its trigrams of characters in the pieces of the
text. A vocabulary of a hundred languages has pieces of many of them in one script, which the rank alone does not tell
apart.

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

import collections
import dataclasses
import functools
import json
import math
import re
import unicodedata
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

from xtremedistil_tf.errors import ModelLoadError
from xtremedistil_tf.tokenization.texts import tokenizer_spec

#: Share of the pieces of dev text that may be lacking; then no further ones are kept.
LACKING = 0.01
#: A script of fewer of the text's letters than this is none of its own.
_SCRIPT_SHARE = 0.005
# Ranks up to about here belong to characters and unused entries as much as to frequent pieces.
_RANK_OFFSET = 1000
# Measured: 1 is better for vocabularies of many languages, 0 for those of one.
_LETTERS_WEIGHT = 0.5
_SMOOTHING = 0.02
_BEGIN, _END = "\x02", "\x03"
_BYTE_PIECE = re.compile("<0x[0-9A-F]{2}>")


@dataclasses.dataclass(frozen=True)
class KeptPieces:
    """What to keep of a vocabulary, beside what `trim_tokenizer` keeps in any case.

    Attributes:
        mask: bool [ids], pieces to keep: those of the text, of dev text, and further ones.
        seen: number of pieces that occur in the text or in dev text.
        further: number of pieces that occur in neither and are kept.
        lacking_alone: share of the pieces of dev text that the pieces of the text alone would lack; their words are
            split differently.
        lacking: the same with the further ones, those of dev text itself aside.
    """

    mask: np.ndarray
    seen: int
    further: int
    lacking_alone: float
    lacking: float

    def to_json(self) -> dict[str, Any]:
        """For `metrics.json`."""
        return {"seen": self.seen, "further": self.further, "dev_lacking": self.lacking,
                "dev_lacking_without_further": self.lacking_alone}


def piece_counts(count: int, ids: Iterable[np.ndarray]) -> np.ndarray:
    """int64 [count]: how often each of so many pieces occurs in arrays of ids."""
    counts = np.zeros(count, np.int64)
    for part in ids:
        counts += np.bincount(part, minlength=count)
    return counts


def kept_pieces(tokenizer: Any, text: np.ndarray, dev: np.ndarray, most: int) -> KeptPieces:
    """Chooses what a vocabulary is trimmed to.

    Args:
        tokenizer: fast tokenizer of transformers.
        text: int [ids], how often each piece occurs in training and transfer text.
        dev: the same of dev text, which tells how much new text lacks.
        most: further pieces to keep at most.
    """
    names = sorted((item for item in tokenizer.get_vocab().items() if item[1] < len(text)), key=lambda item: item[1])
    known = text > 0
    for name, number in names:
        known[number] |= len(_bare(name)) <= 1  # which are kept in any case
    known[tokenizer.all_special_ids] = True
    total = max(1, int(dev.sum()))
    lacking = int(dev[~known].sum())
    likeliest = _likeliest(names, text, known) if most and lacking > LACKING * total else np.zeros(0, np.int64)
    left = lacking - np.cumsum(dev[likeliest[:most]])
    enough = np.flatnonzero(left <= LACKING * total)
    chosen = likeliest[:most][: enough[0] + 1 if len(enough) else most]
    mask = (text > 0) | (dev > 0)
    seen, mask[chosen] = int(mask.sum()), True
    return KeptPieces(mask, seen, int(mask.sum()) - seen, lacking / total,
                      float(left[len(chosen) - 1] if len(chosen) else lacking) / total)


def _likeliest(names: list[tuple[str, int]], counts: np.ndarray, known: np.ndarray) -> np.ndarray:
    """int64 [n]: ids of pieces in the text's scripts that it does not use, the likeliest first."""
    letters, scripts = _Trigrams(), collections.Counter[str]()
    for name, number in names:
        if counts[number]:
            letters.add(name, int(counts[number]))
            for script in _scripts(name):
                scripts[script] += int(counts[number])
    used = {script for script, count in scripts.items() if count >= _SCRIPT_SHARE * scripts.total()}
    candidates = [(name, number) for name, number in names if not known[number] and _scripts(name) <= used]
    scores = [_LETTERS_WEIGHT * letters.mean_log_probability(name) - math.log(number + _RANK_OFFSET)
              for name, number in candidates]
    order = np.argsort(-np.array(scores), kind="stable")
    return np.array([number for _, number in candidates], np.int64)[order]


class _Trigrams:
    """A model of the characters of pieces: of each character given the two before it."""

    def __init__(self) -> None:
        self._trigrams, self._pairs = collections.Counter[str](), collections.Counter[str]()

    def add(self, piece: str, times: int) -> None:
        for trigram in _trigrams(piece):
            self._trigrams[trigram] += times
            self._pairs[trigram[:2]] += times

    def mean_log_probability(self, piece: str) -> float:
        logs = [math.log((self._trigrams[t] + _SMOOTHING) / (self._pairs[t[:2]] + 1)) for t in _trigrams(piece)]
        return sum(logs) / len(logs)


def _trigrams(piece: str) -> Iterator[str]:
    framed = f"{_BEGIN}{piece}{_END}"
    return (framed[start: start + 3] for start in range(max(1, len(framed) - 2)))


def _bare(piece: str) -> str:
    """A piece without the marks of the usual tokenizers for beginning and going on of a word."""
    return piece.removeprefix("##").lstrip("\u2581")


def _scripts(piece: str) -> frozenset[str]:
    """The scripts of a piece's letters."""
    return frozenset(script for script in map(_script, piece) if script)


@functools.lru_cache(1 << 16)
def _script(character: str) -> str:
    """Name of a letter's script as Unicode names its characters: LATIN, CYRILLIC, CJK, ...; "" of others."""
    if not character.isalpha():
        return ""
    return unicodedata.name(character, "").partition(" ")[0].partition("-")[0]


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
            raise ValueError(f"subword {ids[lost].flat[0]} was not kept")
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
        raise ModelLoadError(f"`trim_vocabulary`: {type(tokenizer).__name__} adds subwords of its own to the "
                             "trimmed vocabulary, which would no longer fit the model. Omit `trim_vocabulary`.")
    return rebuilt
