"""run_xtreme_distil_store.py: what it prints, its exit status, and what it refuses."""

from __future__ import annotations

import json
import pathlib
import subprocess
import sys

import numpy as np
import pytest

from xtremedistil_tf.cli.store import store as store_command
from xtremedistil_tf.config.commands import StoreConfig
from xtremedistil_tf.errors import ConfigError, TransferStoreError
from xtremedistil_tf.transfer.reader import TransferStore
from xtremedistil_tf.transfer.shards import SHARD_FACTS, verify_store

SCRIPT = pathlib.Path(__file__).resolve().parents[2] / "run_xtreme_distil_store.py"


def damage(store, shard, name="teacher_logits"):
    file = store / f"shard-{shard:05d}" / f"{name}.npy"
    content = bytearray(file.read_bytes())
    content[-1] ^= 64
    file.write_bytes(content)


def run(*words):
    store_command(["run_xtreme_distil_store.py", *map(str, words)])


def test_verify_names_what_is_damaged_and_repair_removes_it(tmp_path, fake, capsys):
    store = fake.write(tmp_path, fake.sentences(170))
    run("verify", f"--store={store}")
    assert "4 of 4 shards are intact" in capsys.readouterr().out
    damage(store, 1)
    damage(store, 3, "input_ids")
    with pytest.raises(TransferStoreError, match="2 faults. verify --repair removes"):
        run("verify", f"--store={store}")
    out = capsys.readouterr().out
    assert "shard-00001: teacher_logits.npy: checksum" in out and "shard-00003: input_ids.npy: checksum" in out
    assert "2 of 4 shards are intact" in out
    run("verify", "--repair", f"--store={store}")
    assert "removed the damaged parts" in capsys.readouterr().out
    assert sorted(file.name for file in store.iterdir()) == [
        "manifest.json", "shard-00000", "shard-00002", "writer.lock"]
    with pytest.raises(TransferStoreError):
        run("verify", f"--store={store}")  # unfinished now
    log = tmp_path / "log"
    fake.write(tmp_path, fake.sentences(170), fake.Teacher(log))
    assert log.read_text().split()[1::2] == ["50", "20"] and verify_store(store).is_whole


def test_damaged_components_are_repaired_too(tmp_path, fake, capsys):
    store = fake.write(tmp_path, fake.sentences(70), hidden_components=3)
    (store / "hidden_pca.npz").write_bytes(b"")
    with pytest.raises(TransferStoreError, match="1 fault"):
        run("verify", f"--store={store}")
    assert "hidden_pca.npz: missing or damaged" in capsys.readouterr().out
    run("verify", f"--store={store}", "--repair")
    fake.write(tmp_path, fake.sentences(70), hidden_components=3)
    assert verify_store(store).is_whole


def test_a_repair_of_another_programs_store_removes_nothing(tmp_path, fake):
    store = fake.write(tmp_path, fake.sentences(70))
    manifest = json.loads((store / "manifest.json").read_text())
    (store / "manifest.json").write_text(json.dumps(manifest | {"fingerprint": "mine", "identity": {}}))
    damage(store, 1)
    with pytest.raises(TransferStoreError, match="Another program wrote the store"):
        run("verify", "--repair", f"--store={store}")
    assert (store / "shard-00001" / "teacher_logits.npy").exists() and len(TransferStore(store)) == 70


def test_verify_says_that_there_are_no_checksums(tmp_path, fake, capsys):
    store = fake.write(tmp_path, fake.sentences(70))
    (store / "shard-00000" / SHARD_FACTS).unlink()
    run("verify", f"--store={store}")
    assert "2 of 2 shards are intact, 1 of them without checksums" in capsys.readouterr().out


@pytest.mark.parametrize("form", [{}, {"hidden_components": 3, "hidden_dtype": "int8"}])
def test_info_gives_the_sizes_on_disk(tmp_path, fake, capsys, form):
    text = fake.sentences(170)
    store = fake.write(tmp_path, text, **form)
    run("info", f"--store={store}")
    out = capsys.readouterr().out
    lengths = [min(len(s.words), fake.seq_len) for s in text]
    assert "complete" in out and "170 of 170" in out and "4 of 4, 50 examples each, 4 with checksums" in out
    assert f"{sum(lengths):,}, {np.mean(lengths):.1f} an example" in out
    size = sum(file.stat().st_size for file in store.rglob("*") if file.is_file())
    assert f"{size / 170:,.0f} bytes an example" in out
    for name in ("teacher_logits", "teacher_hidden"):
        values = sum(np.load(file).nbytes for file in store.glob(f"shard-*/{name}.npy"))
        (line,) = [line for line in out.splitlines() if line.startswith(name + " ")]
        assert float(line.split()[-1].replace(",", "")) == pytest.approx(values / 170, rel=0.25 if form else 0.02)
    assert ("int8 [2, 3] a subword" in out) == ("3 principal components keep" in out) == bool(form)


def test_merge_writes_the_store(tmp_path, fake, capsys):
    first = fake.write(tmp_path, fake.sentences(70), identity={"text": "a"})
    second = fake.write(tmp_path, fake.sentences(30, 1), identity={"text": "b"})
    run("merge", f"--stores={first},{second}", f"--out={tmp_path / 'merged'}")
    assert "100 examples of 2 stores in 2 shards" in capsys.readouterr().out
    assert len(TransferStore(tmp_path / "merged")) == 100


@pytest.mark.parametrize("words, message", [
    ([], "Expected one of info, verify, merge"), (["look"], "expected one of"),
    (["verify"], "`store` is required"), (["merge", "--stores=a,b"], "`out` is required"),
    (["merge", "--stores=a", "--out=b"], "two folders or more"),
    (["info", "--store=a", "--out=b"], "`out` is not for `command=info`"),
    (["info", "--store=a", "--repair"], "`repair` is for `command=verify`"),
    (["info", "verify", "--store=a"], "unexpected words")])
def test_flags_that_cannot_be_meant_are_refused(words, message):
    with pytest.raises(ConfigError, match=message):
        run(*words)


def test_the_exit_status_is_2_and_the_message_one_line(tmp_path, fake):
    store = fake.write(tmp_path, fake.sentences(70))
    damage(store, 0)
    for folder, message in ((store, "1 fault"), (tmp_path / "nothing", "no transfer store")):
        done = subprocess.run([sys.executable, str(SCRIPT), "verify", f"--store={folder}"], capture_output=True,
                              text=True)
        assert done.returncode == 2
        assert [line for line in done.stderr.splitlines() if "error:" in line and message in line]
        assert "Traceback" not in done.stderr


def test_the_command_does_not_load_tensorflow():
    code = ("import sys, xtremedistil_tf.cli.store, xtremedistil_tf.transfer.merge, xtremedistil_tf.transfer.shards, "
            "xtremedistil_tf.transfer.size; sys.exit('tensorflow' in sys.modules)")
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


def test_every_setting_has_a_place_in_the_help():
    from xtremedistil_tf.cli.flags import help_text

    shown = help_text(StoreConfig, "")
    assert all(f"--{name}" in shown for name in StoreConfig.__dataclass_fields__)
