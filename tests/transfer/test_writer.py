"""Writing stores: smaller forms of hidden states, overlap, resuming after a kill, two writers, room on disk."""

from __future__ import annotations

import contextlib
import errno
import logging
import os
import shutil
import signal
import subprocess
import sys
import time
from types import SimpleNamespace

import numpy as np
import pytest

from xtremedistil_tf.errors import ConfigError, TransferStoreError
from xtremedistil_tf.fingerprint import fingerprint
from xtremedistil_tf.training.batches import Column, pad_batch
from xtremedistil_tf.transfer import making, size, writer
from xtremedistil_tf.transfer.format import HIDDEN, Manifest
from xtremedistil_tf.transfer.hidden_states import PCA_FILE
from xtremedistil_tf.transfer.reader import TransferStore
from xtremedistil_tf.transfer.shards import verify_store
from xtremedistil_tf.transfer.size import estimate_bytes
from xtremedistil_tf.transfer.writer import StoreSpec

FORMS = [{}, {"hidden_dtype": "int8"}, {"hidden_components": 6}, {"hidden_components": 6, "hidden_dtype": "int8"}]


def contents(store):
    return {file.relative_to(store): file.read_bytes() for file in sorted(store.rglob("*"))
            if file.is_file() and file.name != "writer.json"}


def test_the_defaults_write_what_they_always_did(tmp_path, fake):
    """The fingerprint, the manifest and the arrays are those of the format before smaller forms existed."""
    store = fake.write(tmp_path, fake.sentences(60))
    columns = {"input_ids": {"dtype": "int32", "shape": [], "per_piece": True},
               "word_starts": {"dtype": "float32", "shape": [], "per_piece": True},
               "teacher_logits": {"dtype": "float32", "shape": [3], "per_piece": True},
               "teacher_hidden": {"dtype": "float16", "shape": [2, 24], "per_piece": True}}
    assert store.name == fingerprint({"teacher": "fake", "task": "tagging", "columns": columns, "seq_len": 16})
    assert "encodings" not in (store / "manifest.json").read_text()
    states = np.load(store / "shard-00001" / "teacher_hidden.npy")
    ids = np.load(store / "shard-00001" / "input_ids.npy")
    np.testing.assert_array_equal(states, fake.hidden_states(ids).astype(np.float16))
    assert not (store / PCA_FILE).exists()


@pytest.mark.parametrize("form", FORMS)
def test_readers_get_float16_of_the_whole_width_and_the_promised_error(tmp_path, fake, form):
    text = fake.sentences(200)
    store = TransferStore(fake.write(tmp_path, text, **form))
    assert store.columns[HIDDEN] == Column(np.float16, (fake.layers, fake.width))
    rows = [store.read(index) for index in range(200)]
    assert all(row[HIDDEN].dtype == np.float16 for row in rows)
    found = np.concatenate([row[HIDDEN] for row in rows]).astype(np.float64)
    expected = fake.hidden_states(np.concatenate([row["input_ids"] for row in rows])).astype(np.float64)
    error = np.sqrt(((found - expected) ** 2).mean(0)) / expected.std(0)
    # float16 at 30, in the shifted channel; half a step of int8; the noise of 0.02 that six components lose.
    assert error.max() < 5e-3 + 0.012 * ("hidden_dtype" in form) + 0.04 * ("hidden_components" in form)
    plain = TransferStore(fake.write(tmp_path, text))
    for row, other in zip(rows, (plain.read(index) for index in range(200))):
        for name in ("input_ids", "word_starts", "teacher_logits"):
            np.testing.assert_array_equal(row[name], other[name])
    assert pad_batch(store, np.array([3, 150]), 0)[HIDDEN].dtype == np.float16


def test_components_are_those_of_the_text_and_are_kept(tmp_path, fake):
    from sklearn.decomposition import PCA

    store = fake.write(tmp_path, fake.sentences(50), hidden_components=4)  # one shard: the sample is all of it
    kept = np.load(store / PCA_FILE)
    states = fake.hidden_states(np.load(store / "shard-00000" / "input_ids.npy"))
    for layer in range(fake.layers):
        reference = PCA(4, svd_solver="full").fit(states[:, layer])
        np.testing.assert_allclose(kept["mean"][layer], reference.mean_, atol=1e-3)
        np.testing.assert_allclose(kept["energy"][layer], reference.explained_variance_ratio_.sum(), atol=1e-5)
        np.testing.assert_allclose(np.abs(np.load(store / "shard-00000" / f"{HIDDEN}.npy")[:, layer]),
                                   np.abs(reference.transform(states[:, layer])), atol=0.1)


