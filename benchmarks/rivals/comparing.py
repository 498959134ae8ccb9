"""What the programs that compare rivals share: flags, forms of our students, and the groups that are asked for."""

from __future__ import annotations

import pathlib
from collections.abc import Callable, Mapping, Sequence

from absl import flags

from plots import require_matplotlib
from rivals.bench import Bench
from rivals.preparing import Wanted, prepare

TEACHER = flags.DEFINE_string("teacher", None, "Local folder of the teacher's checkpoint.", required=True)
WORK = flags.DEFINE_string("work", None, "Folder of data, models and figures.", required=True)
LABELLED = flags.DEFINE_integer("labelled", 2000, "Labelled examples.")
TEST = flags.DEFINE_integer("test", 5000, "Test examples.")
SECONDS = flags.DEFINE_float("seconds", 3.0, "Seconds for each figure of speed.")
TEXTS = flags.DEFINE_integer("texts", 1000, "Test examples that words a second are measured on.")
TRANSFORMER_FLAGFILE = flags.DEFINE_string("transformer_flags", "benchmarks/settings/rivals_transformer.cfg",
                                           "Of the transformer students, after --student_flags.")

ONNX = ("onnx none", "onnx int8")
FORMS = ("saved_model none", "tflite dynamic", *ONNX)
Group = Callable[[Bench], None]


def teacher(bench: Bench) -> None:
    """The group of the teacher itself."""
    bench.teacher(("tensorflow", *ONNX))


def transformer(bench: Bench, layers: int, flagfile: str) -> None:
    """A student of some of the teacher's layers."""
    bench.student(f"transformer {layers} x 384 of the teacher's layers",
                  {"pt_teacher_checkpoint": TEACHER.value, "pt_student_checkpoint": TEACHER.value,
                   "num_hidden_layers": layers, "teacher_model_dir": bench.teacher_path},
                  [flagfile, TRANSFORMER_FLAGFILE.value], ONNX)


def compare(wanted: Wanted, groups: Mapping[str, Group], only: Sequence[str], python: str) -> Bench:
    """Runs the groups named `only`, all where there are none, on one data set."""
    require_matplotlib()
    work = pathlib.Path(WORK.value).resolve()
    bench = Bench(prepare(wanted, work / "data"), work, SECONDS.value, TEXTS.value, python)
    for name, group in groups.items():
        if not only or name in only:
            group(bench)
    return bench
