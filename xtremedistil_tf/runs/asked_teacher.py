"""The answers of a teacher that is a Python object, asked for before a run and kept beside it."""

from __future__ import annotations

import itertools
import json
import os
import pathlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from xtremedistil_tf.atomic import atomic_file
from xtremedistil_tf.corpus.example import texts_of
from xtremedistil_tf.corpus.objects import is_path, write_text
from xtremedistil_tf.errors import ConfigError, DataError
from xtremedistil_tf.fingerprint import file_fingerprint, fingerprint
from xtremedistil_tf.tasks.opening import kind_named
from xtremedistil_tf.teachers.answering import answering, jsonable, name_of
from xtremedistil_tf.teachers.asking import Asked, Asking
from xtremedistil_tf.transfer.text import TransferText


def ask_teacher(teacher: Any, transfer: Any, folder: pathlib.Path, labels: Sequence[str] | None = None,
                batch_size: int = 32, workers: int = 1) -> pathlib.Path:
    """The file of a teacher's answers to all transfer text. Answers that are there are not asked for again.

    They belong to the name of the teacher and to the text: a teacher that is changed and keeps its name is not asked
    again, unless the file is deleted.

    Args:
        teacher: see `answering`.
        transfer: a file, a folder, or an iterable of texts or pairs of texts.
        folder: that receives the answers, and texts that are no files.
        labels: names of the outputs, of a teacher that does not name them.
        batch_size: texts in a call.
        workers: calls at once.

    Raises:
        TeacherError, ConfigError, DataError: see `Asking`, `answering` and the readers.
    """
    pairs = False
    if not is_path(transfer):
        rows = iter(transfer)
        first = list(itertools.islice(rows, 1))
        pairs = bool(first) and isinstance(first[0], tuple | list) and len(first[0]) == 2
        transfer = write_text(folder, itertools.chain(first, rows), kind_named("classification", pairs))
    kind = kind_named("classification", pairs)
    text = TransferText(lambda: kind.read_unlabeled(os.fspath(transfer)), os.fspath(transfer))

    def texts() -> Iterator[Asked]:
        for example in text:
            found = texts_of(example)
            yield found[0] if len(found) == 1 else found

    name = name_of(teacher)
    path = folder / f"asked-{fingerprint([name, labels and list(labels), text.fingerprint])[:8]}.jsonl"
    return Asking(answering(teacher, labels), name, path, batch_size, workers).ask(texts, text.sentences)


def write_answers(rows: Iterable[Mapping[str, Any]], folder: pathlib.Path) -> pathlib.Path:
    """Writes answers that are Python objects, and returns their file, whose name tells its content.

    Raises:
        DataError: a row is no mapping.
        ConfigError: there is no row.
    """
    folder.mkdir(parents=True, exist_ok=True)
    part = folder / f".answers-{os.getpid()}.jsonl"
    with atomic_file(part) as file, open(file, "w", encoding="utf-8") as out:
        count = 0
        for count, row in enumerate(rows, 1):
            if not isinstance(row, Mapping):
                raise DataError(f"`transfer_labels`: row {count} is a {type(row).__name__}, expected a mapping such as "
                                '{"text": ..., "label": ...}.')
            out.write(json.dumps(jsonable(row)) + "\n")
    if not count:
        part.unlink()
        raise ConfigError("`transfer_labels`: no rows. Expected texts with answers.")
    target = folder / f"answers-{file_fingerprint(part)[:8]}.jsonl"
    os.replace(part, target)
    return target
