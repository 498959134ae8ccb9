"""What a dry run shows, as lines of text: what is known of the data at once, and the plan of the steps."""

from __future__ import annotations

import contextlib
import logging
import pathlib
import shutil
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from xtremedistil_tf.config import DistillationConfig
from xtremedistil_tf.config.arguments import NEVER
from xtremedistil_tf.process import OURS, peak_memory
from xtremedistil_tf.progress import in_minutes
from xtremedistil_tf.runs.labelled_data import Labelled
from xtremedistil_tf.runs.transfer_text import compare_texts
from xtremedistil_tf.transfer.size import shown_bytes
from xtremedistil_tf.transfer.text import Comparison, TransferText

if TYPE_CHECKING:
    from xtremedistil_tf.runs.planning import Step


@contextlib.contextmanager
def heard() -> Iterator[list[str]]:
    """Everything that the log says meanwhile, for whoever reads only what is printed."""
    ours, said = logging.getLogger(OURS), list[str]()
    handler, level = logging.Handler(logging.INFO), ours.level
    handler.emit = lambda record: said.append(record.getMessage())  # type: ignore[method-assign]
    ours.addHandler(handler)
    ours.setLevel(min(level, logging.INFO) or logging.INFO)
    try:
        yield said
    finally:
        ours.removeHandler(handler)
        ours.setLevel(level)


def reading_lines(said: Sequence[str]) -> Iterator[str]:
    """What was decided while files were read: tag scheme, columns, words, what was mended and left out."""
    yield "read as"
    yield from (f"  {line}" for line in dict.fromkeys(said))


def data_lines(config: DistillationConfig, labelled: Labelled, text: TransferText | None) -> Iterator[str]:
    """What is known before anything is measured."""
    counts = [f"{len(getattr(labelled.corpus, split)):,} {split}" for split in ("train", "dev", "test")]
    yield f"labelled   {', '.join(counts)} examples" + (f"; transfer text {text.sentences:,} examples" if text else "")
    comparison = compare_texts(config, labelled, text)
    yield from _comparison_lines(comparison) if comparison else ()
    yield "\nmeasuring each step on a sample ..."


def _comparison_lines(comparison: Comparison) -> Iterator[str]:
    rows = [("", "transfer text", "dev text"), *comparison.rows()]
    widths = [max(map(len, column)) for column in zip(*rows)]
    yield ""
    for name, transfer, dev in rows:
        yield f"{name:<{widths[0]}} {transfer:>{widths[1]}} {dev:>{widths[2]}}"
    for line in comparison.warnings():
        yield f"{line[0].upper()}{line[1:]}."


def plan_lines(config: DistillationConfig, steps: Sequence[Step], disk: Mapping[str, float],
               folder: pathlib.Path) -> Iterator[str]:
    """The steps with their times, and what the run takes on the disk of a folder."""
    width = max(len(step.name) for step in steps)
    yield f"{'step':<{width}} {'examples':>10} {'epochs':>7} {'batches':>10} {'time':>10}"
    for step in steps:
        yield (f"{step.name:<{width}} {step.examples:>10,} {step.epochs:>7,} {step.steps:>10,} "
               f"{shown_seconds(step.seconds):>10}")
    yield f"{'at most':<{width}} {shown_seconds(sum(step.seconds for step in steps)):>40}"
    sooner = f"Early stopping (`patience={config.patience}`) ends phases sooner. " if config.patience < NEVER else ""
    yield f"\n{sooner}Evaluation and export are not included."
    if config.augment:
        yield (f"`augment={config.augment}` is not included: up to {config.augment_factor:g} new examples for each "
               "transfer example, and the time to generate them.")
    yield (f"\non disk    {shown_bytes(sum(disk.values()))}, {shown_bytes(shutil.disk_usage(folder).free)} free: "
           + ", ".join(f"{name} {shown_bytes(size)}" for name, size in disk.items()))
    if peak := peak_memory():
        yield f"memory     {shown_bytes(peak)} on the sample; it hardly grows with the transfer set"


def shown_seconds(seconds: float) -> str:
    """A duration such as 45 s, 12 min or 3 h 05 min."""
    return f"{seconds:.0f} s" if seconds < 90 else in_minutes(round(seconds / 60))
