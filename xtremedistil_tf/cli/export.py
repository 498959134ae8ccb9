"""Export a distilled student to SavedModel, TFLite, ONNX and TensorFlow Serving, and check every file.

Each file is compared with the student on the dev set (agreement, difference of the main score). Each file is
measured in a separate process (cold start, latency, throughput, memory). If a file loses more than --max_f1_drop,
the command fails after it has written and reported all files.

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
    from xtremedistil_tf.runs.export import run

    run(config)


def main() -> None:
    run_command(job, ExportConfig)
