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

from __future__ import annotations

import logging
import shlex
import signal
import sys
from typing import Any

from xtremedistil_tf.cli.flags import parse_flags
from xtremedistil_tf.cli.main import command_handler, run_command
from xtremedistil_tf.config.sweep import SweepConfig


def job(argv: list[str]) -> None:
    config = parse_flags(SweepConfig, argv, __doc__)
    logging.basicConfig(handlers=[command_handler(SweepConfig)], level=logging.INFO)
    signal.signal(signal.SIGTERM, _terminated)
    from xtremedistil_tf.runs.sweep.run import Sweep

    Sweep(config, shlex.join(argv)).run()


def _terminated(number: int, frame: Any) -> None:
    sys.exit(128 + number)  # an exception, so that the run at work is ended too


def main() -> None:
    run_command(job, SweepConfig)
