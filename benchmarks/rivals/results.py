"""The page of a comparison: one table, what its columns mean, and the commands."""

from __future__ import annotations

import dataclasses
import pathlib
from collections.abc import Callable, Sequence

from pages import commands, environment, percent, public_command, table, write_page
from plots import trade_off
from rivals.bench import Bench, Row

HEADER = ("rival", "runs in", "parameters M", "MB", "batch 1 ms", "batch 32 ms", "words/s",
          "words/s, tokenized", "training s")
NOTES = """\
- Quality: on the test set, by the same scorer. All rows learned from the same {labelled} labelled examples
  and were chosen on the same {dev} dev examples. Distilled ones also learned from the teacher's answers to
  {transfer} texts, those of the labelled examples among them.
- Speed: from raw text to answers, tokenization included, by a process on one core with one thread. Batch 1
  and 32: median over real test texts. Words/s: {texts} test texts in batches of texts of like length; white
  space parts words. "Tokenized": without tokenization, where that is a step of its own. The answers that are
  scored are those that the timed program gives; but spaCy is scored on the words of the data, and timed on
  raw text.
- MB: files of the model in the form of the row, without the tokenizer where it is a file of its own.
- Training: wall time on all cores, without the teacher's fine-tuning ({teacher:.0f} s) and its run over the
  transfer text ({store:.0f} s), which all distilled rows share."""


def row_of(row: Row, score: str) -> list[str]:
    """The cells of a row, of a column for the score after the second."""
    speed = row.speed or {}
    cells = [_number(row.parameters, 1e6, 2), _number(row.bytes, 1e6, 1),
             *(_number(speed.get(key, {}).get("median_ms"), 1, 2) for key in ("batch_1", "batch_32")),
             *(_number(speed.get(key), 1, 0) for key in ("words_per_second", "words_per_second_tokenized")),
             _number(row.train_seconds, 1, 0)]
    return [row.name, row.form, score, *cells]


def write_results(out: pathlib.Path, title: str, benches: Sequence[tuple[str, str, Bench]], texts: int,
                  command: str) -> None:
    """Writes the page and, beside it, its figures.

    Args:
        out: the Markdown file.
        title: of the page.
        benches: for each data set a heading, the name of the score, and its rivals.
        texts: that words a second were measured on.
        command: that made all of it.
    """
    parts = [f"# {title}", environment({k: v for _, _, bench in benches for k, v in bench.versions.items()}),
             f"```sh\npython {public_command(command)}\n```"]
    for heading, score, bench in benches:
        counts = {split: len(bench.task.read(split)[0]) for split in ("train", "dev", "test")}
        rows = [row_of(row, percent(row.score)) for row in bench.rows]
        drawing = out.with_name(f"{out.stem}_{heading.replace('/', '_')}.svg")
        trade_off(drawing, {
            "MB": families(bench.rows, lambda row: row.bytes and row.bytes / 1e6),
            "ms for one text": families(bench.rows, lambda row: row.speed and row.speed["batch_1"]["median_ms"]),
            "microseconds a word": families(bench.rows, lambda row: row.speed and 1e6 / row.speed["words_per_second"]),
        }, score)
        parts += [f"## {heading}", f"{counts['test']} test examples.",
                  table((*HEADER[:2], score, *HEADER[2:]), rows),
                  NOTES.format(labelled=counts["train"], dev=counts["dev"],
                               transfer=len(bench.task.transfer()), texts=min(texts, counts["test"]),
                               teacher=bench.seconds.get("teacher fine-tuning", 0.0),
                               store=bench.seconds.get("transfer store", 0.0)),
                  f"![{score} against size and time]({drawing.name})", "#" + commands(bench.commands)]
    write_page(out, parts, {heading: {"rows": [dataclasses.asdict(row) for row in bench.rows],
                                      "seconds": bench.seconds, "versions": bench.versions}
                            for heading, _, bench in benches})


def families(rows: Sequence[Row], cost: Callable[[Row], float | None]) -> dict[str, dict[str, tuple[float, float]]]:
    """name -> form -> (cost, score in percent), without rows that lack one of them."""
    found: dict[str, dict[str, tuple[float, float]]] = {}
    for row in rows:
        if row.score is not None and cost(row):
            found.setdefault(row.name, {})[row.form] = (cost(row), 100 * row.score)
    return found


def _number(value: float | None, unit: float, decimals: int) -> str:
    return "-" if value is None else f"{value / unit:.{decimals}f}"
