"""Runs rivals one after the other, each step in a process of its own, and keeps what they found as rows."""

from __future__ import annotations

import dataclasses
import functools
import json
import logging
import pathlib
import shlex
import sys
from collections.abc import Mapping, Sequence
from typing import Any

import runs
from rivals import stored_answers
from rivals.task_folder import TRANSFER, TaskFolder
from xtremedistil_tf.fingerprint import fingerprint
from xtremedistil_tf.tasks.classification.task import class_scores
from xtremedistil_tf.tasks.tagging.tag_scores import entity_scores

log = logging.getLogger(__name__)
_FORMS = {"saved_model none": "SavedModel, raw strings", "tflite dynamic": "TFLite int8", "onnx none": "ONNX",
          "onnx int8": "ONNX int8", "tensorflow": "TensorFlow"}


@dataclasses.dataclass(frozen=True)
class Row:
    """One rival in one form.

    Attributes:
        name, form: what it is, and what runs it.
        score: F1 or accuracy on the test set; None where the weights are random.
        parameters, bytes: None where they are another row's.
        speed: see `timing.measure`; None where it is another row's.
        train_seconds: without the teacher's fine-tuning and inference; None where there was none.
    """

    name: str
    form: str
    score: float | None = None
    parameters: int | None = None
    bytes: int | None = None
    speed: Mapping[str, Any] | None = None
    train_seconds: float | None = None


