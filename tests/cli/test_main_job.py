"""The main job as a user runs it: end to end, killed and resumed, changed settings, prediction.

One of the runs that are killed is started anew instead of forked: what it prints while it starts counts, and that it
shares no seed of hashes with the run that it goes on with, nor with the one that goes on with it.
"""

from __future__ import annotations

import functools
import json
import os
import pathlib
import random
import signal
import socket
import subprocess
import sys
import time

import h5py
import numpy as np
import pytest
import shared_conversions

ROOT = pathlib.Path(__file__).resolve().parents[2]


def command(task, teacher, out, *more):
    return ["run_xtreme_distil.py", f"--task={task}", f"--transfer_file={task}/unlabeled.txt",
            f"--model_dir={out}", f"--pt_teacher_checkpoint={teacher}", "--do_NER", "--seq_len=24",
            "--teacher_epochs=2", "--teacher_learning_rate=1e-3", "--distil_epochs=2", "--ft_epochs=2",
            "--embedding_size=16", "--lstm_units=12", "--student_distil_batch_size=32", "--strategy=D4.1",
            "--checkpoint_minutes=0", "--accept_weak_teacher", *more]


def run(*words, **kwargs):
    return subprocess.run([str(w) for w in words], cwd=ROOT, capture_output=True, text=True, **kwargs)


def weights(model_dir):
    found = {}
    with h5py.File(model_dir / "xtremedistil.weights.h5") as file:
        file.visititems(lambda name, item: found.update({name: item[()]}) if isinstance(item, h5py.Dataset) else None)
    return found


def free_port():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


@pytest.mark.without_saved_model
def test_two_workers_make_the_student_of_one(tmp_path, tiny_task, flat_teacher_dir, python):
    """The whole main job under TF_CONFIG; without dropout, whose masks differ from replica to replica."""
    options = ("--dropout=0", "--steps_per_execution=2", "--strategy=logits")
    addresses = [f"127.0.0.1:{free_port()}" for _ in range(2)]
    workers = []
    for index in range(2):
        cluster = {"cluster": {"worker": addresses}, "task": {"type": "worker", "index": index}}
        workers.append(subprocess.Popen(
            [python, *command(tiny_task, flat_teacher_dir, tmp_path / "two", *options)], cwd=ROOT, text=True,
            env=os.environ | {"TF_CONFIG": json.dumps(cluster)}, stdout=subprocess.PIPE, stderr=subprocess.STDOUT))
    printed = [worker.communicate(timeout=500)[0] for worker in workers]
    assert [worker.returncode for worker in workers] == [0, 0], printed
    teacher = next((tmp_path / "two" / "teacher").glob("*/fine-tuning.json")).parent
    alone = run(python, *command(tiny_task, flat_teacher_dir, tmp_path / "one", *options,
                                 f"--teacher_model_dir={teacher}"))
    assert alone.returncode == 0, alone.stderr
    one, two = weights(tmp_path / "one"), weights(tmp_path / "two")
    assert set(one) == set(two)
    for name in one:
        np.testing.assert_allclose(two[name], one[name], atol=2e-4, err_msg=name)
    assert all("f1" in text.lower() for text in printed)


@pytest.fixture(scope="module")
def finished(tmp_path_factory, tiny_task, flat_teacher_dir, python):
    """A finished run: its folder and what it printed."""
    out = tmp_path_factory.mktemp("run") / "out"
    done = run(python, *command(tiny_task, flat_teacher_dir, out))
    assert done.returncode == 0, done.stderr
    return out, done


def test_the_model_directory_is_whole(finished):
    out, done = finished
    metrics = json.loads((out / "metrics.json").read_text())
    assert {"teacher", "student", "retention"} <= set(metrics)
    for model in ("teacher", "student"):
        assert set(metrics[model]["per_language"]) == {"xx", "yy"}
        assert metrics[model]["parameters"] > 0 and metrics[model]["latency"]["batch_32"]["median_ms"] > 0
    assert metrics["split"] == "test" and metrics["sentences"] == 40
    assert [p["name"] for p in metrics["phases"]] == ["1-representation", "2-logits", "3-labels"]
    for name in ("xtremedistil-config.json", "xtremedistil.weights.h5", "tokenizer.json", "report.html"):
        assert (out / name).exists(), name
    assert (out / "export/saved_model/saved_model.pb").stat().st_size > 100_000  # with the tokenizer in its graph
    assert list((out / "logs").rglob("events.out*"))
    assert "retention" in done.stdout
    assert not list(out.rglob(".part-*")) and not list(out.rglob("progress.npz"))
    assert "Traceback" not in done.stderr


def assert_nothing_of_tensorflows(lines):
    assert not [line for line in lines if not line[:2].isdigit()], "".join(lines)


def test_the_log_names_phases_and_nothing_of_tensorflows(finished):
    lines = finished[1].stderr.splitlines()
    assert any("teacher epoch 2/2" in line for line in lines)
    assert any("3-labels epoch 1/2" in line for line in lines)
    assert_nothing_of_tensorflows(lines)


