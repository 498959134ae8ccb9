"""Flags made from the configuration: parsing, help, errors as one line."""

from __future__ import annotations

import dataclasses
import logging
import pathlib
import subprocess
import sys

import pytest

from xtremedistil_tf.cli.flags import as_flags, help_text, parse_flags
from xtremedistil_tf.cli.main import command_handler
from xtremedistil_tf.config import DistillationConfig, PredictionConfig
from xtremedistil_tf.config.arguments import with_recipe
from xtremedistil_tf.errors import ConfigError

ROOT = pathlib.Path(__file__).resolve().parents[2]
REQUIRED = ["--task=t", "--model_dir=m", "--transfer_file=f"]


def parse(*words):
    return parse_flags(DistillationConfig, ["run_xtreme_distil.py", *REQUIRED, *words], "")


def test_defaults_of_the_original():
    config = parse()
    assert (config.student_distil_batch_size, config.student_ft_batch_size, config.teacher_batch_size) == (128, 32, 128)
    papers = with_recipe(dataclasses.replace(config, recipe="paper"), "bilstm")
    assert (papers.ft_epochs, papers.distil_epochs, papers.patience) == (100, 500, 5)
    assert (config.distil_chunk_size, papers.pt_teacher_checkpoint) == (100000, "bert-base-multilingual-cased")
    assert papers.strategy == "D4.2"


def test_the_originals_way_of_writing_flags():
    config = parse_flags(DistillationConfig, ["x", "--task", "t", "--model_dir", "m", "--seq_len", "32",
                                              "--transfer_file", "f", "--do_NER", "--pt_teacher", "TFBertModel"], "")
    assert (config.task, config.seq_len, config.do_NER, config.pt_teacher) == ("t", 32, True, "TFBertModel")


def test_later_flags_win_over_the_flag_file(tmp_path):
    file = tmp_path / "f.cfg"
    file.write_text("# comment\n--seq_len=16\n--lstm_units=7\n")
    config = parse(f"--flagfile={file}", "--seq_len=64")
    assert (config.seq_len, config.lstm_units) == (64, 7)


@pytest.mark.parametrize("word, message", [
    ("--sed=3", "sed.*seed"),
    ("--seq_len=long", "`seq_len=long`: expected a whole number"),
    ("--dropout=some", "`dropout=some`: expected a number"),
    ("--do_NER=perhaps", "`do_NER=perhaps`: expected True or False"),
    ("--seq_len=0", "`seq_len=0`: expected at least 4"),
    ("--strategy=D9", "`strategy=D9`: expected one of D0S"),
    ("--dropout=1.5", "`dropout=1.5`: expected at most 0.99"),
    ("--learning_rate=1e-3 --final_learning_rate=1", "Expected a value that is not above it"),
    ("stray", "unexpected words on the command line: stray"),
    ("--flagfile=/no/such/file", "^`flagfile=/no/such/file`: No such file or directory"),
])
def test_mistakes_are_named(word, message):
    with pytest.raises(ConfigError, match=message):
        parse(*word.split())


@pytest.mark.parametrize("missing", ["task", "model_dir", "transfer_file"])
def test_required_flags(missing):
    words = [w for w in REQUIRED if not w.startswith(f"--{missing}")]
    with pytest.raises(ConfigError, match=f"`{missing}` is required"):
        parse_flags(DistillationConfig, ["x", *words], "")


def test_every_flag_is_in_the_help_with_its_group():
    for config_class in (DistillationConfig, PredictionConfig):
        text = help_text(config_class, "What it does.")
        for field in dataclasses.fields(config_class):
            assert f"--{field.name} " in text
            assert f"\n{field.metadata['group']}\n" in text


@pytest.mark.parametrize("text, shown", [
    ("`seq_len=0`: expected at least 4.", "--seq_len=0: expected at least 4."),
    ("Lower `learning_rate`, or use `opt_policy=float32`.", "Lower --learning_rate, or use --opt_policy=float32."),
    ("`do_NER` or `do_NER=True`, but `do_pairwise=False`", "--do_NER or --do_NER, but --nodo_pairwise"),
    ("`task=a b/c,d` and `metric=`", "--task=a b/c,d and --metric="),
    ("needs the package `ray`: `text<TAB>label`, `seq_lens=3`, ` seq_len`", None)])
def test_settings_are_shown_as_flags(text, shown):
    """Only exact names of the command's settings are."""
    assert as_flags(text, DistillationConfig) == (shown or text)
    assert as_flags("`seq_len`, `format=onnx`", PredictionConfig) == "`seq_len`, --format=onnx"


def test_lines_of_the_log_show_settings_as_flags():
    record = logging.LogRecord("xtremedistil_tf", logging.WARNING, "", 0, "`seq_len=%d` cuts", (8,), None)
    line = command_handler(DistillationConfig).format(record)
    assert line.endswith(" WARNING: --seq_len=8 cuts")


@pytest.mark.parametrize("script", ["run_xtreme_distil.py", "run_xtreme_distil_predict.py"])
def test_help_imports_nothing_heavy(script):
    code = ("import runpy, sys\nsys.argv = [sys.argv[1], '--help']\n"
            "try:\n    runpy.run_path(sys.argv[0], run_name='__main__')\n"
            "except SystemExit as stop:\n    assert not stop.code\n"
            "heavy = {'tensorflow', 'transformers', 'numpy', 'tf_keras'} & set(sys.modules)\nassert not heavy, heavy")
    run = subprocess.run([sys.executable, "-c", code, script], cwd=ROOT, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    assert "--model_dir" in run.stdout


def test_a_mistake_is_one_line_and_status_2():
    run = subprocess.run([sys.executable, "run_xtreme_distil.py", "--task=x"], cwd=ROOT, capture_output=True, text=True)
    assert run.returncode == 2
    assert run.stderr.startswith("error: --model_dir is required") and run.stderr.count("\n") == 1


@pytest.mark.parametrize("size, millions", [("l6_h256", 13), ("l6_h384", 22.5), ("l12_h384", 33)])
def test_published_sizes(size, millions, monkeypatch, tiny_tokenizer):
    """Embeddings and layers as BERT counts them: V, positions and segments, and 12 d^2 + 13 d a layer."""
    from types import SimpleNamespace

    from xtremedistil_tf.runs.student_shape import student_shape
    from xtremedistil_tf.tasks.registry import make_task

    config = parse_flags(DistillationConfig, ["x", "--task=t", "--model_dir=m", "--transfer_file=u",
                                              f"--flagfile={ROOT}/flags/universal_{size}.cfg"], "")

    class Vocabulary(SimpleNamespace):
        def __len__(self):
            return 30522

    shape = student_shape(config, Vocabulary(pad_token_id=0), make_task("classification", ["a", "b"]), None)
    d, layers = shape.hidden_size, shape.num_hidden_layers
    count = (30522 + shape.config.max_position_embeddings + 2 + 2) * d + layers * (12 * d * d + 13 * d)
    assert count / 1e6 == pytest.approx(millions, rel=0.04)
