"""The answers of a teacher that is a Python object, asked for before a run and kept beside it."""

from __future__ import annotations

import dataclasses
import itertools
import json
import os
import pathlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from xtremedistil_tf.atomic import atomic_file
from xtremedistil_tf.config import DistillationConfig
from xtremedistil_tf.config.fields import listed
from xtremedistil_tf.corpus.example import texts_of
from xtremedistil_tf.corpus.objects import is_path, write_text
from xtremedistil_tf.errors import ConfigError, DataError
from xtremedistil_tf.fingerprint import file_fingerprint, fingerprint
from xtremedistil_tf.tasks.opening import kind_named
from xtremedistil_tf.teachers.answering import answering, function_named, jsonable, name_of
from xtremedistil_tf.teachers.asking import Asked, Asking
from xtremedistil_tf.transfer.text import TransferText

#: Texts in a call.
ASKED_AT_ONCE = 32


def with_answers(config: DistillationConfig) -> DistillationConfig:
    """The configuration with files of answers alone; teachers that settings name are asked now.

    Raises:
        ConfigError: there is no such function, or `labels` are missing.
        TeacherError, MissingExtraError, ModelLoadError: see `ask_teacher` and `gliner_teacher`.
    """
    if config.asked_checkpoints:
        return _encoders_asked(config)
    if config.transfer_labels or not config.is_answered:
        return config
    described = _labels_of(config.labels)
    teacher: Any
    if config.teacher_function:
        teacher = function_named(config.teacher_function, "teacher_function")
    else:
        from xtremedistil_tf.teachers.gliner import gliner_teacher

        teacher = gliner_teacher(config.pt_teacher_checkpoint.partition(":")[2], described)
    names = list(described) or None
    file = ask_teacher(teacher, config.transfer_file, pathlib.Path(config.model_dir) / "data", names)
    checkpoint = config.pt_teacher_checkpoint if config.teacher_function else ""
    return dataclasses.replace(config, transfer_labels=str(file), transfer_file="", teacher_function="",
                               pt_teacher_checkpoint=checkpoint)


def _encoders_asked(config: DistillationConfig) -> DistillationConfig:
    """`transfer_labels` with the answers of its checkpoints in their places."""
    found, asked = [], config.asked_checkpoints
    for entry in listed(config.transfer_labels):
        if entry in asked:
            name, mark, beside = entry.partition("?")
            entry = f"{ask_teacher(name, config.transfer_file, pathlib.Path(config.model_dir) / 'data')}{mark}{beside}"
        found.append(entry)
    return dataclasses.replace(config, transfer_labels=",".join(found), transfer_file="")


def _labels_of(given: str) -> dict[str, str]:
    """{label: description or ""} of `labels`."""
    if os.path.isfile(given):
        lines = pathlib.Path(given).read_text(encoding="utf-8").splitlines()
        rows = [line.split("\t") for line in lines if line.strip()]
        # As the other label files have it, the index may come first.
        named = [row[1:2] + row[:1] + row[2:] if row[0].strip().isdigit() and len(row) > 1 else row for row in rows]
        return {row[0].strip(): row[2].strip() if len(row) > 2 else "" for row in named}
    return dict.fromkeys(listed(given), "")


def ask_teacher(teacher: Any, transfer: Any, folder: pathlib.Path, labels: Sequence[str] | None = None,
                batch_size: int = ASKED_AT_ONCE, workers: int = 1) -> pathlib.Path:
    """The file of a teacher's answers to all transfer text. Answers that are there are not asked for again.

    They belong to the name of the teacher and to the text: a teacher that is changed and keeps its name is not asked
    again, unless the file is deleted.

    Args:
        teacher: see `answering`; or the name of a fine-tuned checkpoint, see `EncoderTeacher`.
        transfer: a file, a folder, or an iterable of texts or pairs of texts.
        folder: that receives the answers, and texts that are no files.
        labels: names of the outputs, of a teacher that does not name them.
        batch_size: texts in a call.
        workers: calls at once.

    Raises:
        TeacherError, ConfigError, DataError: see `Asking`, `answering` and the readers.
    """
    if is_path(teacher):
        from xtremedistil_tf.teachers.encoder_answers import EncoderTeacher

        teacher = EncoderTeacher(os.fspath(teacher))
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

    name, identity = name_of(teacher), getattr(teacher, "identity", None)
    path = folder / f"asked-{fingerprint([name, identity, labels and list(labels), text.fingerprint])[:8]}.jsonl"
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
