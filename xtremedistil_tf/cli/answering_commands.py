"""The commands that answer with a student, or write the files that answer. See `training_commands`."""

from __future__ import annotations

import os
import pathlib
import sys
from typing import TYPE_CHECKING

from xtremedistil_tf.cli.flags import parse_flags
from xtremedistil_tf.cli.main import prepare_logging, prepare_tensorflow
from xtremedistil_tf.config import ExportConfig, PredictionConfig
from xtremedistil_tf.config.commands import ServeConfig
from xtremedistil_tf.errors import ConfigError

if TYPE_CHECKING:
    from xtremedistil_tf.inference.server.model import ServedModel


def predict(argv: list[str]) -> None:
    """Predict with a distilled student, or evaluate it.

    Writes one output line per input line, in input order: `words<TAB>tags` (every word gets a tag, whatever the
    length of the text), `label<TAB>probability`, a score, or `answer<TAB>start<TAB>end<TAB>score`; with
    --output_format=jsonl, objects with entities, offsets and scores. Needs only --model_dir. See docs/prediction.md.

      python run_xtreme_distil_predict.py --model_dir=out --do_predict --pred_file=text.txt
      echo "Ada Lovelace was born in London ." | python run_xtreme_distil_predict.py --model_dir=out --do_predict
      python run_xtreme_distil_predict.py --model_dir=out --do_predict --pred_file=table.csv --columns=body \\
        --output_file=answers.jsonl.gz --output_format=jsonl --on_error=skip
      python run_xtreme_distil_predict.py --model_dir=out --do_eval --pred_file=test.tsv
    """
    _answer(parse_flags(PredictionConfig, argv, predict.__doc__))


def predict_onnx(argv: list[str]) -> None:
    """Predict with the ONNX file of a distilled student, or evaluate it.

    Same as run_xtreme_distil_predict.py with --format=onnx. If <model_dir>/export/onnx/model_<quantize>.onnx does not
    exist yet, the command exports it first.

      python run_xtreme_distil_predict_onnx.py --model_dir=out --do_predict --pred_file=text.txt
      python run_xtreme_distil_predict_onnx.py --model_dir=out --do_eval --quantize=int8
    """
    config = parse_flags(PredictionConfig, [argv[0], "--format=onnx", *argv[1:]], predict_onnx.__doc__)
    if config.format != "onnx":
        raise ConfigError(f"--format={config.format}: this command runs ONNX files. For other forms use "
                          "run_xtreme_distil_predict.py.")
    _export_onnx_if_missing(config)
    _answer(config)


def _answer(config: PredictionConfig) -> None:
    """Predicts or evaluates; loads TensorFlow only if the form of the student needs it."""
    from xtremedistil_tf.inference.predictor import needs_tensorflow
    from xtremedistil_tf.runs.predict import run

    if needs_tensorflow(config.model_dir, config.format):
        prepare_tensorflow(PredictionConfig, deterministic=False)
    else:
        prepare_logging(PredictionConfig)
    run(config)


def _export_onnx_if_missing(config: PredictionConfig) -> None:
    from xtremedistil_tf.students.metadata import exported_path

    path = exported_path(pathlib.Path(config.model_dir), "onnx", config.quantize)
    if path.exists():
        return
    prepare_tensorflow(PredictionConfig, deterministic=False)
    from xtremedistil_tf.export.onnx import export_onnx
    from xtremedistil_tf.students.model_directory import load_student

    saved = load_student(pathlib.Path(config.model_dir))
    export_onnx(path, saved.student, saved.tokenizer, saved.task, config.quantize)


def export(argv: list[str]) -> None:
    """Export a distilled student to SavedModel, TFLite, ONNX and TensorFlow Serving, and check every file.

    Each file is compared with the student on the dev set (agreement, difference of the main score). Each file is
    measured in a separate process (cold start, latency, throughput, memory). If a file loses more than --max_f1_drop,
    the command fails after it has written and reported all files.

      python run_xtreme_distil_export.py --model_dir=out
      python run_xtreme_distil_export.py --model_dir=out --formats=tflite --quantize=none,float16,dynamic,int8
    """
    config = parse_flags(ExportConfig, argv, export.__doc__)
    prepare_tensorflow(ExportConfig, deterministic=False)
    from xtremedistil_tf.runs.export import run

    run(config)


def serve(argv: list[str]) -> None:
    """Serve a distilled student on this machine: TensorFlow Serving's REST API and a page to try it.

    Needs --model_dir and the extra `server`. Stops on Ctrl-C or SIGTERM after it has answered the pending requests;
    SIGHUP loads the model directory anew without losing a request. See docs/local_server.md.

      python run_xtreme_distil_serve.py --model_dir=out
      curl -H 'Content-Type: application/json' -d '{"instances": ["Ada Lovelace was born in London ."]}' \\
        http://127.0.0.1:8501/v1/models/xtremedistil:predict
    """
    config = parse_flags(ServeConfig, argv, serve.__doc__)
    from xtremedistil_tf.inference.server.run import run

    if not run(config, lambda model_dir: _served_model(model_dir, config)):
        # A thread is still inside TensorFlow: taking the interpreter down under it may crash.
        sys.stdout.flush(), sys.stderr.flush()
        os._exit(0)


def _served_model(model_dir: pathlib.Path, config: ServeConfig) -> ServedModel:
    from xtremedistil_tf.inference.predictor import needs_tensorflow
    from xtremedistil_tf.inference.server.loading import form_of, load_model

    form = form_of(model_dir, config.form)
    if needs_tensorflow(model_dir, form):
        prepare_tensorflow(ServeConfig, deterministic=False)
    else:
        prepare_logging(ServeConfig)
    return load_model(model_dir, form, config.batch_subwords)