@pytest.mark.parametrize("form", FORMS)
def test_the_size_is_what_was_estimated(tmp_path, fake, form):
    text = fake.sentences(600)
    store = fake.write(tmp_path, text, **form)
    signals = {HIDDEN: Column(np.float16, (fake.layers, fake.width))}
    spec = StoreSpec({}, fake.Task(), 600, fake.seq_len, signals, **form)
    mean = np.mean([min(len(s.words), fake.seq_len) for s in text])
    written = sum(np.load(file).nbytes for file in store.glob("shard-*/*.npy"))
    assert written == pytest.approx(estimate_bytes(spec, mean), rel=0.01)


def test_each_form_is_another_store(tmp_path, fake):
    assert len({fake.write(tmp_path, fake.sentences(10), **form).name for form in FORMS}) == 4


@pytest.mark.parametrize("settings, message", [
    ({"hidden_dtype": "int4"}, "`hidden_dtype=int4`: expected one of float16, int8"),
    ({"hidden_components": 24}, "`hidden_components=24`: the teacher's hidden states are 24 wide. Expected 1 to 23"),
    ({"hidden_components": -1}, "`hidden_components=-1`")])
def test_settings_that_cannot_be_meant_are_refused(tmp_path, fake, settings, message):
    with pytest.raises(ConfigError, match=message):
        fake.write(tmp_path, fake.sentences(10), **settings)


def test_settings_of_hidden_states_do_not_matter_where_none_are_kept(fake):
    plain, small = (StoreSpec({}, fake.Task(), 10, 16, {}, hidden_components=components, hidden_dtype=dtype)
                    for components, dtype in ((0, "float16"), (99, "int8")))
    assert small.manifest() == plain.manifest()


@pytest.mark.parametrize("form", FORMS)
def test_what_overlaps_is_the_same_as_one_after_the_other(tmp_path, fake, form, monkeypatch):
    text = fake.sentences(230)
    whole = contents(fake.write(tmp_path / "a", text, **form))

    class AtOnce:
        def start(self, job):
            job()

    monkeypatch.setattr(writer, "made_ahead", iter)
    monkeypatch.setattr(writer, "InBackground", lambda: contextlib.nullcontext(AtOnce()))
    monkeypatch.setattr(contextlib, "closing", contextlib.nullcontext)
    assert contents(fake.write(tmp_path / "b", text, **form)) == whole


def test_whole_shards_are_not_even_tokenized_again(tmp_path, fake):
    text, task = fake.sentences(230), fake.Task()
    store = fake.write(tmp_path, text)
    truncated = Manifest.load(store).truncated
    shutil.rmtree(store / "shard-00003")
    fake.write(tmp_path, text, task=task)
    assert task.encoded == 50 + 230  # the shard, and the sample that the size is estimated from
    assert Manifest.load(store).truncated == truncated == sum(len(s.words) > fake.seq_len for s in text)


def test_shards_of_another_size_go_on_in_that_size(tmp_path, fake, monkeypatch):
    text = fake.sentences(230)
    store = fake.write(tmp_path, text)
    shutil.rmtree(store / "shard-00001")
    monkeypatch.setattr(writer, "_PIECES_PER_SHARD", 16 * 70)
    log = tmp_path / "log"
    fake.write(tmp_path, text, fake.Teacher(log))
    assert log.read_text().split()[1::2] == ["50"] and len(TransferStore(store)) == 230


@pytest.mark.parametrize("lost", ["deleted", "damaged"])
def test_lost_components_are_found_again_and_the_same(tmp_path, fake, lost):
    text = fake.sentences(230)
    store = fake.write(tmp_path, text, hidden_components=5)
    before = contents(store)
    (store / PCA_FILE).unlink() if lost == "deleted" else (store / PCA_FILE).write_bytes(b"x")
    with pytest.raises(TransferStoreError, match="missing or damaged"):
        TransferStore(store)
    log = tmp_path / "log"
    fake.write(tmp_path, text, fake.Teacher(log), hidden_components=5)
    assert contents(store) == before and log.read_text().split()[1::2] == ["50"]


