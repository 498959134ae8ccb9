"""What lies beside ONNX files: labels, tokenizer, and `interface.json` with an example to check a program with."""

from __future__ import annotations

import os
import pathlib
from typing import Any

import numpy as np

from xtremedistil_tf.atomic import read_json, write_json, write_text
from xtremedistil_tf.corpus.example import AnyExample, Example, QuestionExample, TextExample
from xtremedistil_tf.export.words import write_words
from xtremedistil_tf.inference.runtimes import OnnxRuntime
from xtremedistil_tf.tasks.task import Task
from xtremedistil_tf.tokenization.words import word_form
from xtremedistil_tf.training.batches import pad_batch

INTERFACE, LABELS, TOKENIZER, WORDS = "interface.json", "labels.txt", "tokenizer.json", "words.json"
_TEXT, _SECOND = "Ada Lovelace wrote to Charles Babbage, who lived in London.", "She lived there, too."
_FORMAT = 1


def write_onnx_files(path: str | os.PathLike[str], student: Any, tokenizer: Any, task: Task,
                     pairs: bool = False) -> pathlib.Path:
    """Writes `labels.txt`, `tokenizer.json`, for taggers `words.json` and `words.js`, and `interface.json`.

    `interface.json` says what all files of the folder have in common, and in `example` what this file answers to an
    input: logits without those of padding, rounded to six places.

    Args:
        path: a file that `export_onnx` wrote.
        student, tokenizer, task: see `export_onnx`.
        pairs: whether a text is a pair.

    Returns:
        The path of `interface.json`.
    """
    path = pathlib.Path(path)
    folder, target = path.parent, path.parent / INTERFACE
    write_text_files(folder, tokenizer, task)
    example = _example(task, pairs)
    features = task.prediction_features(tokenizer, [example], student.max_length)
    batch = pad_batch(features.features, np.array([0]), tokenizer.pad_token_id, 1)
    runtime = OnnxRuntime(path, threads=1)
    logits = runtime.forward(batch)["logits"]
    before = read_json(target)["example"]["logits"] if target.exists() else {}
    per_piece = ["batch", "time", task.num_outputs] if task.per_piece else ["batch", task.num_outputs]
    write_json(target, {
        "format": _FORMAT, "task": task.kind, "labels": task.labels, "options": task.options,
        "inputs": [{"name": name, "dtype": "int64", "shape": ["batch", "time"]} for name in runtime.inputs],
        "outputs": [{"name": "logits", "dtype": "float32", "shape": per_piece}],
        "max_length": student.max_length,
        "tokenizer": {"file": TOKENIZER if (folder / TOKENIZER).exists() else None,
                      "special_token_ids": special_token_ids(tokenizer)} | word_form(tokenizer, task),
        "words": WORDS if task.raw_words is not None else None,
        "decoding": task.decoding_facts() or None,
        "example": _shown(example) | {
            "inputs": {name: np.asarray(batch[name], np.int64).tolist() for name in runtime.inputs},
            "logits": _known(before, folder) | {path.name: np.round(logits.astype(float), 6).tolist()}}})
    runtime.close()
    return target


def write_text_files(folder: pathlib.Path, tokenizer: Any, task: Task) -> None:
    """Writes what turns text into inputs and outputs into labels: all but `interface.json`."""
    write_text(folder / LABELS, "".join(f"{label}\n" for label in task.labels))
    backend = getattr(tokenizer, "backend_tokenizer", None)  # tokenizers without a fast version have none
    if backend is not None:
        write_text(folder / TOKENIZER, backend.to_str())
    write_words(folder, task)


def special_token_ids(tokenizer: Any) -> dict[str, int]:
    """Ids of special tokens, such as {"pad": 0, "cls": 2}."""
    return {name.removesuffix("_token"): tokenizer.convert_tokens_to_ids(token)
            for name, token in tokenizer.special_tokens_map.items() if isinstance(token, str)}


def _known(before: dict[str, Any], folder: pathlib.Path) -> dict[str, Any]:
    """The answers of the other files that are still there."""
    return {name: logits for name, logits in before.items() if (folder / name).exists()}


def _example(task: Task, pairs: bool) -> AnyExample:
    if task.kind == "question_answering":
        return QuestionExample("example", "Where did Charles Babbage live?", _TEXT)
    if task.raw_words is not None:
        return Example(task.raw_words.words(_TEXT))
    return TextExample(_TEXT, _SECOND if pairs else None)


def _shown(example: AnyExample) -> dict[str, Any]:
    if isinstance(example, QuestionExample):
        return {"question": example.question, "context": example.context}
    if isinstance(example, Example):
        return {"text": _TEXT, "words": list(example.words)}
    return {"text": example.text} | ({"text_pair": example.pair} if example.pair is not None else {})
