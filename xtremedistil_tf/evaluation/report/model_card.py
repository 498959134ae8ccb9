"""The model card: README.md of a model directory, as the Hugging Face hub reads it."""

from __future__ import annotations

import os
import pathlib
from collections.abc import Mapping
from typing import Any

from huggingface_hub import EvalResult, ModelCard, ModelCardData

from xtremedistil_tf.atomic import atomic_file
from xtremedistil_tf.evaluation.report.costs import exports_rows, measured_on
from xtremedistil_tf.evaluation.report.rendering import render
from xtremedistil_tf.evaluation.report.values import NO_GOLD, by_teacher, dig, finite, score_title
from xtremedistil_tf.markdown import without_folders
from xtremedistil_tf.tasks.registry import score_name
from xtremedistil_tf.tasks.task import Task

#: Labels beyond these are counted.
_MOST_LABELS = 30


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
    exports = metrics.get("exports") or {}
    body = render("model_card.md.jinja", name=name, facts=_facts(task, metrics, config, license),
                  quality=_quality(metrics), note=NO_GOLD if by_teacher(metrics) else "",
                  examples=metrics.get("sentences"), split=metrics.get("split"),
                  languages=_languages(metrics), forms=exports_rows(exports) if exports else [],
                  measured_on=measured_on(exports) if exports else "",
                  runtimes={form.split()[0] for form in exports.get("forms", {})}, words=task.own_words,
                  decoded=bool(task.decoding_name), seq_len=config.get("seq_len"))
    card = ModelCard(f"---\n{_metadata(name, task, metrics, config, license).to_yaml()}\n---\n\n{body}")
    with atomic_file(pathlib.Path(model_dir) / "README.md") as part:
        card.save(part)


def _metadata(name: str, task: Task, metrics: Mapping[str, Any], config: Mapping[str, Any],
              license: str) -> ModelCardData:
    languages = [str(language) for language in dig(metrics, "student", "per_language") or ()]
    # The hub would show agreement with a teacher as what the score is called elsewhere.
    results = [] if by_teacher(metrics) else _results(task, metrics, without_folders(config.get("task")))
    return ModelCardData(library_name="xtremedistil-tf", pipeline_tag=task.own_words.pipeline_tag,
                         license=license or "unknown", language=languages or None,
                         tags=["knowledge-distillation", "tensorflow"], eval_results=results or None,
                         model_name=name if results else None)


def _results(task: Task, metrics: Mapping[str, Any], data: str) -> list[EvalResult]:
    """The student's scores, of each language the main one; the hub wants a name of the data that they are of."""
    student, main = metrics.get("student") or {}, metrics.get("main_score")
    scores = [("", key, student.get(key)) for key in dict.fromkeys([main, *task.own_words.scores])]
    scores += [(str(language), main, dig(found, main)) for language, found in
               (student.get("per_language") or {}).items()]
    return [EvalResult(task_type=task.own_words.pipeline_tag, dataset_type=data, dataset_name=data,
                       dataset_config=language or None, dataset_split=metrics.get("split"), metric_type=key,
                       metric_name=score_name(key, task.kind), metric_value=finite(value))
            for language, key, value in scores if data and finite(value) is not None]


def _facts(task: Task, metrics: Mapping[str, Any], config: Mapping[str, Any], license: str) -> list[tuple[str, str]]:
    more, size = len(task.labels) - _MOST_LABELS, dig(metrics, "student", "parameters")
    labels = ", ".join(task.labels[:_MOST_LABELS]) + (f" and {more} more" if more > 0 else "")
    rows = [("Task", task.own_words.name), ("Labels", labels if task.own_words.shows_labels else ""),
            ("Languages", ", ".join(dig(metrics, "student", "per_language") or ())),
            ("Labelled data", without_folders(config.get("task"))),
            ("Transfer text", without_folders(config.get("transfer_file"))),
            ("Teacher", without_folders(config.get("transfer_labels") or config.get("pt_teacher_checkpoint"))),
            ("Strategy", metrics.get("strategy")),
            ("Student", f"{_shown(size, 1e-6)} million parameters" if size else ""),
            ("Licence", license or "not stated")]
    return [row for row in rows if row[1]]


def _quality(metrics: Mapping[str, Any]) -> list[list[str]]:
    """What is measured, the teacher's, the student's, and the share that is kept or how much less it is."""
    if "student" not in metrics:
        return []
    main, kept = metrics["main_score"], metrics.get("retention", {})
    models = [metrics.get("teacher", {}), metrics["student"]]
    rows = [[score_title(metrics), *[_shown(model.get(main), 100) for model in models],
             f"{_shown(kept.get(main), 100)} %"],
            ["parameters, million", *[_shown(model.get("parameters"), 1e-6) for model in models],
             _times(kept.get("compression"))]]
    pieces = metrics["student"]["latency"]["seq_len"]
    return rows + [[f"latency, batch {size}, {pieces} subwords, ms",
                    *[_shown(dig(model, "latency", f"batch_{size}", "median_ms"), 1, 1) for model in models],
                    _times(kept.get(f"speedup_batch_{size}"))] for size in (1, 32)]


def _languages(metrics: Mapping[str, Any]) -> list[list[str]]:
    """Language, the teacher's score, the student's, and the share that is kept."""
    main, languages = metrics.get("main_score"), dig(metrics, "student", "per_language") or {}
    return [[language, _shown(dig(metrics, "teacher", "per_language", language, main), 100),
             _shown(scores[main], 100), _shown(dig(metrics, "retention", "per_language", language), 100)]
            for language, scores in languages.items()]


def _shown(value: float | None, factor: float, decimals: int = 2) -> str:
    return "-" if value is None else f"{factor * value:.{decimals}f}"


def _times(value: float | None) -> str:
    return "-" if value is None else f"{value:.1f}x"
