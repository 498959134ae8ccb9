"""What a run shows beside its page: tables for the terminal, and TensorBoard logs."""

from __future__ import annotations

import collections
import pathlib
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from xtremedistil_tf.evaluation.report.costs import exports_rows, measured_on
from xtremedistil_tf.evaluation.report.values import MODELS, MOST_KEPT, NO_GOLD, OUTDONE, by_teacher, score_title

if TYPE_CHECKING:
    import tensorflow as tf


def results_table(metrics: Mapping[str, Any]) -> str:
    """Teacher, student and (where trained) the student without teacher, as text in fixed columns."""
    shown = [(model.key, model.title) for model in MODELS if model.key in metrics]
    main, kept = metrics["main_score"], collections.defaultdict(lambda: None, metrics.get("retention", {}))
    first = metrics[shown[0][0]]
    rows = [["", *[title for _, title in shown], "retention" if kept else ""]]
    rows.append(_row(score_title(metrics), shown, lambda m: _percent(m[main]), metrics, kept[main]))
    if "per_language" in first:
        rows.append(_row("mean over languages", shown,
                         lambda m: f"{_percent(m[f'mean_{main}'])} ±{_percent(m[f'std_{main}'])}", metrics,
                         kept[f"mean_{main}"]))
        for language in first["per_language"]:
            rows.append(_row(f"  {language}", shown,
                             lambda m, language=language: _percent(m["per_language"][language][main]), metrics,
                             (kept["per_language"] or {}).get(language)))
    for kind in first.get("per_type", {}):
        rows.append(_row(f"  {kind}", shown, lambda m, kind=kind: _percent(m["per_type"].get(kind, {}).get("f1")),
                         metrics))
    for name, scores in metrics.get("extra", {}).items():
        rows.append([f"  {name}", *[_percent(scores.get(key)) for key, _ in shown], ""])
    rows.append(_row("parameters (M)", shown, lambda m: f"{m['parameters'] / 1e6:.1f}", metrics,
                     times=kept["compression"]))
    rows.append(_row("  without unseen subwords", shown, lambda m: f"{m['parameters_seen_pieces'] / 1e6:.1f}",
                     metrics, times=kept["compression_seen_pieces"]))
    rows.append(_row("float32 MB", shown, lambda m: f"{m['bytes'] / 1e6:.1f}", metrics))
    for size in ("batch_1", "batch_32"):
        rows.append(_row(f"latency {size.replace('_', ' ')} (ms)", shown,
                         lambda m, size=size: f"{m['latency'][size]['median_ms']:.1f}", metrics,
                         times=kept[f"speedup_{size}"]))
    title = f"{metrics['split']} set, {metrics['sentences']} examples, strategy {metrics['strategy']}"
    return "\n".join([title + "\n" + _columns(rows), *_above(kept[main]),
                      *([f"note: {NO_GOLD}"] if by_teacher(metrics) else [])])


def _above(kept: float | None) -> list[str]:
    return [f"note: {OUTDONE}"] if kept is not None and kept > MOST_KEPT else []


def exports_table(exports: Mapping[str, Any]) -> str:
    """The exported forms in columns of text, with what the figures are about above them."""
    return measured_on(exports) + "\n" + _columns(exports_rows(exports))


def _row(name: str, shown: Sequence[tuple[str, str]], value: Callable[..., str],
         metrics: Mapping[str, Any], kept: float | None = None, times: float | None = None) -> list[str]:
    last = f"{_percent(kept)} %" if kept is not None else f"{times:.1f}x" if times is not None else ""
    return [name, *[value(metrics[key]) for key, _ in shown], last]


def _percent(value: float | None) -> str:
    return "-" if value is None else f"{100 * value:.2f}"


def _columns(rows: list[list[str]]) -> str:
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    return "\n".join("  ".join([row[0].ljust(widths[0]), *[cell.rjust(w) for cell, w in zip(row[1:], widths[1:])]])
                     .rstrip() for row in rows)


class EpochLog:
    """TensorBoard logs of the epochs of all phases: a scalar per metric and epoch, one TensorBoard run per phase.

    Args:
        folder: what `tensorboard --logdir` is given.
    """

    def __init__(self, folder: pathlib.Path):
        self._folder = folder
        self._writers: dict[str, tf.summary.SummaryWriter] = {}

    def epoch(self, phase: str, record: Mapping[str, Any]) -> None:
        """Logs the floats of an epoch's record at step `record["epoch"]`."""
        import tensorflow as tf

        if phase not in self._writers:
            self._writers[phase] = tf.summary.create_file_writer(str(self._folder / phase))
        with self._writers[phase].as_default(step=record["epoch"]):
            for name, value in record.items():
                if isinstance(value, float):
                    tf.summary.write(name, tf.constant(value), metadata=_scalar_metadata())
        self._writers[phase].flush()


def _scalar_metadata() -> tf.compat.v1.SummaryMetadata:
    import tensorflow as tf

    # What tf.summary.scalar writes; that function wants the tensorboard package installed to write at all.
    metadata = tf.compat.v1.SummaryMetadata(data_class=1)
    metadata.plugin_data.plugin_name = "scalars"
    return metadata
