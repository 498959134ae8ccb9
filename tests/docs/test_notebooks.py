"""The notebooks of docs/notebooks run from top to bottom, with small sizes in place of those at their head."""

from __future__ import annotations

import os
import pathlib
import re
import subprocess
import sys

import pytest

pytestmark = [pytest.mark.without_saved_model, pytest.mark.eager_runs]
ROOT = pathlib.Path(__file__).resolve().parents[2]
NOTEBOOKS = ROOT / "docs" / "notebooks"
#: Notebook -> names at its head -> what stands there in the test. {teacher} is a random BERT of one layer.
SMALL = {
    "first_student": {
        "TEACHER": "{teacher!r}",
        "SETTINGS": 'dict(languages="de", seq_len=24, max_train_per_language=4, max_dev_per_language=2, '
                    'max_test_per_language=2, max_transfer=60, teacher_epochs=1, teacher_learning_rate=1e-3, '
                    'embedding_size=8, lstm_units=8, distil_epochs=1, accept_weak_teacher=True)',
        "EXPORT": 'dict(quantize="int8", max_f1_drop=1.0, measure=False)'},
    "own_training_loop": {"SIZES": "dict(lstm_units=4, projection_size=6)", "EPOCHS": "1"},
}


def cells_of(text):
    """(whether it is Markdown, lines) of every cell of a notebook in percent format."""
    parts = re.split(r"^# %%(.*)\n", text, flags=re.MULTILINE)
    assert not parts[0], "text before the first cell"
    return [(mark.strip() == "[markdown]", cell.splitlines()) for mark, cell in zip(parts[1::2], parts[2::2])]


def with_sizes(text, sizes):
    for name, value in sizes.items():
        text, found = re.subn(rf"^{name} = .+(?:\n .+)*$", lambda _, n=name, v=value: f"{n} = {v}", text,
                              flags=re.MULTILINE)
        assert found == 1, f"{name} is not set once at the head"
    return text


@pytest.mark.parametrize("notebook", sorted(NOTEBOOKS.glob("*.py")), ids=lambda notebook: notebook.stem)
def test_a_notebook_is_in_percent_format(notebook):
    cells = cells_of(notebook.read_text(encoding="utf-8"))
    assert {is_text for is_text, _ in cells} == {True, False} and notebook.stem in SMALL
    for is_text, lines in cells:
        assert not is_text or all(line == "" or re.match(r"#( |$)", line) for line in lines)
    assert cells[0][1][0].startswith("# # ")


@pytest.fixture(scope="module")
def folder(tmp_path_factory, short_data):
    """A folder with the sample, in which one notebook runs after the other."""
    folder = tmp_path_factory.mktemp("notebooks")
    (folder / "data").symlink_to(short_data)
    return folder


def run(name, folder, python, teacher=""):
    sizes = {variable: value.format(teacher=str(teacher)) for variable, value in SMALL[name].items()}
    file = folder / f"{name}.py"
    text = with_sizes((NOTEBOOKS / file.name).read_text(encoding="utf-8"), sizes)
    # A notebook asks what a new process loads; `python` has loaded everything before it begins.
    file.write_text(text.replace("sys.executable", repr(sys.executable)), encoding="utf-8")
    done = subprocess.run([python, file.name], cwd=folder, env=os.environ | {"PYTHONPATH": str(ROOT)},
                          stdin=subprocess.DEVNULL, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-4000:]
    return done.stdout


def test_the_notebooks_run_one_after_the_other(folder, python, flat_teacher_dir):
    """The second trains on the store that the first writes."""
    output = run("first_student", folder, python, flat_teacher_dir)
    assert "retention" in output and "model_int8.onnx" in output and "TensorFlow is loaded: False" in output
    output = run("own_training_loop", folder, python)
    assert "teacher_logits float32" in output and output.count("val_loss") >= 2
    assert (folder / "out" / "own_training_loop" / "xtremedistil-config.json").exists()
