"""What a training step costs, and how much of it is not the step.

  python benchmarks/training_speed.py [--before=<folder of another checkout>] [--rounds=2]
  python benchmarks/training_speed.py --keras [--case=<part of a name>] [--rounds=5]

Trains three small students on random tagging data of 17 to 31 pieces, each version in a process of its own
and one after the other, and prints a table: steps per second and CPU time per step of the fastest epoch after
the first, and what the first took longer (tracing). CPU time depends less on what else the machine does.

With `--keras`: BiLSTM students over a vocabulary of 250,002 pieces against the same network of Keras's own layers,
trained by `fit` with Keras's Adam, on the same batches of 128 sentences. Both take turns in one process, a few steps
each; the table has the best turn of each. Keras's batches are padded beforehand, those of the package are read and
padded while it trains. With `--parts` two more lines say where the difference comes from: Keras with `RowAdam`, and
this package with Keras's LSTM layers in its student.
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

_KERAS = flags.DEFINE_bool("keras", False, "Compares with Keras's own layers and fit.")
_CASE = flags.DEFINE_string("case", "", "With --keras: only the sizes whose name has this in it.")
_STEPS = flags.DEFINE_integer("steps", 8, "With --keras: steps of a turn.")
_PARTS = flags.DEFINE_bool("parts", True, "With --keras: the two lines between as well; they take twice the memory.")
_THREADS = flags.DEFINE_integer("threads", 0, "With --keras: threads, 0 for one a core.")

_EPOCHS, _VOCABULARY = 4, 30_000
#: Student, batch size, steps per epoch.
_CASES = {"BiLSTM E=50 H=200, batch 32": ("bilstm", 32, 40),
          "BiLSTM E=50 H=200, batch 128": ("bilstm", 128, 20),
          "transformer 3 x 384, batch 32": ("transformer", 32, 30)}
#: With --keras: E, H and the width of the projection.
_SIZES = {f"E={e} H={h}, projection {width}": (e, h, width)
          for e, h in ((100, 200), (300, 600)) for width in (384, 128)}
_LARGE_VOCABULARY, _BATCH = 250_002, 128


def _student(kind: str):
    from xtremedistil_tf.students.bilstm import BiLSTMShape
    from xtremedistil_tf.students.encoders import new_encoder
    from xtremedistil_tf.students.registry import new_student
    from xtremedistil_tf.students.transformer import TransformerShape

    if kind == "bilstm":
        return new_student(BiLSTMShape(_VOCABULARY, 50, 200, 384, 7))
    return new_student(TransformerShape(new_encoder(_VOCABULARY, 384, 3, 12), 7))


def _source(examples: int, vocabulary: int = _VOCABULARY):
    from xtremedistil_tf.training.batches import Column, RaggedFeatures

    rng = np.random.default_rng(0)
    lengths = rng.integers(17, 32, examples)
    pieces = lengths.sum()
    data = {"input_ids": rng.integers(1, vocabulary, pieces).astype(np.int32),
            "word_starts": (rng.random(pieces) < 0.6).astype(np.float32),
            "teacher_logits": rng.normal(size=(pieces, 7)).astype(np.float32)}
    columns = {name: Column(values.dtype, values.shape[1:]) for name, values in data.items()}
    return RaggedFeatures(data, np.concatenate([[0], np.cumsum(lengths)]), columns)


def _measure_case(kind: str, batch_size: int, steps: int, options: dict) -> dict[str, float]:
    from xtremedistil_tf.distillation.stages import LogitStage
    from xtremedistil_tf.tasks.tagging import TaggingTask
    from xtremedistil_tf.training.batches import BatchPlan
    from xtremedistil_tf.training.loop import LoopSettings, train_phase
    from xtremedistil_tf.training.optimizers import RowAdam, cosine_schedule
    from xtremedistil_tf.training.pipeline import ShuffledBatches

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


def _keras_network(e: int, h: int, width: int):
    import tf_keras
    from tf_keras import layers

    return tf_keras.Sequential([
        layers.Embedding(_LARGE_VOCABULARY, e, mask_zero=True), layers.Dropout(0.2),
        layers.Bidirectional(layers.LSTM(h, return_sequences=True)), layers.Dropout(0.2),
        layers.Dense(width, activation="gelu"), layers.Dense(7)])


def _fit_turn(network, optimizer, batches):
    """A turn of Keras's `fit`."""
    import tensorflow as tf

    def squares(teacher, logits):
        return 0.5 * tf.reduce_sum(tf.square(logits - teacher), -1)

    network.compile(optimizer=optimizer, loss=squares)
    tensors = [(b["input_ids"], b["teacher_logits"], b["word_starts"]) for b in batches]
    signature = tuple(tf.TensorSpec([None] * x.ndim if x.ndim < 3 else [None, None, x.shape[-1]], x.dtype)
                      for x in tensors[0])
    dataset = tf.data.Dataset.from_generator(lambda: iter(tensors), output_signature=signature).prefetch(4)
    return lambda: network.fit(dataset, epochs=1, verbose=0)