class Bench:
    """One data set and its rivals.

    Args:
        task: folder that `preparing.prepare` wrote.
        work: folder of all models.
        seconds: to spend on each figure of speed.
        texts: that words a second are measured on.
        python: interpreter for the rivals that are called `outside`.
    """

    def __init__(self, task: pathlib.Path, work: pathlib.Path, seconds: float, texts: int,
                 python: str = sys.executable):
        self.task, self.work = TaskFolder(task), work / task.name
        self._speed, self._python = {"seconds": seconds, "texts": texts}, python
        self.rows: list[Row] = []
        self.versions: dict[str, str] = {}
        self.commands: list[str] = []
        self.seconds: dict[str, float] = {}

    def student(self, name: str, flags: Mapping[str, Any], flagfiles: Sequence[str],
                forms: Sequence[str]) -> None:
        """A run of ours: the distilled student in its forms and, where asked for, the one on labels alone."""
        folder = self.work / _slug(name)
        metrics = runs.distil(folder / "run", {
            "task": self.task.path, "transfer_file": self.task.path / TRANSFER,
            "teacher_model_dir": self.work / "teacher", "transfer_store_dir": self.work / "transfer",
            **flags}, flagfiles)
        self.commands.append(metrics["command"])
        self.versions |= metrics["versions"]
        main, seconds = metrics["main_score"], metrics["seconds"]
        for key in ("teacher fine-tuning", "transfer store"):
            self.seconds[key] = max(self.seconds.get(key, 0.0), seconds.get(key, 0.0))
        spent = sum(phase["seconds"] for phase in metrics["phases"])
        self._forms(f"{name}, distilled", "student", folder, forms,
                    {"model_dir": folder / "run", "of": metrics["fingerprint"]}, spent)
        if "direct_baseline" in metrics:
            alone = metrics["direct_baseline"]
            spent = sum(phase["seconds"] for phase in metrics["baseline_phases"])
            self.rows.append(Row(f"{name}, labels alone", "as distilled", alone[main], train_seconds=spent))

    def shape(self, name: str, tokenizer: str, layers: int, hidden_size: int, forms: Sequence[str]) -> None:
        """A transformer of random weights: only size and speed mean anything."""
        flags = {"tokenizer": tokenizer, "layers": layers, "hidden_size": hidden_size}
        self._forms(f"{name}, random weights", "student", self.work / _slug(name), forms, flags, None)

    def teacher(self, forms: Sequence[str]) -> None:
        """The fine-tuned teacher; a run of `student` makes it."""
        self._forms("teacher", "teacher", self.work / "teacher-forms", forms,
                    {"checkpoint": self.teacher_path}, self.seconds.get("teacher fine-tuning"))

    def rival(self, name: str, form: str, module: str, outside: bool = False, **flags: Any) -> None:
        """Any other: its steps `train` and `speed`."""
        folder = self.work / _slug(name)
        trained = self._step(module, "train", folder, "train", outside, **flags)
        made_of = fingerprint({name: str(value) for name, value in flags.items()})
        speed = self._step(module, "speed", folder, "speed", outside, of=made_of, **self._speed)
        answers = trained.get("answers") or speed.get("answers")
        self._add(Row(name, form, self.score(answers), trained["parameters"], trained["bytes"],
                      _figures(speed), trained["train_seconds"]))

    def score(self, answers: Sequence[Any]) -> float:
        """Entity F1 or accuracy of answers to the test set."""
        _, gold = self.task.read("test")
        if self.task.tagging:
            return entity_scores(gold, answers)["f1"]
        return class_scores(gold, answers, self.task.labels)["accuracy"]

    @property
    def teacher_path(self) -> pathlib.Path:
        """The Hugging Face directory of the last teacher that was fine-tuned.

        Raises:
            SystemExit: there is none yet.
        """
        records = list((self.work / "teacher").glob("*/fine-tuning.json"))
        if not records:
            raise SystemExit(f"{self.work / 'teacher'}: no teacher yet; the group bilstm makes it (--only).")
        return max(records, key=lambda record: record.stat().st_mtime).parent

    @functools.cached_property
    def store(self) -> pathlib.Path:
        """The transfer store of the runs; one that some run of `student` wrote."""
        return stored_answers.find_store(self.work / "transfer", len(self.task.transfer()))

    @functools.cached_property
    def teachers_examples(self) -> pathlib.Path:
        """A training file with the labels and, for the rest of the transfer text, the teacher's answers."""
        path = self.work / f"answered-{self.store.name}.tsv"
        if not path.exists():
            count = stored_answers.write_examples(path, self.task, self.store)
            log.info("%d examples, the teacher's answers among them: %s", count, path)
        return path

    def _forms(self, name: str, module: str, folder: pathlib.Path, forms: Sequence[str],
               flags: Mapping[str, Any], spent: float | None) -> None:
        chosen = {"forms": ",".join(forms)} if module == "student" else {}
        written = self._step(module, "train", folder, "train", **flags, **chosen)
        for form in forms:
            speed = self._step(module, "speed", folder, f"speed {form}", **flags, form=form, **self._speed)
            score = self.score(speed["answers"]) if "answers" in speed else None
            self._add(Row(name, _FORMS[form], score, written["parameters"], written["bytes_of"][form],
                          _figures(speed), spent))

    def _step(self, module: str, step: str, folder: pathlib.Path, label: str, outside: bool = False,
              **flags: Any) -> dict[str, Any]:
        """Runs a step unless the very same one is done, and returns its figures.

        Raises:
            SystemExit: it failed; its log is named.
        """
        out, called = (folder / f"{_slug(label)}{suffix}" for suffix in (".json", "-command.json"))
        command = [self._python if outside else sys.executable, "-m", f"rivals.{module}", step,
                   f"--task={self.task.path}", f"--folder={folder}", f"--out={out}",
                   *(f"--{name}={value}" for name, value in flags.items())]
        runs.once(command, out, called, out.with_suffix(".log"), f"{command[2]} {command[3]}")
        self.commands.append(shlex.join(command[1:]))
        facts = json.loads(out.read_text(encoding="utf-8"))
        self.versions |= facts["versions"]
        return facts

    def _add(self, row: Row) -> None:
        log.info("%s in %s: score %s, %s", row.name, row.form, row.score, row.speed)
        self.rows.append(row)


def _figures(speed: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in speed.items() if key not in ("answers", "versions")}


def _slug(name: str) -> str:
    return "".join(c if c.isalnum() else "_" for c in name).strip("_")
