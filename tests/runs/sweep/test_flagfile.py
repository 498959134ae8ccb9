"""Flag files made from configurations, read back by the parser of the command line."""

from __future__ import annotations

import dataclasses
import pathlib
import shlex
import tempfile

from hypothesis import given
from hypothesis import strategies as st

from xtremedistil_tf.cli.flags import parse_flags
from xtremedistil_tf.config import DistillationConfig
from xtremedistil_tf.config.sweep import SweepConfig
from xtremedistil_tf.runs.sweep.processes import flagfile, words_of

REQUIRED = {"task": "t", "transfer_file": "u", "model_dir": "m"}
# Their other values would contradict one another.
BOUND = {"task_kind", "do_NER", "do_pairwise", "strategy", "transfer_store", "student_vocab_size", "ray_address",
         "augment", "teacher_path", "student_type", "learning_rate", "final_learning_rate", "transfer_labels",
         "teacher_function", "label_smoothing", "label_temperature", "min_label_score", *REQUIRED}
TEXT = st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs", "Zl", "Zp")), max_size=12)


def values_of(field):
    low, high = field.metadata["minimum"], field.metadata["maximum"]
    if field.metadata["choices"]:
        return st.sampled_from(field.metadata["choices"])
    if isinstance(field.default, bool):
        return st.booleans()
    if isinstance(field.default, int):
        return st.integers(low, high or 10**9)
    if isinstance(field.default, float):
        # Between -1, by the recipe, and 0 nothing is allowed.
        by_recipe = [st.just(-1.0)] if low == -1.0 else []
        return st.one_of(*by_recipe, st.floats(0.0 if by_recipe else low, high or 1e9))
    return TEXT


CONFIGS = st.fixed_dictionaries({}, optional={
    field.name: values_of(field) for field in dataclasses.fields(DistillationConfig) if field.name not in BOUND})


@given(CONFIGS)
def test_what_is_written_is_what_is_read(values):
    config = DistillationConfig(**REQUIRED | values)
    text = flagfile(config, "f.cfg", before=["E=50: made\nby hand"], after=["export"])
    head = [line[2:] for line in text.splitlines() if line.startswith("# ")]
    assert head[:2] == ["E=50: made", "by hand"] and head[-1] == "export" and len(head) == 4
    with tempfile.TemporaryDirectory() as folder:
        file = pathlib.Path(folder, "f.cfg")
        file.write_text(text, encoding="utf-8")
        words = shlex.split(head[2])
        assert words[:3] == ["python", "run_xtreme_distil.py", "--flagfile=f.cfg"] and words[-1] == "--model_dir=out"
        read = parse_flags(DistillationConfig, ["x", f"--flagfile={file}", *words[3:-1], "--model_dir=m"], "")
    assert read == config


@given(CONFIGS)
def test_a_command_line_gives_the_same_configuration(values):
    config = SweepConfig(**REQUIRED | values, sweep_lstm_units="1,2", max_latency_ms=0.1)
    assert parse_flags(SweepConfig, ["x", *words_of(config)], "") == config


def test_only_what_differs_is_named():
    words = words_of(DistillationConfig(**REQUIRED, do_NER=True, seq_len=32), left_out=("model_dir",))
    assert words == ["--task=t", "--transfer_file=u", "--seq_len=32", "--do_NER"]


def test_blanks_at_the_ends_of_a_value_are_not_lost():
    text = flagfile(DistillationConfig(**REQUIRED, augment_encoder_prefix="query: "), "f.cfg")
    assert "'--augment_encoder_prefix=query: '" in text.splitlines()[0]
    assert "augment_encoder_prefix" not in "".join(text.splitlines()[1:])
