"""What a training step costs, and how much of it is not the step.

  python benchmarks/training_speed.py [--before=<folder of another checkout>] [--rounds=2]

Trains three small students on random tagging data of 17 to 31 pieces, each version in a process of its own
and one after the other, and prints a table: steps per second and CPU time per step of the fastest epoch after
the first, and what the first took longer (tracing). CPU time depends less on what else the machine does.
"""

from __future__ import annotations

import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time

import numpy as np
from absl import app, flags

_BEFORE = flags.DEFINE_string("before", "", "Folder of another version of the package, to measure as well.")
_ROUNDS = flags.DEFINE_integer("rounds", 2, "How often every version is measured; the best counts.")
_MEASURE = flags.DEFINE_integer("measure", 0, "Measures once, here, with so many steps per execution.")

_EPOCHS, _VOCABULARY = 4, 30_000
#: Student, batch size, steps per epoch.
_CASES = {"BiLSTM E=50 H=200, batch 32": ("bilstm", 32, 40),
          "BiLSTM E=50 H=200, batch 128": ("bilstm", 128, 20),
          "transformer 3 x 384, batch 32": ("transformer", 32, 30)}


def _student(kind: str):
    from xtremedistil_tf.students.bilstm import BiLSTMShape
    from xtremedistil_tf.students.encoders import new_encoder
    from xtremedistil_tf.students.registry import new_student
    from xtremedistil_tf.students.transformer import TransformerShape

    if kind == "bilstm":
        return new_student(BiLSTMShape(_VOCABULARY, 50, 200, 384, 7))
    return new_student(TransformerShape(new_encoder(_VOCABULARY, 384, 3, 12), 7))


def _source(examples: int):
    from xtremedistil_tf.batching.ragged import Column, RaggedFeatures

    rng = np.random.default_rng(0)
    lengths = rng.integers(17, 32, examples)
    pieces = lengths.sum()
    data = {"input_ids": rng.integers(1, _VOCABULARY, pieces).astype(np.int32),
            "word_starts": (rng.random(pieces) < 0.6).astype(np.float32),
            "teacher_logits": rng.normal(size=(pieces, 7)).astype(np.float32)}
    columns = {name: Column(values.dtype, values.shape[1:]) for name, values in data.items()}
    return RaggedFeatures(data, np.concatenate([[0], np.cumsum(lengths)]), columns)


def _measure_case(kind: str, batch_size: int, steps: int, options: dict) -> dict[str, float]:
    from xtremedistil_tf.batching.pipeline import ShuffledBatches
    from xtremedistil_tf.batching.plan import BatchPlan
    from xtremedistil_tf.distillation.stages import LogitStage
    from xtremedistil_tf.tasks.tagging import TaggingTask
    from xtremedistil_tf.training.loop import LoopSettings, train_phase
    from xtremedistil_tf.training.optimizers import RowAdam, cosine_schedule

    source = _source(batch_size * steps)
    data = ShuffledBatches(source, BatchPlan(source.lengths, np.arange(len(source)), batch_size), 0)
    stage = LogitStage(_student(kind), TaggingTask(list("ABCDEFG")))
    stage.compile(optimizer=RowAdam(cosine_schedule(1e-3, _EPOCHS * steps)))
    clock = [(time.perf_counter(), time.process_time())]
    with tempfile.TemporaryDirectory() as folder:
        train_phase(stage, data, lambda: {"loss": 0.0}, LoopSettings(kind, _EPOCHS, 99, **options),
                    pathlib.Path(folder) / "progress.npz",
                    lambda record: clock.append((time.perf_counter(), time.process_time())))
    wall, cpu = np.diff(np.array(clock), axis=0).T
    return {"steps/s": steps / min(wall[1:]), "CPU ms/step": 1e3 * min(cpu[1:]) / steps,
            "first epoch, CPU s more": cpu[0] - min(cpu[1:])}


def _measure_in_process(package: pathlib.Path, steps_per_execution: int) -> dict[str, dict[str, float]]:
    command = [sys.executable, __file__, f"--measure={steps_per_execution}"]
    environment = os.environ | {"PYTHONPATH": str(package), "TF_CPP_MIN_LOG_LEVEL": "3"}
    done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1])


def main(_):
    if _MEASURE.value:
        options = {"steps_per_execution": _MEASURE.value} if _MEASURE.value > 1 else {}
        print(json.dumps({name: _measure_case(*case, options) for name, case in _CASES.items()}))
        return
    here = pathlib.Path(__file__).resolve().parents[1]
    versions = {"steps_per_execution 1": (here, 1), "steps_per_execution 20": (here, 20)}
    if _BEFORE.value:
        versions = {"before": (pathlib.Path(_BEFORE.value).resolve(), 1)} | versions
    runs = {name: [] for name in versions}
    for _ in range(_ROUNDS.value):
        for name, version in versions.items():
            runs[name].append(_measure_in_process(*version))
    print("| student | version | steps/s | CPU ms/step | first epoch, CPU s more |\n|---|---|---:|---:|---:|")
    for case in _CASES:
        for name in versions:
            measured = [run[case] for run in runs[name]]
            print(f"| {case} | {name} | {max(m['steps/s'] for m in measured):.1f} "
                  f"| {min(m['CPU ms/step'] for m in measured):.1f} "
                  f"| {min(m['first epoch, CPU s more'] for m in measured):.1f} |")


if __name__ == "__main__":
    app.run(main)
