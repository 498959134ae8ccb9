"""A store that a Ray cluster writes: that of one process, whatever dies on the way."""

from __future__ import annotations

import dataclasses
import logging
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import threading
import time
from types import SimpleNamespace

import numpy as np
import pytest

from xtremedistil_tf.checkpoints.tokenizers import load_tokenizer
from xtremedistil_tf.corpus import read_text
from xtremedistil_tf.errors import ConfigError, MissingExtraError, TransferStoreError
from xtremedistil_tf.tasks.tagging import TaggingTask
from xtremedistil_tf.teachers.fine_tuned import FineTuned, FineTunedTeachers
from xtremedistil_tf.teachers.protocol import TeacherSignals
from xtremedistil_tf.training.batches import Column
from xtremedistil_tf.transfer import ray_store, writer
from xtremedistil_tf.transfer.format import HIDDEN, Manifest
from xtremedistil_tf.transfer.ray_store import PredictorRecipe, RayShardWorkers, RayWorkforce
from xtremedistil_tf.transfer.ray_workers import connected
from xtremedistil_tf.transfer.shards import verify_store

TASK = TaggingTask(["O", "B-LOC", "B-PER"])
SEQ_LEN, SHARD = 24, 40
SMALL = {"hidden_components": 12, "hidden_dtype": "int8"}


@dataclasses.dataclass(frozen=True)
class Watched:
    """Makes a predictor that takes some seconds a shard and writes its process into a file first."""

    recipe: PredictorRecipe
    log: str
    seconds: float

    def __call__(self):
        predictor = self.recipe()

        def predict(source):
            with open(self.log, "a") as log:
                log.write(f"{os.getpid()} {len(source.lengths)}\n")
            time.sleep(self.seconds)
            return predictor.predict(source)

        return SimpleNamespace(predict=predict)


def write(root, text, teacher, log, seconds=0.0, workforce=None, form=()):
    """Writes a store with the teacher of a directory about the sentences of a file."""
    writer._PIECES_PER_SHARD = SEQ_LEN * SHARD
    sentences, tokenizer = list(read_text(text)), load_tokenizer(str(teacher))
    signals = TeacherSignals(hidden=(1, 2))
    recipe = PredictorRecipe(FineTunedTeachers((FineTuned.at(pathlib.Path(teacher)),)), TASK, signals,
                             tokenizer.pad_token_id, 16, SEQ_LEN)
    columns = {HIDDEN: Column(np.float16, (2, 32))}
    spec = writer.StoreSpec({"teacher": "t"}, TASK, len(sentences), SEQ_LEN, columns, **dict(form))
    return writer.write_store(pathlib.Path(root), spec, lambda: sentences, tokenizer,
                              Watched(recipe, str(log), seconds),
                              workforce=workforce or writer.in_this_process)


@pytest.fixture(scope="module")
def teacher(tiny_teacher_dir, tiny_tokenizer, tmp_path_factory):
    """Directory of a teacher with a head for the task."""
    from xtremedistil_tf.teachers.loading import load_classifier

    folder = tmp_path_factory.mktemp("fine-tuned")
    load_classifier(str(tiny_teacher_dir), TASK, seed=1).save_pretrained(folder)
    tiny_tokenizer.save_pretrained(folder)
    return folder


@pytest.fixture
def text(tiny_task):
    return tiny_task / "unlabeled.txt"


@pytest.fixture(autouse=True)
def tests_are_sent_to_workers(monkeypatch):
    monkeypatch.setattr(writer, "_PIECES_PER_SHARD", SEQ_LEN * SHARD)
    cloudpickle = pytest.importorskip("ray", reason="needs the extra ray").cloudpickle
    cloudpickle.register_pickle_by_value(sys.modules[__name__])
    yield
    cloudpickle.unregister_pickle_by_value(sys.modules[__name__])


def contents(store):
    files = {file.relative_to(store): file for file in sorted(store.rglob("*")) if file.is_file()}
    return {name: file.read_bytes() for name, file in files.items() if name.name != "writer.json"}


def lines_of(log):
    return log.read_text().splitlines() if log.exists() else []


def kill_first(log, lines):
    """Kills the process of the first line of a log when the log has so many lines."""
    until = time.monotonic() + 300
    while len(lines_of(log)) < lines and time.monotonic() < until:
        time.sleep(0.02)
    os.kill(int(lines_of(log)[0].split()[0]), signal.SIGKILL)


