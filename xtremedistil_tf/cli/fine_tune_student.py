"""Fine-tune a distilled student on labelled data, without its teacher.

Trains all layers of the student on the labels of --task (default: the task that it was distilled on). Writes the
result to a new model directory, with the scores before and after.

  python run_xtreme_distil_ft.py --model_dir=out
  python run_xtreme_distil_ft.py --model_dir=out --task=more_data --output_dir=out2 --ft_epochs=3
"""

from __future__ import annotations

from xtremedistil_tf.cli.flags import parse_flags
from xtremedistil_tf.cli.main import prepare_tensorflow, run_command
from xtremedistil_tf.config import StudentFineTuningConfig


def job(argv: list[str]) -> None:
    config = parse_flags(StudentFineTuningConfig, argv, __doc__)
    prepare_tensorflow(StudentFineTuningConfig)
    from xtremedistil_tf.runs.fine_tuning import fine_tune_student as run

    run(config)


def main() -> None:
    run_command(job, StudentFineTuningConfig)
