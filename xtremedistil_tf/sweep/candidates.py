"""The students that a sweep tries."""

from __future__ import annotations

import dataclasses
import itertools
import os
import pathlib
from collections.abc import Iterator
from typing import Any

from xtremedistil_tf.config.distillation import DistillationConfig
from xtremedistil_tf.config.export import listed
from xtremedistil_tf.config.sweep import SWEPT, SweepConfig
from xtremedistil_tf.fingerprint import fingerprint

_LETTERS = {flag: letter for lists in SWEPT.values() for flag, letter in lists.values()}
# Flags that name what a run reads. A folder of `teacher_model_dir` is also written: its config.json counts.
_INPUTS = ("task", "transfer_file", "transfer_store", "pt_teacher_checkpoint", "pt_student_checkpoint",
           "augment_checkpoint", "augment_gazetteer", "augment_corpus", "augment_encoder", "augment_file")


@dataclasses.dataclass(frozen=True)
class Candidate:
    """A student of the sweep.

    Attributes:
        name: in names of files, such as e50-h200.
        title: for people, such as E=50 H=200.
        config: of its run in full.
    """

    name: str
    title: str
    config: DistillationConfig

    def shortened(self, share: float, model_dir: pathlib.Path) -> DistillationConfig:
        """The same with a share of the epochs, without what only a final run needs."""
        c = self.config
        distil, labels, frozen = (max(1, round(share * epochs)) if epochs else 0
                                  for epochs in (c.distil_epochs, c.ft_epochs, c.frozen_epochs))
        return dataclasses.replace(c, distil_epochs=distil, ft_epochs=labels, frozen_epochs=frozen,
                                   direct_baseline=False, model_dir=str(model_dir))


def candidates(config: SweepConfig) -> list[Candidate]:
    """Every combination of the listed sizes, the first list varying slowest."""
    shared, swept = config.shared(), config.swept()
    found = []
    for values in itertools.product(*swept.values()):
        sizes = dict(zip(swept, values))
        name = "-".join(f"{_LETTERS[flag].lower()}{value}" for flag, value in sizes.items())
        title = " ".join(f"{_LETTERS[flag]}={value}" for flag, value in sizes.items())
        changes: dict[str, Any] = {**sizes, "model_dir": f"{shared.model_dir}/{name}"}
        found.append(Candidate(name, title, dataclasses.replace(shared, **changes)))
    return found


def weights(quantization: str) -> str:
    """What the weights of a file are in, for people."""
    return "float32" if quantization == "none" else quantization


def titled(title: str, quantization: str) -> str:
    """A student in one of its files, for people: such as E=50 in int8."""
    return f"{title} in {weights(quantization)}"


def inputs_fingerprint(config: SweepConfig) -> str:
    """Fingerprint of names, sizes and times of the files that the runs read: changed ones are noticed."""
    names = [name for flag in _INPUTS for name in listed(getattr(config, flag))]
    names += [f"{name}/config.json" for name in listed(config.teacher_model_dir)]
    own = pathlib.Path(config.folder).resolve()  # may be below the task's folder
    return fingerprint([[os.fspath(file), file.stat().st_size, file.stat().st_mtime_ns]
                        for name in names for file in _files(pathlib.Path(name))
                        if own not in file.resolve().parents])


def _files(path: pathlib.Path) -> Iterator[pathlib.Path]:
    if path.is_file():
        yield path
    elif path.is_dir():
        yield from sorted(file for file in path.rglob("*") if file.is_file())
