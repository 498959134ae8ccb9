"""Predict with a distilled student, or evaluate it.

Writes one output line per input line, in input order: `words<TAB>tags` (every word gets a tag, whatever the
sentence length), `label<TAB>probability`, a score, or `answer<TAB>start<TAB>end<TAB>score`. Needs only --model_dir.

  python run_xtreme_distil_predict.py --model_dir=out --do_predict --pred_file=text.txt
  echo "Ada Lovelace was born in London ." | python run_xtreme_distil_predict.py --model_dir=out --do_predict
  python run_xtreme_distil_predict.py --model_dir=out --do_eval --pred_file=test.tsv
"""

from __future__ import annotations

from xtremedistil_tf.cli.flags import parse_flags
from xtremedistil_tf.cli.main import prepare_logging, prepare_tensorflow, run_command
from xtremedistil_tf.config import PredictionConfig


def job(argv: list[str]) -> None:
    config = parse_flags(PredictionConfig, argv, __doc__)
    answer(config)


def answer(config: PredictionConfig) -> None:
    """Predicts or evaluates; loads TensorFlow only if the form of the student needs it."""
    from xtremedistil_tf.inference.predictor import needs_tensorflow
    from xtremedistil_tf.runs.predict import run

    if needs_tensorflow(config.model_dir, config.format):
        prepare_tensorflow(PredictionConfig, deterministic=False)
    else:
        prepare_logging(PredictionConfig)
    run(config)


def main() -> None:
    run_command(job, PredictionConfig)
