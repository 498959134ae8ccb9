"""Answering and measuring text with a model directory."""

from __future__ import annotations

import contextlib
import dataclasses
import logging
import pathlib
import sys
from collections.abc import Iterable, Iterator
from typing import IO, Any

from xtremedistil_tf.atomic import atomic_file, why_not_writable
from xtremedistil_tf.config import DistillationConfig, PredictionConfig
from xtremedistil_tf.config.fields import listed
from xtremedistil_tf.corpus.example import AnyExample
from xtremedistil_tf.corpus.files import compressing, counted, stem_and_suffix
from xtremedistil_tf.errors import ConfigError, DataError
from xtremedistil_tf.inference.answer_formats import TsvWriter, writer_of
from xtremedistil_tf.inference.predictor import OpenedStudent, cut_note, open_predictor
from xtremedistil_tf.inference.records import STANDARD_STREAM, InputReader, Record, source_name
from xtremedistil_tf.runs.answering import Answering
from xtremedistil_tf.tasks.opening import HUB_PREFIX, open_corpus, read_labelled, reading_of
from xtremedistil_tf.tasks.registry import scores_text

log = logging.getLogger(__name__)


def run(config: PredictionConfig) -> None:
    """Does what `run_xtreme_distil_predict.py` was asked for."""
    student = open_predictor(config.model_dir, config.format, config.quantize, config.batch_size,
                             decoding=config.decoding)
    if config.do_predict:
        predict(student, config)
    if config.do_eval:
        scores = evaluate(student, config)
        print(scores_text(scores, student.task), file=sys.stderr if config.do_predict else sys.stdout)


def predict(student: OpenedStudent, config: PredictionConfig) -> None:
    """Writes the answer to each record of `pred_file`, and says at the end how many were cut or could not be read.

    Raises:
        DataError, ConfigError: see `InputReader`; with `on_error=stop`: a record that cannot be read. There is no
            output file then.
    """
    pairs = bool(student.config.get("do_pairwise"))
    writer = writer_of(config.output_format, student.task)
    reader = InputReader(student.task, pairs, listed(config.columns), config.table_header)
    tally = Tally(config.pred_file, config.on_error == "stop")
    answering = Answering(student, writer, config)
    with _output(config, writer) as output:
        output.write(writer.header())
        for text in answering.of(tally.counting(reader.read(config.pred_file))):
            output.write(text)
    for note in (tally.note(), cut_note(answering.truncated, tally.records, student.predictor.max_length)):
        if note:
            log.warning(note)


class Tally:
    """Counts records, and those that cannot be read.

    Args:
        source: what is read.
        stops: whether the first one that cannot be read ends it.

    Attributes:
        records: number of records so far.
    """

    def __init__(self, source: str, stops: bool):
        self._source, self._stops = source_name(source), stops
        self.records, self._faulty, self._first = 0, 0, ""

    def counting(self, records: Iterable[Record]) -> Iterator[Record]:
        """The same records.

        Raises:
            DataError: one cannot be read, and it stops.
        """
        for record in records:
            self.records += 1
            if record.fault:
                self._faulty += 1
                self._first = self._first or f"{record.source or self._source}:{record.line}: {record.fault}"
                if self._stops:
                    raise DataError(f"{self._first}. Correct the line, or go on without such lines: `on_error=skip`.")
            yield record

    def note(self) -> str | None:
        """What to tell people about the records that were not answered."""
        if not self._faulty:
            return None
        return f"{self._faulty:,} of {counted(self.records, 'record')} not answered; the first: {self._first}"


def evaluate(student: OpenedStudent, config: PredictionConfig) -> dict[str, Any]:
    """The task's scores on `pred_file` if it is labelled, else on the test (or dev) set of the task."""
    examples = _gold(student, config)
    return student.task.scores(examples, student.predictor.predict(examples, "evaluation"))


def _gold(student: OpenedStudent, config: PredictionConfig) -> list[AnyExample]:
    settings = DistillationConfig.from_json(student.config)
    if config.pred_file != STANDARD_STREAM and stem_and_suffix(config.pred_file)[1] != ".txt":
        return read_labelled(config.pred_file, student.task.kind, settings.do_pairwise, student.task.labels,
                             reading_of(settings))
    task = config.task or settings.task
    if not ((task and pathlib.Path(task).exists()) or task.startswith(HUB_PREFIX)):
        raise ConfigError(f"`do_eval`: {f'{task} is not there on this machine' if task else 'no task is known'}. "
                          "Give `task`, or a labelled `pred_file`.")
    corpus = open_corpus(dataclasses.replace(settings, task=task, task_kind=student.task.kind))
    return corpus.test or corpus.dev


@contextlib.contextmanager
def _output(config: PredictionConfig, writer: TsvWriter) -> Iterator[IO[str]]:
    target = config.output_file or (
        STANDARD_STREAM if config.pred_file == STANDARD_STREAM else f"{config.model_dir}/predictions{writer.suffix}")
    if target == STANDARD_STREAM:
        # Line ends are those of the format, on every system.
        sys.stdout.reconfigure(encoding="utf-8", newline="")  # type: ignore[union-attr]  # Python's own output can be
        yield sys.stdout
        return
    if reason := why_not_writable(pathlib.Path(target).resolve().parent):
        raise ConfigError(f"{target}: cannot be written ({reason}). Give another `output_file`, or "
                          f"`output_file={STANDARD_STREAM}` for standard output.")
    with atomic_file(target) as part, compressing(part) as handle:
        yield handle
    print(f"wrote {target}", file=sys.stderr)
