"""Write a distilled student as SavedModel, TFLite, ONNX and for TensorFlow Serving, check it and measure it.

Every file is compared with the student on the dev set (agreement, difference of the main score) and measured in a
process of its own (cold start, latency, throughput, memory). A file that loses more than --max_f1_drop makes the
command fail, after everything was written and reported.

  python run_xtreme_distil_export.py --model_dir=out
  python run_xtreme_distil_export.py --model_dir=out --formats=tflite --quantize=none,float16,dynamic,int8
"""

from __future__ import annotations

from xtremedistil_tf.cli.flags import parse_flags
from xtremedistil_tf.cli.main import prepare_tensorflow, run_command
from xtremedistil_tf.config import ExportConfig


def job(argv: list[str]) -> None:
    config = parse_flags(ExportConfig, argv, __doc__)
    prepare_tensorflow(ExportConfig, deterministic=False)
    from xtremedistil_tf.jobs.export import run

    run(config)


def main() -> None:
    run_command(job, ExportConfig)
