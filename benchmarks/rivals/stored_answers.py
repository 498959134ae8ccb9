"""The teacher's answers to the transfer text, read out of a transfer store (docs/transfer_store.md).

For rivals that cannot learn from logits: examples for an ordinary training, labelled by the teacher. NumPy is
enough to read a store.
"""

from __future__ import annotations

import itertools
import json
import pathlib
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from rivals.task_folder import TaskFolder, write_answered
from xtremedistil_tf.atomic import atomic_file


def find_store(root: pathlib.Path, sentences: int) -> pathlib.Path:
    """The oldest finished store below `root` with so many sentences.

    Raises:
        SystemExit: there is none.
    """
    for file in sorted(root.glob("*/manifest.json"), key=lambda manifest: manifest.stat().st_mtime):
        manifest = json.loads(file.read_text(encoding="utf-8"))
        if manifest["complete"] and manifest["sentences"] == sentences:
            return file.parent
    raise SystemExit(f"{root}: no finished transfer store of {sentences} sentences; the group bilstm makes "
                     "it (--only).")


def rows(store: pathlib.Path, *names: str) -> Iterator[tuple[np.ndarray, ...]]:
    """The named arrays of each example, in the order of the text."""
    columns = json.loads((store / "manifest.json").read_text(encoding="utf-8"))["columns"]
    for shard in sorted(store.glob("shard-*")):
        offsets = np.load(shard / "offsets.npy")
        arrays = [(np.load(shard / f"{name}.npy", mmap_mode="r"), columns[name]["per_piece"])
                  for name in names]
        for index, (begin, end) in enumerate(itertools.pairwise(offsets)):
            yield tuple(array[begin:end] if per_piece else array[index] for array, per_piece in arrays)


def answers(store: pathlib.Path, texts: Sequence[str], labels: Sequence[str], tagging: bool) -> list[Any]:
    """The teacher's answer to each text; None for a sentence that was cut or of which a word has no piece."""
    if not tagging:
        return [labels[int(np.argmax(logits))] for logits, in rows(store, "teacher_logits")]
    found: list[Any] = []
    for text, (starts, logits) in zip(texts, rows(store, "word_starts", "teacher_logits")):
        tags = [labels[index] for index in logits[starts == 1].argmax(-1)]
        found.append(tags if len(tags) == len(text.split(" ")) else None)
    return found


def write_examples(path: pathlib.Path, task: TaskFolder, store: pathlib.Path) -> int:
    """Writes the labelled examples and, with the teacher's answers, the rest of the transfer text.

    Returns:
        The number of examples.
    """
    texts, gold = task.read("train")
    known, unlabeled = set(texts), task.transfer()
    answered = zip(unlabeled, answers(store, unlabeled, task.labels, task.tagging))
    rest = [(text, answer) for text, answer in answered if answer is not None and text not in known]
    with atomic_file(path) as part:
        write_answered(part, [*texts, *(text for text, _ in rest)], [*gold, *(answer for _, answer in rest)])
    return len(texts) + len(rest)
