"""The sweep's command line: mistakes are named before any work, and help is quick."""

from __future__ import annotations

import pathlib
import subprocess
import sys

import pytest

from xtremedistil_tf.cli.flags import parse_flags
from xtremedistil_tf.config.sweep import SweepConfig
from xtremedistil_tf.errors import ConfigError

ROOT = pathlib.Path(__file__).resolve().parents[2]
REQUIRED = ["--task=t", "--transfer_file=f", "--sweep_dir=s"]


def parse(*words):
    return parse_flags(SweepConfig, ["x", *REQUIRED, *words], "")


@pytest.mark.parametrize("words, message", [
    ("", "nothing to try. Give one or several of `sweep_embedding_size`"),
    ("--sweep_lstm_units=100,many", "'many' is not a positive whole number"),
    ("--sweep_lstm_units=100,0", "'0' is not a positive whole number"),
    ("--sweep_lstm_units=,", "is not a positive whole number"),
    ("--sweep_lstm_units=100 --sweep_hidden_size=64", "Sweep one kind at a time"),
    ("--sweep_lstm_units=100 --sweep_cnn_blocks=4", "`sweep_lstm_units`, `sweep_cnn_blocks` are sizes of different"),
    ("--sweep_projection_size=64 --sweep_hidden_size=64", "Sweep one kind at a time"),
    ("--sweep_lstm_units=100 --student_type=transformer", "`sweep_lstm_units` is for bilstm students"),
    ("--sweep_hidden_size=128,100", "the 3 attention heads of a student of width 100 do not divide it"),
    ("--sweep_hidden_size=128,96 --num_attention_heads=64", "64 attention heads of a student of width 96"),
    ("--sweep_lstm_units=9 --sweep_quantize=int4", "`sweep_quantize=int4`: unknown 'int4'"),
    ("--sweep_lstm_units=9 --sweep_format=keras --sweep_quantize=int8", "is available as none, but"),
    ("--sweep_lstm_units=9 --sweep_format=coreml", "expected one of keras"),
    ("--sweep_lstm_units=9 --sweep_keep=0", "`sweep_keep=0.0`: expected at least"),
    ("--sweep_lstm_units=9 --max_latency_ms=-1", "`max_latency_ms=-1.0`: expected at least"),
    ("--sweep_lstm_units=9 --sweep_dir=", "`sweep_dir` is required"),
    ("--sweep_lstm_units=9 --transfer_file=", "`transfer_file` is required"),
    ("--sweep_lstm_units=9 --task=", "`task` is required"),
])
def test_mistakes_are_named(words, message):
    with pytest.raises(ConfigError, match=message):
        parse(*words.split())


def test_every_flag_of_a_run_is_accepted():
    config = parse(f"--flagfile={ROOT}/flags/quickstart.cfg", "--sweep_lstm_units=100,200", "--seq_len=48")
    assert config.shared().seq_len == 48 and config.shared().task == "data/sample"
    assert config.swept() == {"lstm_units": [100, 200]} and config.quantizations() == ["none", "int8"]


def test_a_form_is_tried_in_the_quantizations_that_it_has():
    assert parse("--sweep_lstm_units=9", "--sweep_format=saved_model").quantizations() == ["none"]
    words = ("--sweep_lstm_units=9", "--sweep_format=onnx", "--sweep_quantize=int8,float16,none")
    assert parse(*words).quantizations() == ["none", "int8"]


def test_help_imports_nothing_heavy():
    code = ("import runpy, sys\nsys.argv = ['run_xtreme_distil_sweep.py', '--help']\n"
            "try:\n    runpy.run_path(sys.argv[0], run_name='__main__')\n"
            "except SystemExit as stop:\n    assert not stop.code\n"
            "heavy = {'tensorflow', 'transformers', 'numpy', 'tf_keras'} & set(sys.modules)\nassert not heavy, heavy")
    run = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    assert "--max_latency_ms" in run.stdout and "--pt_teacher_checkpoint" in run.stdout
