"""Writing a student in the forms that servers and phones run, and checking every file against the student."""

from __future__ import annotations

import dataclasses
import functools
import logging
import os
import pathlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import numpy as np

from xtremedistil_tf.atomic import read_json, why_not_writable, write_json
from xtremedistil_tf.config import DistillationConfig, ExportConfig
from xtremedistil_tf.config.commands import UNCHECKED_FORMS
from xtremedistil_tf.corpus.example import AnyExample
from xtremedistil_tf.errors import ConfigError, ExportCheckError, XtremeDistilError
from xtremedistil_tf.evaluation.footprint import measure_footprint
from xtremedistil_tf.evaluation.report.model_card import write_model_card
from xtremedistil_tf.evaluation.report.page import write_report
from xtremedistil_tf.evaluation.report.terminal import exports_table
from xtremedistil_tf.export.saved_model import export_saved_model
from xtremedistil_tf.export.words import write_words
from xtremedistil_tf.inference.predictor import Predictor, StudentPredictor, open_runtime
from xtremedistil_tf.process import register_text_ops
from xtremedistil_tf.students.metadata import EXPORT, exported_path, read_metadata, size_of
from xtremedistil_tf.students.model_directory import SavedStudent, load_student
from xtremedistil_tf.tasks.opening import open_corpus
from xtremedistil_tf.training.batches import PADDED_TO, RaggedFeatures, pad_batch

log = logging.getLogger(__name__)

_WARMUP = 8


