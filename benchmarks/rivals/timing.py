"""How fast a rival answers raw text on one core; the same texts, batches and clock for all."""

from __future__ import annotations

import dataclasses
import os
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from typing import Any

_LATENCY_BATCHES = {1: 100, 32: 10}
_FEWEST_PASSES = 3
_POOLS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "TF_NUM_INTRAOP_THREADS",
          "TF_NUM_INTEROP_THREADS", "RAYON_NUM_THREADS")
_CONFINED = "RIVALS_ON_ONE_CORE"


@dataclasses.dataclass(frozen=True)
class Opened:
    """A model that is ready to answer.

    Attributes:
        encode: texts -> inputs of `answer`: tokenization and what else comes before the model; None where the
        model
            takes texts.
        answer: inputs -> one answer for each text, in order.
        bulk: texts in a batch where there are many to answer.
        scored: whether the answers are those of the task, so that they can be scored.
    """

    encode: Callable[[list[str]], Any] | None
    answer: Callable[[Any], Sequence[Any]]
    bulk: int = 32
    scored: bool = True

    def __call__(self, texts: list[str]) -> Sequence[Any]:
        return self.answer(self.encode(texts) if self.encode else texts)


def on_one_core() -> None:
    """Starts this program again, on one core and with one thread in each pool, unless that is how it runs.

    It must start again: libraries that are imported already have made their threads.
    """
    if os.environ.get(_CONFINED):
        return
    os.environ |= dict.fromkeys(_POOLS, "1")
    os.environ |= {"TOKENIZERS_PARALLELISM": "false", "TF_CPP_MIN_LOG_LEVEL": "3", _CONFINED: "1"}
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])


def measure(model: Opened, texts: Sequence[str], seconds: float) -> dict[str, Any]:
    """Latency of one text and of 32, and words a second.

    Args:
        model: what is timed.
        texts: real ones.
        seconds: to spend on each figure; at least one round over its texts, for words a second three.

    Returns:
        `batch_1`, `batch_32` {median_ms, min_ms, runs}: of batches spread over the texts, tokenization
        included; `words_per_second` of all texts, in batches of texts of like length, the median of the
        rounds; where tokenization is a step of its own, `words_per_second_tokenized` without it. Words are
        parted by white space.
    """
    found: dict[str, Any] = {}
    for size, count in _LATENCY_BATCHES.items():
        found[f"batch_{size}"] = _latency(model, spread_batches(texts, size, count), seconds)
    batches = batches_by_length(texts, model.bulk)
    words = sum(len(text.split()) for text in texts)
    found["words_per_second"] = words / _round_seconds(model, lambda: batches, seconds)
    if model.encode:
        found["words_per_second_tokenized"] = words / _round_seconds(
            model.answer, lambda: [model.encode(batch) for batch in batches], seconds)
    return found


def spread_batches(texts: Sequence[str], size: int, count: int) -> list[list[str]]:
    """At most so many batches of neighbours, spread evenly; one of all texts where they are fewer than
    `size`."""
    whole = max(len(texts) // size, 1)
    kept = min(count, whole)
    starts = [index * whole // kept * size for index in range(kept)]
    return [list(texts[start:start + size]) for start in starts]


def batches_by_length(texts: Sequence[str], size: int) -> list[list[str]]:
    """All texts, longest first, so that little is padding."""
    order = sorted(texts, key=lambda text: -len(text.split()))
    return [order[start:start + size] for start in range(0, len(order), size)]


def answer_all(model: Opened, texts: Sequence[str]) -> list[Any]:
    """The answers to all texts, in order, asked for as where words a second are measured."""
    order = sorted(range(len(texts)), key=lambda index: -len(texts[index].split()))
    answers: list[Any] = [None] * len(texts)
    for start in range(0, len(order), model.bulk):
        rows = order[start:start + model.bulk]
        for row, answer in zip(rows, model([texts[row] for row in rows])):
            answers[row] = answer
    return answers


def _latency(model: Opened, batches: list[list[str]], seconds: float) -> dict[str, Any]:
    model(batches[0]), model(batches[-1])
    times: list[float] = []
    end = time.perf_counter() + seconds
    while not times or time.perf_counter() < end:
        for batch in batches:  # whole rounds only: every rival is timed on the same texts
            began = time.perf_counter()
            model(batch)
            times.append(1000 * (time.perf_counter() - began))
    return {"median_ms": statistics.median(times), "min_ms": min(times), "runs": len(times)}


def _round_seconds(answer: Callable[[Any], Any], inputs: Callable[[], list[Any]], seconds: float) -> float:
    """Median time of a round; the inputs are made anew for each, off the clock, as answering may change
    them."""
    times: list[float] = []
    while len(times) < _FEWEST_PASSES or sum(times) < seconds:
        batches = inputs()
        began = time.perf_counter()
        for batch in batches:
            answer(batch)
        times.append(time.perf_counter() - began)
    return statistics.median(times)
