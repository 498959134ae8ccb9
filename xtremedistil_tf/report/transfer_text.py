"""The report's section on the text that the student learned from."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from xtremedistil_tf.report.html_table import html_table
from xtremedistil_tf.report.section import Section
from xtremedistil_tf.report.values import count, dig, finite, percent, text
from xtremedistil_tf.transfer.likeness import FACTOR, Comparison


def transfer_text(metrics: Mapping[str, Any]) -> Section | None:
    """Transfer text beside dev text, warnings, what was left out, and what a trimmed vocabulary lacks."""
    parts = [*_comparison(metrics), *_left_out(metrics), *_trimmed(metrics)]
    return Section("text", "Text", "".join(parts)) if parts else None


def _comparison(metrics: Mapping[str, Any]) -> list[str]:
    if not isinstance(metrics.get("transfer_text"), Mapping):
        return []
    try:
        comparison = Comparison.from_json(metrics["transfer_text"])
        rows, warnings = comparison.rows(), comparison.warnings()
    except (KeyError, TypeError, ValueError, AttributeError):
        return []  # of another version
    table = html_table("Transfer text beside dev text", [["", "transfer text", "dev text"]],
                       [[text(cell) for cell in row] for row in rows])
    lines = [f"<p>{text(line[0].upper() + line[1:])}.</p>" for line in warnings]
    note = ("A student learns most from text like that which it will meet. What differs by a factor of more than "
            f"{FACTOR:g} is worth a look; <code>--transfer_like=task</code> samples text like the task’s own.")
    return [table, *lines, f'<p class="quiet">{note}</p>'] if warnings else [table]


def _left_out(metrics: Mapping[str, Any]) -> list[str]:
    counts = [dig(metrics, "left_out", name) for name in ("training", "transfer")]
    if not any(finite(value) for value in counts):
        return []
    return [f'<p class="quiet">Left out, since their text stands in the measured dev and test examples: '
            f"{count(counts[0])} training and {count(counts[1])} transfer examples.</p>"]


def _trimmed(metrics: Mapping[str, Any]) -> list[str]:
    lacking, alone = (dig(metrics, "trimmed", name) for name in ("dev_lacking", "dev_lacking_without_further"))
    if finite(lacking) is None:
        return []
    further = count(dig(metrics, "trimmed", "further"))
    return [f'<p class="quiet">The trimmed vocabulary keeps {further} pieces that the text does not use. '
            f"It lacks {percent(lacking)} % of the pieces of dev text, {percent(alone)} % without them; "
            "words with such pieces are split differently.</p>"]
