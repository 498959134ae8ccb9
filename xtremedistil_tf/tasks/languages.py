"""Scores of each language beside the scores of all."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence
from typing import Any


def with_languages(score: Callable[[list[Any], list[Any]], dict[str, Any]], main: str, gold: Sequence[Any],
                   predicted: Sequence[Any], languages: Sequence[str | None]) -> dict[str, Any]:
    """Scores all examples, and those of each known language apart.

    Args:
        score: (gold, predicted) -> scores.
        main: the key of the score that is averaged over languages.
        gold, predicted: one item per example.
        languages: of each example, None where unknown.

    Returns:
        The scores; where languages are known also `per_language` {language: scores with `sentences`},
        `mean_<main>` and `std_<main>` (population standard deviation, as the papers' tables have it).
    """
    scores = score(list(gold), list(predicted))
    known = sorted({language for language in languages if language})
    if known:
        per_language = {}
        for language in known:
            rows = [i for i, other in enumerate(languages) if other == language]
            part = score([gold[i] for i in rows], [predicted[i] for i in rows])
            part.pop("per_type", None)
            per_language[language] = part | {"sentences": len(rows)}
        values = [part[main] for part in per_language.values()]
        scores |= {"per_language": per_language, f"mean_{main}": statistics.fmean(values),
                   f"std_{main}": statistics.pstdev(values)}
    return scores
