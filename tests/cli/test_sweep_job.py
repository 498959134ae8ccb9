"""A sweep as a user runs it: killed after its first run, and resumed."""

from __future__ import annotations

import json
import os
import pathlib
import signal
import subprocess

import pytest

from xtremedistil_tf.cli.flags import parse_flags
from xtremedistil_tf.config import DistillationConfig

pytestmark = pytest.mark.without_saved_model
ROOT = pathlib.Path(__file__).resolve().parents[2]


def command(python, task, teacher, folder):
    return [python, "run_xtreme_distil_sweep.py", f"--task={task}", f"--transfer_file={task}/unlabeled.txt",
            f"--sweep_dir={folder}", f"--pt_teacher_checkpoint={teacher}", "--do_NER", "--seq_len=24",
            "--teacher_epochs=2", "--teacher_learning_rate=1e-3", "--distil_epochs=4", "--ft_epochs=16",
            "--learning_rate=2e-2", "--label_learning_rate=2e-2", "--strategy=logits_labels",
            "--student_distil_batch_size=32", "--student_ft_batch_size=8",
            "--embedding_size=8", "--trim_vocabulary", "--sweep_lstm_units=6,12,400", "--max_megabytes=0.5",
            "--sweep_format=onnx", "--sweep_quantize=int8", "--sweep_rounds=2", "--sweep_keep=0.5",
            "--accept_weak_teacher"]


def killed_after(words, sign):
    """What it said until the line with the sign, when it and its children were killed."""
    process = subprocess.Popen(words, cwd=ROOT, stderr=subprocess.PIPE, text=True, start_new_session=True)
    said = []
    for line in process.stderr:
        said.append(line)
        if sign in line:
            os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    return "".join(said)


def test_killed_and_resumed_it_finds_the_front(tmp_path, tiny_task, flat_teacher_dir, python):
    folder = tmp_path / "sweep"
    words = command(python, tiny_task, flat_teacher_dir, folder)
    said = killed_after(words, "run 2 of")
    first = folder / "rounds" / "1" / "h6" / "result.json"
    assert "H=400 in int8 is skipped: 1.42 MB is over --max_megabytes=0.5" in said and first.exists(), said
    before = first.stat().st_mtime_ns

    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert first.stat().st_mtime_ns == before and "H=6, round 1 of 2: already finished" in done.stderr
    assert len(list((folder / "teacher").glob("*/fine-tuning.json"))) == 1  # shared, as is the store
    assert len(list((folder / "transfer").glob("*/manifest.json"))) == 1
    assert not (folder / "runs" / "h400").exists() and not list(folder.rglob("rounds/*/*/metrics.json"))

    report = json.loads((folder / "sweep.json").read_text())
    front = [point for point in report["points"] if point["front"]]
    assert front[0]["score"] > 0.5 and not report["failed"]
    assert len(done.stdout.splitlines()) == len(report["points"]) + 4
    for point in report["points"]:
        run = folder / "runs" / point["student"]
        form = json.loads((run / "export" / "exports.json").read_text())["forms"]["onnx int8"]
        assert (point["score"], point["megabytes"]) == (form["f1"], (run / form["path"]).stat().st_size / 1e6)
        costs = json.loads((folder / "costs" / f"{point['student']}.json").read_text())
        # The vocabulary is trimmed before the student is made, so its size is known to the byte, metadata aside.
        assert abs(costs["forms"]["int8"]["megabytes"] - point["megabytes"]) < 0.002
        assert costs["parameters"] == point["parameters"]
    for point in front:
        file, run = folder / "flagfiles" / f"{point['name']}.cfg", folder / "runs" / point["student"]
        read = parse_flags(DistillationConfig, ["x", f"--flagfile={file}", f"--model_dir={run}"], "")
        assert read.to_json() == json.loads((run / "metrics.json").read_text())["config"]
