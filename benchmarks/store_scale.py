"""A transfer store of 100,000 and of a million sentences: memory, speed, and bytes per example of each form.

  python benchmarks/store_scale.py --work=DIR --out=benchmarks/results/store_scale.md

The teacher is arithmetic, so that what is measured is the store: logits of 7 labels and one layer of hidden
states, --width wide, looked up by piece (a few directions, noise, and two outlier channels). Sentences are random
numbers with the lengths of Wikipedia's (lognormal, mean about 22 pieces, at most 64). Each store is written,
verified and read (one shuffled epoch of padded batches through tf.data, as training reads) in processes of their
own; memory is the peak of the process. --work needs about 4 GB with the defaults; each store is removed when it
has been measured.
"""

from __future__ import annotations

import json
import os
import pathlib
import resource
import shutil
import subprocess
import sys
import threading
import time
from types import SimpleNamespace

import numpy as np
from absl import app, flags

from pages import environment, table, write_page

_WORK = flags.DEFINE_string("work", None, "Folder for the stores.", required=True)
_OUT = flags.DEFINE_string("out", "benchmarks/results/store_scale.md", "The Markdown file to write.")
_SIZES = flags.DEFINE_list("sizes", ["100000", "1000000"], "Sentences of the stores; forms are compared at the "
                           "first.")
_WIDTH = flags.DEFINE_integer("width", 64, "Width of the hidden states.")
_BATCH = flags.DEFINE_integer("batch_size", 256, "Sentences in a batch.")
_JOB = flags.DEFINE_string("job", "", "What a process of its own does; not for users.")

FORMS = {"float16": {}, "int8": {"hidden_dtype": "int8"}, "PCA": {"hidden_components": 16},
         "PCA, int8": {"hidden_components": 16, "hidden_dtype": "int8"}}
SEQ_LEN, PIECES, LABELS = 64, 1000, 7


class Teacher:
    """Looks its answers up by piece."""

    def __init__(self, width: int):
        rng = np.random.default_rng(0)
        states = rng.normal(size=(PIECES, 12)) @ rng.normal(size=(12, width))
        states += 0.3 * rng.normal(size=(PIECES, width))
        states[:, 3] *= 30
        states[:, 7] += 30
        self._hidden = states.astype(np.float32)[:, None]
        self._logits = rng.normal(size=(PIECES, LABELS)).astype(np.float32)

    def predict(self, source):
        for index in range(len(source)):
            ids = source.read(index)["input_ids"]
            yield SimpleNamespace(index=index, logits=self._logits[ids], hidden=self._hidden[ids])


class NumberTokenizer:
    """Words are hexadecimal numbers, a word is a piece."""

    is_fast = True

    def __call__(self, sentences, add_special_tokens=True, **_):
        edge = [0] if add_special_tokens else []
        return SimpleNamespace(encodings=[SimpleNamespace(
            ids=edge + [int(word, 16) for word in words] + edge, word_ids=list(range(len(words))),
            special_tokens_mask=[1] * len(edge) + [0] * len(words) + [1] * len(edge)) for words in sentences])


def sentences(count: int):
    """The same stream every time, made as it is read."""
    from xtremedistil_tf.corpus import Example

    rng = np.random.default_rng(1)
    words = [f"{number:x}" for number in range(PIECES)]
    for _ in range(count):
        length = int(np.clip(rng.lognormal(2.9, 0.5), 1, SEQ_LEN - 2))
        begin = int(rng.integers(PIECES - length))
        yield Example(tuple(words[begin: begin + length]))


def spec_of(count: int, width: int, form: str):
    from xtremedistil_tf.tasks.tagging import TaggingTask
    from xtremedistil_tf.teachers.protocol import TeacherSignals
    from xtremedistil_tf.transfer.writer import StoreSpec, signal_columns

    columns = signal_columns(TeacherSignals(hidden=(7,)), width, 0, SEQ_LEN)
    return StoreSpec({"benchmark": count}, TaggingTask(list("ABCDEFG")), count, SEQ_LEN, columns, **FORMS[form])


