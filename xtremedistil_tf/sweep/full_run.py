"""A run of the last round: a student is distilled, exported and measured by the commands that a user has."""

from __future__ import annotations

import dataclasses
import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

from xtremedistil_tf.atomic import read_json
from xtremedistil_tf.errors import XtremeDistilError
from xtremedistil_tf.export.layout import EXPORT
from xtremedistil_tf.sweep.candidates import Candidate
from xtremedistil_tf.sweep.flagfile import words_of
from xtremedistil_tf.sweep.kept import Kept
from xtremedistil_tf.sweep.processes import command, run_process


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
        run_process([*command("run_xtreme_distil.py", "distil"), *words_of(self.candidate.config)], log_file)
        exported.unlink(missing_ok=True)  # it may tell of another student that was here
        reason = "it was not written"
        try:
            run_process([*command("run_xtreme_distil_export.py", "export"), f"--model_dir={self._folder}",
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
