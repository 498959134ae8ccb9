"""One request's work: its rows, which wait, and the answers that are there."""

from __future__ import annotations

import concurrent.futures
import contextlib
import math
import time
from collections.abc import Sequence
from typing import Any

import numpy as np

from xtremedistil_tf.inference.server.model import RequestError, ServedModel, ServedSignature, Tensors
from xtremedistil_tf.inference.server.tensors import encoded

#: A row's answer: JSON by the output's name.
Row = dict[str, bytes]
# Special tokens around a text.
_SPECIAL = 3


class Gone(Exception):
    """Nobody waits for this work any more."""


class Job:
    """The rows of one request.

    Args:
        model: what answers.
        signature: how it is asked.
        inputs: [rows, ...] each, at least one row.
        seconds: in which the answer must be there.
        most_bytes: of the answer.

    Attributes:
        group: rows of jobs with the same group go into one batch.
        sizes: of each row an upper bound of its subwords; it has no more of them than bytes.
        waiting: rows that are yet to be answered, the shortest first.
        credit: bytes that it may have of the next batches, see `Scheduler`.
        bytes: of its inputs.
        done: the answers of all rows in order, or the error.
    """

    def __init__(self, model: ServedModel, signature: ServedSignature, inputs: Tensors, seconds: float,
                 most_bytes: int):
        self.model, self.signature, self.inputs = model, signature, inputs
        self.done: concurrent.futures.Future[list[Row]] = concurrent.futures.Future()
        self.sizes = _sizes(signature, inputs)
        self.bytes = sum(self.sizes)
        # Numbers are answered with others of their width alone.
        widths = tuple(values.shape[1:] for values in inputs.values()) if not signature.takes_texts else ()
        self.group: Any = (id(signature), tuple(inputs), widths)
        self.waiting = sorted(range(len(self.sizes)), key=lambda row: self.sizes[row])
        self.begun, self.credit = False, 0
        self._rows: list[Row | None] = [None] * len(self.sizes)
        self._missing, self._left = len(self.sizes), most_bytes
        self._most_bytes, self._seconds = most_bytes, seconds
        self._until = time.monotonic() + seconds

    def check(self) -> None:
        """Raises Gone where the client has gone, RequestError where its time is over."""
        if self.done.cancelled() or self.done.done():
            raise Gone
        if time.monotonic() > self._until:
            raise self.late()

    def late(self) -> RequestError:
        """What a client is told where its time is over."""
        if self.begun:
            return RequestError(413, f"the answer takes more than {self._seconds:g} s; send fewer or shorter texts")
        return RequestError(503, f"the server was busy for {self._seconds:g} s; try again later", {"Retry-After": "2"})

    def take(self, rows: Sequence[int]) -> Tensors:
        """The inputs of rows, which wait no more."""
        self.begun, taken = True, set(rows)
        self.waiting = [row for row in self.waiting if row not in taken]
        return {name: values[list(rows)] for name, values in self.inputs.items()}

    def put(self, rows: Sequence[int], answers: Sequence[Row]) -> None:
        """The answers of rows that were taken."""
        for row, answer in zip(rows, answers):
            self._left -= sum(map(len, answer.values()))
            if self._left < 0:
                raise RequestError(413, f"the answer is larger than {self._most_bytes} bytes; send fewer or shorter "
                                        "texts (the server's `max_answer_bytes` raises this limit)")
            self._rows[row] = answer
        self._missing -= len(rows)
        if not self._missing:
            self._finish(lambda: self.done.set_result([row for row in self._rows if row is not None]))

    def fail(self, error: BaseException) -> None:
        """Ends it with an error."""
        self.waiting = []
        self._finish(lambda: self.done.set_exception(error))

    def _finish(self, finish: Any) -> None:
        with contextlib.suppress(concurrent.futures.InvalidStateError):  # it was cancelled meanwhile
            finish()


def answers_of(signature: ServedSignature, inputs: Tensors, whole: bool) -> list[Row]:
    """Asks the model, and writes each row by itself: padding is no part of an answer."""
    outputs = signature.whole(inputs) if whole and signature.whole else signature.call(inputs)
    count = len(next(iter(inputs.values())))
    return [_row(signature, outputs, row) for row in range(count)]


def _row(signature: ServedSignature, outputs: Tensors, row: int) -> Row:
    answer = {}
    for name, values in outputs.items():
        counted = signature.counted.get(name)
        found = values[row]
        answer[name] = encoded(found if counted not in outputs else found[:int(outputs[counted][row])])
    return answer


def _sizes(signature: ServedSignature, inputs: Tensors) -> list[int]:
    if not signature.takes_texts:
        width = max(math.prod(values.shape[1:]) for values in inputs.values())
        return [max(1, width)] * len(next(iter(inputs.values())))
    rows = [values.reshape(len(values), math.prod(values.shape[1:])) for values in inputs.values()]
    return [_SPECIAL + sum(max(1, len(text)) for text in row) for row in np.concatenate(rows, 1)]