def write_job(count: int, form: str) -> dict:
    from xtremedistil_tf.transfer.size import estimate_bytes
    from xtremedistil_tf.transfer.writer import write_store

    spec, before = spec_of(count, _WIDTH.value, form), resident_mb()
    began, cpu = time.perf_counter(), time.process_time()
    store = write_store(pathlib.Path(_WORK.value), spec, lambda: sentences(count), NumberTokenizer(),
                        lambda: Teacher(_WIDTH.value))
    seconds, cpu = time.perf_counter() - began, time.process_time() - cpu
    sizes = [file.stat().st_size for file in store.rglob("*") if file.is_file()]
    pieces = sum(int(np.load(file, mmap_mode="r")[-1]) for file in store.glob("shard-*/offsets.npy"))
    return {"store": str(store), "seconds": seconds, "cpu_seconds": cpu, "bytes": sum(sizes), "files": len(sizes),
            "pieces": pieces, "estimated_bytes": estimate_bytes(spec, pieces / count), "before_mb": before,
            "peak_mb": peak_mb()}


def verify_job(store: str) -> dict:
    from xtremedistil_tf.transfer.shards import verify_store

    began = time.perf_counter()
    found = verify_store(pathlib.Path(store))
    return {"seconds": time.perf_counter() - began, "whole": found.is_whole and not found.unchecked,
            "peak_mb": peak_mb()}


def read_job(store: str) -> dict:
    from xtremedistil_tf.training.batches import BatchPlan
    from xtremedistil_tf.training.pipeline import ShuffledBatches
    from xtremedistil_tf.transfer.reader import TransferStore

    began = time.perf_counter()
    source = TransferStore(pathlib.Path(store))
    opened = time.perf_counter() - began
    plan = BatchPlan(source.lengths, np.arange(len(source)), _BATCH.value)
    before, files = resident_mb(), OpenFiles()
    began, cpu, read = time.perf_counter(), time.process_time(), 0
    for batch in ShuffledBatches(source, plan, 0).epoch(0, 0):
        read += len(batch["input_ids"])
    seconds, cpu = time.perf_counter() - began, time.process_time() - cpu
    return {"open_seconds": opened, "seconds": seconds, "cpu_seconds": cpu, "examples": read, "before_mb": before,
            "peak_mb": peak_mb(), "most_open_files": files.most()}


class OpenFiles:
    """Counts this process's open files five times a second."""

    def __init__(self) -> None:
        self._most, self._done = 0, threading.Event()
        self._thread = threading.Thread(target=self._count, daemon=True)
        self._thread.start()

    def _count(self) -> None:
        while not self._done.wait(0.2):
            self._most = max(self._most, len(os.listdir("/proc/self/fd")))

    def most(self) -> int:
        self._done.set()
        self._thread.join()
        return self._most


