"""What scores are called in tables, and how they are shown."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from xtremedistil_tf.tasks.registry import words_of
from xtremedistil_tf.tasks.words import SCORES

if TYPE_CHECKING:
    from xtremedistil_tf.tasks.task import Task


def score_name(key: str, kind: str = "") -> str:
    """The name of a score for people; F1 of taggers is that of entities."""
    words = words_of(kind)
    return {**SCORES, **words.other_scores, **words.scores}.get(key, key.replace("_", " "))


def scores_text(scores: Mapping[str, Any], task: Task) -> str:
    """Scores of a task as lines for a person."""
    main, named = task.main_score, {**task.words.scores, **task.words.other_scores}
    shown = [main, *(key for key in scores if key in named and key != main)]
    lines = ["  ".join(f"{score_name(key, task.kind)} {100 * scores[key]:.2f}" for key in shown)
             + f"  of {scores['support']}"]
    if "per_language" in scores:
        lines.append(f"mean over languages {100 * scores[f'mean_{main}']:.2f} ±{100 * scores[f'std_{main}']:.2f}")
    lines += [f"  {name:<12} {100 * row['f1']:.2f}" for name, row in scores.get("per_type", {}).items()]
    lines += [f"  {name:<12} {100 * row[main]:.2f}" for name, row in scores.get("per_language", {}).items()]
    return "\n".join(lines)
