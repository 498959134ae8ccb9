"""Runs of a sweep, each in a process of its own: short ones, full ones, and their flags."""

from __future__ import annotations

import dataclasses
import json
import math
import os
import pathlib
import shlex
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from xtremedistil_tf.atomic import read_json
from xtremedistil_tf.config.distillation import DistillationConfig
from xtremedistil_tf.errors import XtremeDistilError
from xtremedistil_tf.runs.sweep.candidates import Candidate, Kept
from xtremedistil_tf.students.metadata import EXPORT

_ROOT = pathlib.Path(__file__).resolve().parents[3]


def words_of(config: DistillationConfig, left_out: Sequence[str] = ()) -> list[str]:
    """One `--name=value` for every setting that is not the default."""
    words = []
    for field in dataclasses.fields(config):
        value = getattr(config, field.name)
        if field.name in left_out or value == field.default:
            continue
        is_bool = isinstance(value, bool)
        words.append(f"--{'' if value else 'no'}{field.name}" if is_bool else f"--{field.name}={value}")
    return words


def flagfile(config: DistillationConfig, file: str, before: Sequence[str] = (),
             after: Sequence[str] = ()) -> str:
    """The text of a flag file that makes a run, `--model_dir` left out.

    Args:
        config: of the run.
        file: name of the flag file, for the command in its head.
        before, after: remarks around that command.
    """
    words = words_of(config, left_out=("model_dir",))
    # absl strips the lines of a flag file, so a value with blanks at its ends can only stand in the command.
    others = [word for word in words if word != word.strip() or len(word.splitlines()) > 1]
    command = shlex.join(["python", "run_xtreme_distil.py", f"--flagfile={file}", *others, "--model_dir=out"])
    head = [f"# {line}" for remark in (*before, command, *after) for line in remark.splitlines()]
    return "".join(f"{line}\n" for line in [*head, *(word for word in words if word not in others)])


def child(name: str) -> list[str]:
    """What runs a function of `xtremedistil_tf.cli.sweep_processes`."""
    return ["-m", "xtremedistil_tf.cli.sweep_processes", name]


def command(name: str) -> list[str]:
    """What runs a command of `xtremedistil_tf.cli.verbs` under its script's name, whether the script is here or not."""
    code = f"import sys; from xtremedistil_tf.cli.verbs import {name}; sys.argv[0] = {name}.script; {name}.main()"
    return ["-c", code]


def run_process(words: Sequence[str], log_file: pathlib.Path) -> str:
    """Runs Python with these words and returns what it printed; all its output goes into a log.

    Raises:
        XtremeDistilError: it failed; the message is the last line of its log.
    """
    log_file.parent.mkdir(parents=True, exist_ok=True)
    with log_file.open("ab") as log:
        done = subprocess.run([sys.executable, *words], stdout=subprocess.PIPE, stderr=log, check=False,
                              env=environment())
    if done.returncode:
        raise XtremeDistilError(f"{_last_line(log_file) or 'no message'} (exit status {done.returncode}; see "
                                f"{log_file})")
    with log_file.open("ab") as log:
        log.write(done.stdout)
    return done.stdout.decode("utf-8", "replace")


def environment() -> dict[str, str]:
    """The environment of a child that imports this package wherever it is started."""
    path = os.pathsep.join(filter(None, [str(_ROOT), os.environ.get("PYTHONPATH")]))
    return os.environ | {"PYTHONPATH": path, "PYTHONIOENCODING": "utf-8"}


def _last_line(log_file: pathlib.Path) -> str:
    lines = log_file.read_text(encoding="utf-8", errors="replace").strip().splitlines()
    return lines[-1].removeprefix("error: ") if lines else ""


@dataclasses.dataclass(frozen=True)
class ShortRun:
    """Attributes:
        candidate: the student.
        settings: of the run.
        kept: where its result is.
    """

    candidate: Candidate
    settings: DistillationConfig
    kept: Kept

    @classmethod
    def of(cls, candidate: Candidate, number: int, share: float, kept: Kept) -> ShortRun:
        """The run of a student in round `number`, from 1, with this share of the epochs."""
        folder = kept.folder / "rounds" / str(number) / candidate.name
        return cls(candidate, candidate.shortened(share, folder), kept)

    def finished(self) -> dict[str, Any] | None:
        """The result of an earlier call of `start` that was kept."""
        return self.kept.read(self._folder / "result.json", self.settings.to_json())

    def start(self) -> dict[str, Any]:
        """Trains; an interrupted training goes on.

        Returns:
            `score` on the dev set, `training_seconds`.

        Raises:
            XtremeDistilError: it failed, or the score is no number.
        """
        log_file = self._folder / "output.log"
        printed = run_process([*child("trial"), *words_of(self.settings)], log_file)
        found: dict[str, Any] = json.loads(printed.splitlines()[-1])
        if not math.isfinite(found["score"]):
            raise XtremeDistilError(f"its dev score is {found['score']} (see {log_file})")
        return found

    def keep(self, found: dict[str, Any]) -> None:
        """Keeps the result, and not the weights of every phase."""
        self.kept.write(self._folder / "result.json", self.settings.to_json(), found)
        shutil.rmtree(self._folder / "checkpoints", ignore_errors=True)

    @property
    def _folder(self) -> pathlib.Path:
        return pathlib.Path(self.settings.model_dir)


