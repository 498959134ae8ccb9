"""What a program needs beside the model: labels, vocabulary, and how inputs are put together."""

from __future__ import annotations

import os
import pathlib
from typing import Any

from xtremedistil_tf.atomic import atomic_file, write_json
from xtremedistil_tf.export.layout import DECODING
from xtremedistil_tf.export.tflite.token_ids import TOKEN_IDS, input_names
from xtremedistil_tf.students.model_directory import versions
from xtremedistil_tf.tasks.task import Task
from xtremedistil_tf.tokenization.frame import Frame
from xtremedistil_tf.tokenization.spec import tokenizer_spec

LABELS, VOCABULARY, TOKENIZER, MODEL = "labels.txt", "vocab.txt", "tokenizer.json", "model.json"
_SPECIAL = ("pad", "unk", "cls", "sep", "mask")


def write_side_files(folder: str | os.PathLike[str], tokenizer: Any, task: Task,
                     max_length: int | None = None) -> None:
    """Writes `labels.txt`, `model.json`, and `vocab.txt` for WordPiece or else `tokenizer.json`.

    Args:
        folder: where the models are.
        tokenizer: the student's fast tokenizer.
        task: what the student answers.
        max_length: most pieces that the student takes, special tokens included; None: any number.
    """
    folder = pathlib.Path(folder)
    spec = tokenizer_spec(tokenizer)
    _write_lines(folder / LABELS, task.labels)
    wordpiece = spec["model"]["type"] == "WordPiece"
    if wordpiece:
        vocabulary = tokenizer.get_vocab()
        pieces = {number: piece for piece, number in vocabulary.items()}
        _write_lines(folder / VOCABULARY, [pieces.get(number, "") for number in range(1 + max(pieces))])
    else:
        with atomic_file(folder / TOKENIZER) as part:
            part.write_text(tokenizer.backend_tokenizer.to_str(), encoding="utf-8")
    facts = {"type": spec["model"]["type"], "file": VOCABULARY if wordpiece else TOKENIZER,
             "normalizer": _without_tables(spec["normalizer"]),
             "max_characters_per_word": spec["model"].get("max_input_chars_per_word")}
    special = {name: getattr(tokenizer, f"{name}_token_id") for name in _SPECIAL}
    write_json(folder / MODEL, {
        "format": 1, "task": {"kind": task.kind, "labels": task.labels, "options": task.options},
        DECODING: task.decoding_facts(),
        "signature": {"name": TOKEN_IDS, "inputs": list(input_names(task)), "outputs": ["logits"]},
        "max_length": max_length, "tokenizer": facts, "special_token_ids": special,
        "input_of_text": _frame(tokenizer, False), "input_of_pair": _frame(tokenizer, True),
        "versions": versions()})


def _write_lines(path: pathlib.Path, lines: list[str]) -> None:
    with atomic_file(path) as part:
        part.write_text("".join(line + "\n" for line in lines), encoding="utf-8", newline="\n")


def _frame(tokenizer: Any, pair: bool) -> dict[str, Any]:
    """Special tokens before, between and after the texts, and token types of all."""
    frame = Frame.of(tokenizer, pair)
    return {"special_ids": [ids.tolist() for ids in frame.special],
            "special_types": [types.tolist() for types in frame.special_types],
            "text_types": list(frame.text_types)}


def _without_tables(normalizer: dict[str, Any] | None) -> dict[str, Any] | None:
    """A normalizer's settings; SentencePiece's table of characters is in tokenizer.json."""
    if normalizer is None:
        return None
    kept = {name: value for name, value in normalizer.items() if name != "precompiled_charsmap"}
    if "normalizers" in kept:
        kept["normalizers"] = [_without_tables(step) for step in kept["normalizers"]]
    return kept
