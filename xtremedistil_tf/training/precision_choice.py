"""Which precision trains a student faster here, measured once and kept, so that a resumed run has the same one."""

from __future__ import annotations

import logging
import pathlib
import time
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import tensorflow as tf

from xtremedistil_tf.atomic import read_json, write_json
from xtremedistil_tf.training.stage import precision

log = logging.getLogger(__name__)

AUTO = "auto"
_SECONDS = 0.5
#: Less is within what two measurements differ by, and float32 is the exact one.
_WORTHWHILE = 0.9


def chosen_policy(file: pathlib.Path, identity: str, measure: Callable[[], Mapping[str, float]]) -> str:
    """float32, or mixed_bfloat16 where its steps are at least a tenth shorter.

    Args:
        file: keeps the choice; what it holds counts on every later call.
        identity: of what is measured; a choice for something else does not count.
        measure: measures the seconds of a step by policy, see `step_seconds`.
    """
    try:
        kept = read_json(file)
        if kept["identity"] == identity:
            return str(kept["policy"])
    except (OSError, ValueError, LookupError, TypeError):
        pass  # none yet, or damaged: measured anew
    seconds = measure()
    file.parent.mkdir(parents=True, exist_ok=True)
    policy = "mixed_bfloat16" if seconds["mixed_bfloat16"] < _WORTHWHILE * seconds["float32"] else "float32"
    write_json(file, {"identity": identity, "policy": policy, "seconds": dict(seconds)})
    log.info("training precision: %s (a step takes %.0f ms in float32, %.0f ms in mixed_bfloat16); kept in %s",
             policy, 1e3 * seconds["float32"], 1e3 * seconds["mixed_bfloat16"], file)
    return policy


def step_seconds(make_student: Callable[[], Any], batch_size: int, pieces: int) -> dict[str, float]:
    """The shortest forward and backward pass of a student in float32 and in mixed_bfloat16, by turns.

    Args:
        make_student: makes a built student.
        batch_size: examples.
        pieces: of each example.
    """
    steps = {policy: _step(policy, make_student, batch_size, pieces) for policy in ("float32", "mixed_bfloat16")}
    for step in steps.values():
        step()  # traces
    shortest = dict.fromkeys(steps, np.inf)
    until = time.perf_counter() + _SECONDS
    while time.perf_counter() < until or np.inf in shortest.values():
        for policy, step in steps.items():
            began = time.perf_counter()
            step()
            shortest[policy] = min(shortest[policy], time.perf_counter() - began)
    return shortest


def _step(policy: str, make_student: Callable[[], Any], batch_size: int, pieces: int) -> Callable[[], None]:
    with precision(policy):
        student = make_student()
    ids = tf.constant(np.random.default_rng(0).integers(0, student.shape.vocab_size, (batch_size, pieces)), tf.int32)
    inputs = {"input_ids": ids, "attention_mask": tf.ones_like(ids)}

    @tf.function
    def gradients() -> list[tf.Tensor]:
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(tf.square(student(inputs, training=True)["logits"]))
        found = tape.gradient(loss, student.trainable_variables)
        # Whole tables of gradients would be most of what is measured.
        return [g.values if isinstance(g, tf.IndexedSlices) else g for g in found if g is not None]

    def run() -> None:
        for gradient in gradients():
            gradient.numpy()  # waits for a GPU

    return run