@dataclasses.dataclass(frozen=True)
class Exports:
    """One run of the export command.

    Attributes:
        config: what to write and how to check it.
        saved: the student.
        settings: the configuration that it was distilled with.
        dev: labelled examples that the files are checked on.
        pairs: whether the examples are pairs of texts.
    """

    config: ExportConfig
    saved: SavedStudent
    settings: DistillationConfig
    dev: Sequence[AnyExample]
    pairs: bool

    @property
    def model_dir(self) -> pathlib.Path:
        return pathlib.Path(self.config.model_dir)

    def write(self, form: str, quantization: str) -> pathlib.Path:
        """Writes one file or folder and returns it."""
        student, tokenizer, task = self.saved.student, self.saved.tokenizer, self.saved.task
        path = exported_path(self.model_dir, form, quantization)
        if form == "saved_model":
            export_saved_model(path, student, tokenizer, task, pairs=self.pairs)
        elif form == "tflite":
            from xtremedistil_tf.export.tflite import export_tflite, write_side_files
            for length in {0, self.config.fixed_length}:
                export_tflite(path.parent, student, tokenizer, task, quantization, self._calibration, length)
            if register_text_ops():
                from xtremedistil_tf.export.tflite_raw_strings import export_raw_string_tflite
                export_raw_string_tflite(path.parent, student, tokenizer, task, quantization, pairs=self.pairs)
            else:
                log.warning("TensorFlow Lite: no file for raw strings, which needs the package tensorflow_text; it is "
                            "not installed")
            write_side_files(path.parent, tokenizer, task, max_length=student.max_length)
            write_words(path.parent, task)
        elif form == "onnx":
            from xtremedistil_tf.export.onnx import export_onnx
            from xtremedistil_tf.export.onnx_files import write_onnx_files
            export_onnx(path, student, tokenizer, task, quantization)
            write_onnx_files(path, student, tokenizer, task, self.pairs)
        elif form == "onnx_text":
            from xtremedistil_tf.export.onnx_text import export_onnx_text
            export_onnx_text(path, student, tokenizer, task, quantization, self.pairs)
        elif form == "mediapipe":
            from xtremedistil_tf.export.mediapipe import export_mediapipe
            export_mediapipe(path.parent, student, tokenizer, task, quantization, self.settings.seq_len,
                             self._calibration, self.pairs)
        elif form == "triton":
            from xtremedistil_tf.export.triton import export_triton
            export_triton(path.parents[1], student, tokenizer, task, quantization)
        elif form == "hub":
            from xtremedistil_tf.export.hub import export_hub
            export_hub(path.parents[1], student, tokenizer, task, quantization,
                       self.config.license or self.settings.license)
        else:
            from xtremedistil_tf.export.serving import export_serving
            source = exported_path(self.model_dir, "saved_model")
            if not source.exists():
                self.write("saved_model", "none")
            export_serving(path, source, self.config.serving_name, self.config.serving_version or None,
                           self.dev[:_WARMUP], task)
        return path

    def _calibration(self) -> Iterator[dict[str, np.ndarray]]:
        """Batches of one example of real text, as full int8 is calibrated on."""
        features = self.saved.task.text_features(self.saved.tokenizer, self._unlabeled(), self.settings.seq_len)
        for index in range(len(features.features)):
            yield pad_batch(features.features, np.array([index]), self.saved.tokenizer.pad_token_id, PADDED_TO)

    def _unlabeled(self) -> list[AnyExample]:
        source, count = self.settings.transfer_file, self.config.calibration_examples
        try:
            return _first(self.saved.task.read_unlabeled(source, self.pairs), count) if source else list(
                self.dev[:count])
        except XtremeDistilError as error:
            log.warning("full int8 is calibrated on the dev set instead: %s", error)
            return list(self.dev[:count])

    @functools.cached_property
    def features(self) -> RaggedFeatures:
        """The dev set as inputs of the student, encoded once for all forms."""
        return self.saved.task.prediction_features(self.saved.tokenizer, self.dev,
                                                   self.saved.student.max_length).features

    def check(self, form: str, quantization: str, expected: Sequence[Any], score: float) -> dict[str, Any]:
        """Agreement with the student, main score, its difference, and what the form costs."""
        task, tokenizer = self.saved.task, self.saved.tokenizer
        runtime = open_runtime(form, self.model_dir, quantization)
        if form == "mediapipe":
            from xtremedistil_tf.export.mediapipe import predictor_of
            predictor = predictor_of(runtime, tokenizer, task, self.dev)
        else:
            # Behind the student's outputs, taggers of the hub's folder may have one more for a type.
            predictor = Predictor(lambda batch: {"logits": runtime.forward(batch)["logits"][..., :task.num_outputs]},
                                  tokenizer, task, self.saved.student.max_length)
        found = predictor.predict(self.dev)
        runtime.close()
        reached = task.scores(self.dev, found)[task.main_score]
        facts = {"agreement": task.agreement(expected, found), task.main_score: reached,
                 "difference": reached - score, "passed": score - reached <= self.config.max_f1_drop}
        if self.config.measure:
            facts |= measure_footprint(form, self.model_dir, quantization, self.features, len(tokenizer),
                                       tokenizer.pad_token_id, self.settings.seq_len, self.config.threads,
                                       self.config.seconds)
        return facts


def run(config: ExportConfig, show: Callable[[str], None] = print) -> dict[str, Any]:
    """Writes, checks and measures the files; the figures go into metrics.json and the model card.

    Args:
        config: what to write.
        show: is given the table of the files, before a file that loses too much is refused.

    Raises:
        ExportCheckError: a form cannot be written or run, or loses more than `max_f1_drop`; everything else
            was written and reported before.
    """
    if reason := why_not_writable(pathlib.Path(config.model_dir) / EXPORT):
        raise ConfigError(f"`model_dir={config.model_dir}`: exported files are written into it, and nothing can be "
                          f"written there ({reason}). Copy the folder to another place, and give the copy.")
    exports = _open(config)
    predictor = StudentPredictor(exports.saved.student, exports.saved.tokenizer, exports.saved.task)
    expected, task = predictor.predict(exports.dev), exports.saved.task
    score = task.scores(exports.dev, expected)[task.main_score]
    found = {"keras": {task.main_score: score, "bytes": size_of(exports.saved.weights_file)}}
    if config.measure:
        found["keras"] |= measure_footprint("keras", exports.model_dir, "none", exports.features,
                                            len(exports.saved.tokenizer), exports.saved.tokenizer.pad_token_id,
                                            exports.settings.seq_len, config.threads, config.seconds)
    refused: dict[str, str] = {}
    for form, quantization in config.wanted():
        name = form if quantization == "none" else f"{form} {quantization}"
        try:
            found[name] = _written(exports, form, quantization)
            if form not in UNCHECKED_FORMS:
                found[name] |= exports.check(form, quantization, expected, score)
        except XtremeDistilError as error:  # the other forms are not lost
            refused[name] = str(error)
            found.pop(name, None)
            log.warning("%s: %s", name, error)
    report = {"main_score": task.main_score, "kind": task.kind, "examples": len(exports.dev),
              "threads": config.threads, "seq_len": exports.settings.seq_len, "forms": found}
    if not exports.settings.task:
        report["reference"] = "teacher"  # no gold labels
    show(exports_table(report))
    _keep(exports, report)
    _refuse_bad(found, refused, task.main_score, config.max_f1_drop)
    return report


