"""Predict with the ONNX file of a distilled student, or evaluate it.

Same as run_xtreme_distil_predict.py with --format=onnx. If <model_dir>/export/onnx/model_<quantize>.onnx does not
exist yet, the command exports it first.

  python run_xtreme_distil_predict_onnx.py --model_dir=out --do_predict --pred_file=text.txt
  python run_xtreme_distil_predict_onnx.py --model_dir=out --do_eval --quantize=int8
"""

from __future__ import annotations

import pathlib

from xtremedistil_tf.cli.flags import parse_flags
from xtremedistil_tf.cli.main import prepare_tensorflow, run_command
from xtremedistil_tf.cli.predict import answer
from xtremedistil_tf.config import PredictionConfig
from xtremedistil_tf.errors import ConfigError
from xtremedistil_tf.students.metadata import exported_path

FORM = "onnx"


def job(argv: list[str]) -> None:
    config = parse_flags(PredictionConfig, [argv[0], f"--format={FORM}", *argv[1:]], __doc__)
    if config.format != FORM:
        raise ConfigError(f"--format={config.format}: this command runs ONNX files. For other forms use "
                          "run_xtreme_distil_predict.py.")
    _export_if_missing(config)
    answer(config)


def main() -> None:
    run_command(job, PredictionConfig)


def _export_if_missing(config: PredictionConfig) -> None:
    path = exported_path(pathlib.Path(config.model_dir), FORM, config.quantize)
    if path.exists():
        return
    prepare_tensorflow(PredictionConfig, deterministic=False)
    from xtremedistil_tf.export.onnx import export_onnx
    from xtremedistil_tf.students.model_directory import load_student

    saved = load_student(pathlib.Path(config.model_dir))
    export_onnx(path, saved.student, saved.tokenizer, saved.task, config.quantize)