def test_shards_of_other_components_are_written_again(tmp_path, fake):
    text = fake.sentences(120)
    store = fake.write(tmp_path / "a", text, hidden_components=5)
    other = fake.write(tmp_path / "b", text, fake.Teacher(noise=1.0), hidden_components=5)
    shutil.copy(other / PCA_FILE, store / PCA_FILE)
    with pytest.raises(TransferStoreError, match="other principal components"):
        TransferStore(store)
    fake.write(tmp_path / "a", text, fake.Teacher(noise=1.0), hidden_components=5)
    for file in other.glob("shard-*/*"):
        assert (store / file.relative_to(other)).read_bytes() == file.read_bytes()


class Breaks:
    """A teacher that fails in the second shard."""

    def __init__(self, teacher, error):
        self._teacher, self._error, self._calls = teacher, error, 0

    def predict(self, source):
        self._calls += 1
        if self._calls == 2:
            raise self._error
        return self._teacher.predict(source)


def test_errors_of_teacher_tokenizer_and_disk_come_out_and_whole_shards_stay(tmp_path, fake, monkeypatch):
    text = fake.sentences(230)
    with pytest.raises(ZeroDivisionError):
        fake.write(tmp_path, text, Breaks(fake.Teacher(), ZeroDivisionError()))
    store = next(tmp_path.iterdir())
    assert [p.name for p in sorted(store.iterdir())] == ["manifest.json", "shard-00000", "writer.lock"]
    monkeypatch.setattr(size, "_SAMPLE", 1)
    broken = [*text[:160], SimpleNamespace(words=("not a number",)), *text[161:]]
    with pytest.raises(ValueError, match="not a number"):
        fake.write(tmp_path, broken)
    assert [p.name for p in sorted(store.iterdir())] == ["manifest.json", *(f"shard-0000{n}" for n in range(3)),
                                                             "writer.lock"]
    original = np.save

    def full(file, values):
        if "shard-00004" in str(file):
            raise OSError(f"{values.size} requested and 17 written")  # what NumPy says on a full disk
        original(file, values)

    monkeypatch.setattr(np, "save", full)
    with pytest.raises(TransferStoreError, match="the disk is full. What is written is kept"):
        fake.write(tmp_path, text)
    monkeypatch.setattr(np, "save", original)
    assert verify_store(fake.write(tmp_path, text)).is_whole


def test_other_errors_of_the_system_are_not_called_a_full_disk(tmp_path, fake):
    with pytest.raises(OSError, match="Input/output"):
        fake.write(tmp_path, fake.sentences(120), Breaks(fake.Teacher(), OSError(errno.EIO, "Input/output error")))


def test_hidden_states_that_are_not_finite_are_an_error_of_smaller_forms(tmp_path, fake, monkeypatch):
    teacher = fake.Teacher(noise=np.nan)
    for form in FORMS[1:]:
        with pytest.raises(TransferStoreError, match="not finite"):
            fake.write(tmp_path, fake.sentences(60), teacher, **form)


def test_the_teacher_runs_once_over_a_small_set_whose_components_are_kept(tmp_path, fake, monkeypatch):
    text, runs, log = fake.sentences(40), [], tmp_path / "log"
    for number, most in enumerate((making._MOST_KEPT, 0)):
        monkeypatch.setattr(making, "_MOST_KEPT", most)
        runs.append(fake.write(tmp_path / str(number), text, fake.Teacher(log), hidden_components=5))
    assert [line.split()[1] for line in log.read_text().splitlines()] == ["40"] * 3  # once, then twice
    once, twice = ({file.relative_to(store): file.read_bytes() for file in store.rglob("*.npy")} for store in runs)
    assert once == twice and len(once) > 3


