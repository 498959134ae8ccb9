"""The last step of a run: measuring student and teacher, and writing what a user takes away."""

from __future__ import annotations

import dataclasses
import logging
import time
from typing import Any

from xtremedistil_tf.atomic import read_json, write_json
from xtremedistil_tf.evaluation.measuring import Measured, measure
from xtremedistil_tf.evaluation.report.model_card import write_model_card
from xtremedistil_tf.evaluation.report.page import write_report
from xtremedistil_tf.export.saved_model import export_saved_model
from xtremedistil_tf.fingerprint import examples_fingerprint, fingerprint
from xtremedistil_tf.inference.predictor import StudentPredictor
from xtremedistil_tf.markdown import without_folders
from xtremedistil_tf.runs.run import METRICS_FILE
from xtremedistil_tf.runs.student import Distilled, StudentStep
from xtremedistil_tf.runs.transfer_text import RunText, text_metrics, with_teachers_view
from xtremedistil_tf.students.metadata import CONFIG_FILE, EXPORT, WEIGHTS_FILE, exported_path
from xtremedistil_tf.students.model_directory import save_encoder, save_student, versions
from xtremedistil_tf.transfer.text import Comparison

log = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True)
class Outcome:
    """What is measured and written.

    Attributes:
        step: what the students were trained from.
        text: the transfer text.
        comparison: of transfer text and dev text, where there are both.
        student: the run's student.
        baseline: the same student on labels alone, if there is one.
        store_seconds: that the transfer store took when it was written.
        command: the command line, for the report.
    """

    step: StudentStep
    text: RunText
    comparison: Comparison | None
    student: Distilled
    baseline: Distilled | None
    store_seconds: float
    command: str

    def metrics(self, began: float) -> dict[str, Any]:
        """The metrics, measured and written unless that is done.

        Args:
            began: `time.monotonic()` at the start of the run.
        """
        with self.step.run.step("metrics") as step:
            step.fingerprint = self._identity()
            metrics = self._finished(step.fingerprint)
            step.reused = metrics is not None
            if metrics is None:
                metrics = self._measured()
                metrics["fingerprint"] = step.fingerprint
                metrics["seconds"]["this run"] = round(time.monotonic() - began, 1)
                self._write(metrics)
        return metrics

    def _identity(self) -> str:
        task, test = self.step.labelled.task, examples_fingerprint(self.step.labelled.corpus.test)
        return fingerprint([self.student.fingerprint, self.baseline and self.baseline.fingerprint, test,
                            task.main_score, versions(), *filter(None, [task.scored_by.get("decoding")])])

    def _finished(self, identity: str) -> dict[str, Any] | None:
        """The metrics of an earlier run that ended with these very students."""
        folder = self.step.run.folder
        file = folder / METRICS_FILE
        written = [file, exported_path(folder, "saved_model"),
                   *(folder / name for name in (WEIGHTS_FILE, CONFIG_FILE, "report.html", "README.md"))]
        if not all(path.exists() for path in written):
            return None
        metrics = read_json(file)
        if metrics.get("fingerprint") != identity:
            return None
        log.info("%s: the run is already complete; reusing its results", folder)
        return metrics

    def _write(self, metrics: dict[str, Any]) -> None:
        """Writes what a user takes away; `metrics.json` is last, for it marks the run as finished."""
        folder, labelled, student = self.step.run.folder, self.step.labelled, self.student.student
        tokenizer, config = self.step.data.tokenizer, self.step.plan.config
        task = StudentPredictor(student, tokenizer, labelled.task).calibrated(labelled.corpus.dev)
        save_student(folder, student, tokenizer, task, config.located().to_json())
        export_saved_model(exported_path(folder, "saved_model"), student, tokenizer, task,
                           pairs=labelled.corpus.has_pairs)
        if student.kind == "transformer":
            main = task.main_score
            card = {"distilled on": without_folders(config.task or config.transfer_labels),
                    "teacher": without_folders(config.transfer_labels or config.pt_teacher_checkpoint),
                    f"{main} of the student there": f"{100 * metrics['student'][main]:.2f}"}
            save_encoder(folder / EXPORT / "encoder", student, tokenizer, card)
        write_report(folder / "report.html", metrics)
        write_model_card(folder, metrics, task, config.to_json())
        write_json(folder / METRICS_FILE, metrics)

    def _students(self) -> dict[str, tuple[Any, Any]]:
        """Name in the metrics -> (student, its tokenizer)."""
        step, data = self.step, self.step.data
        students = {"student": (self.student.student, data.tokenizer)}
        if self.baseline:
            students["direct_baseline"] = (self.baseline.student, data.tokenizer)
        if data.trimmed:
            origin = step.start_of(step.plan.phases, trimmed=False)
            students["untrimmed"] = (origin.with_all_pieces(self.student.student, data.trimmed),
                                     step.vocabulary.tokenizer)
        return students

    def _measured(self) -> dict[str, Any]:
        began = time.monotonic()
        step, labelled, config = self.step, self.step.labelled, self.step.plan.config
        task, teachers, kept = labelled.task, step.teachers, step.data.kept
        split, examples = labelled.measured
        seen = min(kept.seen, len(step.data.tokenizer))
        measured = measure(Measured(teachers.loaded if teachers.fine_tuned else None, labelled.tokenizer,
                                    self._students(), task, config.seq_len, seen, labelled.corpus.dev), examples,
                           labelled.corpus.extra_dev)
        comparison = self.comparison
        if step.store is not None and comparison and teachers.fine_tuned:
            comparison = with_teachers_view(comparison, step.store, labelled, lambda: teachers.loaded, config.seq_len)
        if task.decoding_name:
            measured["decoding"] = task.decoding_name
        return {"task": config.task or config.transfer_labels, "kind": task.kind, "main_score": task.main_score,
                "split": split, "sentences": len(examples), "strategy": config.strategy,
                "seen_pieces": seen} | ({} if config.task else {"reference": "teacher"}) | measured | {
            **text_metrics(labelled, self.text.originals, comparison),
            **({"trimmed": kept.to_json()} if step.data.trimmed else {}),
            **self._training(), **self._times(began), "labelled_data": labelled.fingerprint,
            "teacher_fingerprint": teachers.fingerprint, "config": config.to_json(), "command": self.command,
            "versions": versions()}

    def _training(self) -> dict[str, Any]:
        """How the students and the teachers came about."""
        fine_tuned = self.step.teachers.fine_tuned
        found: dict[str, Any] = {"phases": [dataclasses.asdict(r) for r in self.student.records]}
        if self.baseline:
            found["baseline_phases"] = [dataclasses.asdict(r) for r in self.baseline.records]
        return found | {"teacher_history": fine_tuned.history if fine_tuned else [],
                        "embedding_energy": self.student.embedding_energy}

    def _times(self, began: float) -> dict[str, Any]:
        """Wall and CPU seconds by what took them."""
        fine_tuned, baseline = self.step.teachers.fine_tuned, self.baseline.records if self.baseline else []
        timed: dict[str, Any] = {"teacher fine-tuning": fine_tuned} if fine_tuned else {}
        timed |= {r.name: r for r in self.student.records} | {f"labels alone: {r.name}": r for r in baseline}
        seconds = {name: round(step.seconds, 1) for name, step in timed.items()}
        if self.step.store is not None:
            seconds["transfer store"] = round(self.store_seconds, 1)
        return {"cpu_seconds": {name: round(step.cpu_seconds, 1) for name, step in timed.items()},
                "seconds": seconds | {"evaluation": round(time.monotonic() - began, 1)}}