def test_a_worker_is_killed_and_the_store_is_that_of_one_process(tmp_path, cluster, text, teacher, caplog):
    caplog.set_level(logging.INFO, "xtremedistil_tf")
    log = tmp_path / "log"
    killer = threading.Thread(target=kill_first, args=(log, 4))  # the first line is of finding components
    killer.start()
    store = write(tmp_path / "b", text, teacher, log, 0.5, RayWorkforce(), SMALL)
    killer.join()
    pids = {line.split()[0] for line in lines_of(log)}
    assert len(pids) >= 2 and str(os.getpid()) not in pids
    assert len(lines_of(log)) in (9, 10)  # the components, 8 shards, and the lost one if it was begun
    assert "2 Ray workers, 1 core each" in caplog.text and "during shard" in caplog.text
    assert contents(store) == contents(write(tmp_path / "a", text, teacher, tmp_path / "alone", form=SMALL))
    assert verify_store(store).is_whole and not list(store.glob(".*"))
    again = tmp_path / "again"
    write(tmp_path / "b", text, teacher, again, workforce=RayWorkforce(), form=SMALL)
    assert not again.exists()


def test_the_driver_is_killed_and_the_next_one_goes_on(tmp_path, cluster, text, teacher, python):
    log, again = tmp_path / "log", tmp_path / "again"
    arguments = ", ".join(repr(str(path)) for path in (tmp_path / "b", text, teacher, log))
    code = (f"import runpy; test = runpy.run_path({__file__!r}); "
            f"test['write']({arguments}, 1.0, test['RayWorkforce']({cluster.address!r}, 2))")
    driver = subprocess.Popen([python, "-c", code], stderr=subprocess.PIPE)
    until = time.monotonic() + 300
    while len(list(tmp_path.glob("b/*/shard-*"))) < 2:
        assert time.monotonic() < until and driver.poll() is None, driver.stderr.read().decode()
        time.sleep(0.02)
    driver.kill()
    driver.communicate()
    store, = (tmp_path / "b").iterdir()
    assert not Manifest.load(store).complete
    there = {file: file.stat().st_mtime_ns for file in store.glob("shard-*/*.npy")}
    assert there and len(list(store.glob("shard-*"))) < 8
    write(tmp_path / "b", text, teacher, again, workforce=RayWorkforce(workers=1))
    assert 1 <= len(lines_of(again)) <= 6
    assert all(file.stat().st_mtime_ns == then for file, then in there.items())
    assert contents(store) == contents(write(tmp_path / "a", text, teacher, tmp_path / "alone"))


def test_what_is_wrong_on_a_worker_is_said_with_its_name(tmp_path, cluster, text, teacher, monkeypatch):
    gone = tmp_path / "gone"
    shutil.copytree(teacher, gone)
    remove = ray_store._pickled

    def then_removed(maker):
        pickled = remove(maker)
        shutil.rmtree(gone)
        return pickled

    monkeypatch.setattr(ray_store, "_pickled", then_removed)
    with pytest.raises(TransferStoreError, match=r"^Ray worker on \S+ \(process \d+\): .*gone"):
        write(tmp_path / "b", text, gone, tmp_path / "log", workforce=RayWorkforce(workers=1))
    store, = (tmp_path / "b").iterdir()
    assert not Manifest.load(store).complete


def test_shards_that_are_not_seen_here_are_an_error(tmp_path, cluster, monkeypatch):
    monkeypatch.setattr(ray_store, "_VISIBLE_SECONDS", 0.0)
    manifest = writer.StoreSpec({}, TASK, 10, SEQ_LEN, {}).manifest()
    maker = writer.ShardMaker(tmp_path, None, manifest, None, None, None)
    pool = SimpleNamespace(run=lambda jobs: ((job, 0) for job in jobs), losses=0, ready=1)
    bar = SimpleNamespace(n=0, update=int, set_postfix_str=lambda *args: None)
    with pytest.raises(TransferStoreError, match="shard-00000: a worker wrote it.*missing.*all machines share"):
        RayShardWorkers(maker, pool).make(iter([(0, ["x"] * 10)]), bar)


def test_no_cluster_is_one_message(monkeypatch):
    import ray

    def init(**options):
        raise ConnectionError("Could not find any running Ray instance.\nPlease specify one.")

    monkeypatch.setattr(ray, "is_initialized", lambda: False)
    monkeypatch.setattr(ray, "init", init)
    message = "`ray_address=auto`: cannot connect .*Ray instance. Please"
    with pytest.raises(ConfigError, match=message), connected("auto"):
        pass


@pytest.mark.parametrize("address", ["127.0.0.1:1", "head", "ray://head:10001"])
def test_an_address_where_nobody_answers_is_refused_at_once(monkeypatch, address):
    import ray

    monkeypatch.setattr(ray, "is_initialized", lambda: False)
    message = f"`ray_address={address}`: cannot connect .*host:port of its head"
    with pytest.raises(ConfigError, match=message), connected(address):
        pass


def test_without_ray_the_extra_is_named(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(MissingExtraError, match=r"xtremedistil-tf\[ray\]"), RayWorkforce()(None):
        pass


def test_what_cannot_be_sent_is_refused(tmp_path):
    maker = writer.ShardMaker(tmp_path, None, None, threading.Lock(), None, None)
    with pytest.raises(ConfigError, match="cannot be sent to Ray workers"), RayWorkforce()(maker):
        pass
