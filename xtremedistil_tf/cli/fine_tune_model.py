"""Fine-tune and evaluate a pre-trained model, as a distillation run does with its teacher.

The result is a Hugging Face folder. A distillation run accepts it as --teacher_model_dir.

  python run_model_ft.py --task=my_task --model_dir=models --seq_len=128 --pt_model_checkpoint=roberta-base
"""

from __future__ import annotations

from xtremedistil_tf.cli.flags import parse_flags
from xtremedistil_tf.cli.main import prepare_tensorflow, run_command
from xtremedistil_tf.config import ModelFineTuningConfig


def job(argv: list[str]) -> None:
    config = parse_flags(ModelFineTuningConfig, argv, __doc__)
    prepare_tensorflow(ModelFineTuningConfig)
    from xtremedistil_tf.runs.fine_tuning import fine_tune_model as run

    run(config)


def main() -> None:
    run_command(job, ModelFineTuningConfig)
