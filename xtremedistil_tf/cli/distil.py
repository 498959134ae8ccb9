"""Distil a pre-trained teacher into a tiny student, end to end.

Fine-tunes the teacher on the task, runs it once over unlabeled text, trains the student in the stages of the
chosen strategy, evaluates both and exports the student. --model_dir keeps every finished step: to resume an
interrupted run, give the same command again.

  python run_xtreme_distil.py --flagfile=flags/quickstart.cfg
  python run_xtreme_distil.py --do_NER --task=my_task --transfer_file=unlabeled.txt --model_dir=out --seq_len=32
"""

from __future__ import annotations

import shlex

from xtremedistil_tf.cli.flags import as_flags, parse_flags
from xtremedistil_tf.cli.main import prepare_tensorflow, run_command
from xtremedistil_tf.config import DistillationConfig


def job(argv: list[str]) -> None:
    config = parse_flags(DistillationConfig, argv, __doc__)
    prepare_tensorflow(DistillationConfig, trains=True)
    from xtremedistil_tf.evaluation.report.table import results_table
    from xtremedistil_tf.runs.distil import distil
    from xtremedistil_tf.runs.planning import dry_run, within_budget

    if config.budget_minutes:
        config = within_budget(config)
    if config.dry_run:
        dry_run(config, lambda line: print(as_flags(line, DistillationConfig)))
        return
    print(results_table(distil(config, shlex.join(argv))))


def main() -> None:
    run_command(job, DistillationConfig)