@dataclasses.dataclass(frozen=True)
class FullRun:
    """Attributes:
        candidate: the student.
        form: that is measured.
        quantizations: of it.
        kept: where its result is.
    """

    candidate: Candidate
    form: str
    quantizations: Sequence[str]
    kept: Kept

    def finished(self) -> dict[str, Any] | None:
        """The result of an earlier call of `start` that was kept."""
        return self.kept.read(self._folder / "points.json", self._settings)

    def start(self) -> dict[str, Any]:
        """Distils and exports; a finished distillation is not repeated.

        Returns:
            `points`, see `points_of`; `refused` {quantization: reason} of those that could not be written;
            `run`: what else a table says of the run; `training_seconds`.

        Raises:
            XtremeDistilError: the student was not made, or could not be exported at all.
        """
        log_file, exported = self._folder / "output.log", self._folder / EXPORT / "exports.json"
        run_process([*command("DISTIL"), *words_of(self.candidate.config)], log_file)
        exported.unlink(missing_ok=True)  # it may tell of another student that was here
        reason = "it was not written"
        try:
            run_process([*command("EXPORT"), f"--model_dir={self._folder}",
                         *export_words(self.form, self.quantizations), "--max_examples=0"], log_file)
        except XtremeDistilError as error:  # also where a file loses much of the score, which a point may
            if not exported.exists():
                raise
            reason = str(error)
        metrics, exports = read_json(self._folder / "metrics.json"), read_json(exported)
        points = points_of(self.candidate, self.form, self.quantizations, metrics, exports)
        reached = {point["quantization"] for point in points}
        return {"points": points, "run": _facts(metrics, exports),
                "refused": {name: reason for name in self.quantizations if name not in reached},
                "training_seconds": sum(phase["seconds"] for phase in metrics["phases"])}

    def keep(self, found: dict[str, Any]) -> None:
        """Keeps the result, unless part of it is to be tried again."""
        if not found["refused"]:
            self.kept.write(self._folder / "points.json", self._settings, found)

    @property
    def _folder(self) -> pathlib.Path:
        return pathlib.Path(self.candidate.config.model_dir)

    @property
    def _settings(self) -> list[Any]:
        return [*self.kept.measured(self.candidate), list(self.quantizations)]


def export_words(form: str, quantizations: Sequence[str]) -> list[str]:
    """The flags of the export command that write and measure a form. That of Keras is measured with any."""
    formats = "saved_model" if form == "keras" else form
    return [f"--formats={formats}", f"--quantize={','.join(quantizations)}"]


def points_of(candidate: Candidate, form: str, quantizations: Sequence[str], metrics: Mapping[str, Any],
              exports: Mapping[str, Any]) -> list[dict[str, Any]]:
    """One point for each file of a student.

    Args:
        candidate: the student.
        form, quantizations: which files.
        metrics: metrics.json of its run.
        exports: exports.json of its export.

    Returns:
        Dicts of `name`, `student`, `title`, `quantization`, `score` (of the file, on the dev set), `test_score`
        (of the Keras student), `ms`, `megabytes`, `parameters`.
    """
    main, points = metrics["main_score"], []
    for quantization in quantizations:
        facts = exports["forms"].get(form if quantization == "none" else f"{form} {quantization}", {})
        if main not in facts or "latency" not in facts:
            continue
        points.append({
            "name": f"{candidate.name}-{quantization}", "student": candidate.name, "title": candidate.title,
            "quantization": quantization, "score": facts[main], "test_score": metrics["student"][main],
            "ms": facts["latency"]["batch_1"]["median_ms"], "megabytes": facts["bytes"] / 1e6,
            "parameters": metrics["student"]["parameters"]})
    return points


def _facts(metrics: Mapping[str, Any], exports: Mapping[str, Any]) -> dict[str, Any]:
    main = metrics["main_score"]
    return {"main_score": main, "kind": metrics["kind"], "split": metrics["split"],
            "teacher": metrics.get("teacher", {}).get(main), "dev_examples": exports["examples"],
            "seq_len": exports["seq_len"], "versions": metrics["versions"]}
