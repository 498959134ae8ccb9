"""Measures the untrained students of a sweep and keeps the figures below <sweep_dir>/costs.

python -m xtremedistil_tf.cli.sweep_costs --task=... --sweep_dir=...
"""

from __future__ import annotations

from xtremedistil_tf.atomic import remove_leftovers
from xtremedistil_tf.cli.flags import parse_flags
from xtremedistil_tf.cli.main import prepare_tensorflow, run_command
from xtremedistil_tf.config.sweep import SweepConfig
from xtremedistil_tf.runs.sweep.candidates import Kept, candidates


def job(argv: list[str]) -> None:
    config = parse_flags(SweepConfig, argv, __doc__)
    prepare_tensorflow(SweepConfig, deterministic=False)
    from xtremedistil_tf.runs.sweep.untrained import Untrained

    kept = Kept(config)
    remove_leftovers(kept.folder)
    untrained = Untrained(config)
    for candidate in candidates(config):
        known = kept.costs(candidate)
        if known is None or known["refused"]:
            kept.keep_costs(candidate, untrained.measure(candidate))


if __name__ == "__main__":
    run_command(job, SweepConfig)
