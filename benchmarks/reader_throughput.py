"""How fast a transfer store is read into padded batches, and with how much memory.

  python benchmarks/reader_throughput.py [--sentences=100000] [--width=384]

Writes a store of random numbers of that size to a temporary folder (it needs that much disk), reads one
epoch, and prints examples per second, MB per second and the resident memory before and after.
"""

from __future__ import annotations

import pathlib
import tempfile
import time

import numpy as np
from absl import app, flags

_SENTENCES = flags.DEFINE_integer("sentences", 100_000, "Sentences in the store.")
_WIDTH = flags.DEFINE_integer("width", 384, "Width of the hidden states.")
_BATCH = flags.DEFINE_integer("batch_size", 256, "Sentences in a batch.")


class _RandomTeacher:
    def predict(self, source):
        from xtremedistil_tf.teachers.protocol import TeacherOutputs

        rng = np.random.default_rng(0)
        states = rng.normal(size=(64, _WIDTH.value)).astype(np.float32)
        for index, length in enumerate(source.lengths):
            yield TeacherOutputs(index, np.zeros((length, 7), np.float32), states[:length, None])


class _NumberTokenizer:
    """Words are numbers, a word is a piece."""

    is_fast = True

    def __call__(self, sentences, add_special_tokens=True, **_):
        from types import SimpleNamespace

        edge = [0] if add_special_tokens else []
        return SimpleNamespace(encodings=[SimpleNamespace(
            ids=edge + [hash(w) % 1000 for w in words] + edge, word_ids=list(range(len(words))),
            special_tokens_mask=[1] * len(edge) + [0] * len(words) + [1] * len(edge)) for words in sentences])


def _resident_mb() -> float:
    pages = int(pathlib.Path("/proc/self/statm").read_text().split()[1])
    return pages * 4096 / 1e6


def main(_):
    from xtremedistil_tf.corpus import Example
    from xtremedistil_tf.tasks.tagging import TaggingTask
    from xtremedistil_tf.teachers.protocol import TeacherSignals
    from xtremedistil_tf.training.batches import BatchPlan
    from xtremedistil_tf.training.pipeline import ShuffledBatches
    from xtremedistil_tf.transfer.reader import TransferStore
    from xtremedistil_tf.transfer.writer import StoreSpec, signal_columns, write_store

    def sentences():
        rng = np.random.default_rng(1)
        for _ in range(_SENTENCES.value):
            yield Example(("w",) * int(np.clip(rng.lognormal(2.9, 0.5), 1, 62)))

    with tempfile.TemporaryDirectory() as folder:
        columns = signal_columns(TeacherSignals(hidden=(7,)), _WIDTH.value, 0, 64)
        spec = StoreSpec({}, TaggingTask(list("ABCDEFG")), _SENTENCES.value, 64, columns)
        began = time.perf_counter()
        path = write_store(pathlib.Path(folder), spec, sentences, _NumberTokenizer(), _RandomTeacher)
        size = sum(f.stat().st_size for f in path.rglob("*.npy")) / 1e6
        print(f"written: {size:.0f} MB in {time.perf_counter() - began:.0f} s")
        store = TransferStore(path)
        plan = BatchPlan(store.lengths, np.arange(len(store)), _BATCH.value)
        before, began = _resident_mb(), time.perf_counter()
        for _ in ShuffledBatches(store, plan, 0).epoch(0, 0):
            pass
        seconds = time.perf_counter() - began
        print(f"read: {len(store) / seconds:.0f} examples/s, {size / seconds:.0f} MB/s; "
              f"resident {before:.0f} MB before, {_resident_mb():.0f} MB after")


if __name__ == "__main__":
    app.run(main)
