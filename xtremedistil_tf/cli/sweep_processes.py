"""What a sweep starts as processes of its own, see `runs/sweep/processes.py`.

python -m xtremedistil_tf.cli.sweep_processes costs --task=... --sweep_dir=...
python -m xtremedistil_tf.cli.sweep_processes trial --task=... --model_dir=...
"""

from __future__ import annotations

import json
import sys

from xtremedistil_tf.atomic import remove_leftovers
from xtremedistil_tf.cli.flags import parse_flags
from xtremedistil_tf.cli.main import prepare_tensorflow, run_command
from xtremedistil_tf.config import DistillationConfig
from xtremedistil_tf.config.sweep import SweepConfig


def costs(argv: list[str]) -> None:
    """Measures the untrained students of a sweep and keeps the figures below <sweep_dir>/costs."""
    config = parse_flags(SweepConfig, argv, costs.__doc__)
    prepare_tensorflow(SweepConfig, deterministic=False)
    from xtremedistil_tf.runs.sweep.candidates import Kept, candidates
    from xtremedistil_tf.runs.sweep.untrained import Untrained

    kept = Kept(config)
    remove_leftovers(kept.folder)
    untrained = Untrained(config)
    for candidate in candidates(config):
        known = kept.costs(candidate)
        if known is None or known["refused"]:
            kept.keep_costs(candidate, untrained.measure(candidate))


def trial(argv: list[str]) -> None:
    """A short run of a sweep: trains a student and prints its dev score. The test set is not read.

    The last line that it prints is JSON, with `score` and `training_seconds`.
    """
    config = parse_flags(DistillationConfig, argv, trial.__doc__)
    prepare_tensorflow(DistillationConfig, trains=True)
    from xtremedistil_tf.runs.distil import prepare, train
    from xtremedistil_tf.runs.run import Run

    records = train(prepare(Run.of(config))).student.records
    (score,) = records[-1].scores.values()
    print(json.dumps({"score": score, "training_seconds": sum(record.seconds for record in records)}))


_PROCESSES = {"costs": (costs, SweepConfig), "trial": (trial, DistillationConfig)}


def main() -> None:
    if len(sys.argv) < 2 or sys.argv[1] not in _PROCESSES:
        sys.exit(__doc__)
    run_command(*_PROCESSES[sys.argv.pop(1)])


if __name__ == "__main__":
    main()