def _stage_turn(student, data):
    """A turn of this package's training steps."""
    from xtremedistil_tf.distillation.stages import LogitStage
    from xtremedistil_tf.tasks.tagging import TaggingTask
    from xtremedistil_tf.training.distribution import Workers
    from xtremedistil_tf.training.optimizers import RowAdam
    from xtremedistil_tf.training.stage import TrainingSteps, seed_dropout_by_step

    stage = LogitStage(student, TaggingTask(list("ABCDEFG")))
    stage.compile(optimizer=RowAdam(1e-3))
    stage.optimizer.build(stage.trainable_variables)
    seed_dropout_by_step(stage, stage.optimizer.iterations, 0)
    steps = TrainingSteps(stage, Workers())
    return lambda: steps(iter(data.epoch(0, 0)), _STEPS.value)


def _with_keras_layers(student, h: int):
    from tf_keras import layers

    student.bilstm = layers.Bidirectional(layers.LSTM(h, return_sequences=True, name="lstm"), name="bilstm")
    student.build_variables()
    return student


def _contenders(e: int, h: int, width: int):
    import tf_keras

    from xtremedistil_tf.students.bilstm import BiLSTMShape, BiLSTMStudent
    from xtremedistil_tf.students.registry import new_student
    from xtremedistil_tf.training.batches import BatchPlan, pad_batch
    from xtremedistil_tf.training.optimizers import RowAdam
    from xtremedistil_tf.training.pipeline import ShuffledBatches
    from xtremedistil_tf.training.stage import precision

    source = _source(_BATCH * _STEPS.value, _LARGE_VOCABULARY)
    plan = BatchPlan(source.lengths, np.arange(len(source)), _BATCH)
    batches = [pad_batch(source, indices, 0) for indices in plan.epoch(0)]
    data = ShuffledBatches(source, plan, 0)
    shape = BiLSTMShape(_LARGE_VOCABULARY, e, h, width, 7)
    if _PARTS.value:
        yield "Keras, fit, RowAdam", _fit_turn(_keras_network(e, h, width), RowAdam(1e-3), batches)
        yield "this package, Keras's LSTM", _stage_turn(_with_keras_layers(BiLSTMStudent(shape), h), data)
    for name, policy in (("", "float32"), (", bfloat16", "mixed_bfloat16")):
        with precision(policy):
            yield f"Keras, fit{name}", _fit_turn(_keras_network(e, h, width), tf_keras.optimizers.Adam(1e-3), batches)
            yield f"this package{name}", _stage_turn(new_student(shape), data)


def _compare_with_keras() -> None:
    import tensorflow as tf

    if _THREADS.value:
        tf.config.threading.set_intra_op_parallelism_threads(_THREADS.value)
        tf.config.threading.set_inter_op_parallelism_threads(_THREADS.value)
    print("| student | trained by | sentences/s | CPU ms/sentence | times Keras, CPU (wall) | first turn, CPU s more |\n"
          "|---|---|---:|---:|---:|---:|")
    for case, sizes in _SIZES.items():
        if _CASE.value not in case:
            continue
        turns = dict(_contenders(*sizes))
        measured: dict[str, list] = {name: [] for name in turns}
        for _ in range(1 + _ROUNDS.value):
            for name, turn in turns.items():
                before = time.perf_counter(), time.process_time()
                turn()
                measured[name].append(np.array([time.perf_counter(), time.process_time()]) - before)
        first = {name: rows[0][1] for name, rows in measured.items()}
        best = {name: np.min(rows[1:], 0) for name, rows in measured.items()}
        sentences = _BATCH * _STEPS.value
        for name, (wall, cpu) in best.items():
            times = best["Keras, fit"] / best[name]
            print(f"| {case} | {name} | {sentences / wall:.0f} | {1e3 * cpu / sentences:.2f} "
                  f"| {times[1]:.2f} ({times[0]:.2f}) | {first[name] - cpu:.1f} |", flush=True)
        del turns


def main(_):
    if _KERAS.value:
        _compare_with_keras()
        return
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
