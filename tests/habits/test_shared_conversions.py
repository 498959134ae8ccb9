"""Functions that one process made over for graphs serve in the others (tests/plugins/shared_conversions.py)."""

from __future__ import annotations

import subprocess

import pytest

# The first function has a name from outside, a default, and lines that an error names.
MODULE = """
import tensorflow as tf

def scaled(factor):
    def sum_of_even(values, start=1):
        total = start
        for value in values:
            if value % {modulus} == 0:
                total += factor * value
        if tf.constant(1) > 0:
            total.missing()
        return total
    return sum_of_even

def halved(value):
    return value / 2 if value > 4 else value
"""
USE = """
import tensorflow as tf, module
from tensorflow.python.autograph.pyct import transpiler
made, alone = [], transpiler.GenericTranspiler.transform_function
transpiler.GenericTranspiler.transform_function = lambda self, function, context: (
    made.append(function.__name__) or alone(self, function, context))
print([float(tf.function(module.halved)(tf.constant(value))) for value in (6.0, 3.0)])
try:
    tf.function(module.scaled(3))(tf.range(5))
except AttributeError as error:
    print(str(error).count("total.missing()"), "module.py" in str(error))
print(*made)
"""


@pytest.fixture
def use(tmp_path, python):
    def use(modulus):
        (tmp_path / "module.py").write_text(MODULE.format(modulus=modulus), encoding="utf-8")
        done = subprocess.run([python, "-c", USE], cwd=tmp_path, text=True, capture_output=True)
        assert done.returncode == 0, done.stderr
        return done.stdout.splitlines()
    return use


def test_the_next_process_makes_over_only_what_differs_and_finds_the_same(use):
    first, second, changed = use(2), use(2), use(17)
    assert first == ["[3.0, 3.0]", "1 True", "halved sum_of_even"]
    assert second == [*first[:2], ""]
    assert changed == [*first[:2], "sum_of_even"]