def test_a_second_run_does_nothing_again(finished, tiny_task, flat_teacher_dir, python):
    out = finished[0]
    before = weights(out)
    again = run(python, *command(tiny_task, flat_teacher_dir, out))
    assert again.returncode == 0, again.stderr
    assert "epoch 1/2" not in again.stderr and "the teacher is not run" in again.stderr
    assert "the run is already complete" in again.stderr and again.stdout == finished[1].stdout
    after = weights(out)
    assert all(np.array_equal(before[name], after[name]) for name in before)


#: Lines of the log after which the run is killed, in the teacher and in a phase from the store, and whether that run
#: is forked. benchmarks/soak.py kills it in every step.
KILLED_AFTER = (("teacher epoch 1/2", True), ("2-logits epoch 1/2", False))


@pytest.mark.without_saved_model
def test_killed_at_random_points_it_ends_with_the_same_student(finished, tmp_path, tiny_task, flat_teacher_dir, python):
    out = tmp_path / "out"
    rng = random.Random(os.environ.get("XTREMEDISTIL_KILL_SEED", 0))
    for sign, forked in KILLED_AFTER:
        words = [python if forked else sys.executable, *command(tiny_task, flat_teacher_dir, out)]
        process = subprocess.Popen(words, cwd=ROOT, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True,
                                   env=os.environ | {"PYTHONPATH": shared_conversions.at_start()})
        said = []
        for line in process.stderr:
            said.append(line)
            if sign in line:
                break
        time.sleep(rng.random())
        process.send_signal(signal.SIGKILL)
        process.communicate()
        assert sign in said[-1]
        assert_nothing_of_tensorflows(said)
    done = run(python, *command(tiny_task, flat_teacher_dir, out))
    assert done.returncode == 0, done.stderr
    expected, got = weights(finished[0]), weights(out)
    assert expected.keys() == got.keys()
    for name in expected:
        np.testing.assert_array_equal(expected[name], got[name], err_msg=name)


@pytest.mark.without_saved_model
def test_a_changed_setting_is_said_and_only_what_it_touches_is_done_again(finished, tiny_task, flat_teacher_dir,
                                                                            python):
    changed = run(python, *command(tiny_task, flat_teacher_dir, finished[0], "--ft_epochs=1"))
    assert changed.returncode == 0, changed.stderr
    assert "phase 3-labels was trained with other settings (epochs 2 -> 1)" in changed.stderr
    for kept in ("1-representation", "2-logits"):
        assert f"phase {kept}: already trained" in changed.stderr
    assert "teacher epoch" not in changed.stderr


@pytest.mark.parametrize("damage, message", [
    (lambda t: (t / "xx" / "train.tsv").write_bytes(b"anna met\tO\n"), r"train.tsv:1"),
    (lambda t: [p.unlink() for p in t.glob("*/dev.tsv")], "no dev sentences"),
    (lambda t: (t / "unlabeled.txt").unlink(), "unlabeled.txt: no such file"),
    (lambda t: (t / "yy" / "dev.tsv").write_bytes(b"a\xff b\tO O\n"), r"dev.tsv:1"),
])
def test_bad_input_is_one_clear_error(tiny_task, flat_teacher_dir, tmp_path, damage, message, python):
    import shutil
    task = tmp_path / "task"
    shutil.copytree(tiny_task, task)
    damage(task)
    done = run(python, *command(task, flat_teacher_dir, tmp_path / "out"))
    assert done.returncode == 2
    assert message in done.stderr and "Traceback" not in done.stderr


@pytest.fixture
def predict(python):
    return functools.partial(run, python, "run_xtreme_distil_predict.py")


def test_prediction_keeps_lines_words_and_order(finished, tmp_path, predict):
    out = finished[0]
    lines = ["anna met boris", "", "paris " * 300, "  oslo   . ", "москва"]
    (tmp_path / "in.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
    done = predict(f"--model_dir={out}", "--do_predict", f"--pred_file={tmp_path}/in.txt",
                   f"--output_file={tmp_path}/out.txt")
    assert done.returncode == 0, done.stderr
    got = (tmp_path / "out.txt").read_text(encoding="utf-8").split("\n")[:-1]
    assert len(got) == len(lines)
    for line, answer in zip(lines, got):
        words, _, tags = answer.partition("\t")
        assert words.split() == line.split() and len(tags.split()) == len(line.split())
    piped = predict(f"--model_dir={out}", "--do_predict", input="\n".join(lines) + "\n")
    assert piped.returncode == 0, piped.stderr
    assert piped.stdout.split("\n")[:-1] == got


def test_evaluation_gives_the_runs_own_figure(finished, tiny_task, predict):
    out = finished[0]
    done = predict(f"--model_dir={out}", "--do_eval", f"--task={tiny_task}")
    assert done.returncode == 0, done.stderr
    metrics = json.loads((out / "metrics.json").read_text())
    assert f"entity F1 {100 * metrics['student']['f1']:.2f}" in done.stdout


def test_prediction_without_a_model_is_an_error(tmp_path, predict):
    done = predict(f"--model_dir={tmp_path}", "--do_predict", input="x\n")
    assert done.returncode == 2 and "xtremedistil-config.json: not found" in done.stderr
