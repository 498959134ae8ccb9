"""Answering and measuring text with a model directory."""

from __future__ import annotations

import contextlib
import dataclasses
import pathlib
import sys
from collections.abc import Iterable, Iterator
from typing import Any, TextIO

from xtremedistil_tf.atomic import atomic_file
from xtremedistil_tf.config import DistillationConfig, PredictionConfig
from xtremedistil_tf.corpus import open_lines
from xtremedistil_tf.corpus.example import AnyExample
from xtremedistil_tf.corpus.files import stem_and_suffix
from xtremedistil_tf.errors import ConfigError, DataError
from xtremedistil_tf.inference.predictor import OpenedStudent, Predictor, open_predictor
from xtremedistil_tf.tasks.opening import HUB_PREFIX, open_corpus, read_labelled, reading_of
from xtremedistil_tf.tasks.registry import scores_text
from xtremedistil_tf.tasks.task import Task

_CHUNK = 4096
STANDARD_STREAM = "-"


def run(config: PredictionConfig) -> None:
    """Does what `run_xtreme_distil_predict.py` was asked for."""
    student = open_predictor(config.model_dir, config.format, config.quantize, config.batch_size,
                             decoding=config.decoding)
    if config.do_predict:
        with _output(config) as output:
            for line in answer_lines(student.predictor, student.task, _input(config.pred_file, student)):
                print(line, file=output)
    if config.do_eval:
        scores = evaluate(student, config)
        print(scores_text(scores, student.task), file=sys.stderr if config.do_predict else sys.stdout)


def answer_lines(predictor: Predictor, task: Task, examples: Iterable[AnyExample | None]) -> Iterator[str]:
    """One line of answer per example, in order; an empty line for None, an input line that held nothing.

    Works in chunks of a few thousand examples, so memory does not grow with the input.
    """
    show = task.lines.show
    for chunk in _chunks(examples):
        real = [example for example in chunk if example is not None]
        answers = iter(predictor.predict(real))
        for example in chunk:
            yield "" if example is None else show(example, next(answers))


def evaluate(student: OpenedStudent, config: PredictionConfig) -> dict[str, Any]:
    """The task's scores on `pred_file` if it is labelled, else on the test (or dev) set of the task."""
    examples = _gold(student, config)
    return student.task.scores(examples, student.predictor.predict(examples))


def _gold(student: OpenedStudent, config: PredictionConfig) -> list[AnyExample]:
    settings = DistillationConfig.from_json(student.config)
    if config.pred_file != STANDARD_STREAM and _is_labelled(config.pred_file):
        return read_labelled(config.pred_file, student.task.kind, settings.do_pairwise, student.task.labels,
                             reading_of(settings))
    task = config.task or settings.task
    if not ((task and pathlib.Path(task).exists()) or task.startswith(HUB_PREFIX)):
        raise ConfigError(f"`do_eval`: {f'{task} is not there on this machine' if task else 'no task is known'}. "
                          "Give `task`, or a labelled `pred_file`.")
    corpus = open_corpus(dataclasses.replace(settings, task=task, task_kind=student.task.kind))
    return corpus.test or corpus.dev


def _is_labelled(path: str) -> bool:
    return stem_and_suffix(path)[1] != ".txt"


def _input(source: str, student: OpenedStudent) -> Iterator[AnyExample | None]:
    parse = student.task.parse
    if source == STANDARD_STREAM:
        for number, line in enumerate(_standard_input(), 1):
            yield parse(line, number, "standard input")
    elif _is_labelled(source):
        yield from student.task.read_unlabeled(source, bool(student.config.get("do_pairwise")))
    else:
        for number, line in open_lines(source):
            yield parse(line, number, source)


def _standard_input() -> Iterator[str]:
    for number, raw in enumerate(sys.stdin.buffer, 1):
        try:
            yield raw.decode("utf-8").rstrip("\r\n")
        except UnicodeDecodeError as error:
            raise DataError(f"standard input:{number}: not UTF-8 ({error.reason} at byte {error.start}). "
                            "Convert it to UTF-8.") from error


@contextlib.contextmanager
def _output(config: PredictionConfig) -> Iterator[TextIO]:
    target = config.output_file or (
        STANDARD_STREAM if config.pred_file == STANDARD_STREAM else f"{config.model_dir}/predictions.txt")
    if target == STANDARD_STREAM:
        sys.stdout.reconfigure(encoding="utf-8")  # type: ignore[union-attr]  # Python's own output can be
        yield sys.stdout
        return
    with atomic_file(target) as part, open(part, "w", encoding="utf-8") as handle:
        yield handle
    print(f"wrote {target}", file=sys.stderr)


def _chunks(examples: Iterable[AnyExample | None]) -> Iterator[list[AnyExample | None]]:
    chunk: list[AnyExample | None] = []
    for example in examples:
        chunk.append(example)
        if len(chunk) == _CHUNK:
            yield chunk
            chunk = []
    if chunk:
        yield chunk
