"""The commands that train. The docstring of a command is the head of its `--help`; see `verbs`."""

from __future__ import annotations

import logging
import shlex
import signal
import sys
from typing import Any

from xtremedistil_tf.cli.flags import as_flags, parse_flags
from xtremedistil_tf.cli.main import command_handler, prepare_tensorflow
from xtremedistil_tf.config import DistillationConfig, ModelFineTuningConfig, StudentFineTuningConfig
from xtremedistil_tf.config.sweep import SweepConfig


def distil(argv: list[str]) -> None:
    """Distil a pre-trained teacher into a tiny student, end to end.

    Fine-tunes the teacher on the task, runs it once over unlabeled text, trains the student in the stages of the
    chosen strategy, evaluates both and exports the student. --model_dir keeps every finished step: to resume an
    interrupted run, give the same command again.

      python run_xtreme_distil.py --flagfile=flags/quickstart.cfg
      python run_xtreme_distil.py --do_NER --task=my_task --transfer_file=unlabeled.txt --model_dir=out --seq_len=32
    """
    config = parse_flags(DistillationConfig, argv, distil.__doc__)
    prepare_tensorflow(DistillationConfig, trains=True)
    from xtremedistil_tf.evaluation.report.terminal import results_table
    from xtremedistil_tf.runs import distil as run
    from xtremedistil_tf.runs.planning import dry_run, within_budget

    if config.budget_minutes:
        config = within_budget(config)
    if config.dry_run:
        dry_run(config, lambda line: print(as_flags(line, DistillationConfig)))
        return
    print(results_table(run.distil(config, shlex.join(argv))))


def fine_tune_student(argv: list[str]) -> None:
    """Fine-tune a distilled student on labelled data, without its teacher.

    Trains all layers of the student on the labels of --task (default: the task that it was distilled on). Writes the
    result to a new model directory, with the scores before and after.

      python run_xtreme_distil_ft.py --model_dir=out
      python run_xtreme_distil_ft.py --model_dir=out --task=more_data --output_dir=out2 --ft_epochs=3
    """
    config = parse_flags(StudentFineTuningConfig, argv, fine_tune_student.__doc__)
    prepare_tensorflow(StudentFineTuningConfig)
    from xtremedistil_tf.runs import fine_tuning

    fine_tuning.fine_tune_student(config)


def fine_tune_model(argv: list[str]) -> None:
    """Fine-tune and evaluate a pre-trained model, as a distillation run does with its teacher.

    The result is a Hugging Face folder. A distillation run accepts it as --teacher_model_dir.

      python run_model_ft.py --task=my_task --model_dir=models --seq_len=128 --pt_model_checkpoint=roberta-base
    """
    config = parse_flags(ModelFineTuningConfig, argv, fine_tune_model.__doc__)
    prepare_tensorflow(ModelFineTuningConfig)
    from xtremedistil_tf.runs import fine_tuning

    fine_tuning.fine_tune_model(config)


def sweep(argv: list[str]) -> None:
    """Find the right student size: try several sizes within a budget of latency or megabytes.

    The sweep first builds every size with random weights, exports and measures it; sizes over the budget are never
    trained. It distils the others from one teacher and one transfer store in rounds of successive halving: many sizes
    for few epochs, then the best by dev score, and all on the Pareto front of score and cost, for more epochs. The last
    round trains in full. The command prints all points and numbers the Pareto front. It writes sweep.md, sweep.json,
    pareto.svg and, for each point of the front, a flag file that reproduces it to <sweep_dir>. To resume an interrupted
    sweep, give the same command again.

      python run_xtreme_distil_sweep.py --flagfile=flags/quickstart.cfg --sweep_dir=sweep --max_latency_ms=2 \\
        --sweep_embedding_size=50,100 --sweep_lstm_units=100,200,400
      python run_xtreme_distil_sweep.py ... --dry_run    cost of each size and number of runs
    """
    config = parse_flags(SweepConfig, argv, sweep.__doc__)
    logging.basicConfig(handlers=[command_handler(SweepConfig)], level=logging.INFO)
    signal.signal(signal.SIGTERM, _terminated)
    from xtremedistil_tf.runs.sweep.run import Sweep

    Sweep(config, shlex.join(argv)).run()


def _terminated(number: int, frame: Any) -> None:
    sys.exit(128 + number)  # an exception, so that the run at work is ended too
