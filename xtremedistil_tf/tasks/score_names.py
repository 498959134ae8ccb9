"""What scores are called in tables, and how they are shown."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from xtremedistil_tf.tasks.task import Task

_NAMES = {"f1": "F1", "accuracy": "accuracy", "macro_f1": "macro F1", "matthews": "Matthews correlation",
          "pearson": "Pearson correlation", "spearman": "Spearman correlation", "exact_match": "exact match",
          "precision": "precision", "recall": "recall", "mse": "mean squared error"}


def score_name(key: str, kind: str = "") -> str:
    """The name of a score for people; F1 of taggers is that of entities."""
    name = _NAMES.get(key, key.replace("_", " "))
    return f"entity {name}" if kind == "tagging" and key in ("f1", "precision", "recall") else name


def scores_text(scores: Mapping[str, Any], task: Task) -> str:
    """Scores of a task as lines for a person."""
    main = task.main_score
    shown = [main, *(key for key in scores if key in _NAMES and key != main)]
    lines = ["  ".join(f"{score_name(key, task.kind)} {100 * scores[key]:.2f}" for key in shown)
             + f"  of {scores['support']}"]
    if "per_language" in scores:
        lines.append(f"mean over languages {100 * scores[f'mean_{main}']:.2f} ±{100 * scores[f'std_{main}']:.2f}")
    lines += [f"  {name:<12} {100 * row['f1']:.2f}" for name, row in scores.get("per_type", {}).items()]
    lines += [f"  {name:<12} {100 * row[main]:.2f}" for name, row in scores.get("per_language", {}).items()]
    return "\n".join(lines)