def _open(config: ExportConfig) -> Exports:
    _check_data(config)
    saved = load_student(pathlib.Path(config.model_dir), config.decoding)
    settings = DistillationConfig.from_json(saved.config).moved_to(config.model_dir)
    settings = dataclasses.replace(settings, task=config.task or settings.task, task_kind=saved.task.kind)
    corpus = open_corpus(settings)
    return Exports(config, saved, settings, _spread(corpus.dev, config.max_examples), corpus.has_pairs)


def _check_data(config: ExportConfig) -> None:
    """Raises ConfigError where the folder with labelled data is not there, before the student takes its time."""
    facts = read_metadata(pathlib.Path(config.model_dir))
    own = DistillationConfig.from_json(facts["config"]).moved_to(config.model_dir).task if "config" in facts else ""
    if not config.task and os.path.isabs(own) and not os.path.exists(own):
        raise ConfigError(f"{own}: not found. The student was distilled on it, and its dev set checks the exported "
                          "files. Give its folder as `task`.")


def _spread(examples: Sequence[AnyExample], most: int) -> list[AnyExample]:
    """At most so many examples, evenly spaced, so that every language is among them; 0: all."""
    count = min(most or len(examples), len(examples))
    return [examples[i * len(examples) // count] for i in range(count)]


def _keep(exports: Exports, report: dict[str, Any]) -> None:
    """Joins the figures with those of earlier exports of other forms."""
    file, own = exports.model_dir / "metrics.json", exports.model_dir / EXPORT / "exports.json"
    metrics = read_json(file) if file.exists() else {}
    earlier = read_json(own)["forms"] if own.exists() else {}
    metrics["exports"] = report | {"forms": earlier | report["forms"]}
    if file.exists():
        write_json(file, metrics)
        write_report(exports.model_dir / "report.html", metrics)
    write_json(own, metrics["exports"])
    write_model_card(exports.model_dir, metrics, exports.saved.task, exports.saved.config, exports.config.license)


def _written(exports: Exports, form: str, quantization: str) -> dict[str, Any]:
    path = exports.write(form, quantization)
    log.info("%s %s: %s, %.1f MB", form, quantization, path, size_of(path) / 1e6)
    return {"path": str(path.relative_to(exports.model_dir)), "bytes": size_of(path)}


def _refuse_bad(found: dict[str, dict[str, Any]], refused: dict[str, str], main: str, allowed: float) -> None:
    bad = [f"{name} ({100 * facts['difference']:+.2f})" for name, facts in found.items()
           if not facts.get("passed", True)]
    said = [f"{name} was not exported: {why}" for name, why in refused.items()]
    if bad:
        said.append(f"{', '.join(bad)}: {main} on the dev set is more than {100 * allowed:g} points below the "
                    "student's. Do not ship these files; use another `quantize`, or allow it with `max_f1_drop`.")
    if said:
        raise ExportCheckError(" ".join(said))


def _first(examples: Iterable[AnyExample | None], count: int) -> list[AnyExample]:
    found: list[AnyExample] = []
    for example in examples:
        if example is not None:
            found.append(example)
        if len(found) == count:
            break
    return found
