"""The model card: README.md of a model directory."""

from __future__ import annotations

import json
import os
import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

from xtremedistil_tf.atomic import atomic_file
from xtremedistil_tf.report.exports_table import exports_rows, measured_on
from xtremedistil_tf.tasks.score_names import score_name
from xtremedistil_tf.tasks.task import Task

_NOT_STATED = "not stated"


def write_model_card(model_dir: pathlib.Path, metrics: Mapping[str, Any], task: Task, config: Mapping[str, Any],
                     license: str = "") -> None:
    """Writes `<model_dir>/README.md`.

    Args:
        metrics: what `metrics.json` holds; a part that is missing is left out of the card.
        task: what the student answers.
        config: the configuration of the distillation.
        license: of the student; empty: the configuration's.
    """
    name = os.path.basename(os.path.abspath(model_dir))
    license = license or config.get("license") or ""
    parts = [_front_matter(task, metrics, license), f"# {name}", _about(task, metrics, config, license),
             _quality(metrics), _languages(metrics), _forms(metrics), _loading(task, metrics), _limits(task, config)]
    with atomic_file(pathlib.Path(model_dir) / "README.md") as part:
        part.write_text("\n\n".join(filter(None, parts)) + "\n", encoding="utf-8")


def _front_matter(task: Task, metrics: Mapping[str, Any], license: str) -> str:
    lines = ["---", "library_name: xtremedistil-tf", f"pipeline_tag: {task.words.pipeline_tag}",
             f"license: {license or 'unknown'}"]
    languages = metrics.get("student", {}).get("per_language", {})
    if languages:
        # Quoted: YAML reads a bare `no`, Norwegian, as false.
        lines += ["language:", *[f"- {json.dumps(language)}" for language in languages]]
    return "\n".join([*lines, "tags:", "- knowledge-distillation", "- tensorflow", "---"])


def _about(task: Task, metrics: Mapping[str, Any], config: Mapping[str, Any], license: str) -> str:
    labels = ", ".join(task.labels[:30]) + (f" and {len(task.labels) - 30} more" if len(task.labels) > 30 else "")
    rows = [("Task", task.words.name), ("Labels", labels if task.words.shows_labels else ""),
            ("Languages", ", ".join(metrics.get("student", {}).get("per_language", {}))),
            ("Labelled data", _names(config.get("task"))), ("Transfer text", _names(config.get("transfer_file"))),
            ("Teacher", _names(config.get("pt_teacher_checkpoint"))), ("Strategy", metrics.get("strategy")),
            ("Student", _student(config, metrics)), ("Licence", license or _NOT_STATED)]
    return "A student distilled with XtremeDistil-TF.\n\n" + _table(["", ""], [row for row in rows if row[1]])


def _names(sources: str | None) -> str:
    """Comma-separated sources; of absolute paths the last part, for a card goes where the folders are not."""
    return ", ".join(os.path.basename(os.path.normpath(source)) if os.path.isabs(source) else source
                     for source in (sources or "").split(","))


def _student(config: Mapping[str, Any], metrics: Mapping[str, Any]) -> str:
    size = metrics.get("student", {}).get("parameters")
    return f"{size / 1e6:.2f} million parameters" if size else ""


def _quality(metrics: Mapping[str, Any]) -> str:
    if "student" not in metrics:
        return ""
    main, kept = metrics["main_score"], metrics.get("retention", {})
    student, teacher = metrics["student"], metrics.get("teacher", {})
    rows = [[score_name(main, metrics["kind"]), _percent(teacher.get(main)), _percent(student[main]),
             f"{_percent(kept.get(main))} %"],
            ["parameters, million", _millions(teacher.get("parameters")), _millions(student["parameters"]),
             _times(kept.get("compression"))]]
    rows += [[f"latency, batch {size}, {student['latency']['seq_len']} pieces, ms",
              _milliseconds(teacher, size), _milliseconds(student, size), _times(kept.get(f"speedup_batch_{size}"))]
             for size in (1, 32)]
    return (f"## Quality\n\n{metrics['sentences']} examples of the {metrics['split']} set.\n\n"
            + _table(["", "teacher", "student", "kept, smaller or faster"], rows))


