"""Answers to a stream of records, in this process or in several."""

from __future__ import annotations

import collections
import concurrent.futures
import multiprocessing
from collections.abc import Iterable, Iterator
from concurrent.futures.process import BrokenProcessPool

from xtremedistil_tf.config import PredictionConfig
from xtremedistil_tf.errors import ModelLoadError
from xtremedistil_tf.inference.answer_formats import TsvWriter, writer_of
from xtremedistil_tf.inference.chunks import chunks
from xtremedistil_tf.inference.predictor import OpenedStudent, Predictor, open_predictor
from xtremedistil_tf.inference.records import Record

#: What a worker process answers with, once it has opened the student.
_OPENED: list[tuple[Predictor, TsvWriter]] = []


class Answering:
    """Writes what each record is answered with, in order, in memory that does not grow with the input.

    Args:
        student: opened in this process.
        writer: of the answers.
        config: whose `workers` says in how many processes, each with one thread.

    Attributes:
        truncated: answers to inputs that were cut so far.
    """

    def __init__(self, student: OpenedStudent, writer: TsvWriter, config: PredictionConfig):
        self._student, self._writer, self._config = student, writer, config
        self._cut_elsewhere = 0

    @property
    def truncated(self) -> int:
        return self._student.predictor.truncated + self._cut_elsewhere

    def of(self, records: Iterable[Record]) -> Iterator[str]:
        """What is written for each record.

        Raises:
            ModelLoadError: a worker process ended, such as by a lack of memory.
        """
        parts = chunks(records, lambda record: record.characters)
        if self._config.workers == 1:
            for part in parts:
                yield from _shown(self._student.predictor, self._writer, part)
            return
        try:
            yield from self._of_workers(parts)
        except BrokenProcessPool as error:
            raise ModelLoadError(f"`workers={self._config.workers}`: one of the processes ended. If memory is short, "
                                 "give fewer.") from error

    def _of_workers(self, parts: Iterator[list[Record]]) -> Iterator[str]:
        # A forked process would share locks with threads of this one that it does not have.
        pool = concurrent.futures.ProcessPoolExecutor(self._config.workers, multiprocessing.get_context("spawn"),
                                                      _open, (self._config,))
        waiting: collections.deque[concurrent.futures.Future[tuple[list[str], int]]] = collections.deque()
        with pool:
            try:
                for part in parts:
                    waiting.append(pool.submit(_answer, part))
                    if len(waiting) > 2 * self._config.workers:
                        yield from self._taken(waiting.popleft())
                while waiting:
                    yield from self._taken(waiting.popleft())
            finally:
                for future in waiting:
                    future.cancel()

    def _taken(self, future: concurrent.futures.Future[tuple[list[str], int]]) -> list[str]:
        texts, truncated = future.result()
        self._cut_elsewhere += truncated
        return texts


def _shown(predictor: Predictor, writer: TsvWriter, part: list[Record]) -> Iterator[str]:
    answers = iter(writer.answers(predictor, [record.asked for record in part if record.asked]))
    for record in part:
        yield writer.shown(record, next(answers) if record.asked else None)


def _open(config: PredictionConfig) -> None:
    student = open_predictor(config.model_dir, config.format, config.quantize, config.batch_size, 1, config.decoding)
    _OPENED.append((student.predictor, writer_of(config.output_format, student.task)))


def _answer(part: list[Record]) -> tuple[list[str], int]:
    predictor, writer = _OPENED[0]
    before = predictor.truncated
    return list(_shown(predictor, writer, part)), predictor.truncated - before