def test_a_store_that_does_not_fit_is_refused_before_the_teacher_runs(tmp_path, fake, monkeypatch):
    text = fake.sentences(3000)
    free = size.MARGIN_BYTES + 200_000
    monkeypatch.setattr(size.shutil, "disk_usage", lambda path: SimpleNamespace(free=free))
    monkeypatch.setattr(size, "_COMPONENTS", 8)
    log = tmp_path / "log"
    with pytest.raises(TransferStoreError) as error:
        fake.write(tmp_path, text, fake.Teacher(log))
    assert not log.exists()
    message = str(error.value)
    # 96 bytes of hidden states, 12 of logits, 8 of ids and starts a piece.
    pieces = np.mean([min(len(s.words), fake.seq_len) for s in text])
    for part in ("3,000 examples of", "`hidden_dtype=int8` (", "`hidden_components=8` ("):
        assert part in message
    needed = float(message.split("need about ")[1].split(" MB")[0])
    assert needed == pytest.approx(3000 * (116 * pieces + 8) / 1e6, rel=0.05)
    fits = int(message.split("`max_transfer=")[1].split("`")[0])
    assert fits == pytest.approx(200_000 / 1.05 / (116 * pieces + 8), rel=0.05)
    fake.write(tmp_path, text[: fits * 9 // 10], fake.Teacher(log))
    assert log.exists()


def test_what_is_left_free_is_said_and_no_limit_of_nothing_is_advised(tmp_path, fake, monkeypatch):
    monkeypatch.setattr(size.shutil, "disk_usage", lambda path: SimpleNamespace(free=size.MARGIN_BYTES // 2))
    said = r"67\.\d MB are left free for other files, but 33\.\d MB are free"
    with pytest.raises(TransferStoreError, match=said) as error:
        fake.write(tmp_path, fake.sentences(3))
    assert "max_transfer" not in str(error.value)  # 0 would mean all


def start_writer(fake, root, log, count, seconds, form=""):
    code = ("import runpy, pathlib; from xtremedistil_tf.transfer import writer\n"
            f"writer._PIECES_PER_SHARD = {16 * 50}\n"
            f"fake = runpy.run_path({fake.file!r})\n"
            f"fake['write']({str(root)!r}, fake['sentences']({count}), "
            f"fake['FakeTeacher'](pathlib.Path({str(log)!r}), {seconds}){form})")
    return subprocess.Popen([sys.executable, "-c", code], stderr=subprocess.PIPE)


def lines_of(log):
    return log.read_text().splitlines() if log.exists() else []


def wait_for(condition):
    until = time.monotonic() + 120
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.01)


def test_two_processes_write_one_store_between_them(tmp_path, fake):
    log = tmp_path / "log"
    writers = [start_writer(fake, tmp_path / "b", log, 400, 0.1) for _ in range(2)]
    for process in writers:
        _, errors = process.communicate(timeout=300)
        assert process.returncode == 0, errors.decode()
    assert len(lines_of(log)) == 8 and len({line.split()[0] for line in lines_of(log)}) == 1  # one ran the teacher
    text = fake.sentences(400)
    assert contents(fake.write(tmp_path / "b", text)) == contents(fake.write(tmp_path / "a", text))


@pytest.mark.parametrize("form", ["", ", hidden_components=5, hidden_dtype='int8'"])
def test_a_killed_writer_is_gone_on_from(tmp_path, fake, form):
    log = tmp_path / "log"
    process = start_writer(fake, tmp_path / "b", log, 400, 0.2, form)
    wait_for(lambda: len(lines_of(log)) >= 4 or process.poll() is not None)
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()
    (store,) = (tmp_path / "b").iterdir()
    there = sorted(file.name for file in store.glob("shard-*"))
    assert 1 <= len(there) < 8
    log.unlink()
    settings = {"hidden_components": 5, "hidden_dtype": "int8"} if form else {}
    text = fake.sentences(400)
    fake.write(tmp_path / "b", text, fake.Teacher(log), **settings)
    assert len(lines_of(log)) == 8 - len(there)
    assert contents(store) == contents(fake.write(tmp_path / "a", text, **settings))


def test_the_second_writer_takes_over_from_one_that_is_killed(tmp_path, fake, caplog):
    caplog.set_level(logging.INFO, "xtremedistil_tf")
    log = tmp_path / "log"
    process = start_writer(fake, tmp_path / "b", log, 400, 0.2)
    wait_for(lambda: len(lines_of(log)) >= 3 or process.poll() is not None)
    text = fake.sentences(400)
    second = start_writer(fake, tmp_path / "b", tmp_path / "log2", 400, 0)
    time.sleep(0.5)
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()
    _, errors = second.communicate(timeout=300)
    assert second.returncode == 0, errors.decode()
    assert 0 < len(lines_of(tmp_path / "log2")) < 8
    assert contents(fake.write(tmp_path / "b", text)) == contents(fake.write(tmp_path / "a", text))
