"""A sweep on English news: which BiLSTM is the best one within a latency.

  XTREMEDISTIL_DATA=... python benchmarks/sweep_news.py --teacher=FOLDER --work=DIR

--teacher is a local folder of all-MiniLM-L6-v2 or another English BERT. One run of run_xtreme_distil_sweep.py with
benchmarks/settings/sweep_news.cfg, which goes on where an interrupted one stopped.
"""

from __future__ import annotations

import logging
import pathlib
import sys
from collections.abc import Mapping
from typing import Any

from absl import app, flags

import runs
from pages import commands, environment, picture, public_command, write_page
from xtremedistil_tf.atomic import read_json
from xtremedistil_tf.runs.sweep.results import early_rounds, markdown_table, measured_on

_TEACHER = flags.DEFINE_string("teacher", None, "Checkpoint of the teacher.", required=True)
_WORK = flags.DEFINE_string("work", None, "Folder of the teacher that is fine-tuned, and of the sweep.", required=True)
_OUT = flags.DEFINE_string("out", "benchmarks/results/sweep_news.md", "The Markdown file to write.")


def main(argv: list[str]) -> None:
    del argv
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    data, work, out = runs.data_folder(), pathlib.Path(_WORK.value).resolve(), pathlib.Path(_OUT.value).resolve()
    sweep = work / "sweep"
    command = [sys.executable, "run_xtreme_distil_sweep.py", "--flagfile=benchmarks/settings/sweep_news.cfg",
               f"--task={data / 'peer-ner'}", f"--transfer_file={data / 'peer-ner' / 'unlabeled.txt.xz'}",
               f"--pt_teacher_checkpoint={_TEACHER.value}", f"--teacher_model_dir={work / 'teacher'}",
               f"--sweep_dir={sweep}"]
    runs.once(command, sweep / "sweep.json", work / "sweep_command.json", work / "sweep.log", "sweep")
    out.with_suffix(".svg").write_bytes((sweep / "pareto.svg").read_bytes())
    page(out, read_json(sweep / "sweep.json"), " ".join(command[1:]))


def page(out: pathlib.Path, report: Mapping[str, Any], command: str) -> None:
    """Writes the page of a finished sweep; its picture lies there already."""
    write_page(out, ["# A sweep on English news", environment(report["versions"]), " ".join(measured_on(report)),
                     "\n".join(markdown_table(report)),
                     "Numbered: on the front, that is, no other is as good in score and cost and better in one.",
                     picture(out, "dev F1 against milliseconds and against megabytes"), _rounds(report),
                     commands([command])],
               dict(report, task=pathlib.Path(report["task"]).name, command=public_command(report["command"])))


def _rounds(report: Mapping[str, Any]) -> str:
    lines = early_rounds(report)
    lines += [f"- left out untrained, being over the budget: {one['student']} {one['quantization']}."
              for one in report["over_budget"]]
    return "\n".join(["## Rounds", "", *lines])


if __name__ == "__main__":
    app.run(main)