def _languages(metrics: Mapping[str, Any]) -> str:
    languages = metrics.get("student", {}).get("per_language")
    if not languages:
        return ""
    main, teacher = metrics["main_score"], metrics.get("teacher", {}).get("per_language", {})
    kept = metrics.get("retention", {}).get("per_language", {})
    rows = [[language, _percent(teacher.get(language, {}).get(main)), _percent(scores[main]),
             _percent(kept.get(language))] for language, scores in languages.items()]
    return "## Languages\n\n" + _table(["language", "teacher", "student", "kept %"], rows)


def _forms(metrics: Mapping[str, Any]) -> str:
    report = metrics.get("exports")
    if not report:
        return ""
    header, *rows = exports_rows(report)
    return f"## Exported files\n\nChecked on {measured_on(report)}.\n\n" + _table(header, rows)


def _loading(task: Task, metrics: Mapping[str, Any]) -> str:
    forms = metrics.get("exports", {}).get("forms", {})
    parts = ["## How to load it", "On the command line, in every form:", _code(
        "sh", "xtreme-distil predict --model_dir=<this folder> --do_predict --pred_file=text.txt "
              "--format=keras|saved_model|tflite|onnx")]
    parts += ["Keras:", _code("python", """import xtremedistil_tf as xd

saved = xd.load_student("<this folder>")
predictor = xd.StudentPredictor(saved.student, saved.tokenizer, saved.task)
print(predictor.predict([xd.""" + task.words.example + "]))")]
    parts += ["SavedModel (raw strings where the vocabulary allows it; else token ids):", _code(
        "python", """import tensorflow as tf
import tensorflow_text  # registers the tokenizer's ops

model = tf.saved_model.load("<this folder>/export/saved_model")
print(model.signatures["serving_default"].structured_input_signature)""")]
    if any(name.startswith("tflite") for name in forms):
        parts += [f"TFLite (token ids in, logits out{_rule(task, 'export/tflite/model.json')}; Android and iOS: "
                  "docs/mobile.md of XtremeDistil-TF):", _code(
            "python", """from ai_edge_litert.interpreter import Interpreter

runner = Interpreter("<this folder>/export/tflite/token_ids_dynamic.tflite").get_signature_runner()""")]
    if any(name.startswith("onnx") for name in forms):
        parts += [f"ONNX (token ids in, logits out{_rule(task, 'the file’s metadata')}):", _code(
            "python", """import onnxruntime

session = onnxruntime.InferenceSession("<this folder>/export/onnx/model_none.onnx")""")]
    if "serving" in forms:
        parts += ["TensorFlow Serving: `export/serving/README.md`. Without Docker: "
                  "`xtreme-distil serve --model_dir=<this folder>`."]
    return "\n\n".join(parts)


def _rule(task: Task, where: str) -> str:
    return f"; how {task.words.decoded} are chosen from them: `decoding` in {where}" if task.decoding_name else ""


def _limits(task: Task, config: Mapping[str, Any]) -> str:
    text = ["- It answers as its teacher taught it: errors and biases of the teacher and of the labelled data are "
            "its own too.",
            "- Text of other kinds or languages than the labelled and the transfer text was not measured."]
    if config.get("seq_len"):
        text.append(f"- It was trained on inputs of at most {config['seq_len']} word pieces; {task.words.long_texts}.")
    return "## Limits\n\n" + "\n".join(text)


def _table(header: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    lines = ["| " + " | ".join(header) + " |", "|---" * len(header) + "|"]
    return "\n".join(lines + ["| " + " | ".join(_cell(value) for value in row) + " |" for row in rows])


def _cell(value: Any) -> str:
    return " ".join(str(value).replace("|", "\\|").split())


def _code(language: str, text: str) -> str:
    return f"```{language}\n{text}\n```"


def _percent(value: float | None) -> str:
    return "-" if value is None else f"{100 * value:.2f}"


def _millions(value: float | None) -> str:
    return "-" if value is None else f"{value / 1e6:.2f}"


def _times(value: float | None) -> str:
    return "-" if value is None else f"{value:.1f}x"


def _milliseconds(model: Mapping[str, Any], size: int) -> str:
    measured = model.get("latency", {}).get(f"batch_{size}")
    return "-" if measured is None else f"{measured['median_ms']:.1f}"
