"""ruff and mypy, as pyproject.toml sets them up, find nothing in this checkout; and would find something."""

from __future__ import annotations

import pathlib
import shutil
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
CHECKS = {"ruff": ("ruff", "check", "--output-format=concise", "."), "mypy": ("mypy",)}
# A file of the package that each check must refuse, and the codes of what is wrong with it.
FAULTS = {
    "ruff": ("import os\n", ["F401"]),
    "mypy": ("def double(number: int) -> str:\n    return 2 * number\n\n\ndef half(number):\n    return number / 2\n",
             ["[return-value]", "[no-untyped-def]"]),
}


def check(name: str, folder: pathlib.Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", *CHECKS[name]], cwd=folder, capture_output=True, text=True)


@pytest.fixture
def package(tmp_path):
    """A folder with this checkout's settings and an empty package of its name."""
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    (tmp_path / "xtremedistil_tf" / "corpus").mkdir(parents=True)
    for folder in ("xtremedistil_tf", "xtremedistil_tf/corpus"):
        (tmp_path / folder / "__init__.py").touch()
    return tmp_path


@pytest.mark.parametrize("name", CHECKS)
def test_nothing_is_found(name):
    done = check(name, ROOT)
    assert done.returncode == 0, f"python -m {' '.join(CHECKS[name])}\n{done.stdout}{done.stderr}"


@pytest.mark.parametrize(("name", "text", "codes"), [(name, *fault) for name, fault in FAULTS.items()])
def test_a_fault_is_found(package, name, text, codes):
    assert check(name, package).returncode == 0
    (package / "xtremedistil_tf" / "corpus" / "wrong.py").write_text(text, encoding="utf-8")
    done = check(name, package)
    assert done.returncode == 1 and "wrong.py" in done.stdout, done.stdout + done.stderr
    assert all(code in done.stdout for code in codes), done.stdout


def test_types_are_for_users_too():
    """Type checkers of other programs read the annotations of installed packages that have this file."""
    assert (ROOT / "xtremedistil_tf" / "py.typed").exists()
    assert "xtremedistil_tf = py.typed" in (ROOT / "setup.cfg").read_text(encoding="utf-8")
