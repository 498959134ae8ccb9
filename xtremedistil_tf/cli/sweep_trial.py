"""A short run of a sweep: trains a student and prints its dev score. The test set is not read.

python -m xtremedistil_tf.cli.sweep_trial --task=... --model_dir=...
"""

from __future__ import annotations

import json

from xtremedistil_tf.cli.flags import parse_flags
from xtremedistil_tf.cli.main import prepare_tensorflow, run_command
from xtremedistil_tf.config import DistillationConfig


def job(argv: list[str]) -> None:
    """Prints `score` and `training_seconds` as the last line, in JSON."""
    config = parse_flags(DistillationConfig, argv, __doc__)
    prepare_tensorflow(DistillationConfig, trains=True)
    from xtremedistil_tf.runs.distil import prepare, train

    records = train(prepare(config)).student.records
    (score,) = records[-1].scores.values()
    print(json.dumps({"score": score, "training_seconds": sum(record.seconds for record in records)}))


if __name__ == "__main__":
    run_command(job, DistillationConfig)