def resident_mb() -> float:
    return int(pathlib.Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize() / 1e6


def peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6


def in_a_process(job: str, *arguments) -> dict:
    words = [sys.executable, __file__, f"--work={_WORK.value}", f"--width={_WIDTH.value}",
             f"--batch_size={_BATCH.value}", "--job=" + json.dumps([job, *arguments])]
    done = subprocess.run(words, stdout=subprocess.PIPE, env=os.environ | {"TF_CPP_MIN_LOG_LEVEL": "3"})
    if done.returncode:
        sys.exit(f"{job} {arguments} failed")
    return json.loads(done.stdout.splitlines()[-1])


def measured(count: int, form: str) -> dict:
    """Writes, verifies, reads and removes a store."""
    wrote = in_a_process("write", count, form)
    try:
        figures = {"examples": count, "form": form, "write": wrote,
                   "verify": in_a_process("verify", wrote["store"]),
                   "read": in_a_process("read", wrote["store"])}
    finally:
        shutil.rmtree(wrote["store"])
    print(json.dumps(figures), file=sys.stderr, flush=True)
    wrote.pop("store")
    return figures


def row(run: dict) -> list[str]:
    count, size = run["examples"], run["write"]["bytes"]
    rates = [[f"{count / run[job]['seconds']:,.0f}", f"{size / 1e6 / run[job]['seconds']:,.0f}",
              f"{1e6 * run[job]['cpu_seconds'] / count:,.0f}", f"{run[job]['peak_mb']:,.0f}"]
             for job in ("write", "read")]
    return [f"{count:,}, {run['form']}", f"{size / count:,.0f}", f"{size / 1e6:,.0f}", *rates[0], *rates[1],
            f"{size / 1e6 / run['verify']['seconds']:,.0f}"]


def wide_rows() -> list[list[str]]:
    """What a layer of 768 takes, by arithmetic."""
    from xtremedistil_tf.transfer.size import estimate_bytes
    from xtremedistil_tf.transfer.writer import StoreSpec

    rows = []
    for name, form in {"float16": {}, "int8": {"hidden_dtype": "int8"}, "PCA of 128": {"hidden_components": 128},
                       "PCA of 128, int8": {"hidden_components": 128, "hidden_dtype": "int8"}}.items():
        plain = spec_of(1_000_000, 768, "float16")
        spec = StoreSpec(plain.identity, plain.task, plain.sentences, 32, plain.signals, **form)
        size = estimate_bytes(spec, 24.0)
        rows.append([name, f"{size / 1e6:,.0f}", f"{size / 1e9:,.1f}"])
    return rows


def page(runs: list[dict]) -> list[str]:
    small, large = (next(run for run in runs if run["examples"] == int(size) and run["form"] == "float16")
                    for size in (_SIZES.value[0], _SIZES.value[-1]))
    growth = [f"{100 * (large[job]['peak_mb'] / small[job]['peak_mb'] - 1):+.1f} % "
              f"({large[job]['peak_mb'] - small[job]['peak_mb']:+,.0f} MB)" for job in ("write", "read")]
    estimate = max(abs(run["write"]["estimated_bytes"] / run["write"]["bytes"] - 1) for run in runs)
    header = ["sentences, form", "bytes an example", "MB", "write sentences/s", "MB/s", "CPU µs a sentence", "peak MB",
              "read sentences/s", "MB/s", "CPU µs a sentence", "peak MB", "verify MB/s"]
    from xtremedistil_tf.students.model_directory import versions

    return ["# The transfer store at scale", environment(versions()),
            "```sh\npython benchmarks/store_scale.py --work=DIR\n```",
            f"Hidden states of one layer, {_WIDTH.value} wide (PCA: 16 components), logits of {LABELS} labels, "
            f"{small['write']['pieces'] / small['examples']:.1f} pieces a sentence. The teacher is a table look-up, "
            "so that the rates are those of the store (tokenizing by a stand-in, placing, encoding, checksums, "
            "writing; reading, decoding, padding, tf.data). Peak memory is that of the whole process; "
            f"{small['write']['before_mb']:,.0f} MB of it are Python and TensorFlow. Other jobs used the same cores: "
            "the CPU time tells more than the rates.",
            table(header, [row(run) for run in runs]),
            f"From {small['examples']:,} to {large['examples']:,} sentences the writer's peak changes by "
            f"{growth[0]}, the reader's by {growth[1]}. The store of {large['examples']:,} has "
            f"{large['write']['files']:,} files; reading it has at most {large['read']['most_open_files']} files open "
            "(descriptors of all kinds), for none stays open, and opening it takes "
            f"{large['read']['open_seconds']:.1f} s. Sizes differ from the estimate by at most {100 * estimate:.2f} %.",
            "By the same estimate, a million sentences of 24 pieces with one layer of 768:",
            table(["form", "bytes an example", "GB"], wide_rows())]


def main(_):
    if _JOB.value:
        job, *arguments = json.loads(_JOB.value)
        print(json.dumps({"write": write_job, "verify": verify_job, "read": read_job}[job](*arguments)))
        return
    sizes = list(map(int, _SIZES.value))
    pathlib.Path(_WORK.value).mkdir(parents=True, exist_ok=True)
    runs = [measured(sizes[0], form) for form in FORMS] + [measured(size, "float16") for size in sizes[1:]]
    write_page(pathlib.Path(_OUT.value), page(runs), runs)


if __name__ == "__main__":
    app.run(main)
