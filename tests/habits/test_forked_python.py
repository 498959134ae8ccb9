"""A forked command is a process like any other (tests/plugins/forked_python.py)."""

from __future__ import annotations

import os
import pathlib
import signal
import subprocess
import time

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
SLEEPS = "import os, time; print(os.getpid(), flush=True); time.sleep(100)"


def run(*words, **options):
    return subprocess.run(words, capture_output=True, text=True, **options)


def is_alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return True


def test_streams_arguments_folder_environment_and_status(python, tmp_path):
    code = ("import os, sys; print(os.getcwd(), sys.argv, os.environ['A'], sys.stdin.read())\n"
            "print('wrong', file=sys.stderr); sys.exit(3)")
    done = run(python, "-c", code, "x", cwd=tmp_path, env=os.environ | {"A": "é"}, input="hallo")
    assert (done.returncode, done.stderr) == (3, "wrong\n")
    assert done.stdout == f"{tmp_path} ['-c', 'x'] é hallo\n"


def test_scripts_modules_and_errors(python, tmp_path):
    (tmp_path / "script.py").write_text("import sys; print(__name__, sys.argv[1:])")
    assert run(python, "script.py", "a", cwd=tmp_path).stdout == "__main__ ['a']\n"
    assert run(python, "-m", "script", "a", cwd=tmp_path).stdout == "__main__ ['a']\n"
    done = run(python, "-c", "1 / 0")
    assert done.returncode == 1 and "ZeroDivisionError" in done.stderr
    done = run(python, "-c", "import sys; sys.exit('no')")
    assert (done.returncode, done.stderr) == (1, "no\n")


def test_tensorflow_is_imported_and_has_computed_nothing(python):
    code = ("import sys; assert 'tensorflow' in sys.modules and 'transformers' in sys.modules\n"
            "import tensorflow as tf; tf.config.set_visible_devices([], 'GPU')\n"
            "tf.config.experimental.enable_op_determinism(); print((tf.constant(1.0) + 1).numpy())")
    assert run(python, "-c", code).stdout == "2.0\n"


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSEGV, signal.SIGTERM])
def test_a_command_that_a_signal_ends(python, number):
    assert run(python, "-c", f"import os; os.kill(os.getpid(), {int(number)})").returncode == -number


def test_who_kills_it_kills_the_command(python):
    with subprocess.Popen([python, "-c", SLEEPS], stdout=subprocess.PIPE, text=True) as process:
        command = int(process.stdout.readline())
        assert is_alive(command)
        process.kill()
    assert process.returncode == -signal.SIGKILL
    until = time.monotonic() + 60
    while is_alive(command):
        assert time.monotonic() < until
        time.sleep(0.05)


def test_signals_are_passed_on(python):
    with subprocess.Popen([python, "-c", SLEEPS], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        process.stdout.readline()
        process.send_signal(signal.SIGINT)
        errors = process.communicate()[1]
    assert "KeyboardInterrupt" in errors and process.returncode == 130
