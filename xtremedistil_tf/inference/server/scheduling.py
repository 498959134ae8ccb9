"""Who is asked when: waiting requests share batches, and none holds up the others for longer than a batch takes."""

from __future__ import annotations

import collections
import threading
import time
from collections.abc import Callable, Sequence

import numpy as np

from xtremedistil_tf.inference.server.jobs import Gone, Job, Row, answers_of
from xtremedistil_tf.inference.server.model import RequestError, Tensors

# Of ordinary text. Forms that tokenize outside of the model bound their batches by what the subwords really are.
_BYTES_OF_A_SUBWORD = 4
# Of a long text, between two of its batches while short ones are asked for.
_PAUSE_SECONDS = 0.03
# A job, the numbers of some of its rows, and their inputs.
_Part = tuple[Job, list[int], Tensors]

_BUSY = "too many requests are waiting; try again later"


class Scheduler:
    """Answers jobs in two threads, one for batches of short texts and one for long texts, which take turns.

    Jobs come in order of arrival. One that does not fit into a batch goes to the end of the queue with what is left
    of it. Each batch is filled with rows of the jobs behind, as a batch costs little more than a single text.

    Args:
        batch_subwords: most subwords in a batch, with padding; a text that may have more is a batch of its own.
        most_jobs: that wait or run.
        most_bytes: of the inputs of all that wait or run.
        on_batch: called with the number of texts of each batch.
    """

    def __init__(self, batch_subwords: int, most_jobs: int, most_bytes: int,
                 on_batch: Callable[[int], None] = lambda texts: None):
        self._budget, self._most_jobs, self._most_bytes = batch_subwords, most_jobs, most_bytes
        self._on_batch = on_batch
        self._changed = threading.Condition()
        self._jobs: set[Job] = set()
        self._short: collections.deque[Job] = collections.deque()
        self._long: collections.deque[Job] = collections.deque()
        self._ended = self._asking = False
        for work in (self._answer_short, self._answer_long):
            threading.Thread(target=work, name="model", daemon=True).start()

    @property
    def waiting(self) -> int:
        """Jobs that wait or run."""
        return len(self._jobs)

    def submit(self, job: Job) -> None:
        """Queues a job.

        Raises:
            RequestError: 503, there is no room.
        """
        with self._changed:
            waiting = sum(other.bytes for other in self._jobs)
            if len(self._jobs) >= self._most_jobs or (self._jobs and waiting + job.bytes > self._most_bytes):
                raise RequestError(503, _BUSY, {"Retry-After": "1"})
            self._jobs.add(job)
            job.done.add_done_callback(lambda done: self._forget(job))
            self._requeue(job)

    def end(self) -> None:
        """Ends the threads once they have answered what they are at."""
        with self._changed:
            self._ended = True
            self._changed.notify_all()

    def _forget(self, job: Job) -> None:
        # Reentrant: a job may end while it is queued.
        with self._changed:
            self._jobs.discard(job)

    def _requeue(self, job: Job) -> None:
        """Puts a job at the end of the queues in which it has rows to wait for; the condition is held."""
        if job.waiting and job.sizes[job.waiting[0]] <= self._budget and job not in self._short:
            self._short.append(job)
        if job.waiting and job.sizes[job.waiting[-1]] > self._budget and job not in self._long:
            self._long.append(job)
        self._changed.notify_all()

    def _next(self, queue: collections.deque[Job], choose: Callable[[], list[_Part]]) -> list[_Part]:
        """What is to be answered now; nothing: it is all over."""
        with self._changed:
            while True:
                while not queue and not self._ended:
                    self._changed.wait()
                for job in [job for job in queue if not _is_wanted(job)]:
                    queue.remove(job)
                if queue:
                    parts = choose()
                    for job, _, _ in parts:
                        queue.remove(job)
                        self._requeue(job)
                    return parts
                if self._ended:
                    return []

    def _batch(self) -> list[_Part]:
        """Rows of the first job and of all that may be asked with it, a row of each in turn."""
        first = self._short[0]
        beside = [job for job in self._short if job.group == first.group]
        pads = first.signature.pads
        budget = self._budget * (1 if pads else _BYTES_OF_A_SUBWORD)
        _give_credit(beside, budget // 2)
        taken: dict[Job, list[int]] = {job: [] for job in beside}
        count = total = longest = 0
        while beside:
            fitting = []
            for job in beside:
                at = len(taken[job])
                if job.credit <= 0 or at == len(job.waiting) or job.sizes[job.waiting[at]] > self._budget:
                    continue
                size = job.sizes[job.waiting[at]]
                if count and ((count + 1) * max(longest, size) if pads else total + size) > budget:
                    continue
                taken[job].append(job.waiting[at])
                job.credit -= size
                count, total, longest = count + 1, total + size, max(longest, size)
                fitting.append(job)
            beside = fitting
        return [(job, rows, job.take(rows)) for job, rows in taken.items() if rows]

    def _one_long(self) -> list[_Part]:
        job = self._long[0]
        rows = job.waiting[-1:]
        return [(job, rows, job.take(rows))]

    def _answer_short(self) -> None:
        while parts := self._next(self._short, self._batch):
            names = parts[0][2]
            try:
                rows = self._ask(parts[0][0], {name: np.concatenate([inputs[name] for _, _, inputs in parts])
                                               for name in names})
            except Exception as error:
                self._one_by_one(parts, error)
                continue
            for job, numbers, _ in parts:
                self._put(job, numbers, rows[:len(numbers)])
                rows = rows[len(numbers):]

    def _one_by_one(self, parts: Sequence[_Part], error: Exception) -> None:
        """After a batch has failed: a request that is refused does not take the others with it."""
        if len(parts) == 1:
            self._fail(parts[0][0], error)
            return
        for job, numbers, inputs in parts:
            try:
                self._put(job, numbers, self._ask(job, inputs))
            except Exception as own:
                self._fail(job, own)

    def _answer_long(self) -> None:
        while parts := self._next(self._long, self._one_long):
            job, numbers, inputs = parts[0]
            try:
                with job.model.turns.asking(lambda job=job: self._give_way(job)):  # type: ignore[misc]
                    rows = answers_of(job.signature, inputs, whole=True)
                self._put(job, numbers, rows)
            except Exception as error:
                self._fail(job, error)

    def _give_way(self, job: Job) -> None:
        """Before each batch of a long text: it is still wanted, and short texts have most of the time."""
        job.check()
        if self._asking or self._short:
            time.sleep(_PAUSE_SECONDS)

    def _ask(self, job: Job, inputs: Tensors) -> list[Row]:
        self._on_batch(len(next(iter(inputs.values()))))
        self._asking = True
        try:
            return answers_of(job.signature, inputs, whole=False)
        finally:
            self._asking = False

    def _put(self, job: Job, numbers: Sequence[int], rows: Sequence[Row]) -> None:
        with self._changed:
            try:
                job.put(numbers, rows)
            except RequestError as error:
                job.fail(error)

    def _fail(self, job: Job, error: Exception) -> None:
        with self._changed:
            job.fail(error)


def _give_credit(jobs: Sequence[Job], size: int) -> None:
    """Parts half a batch among jobs: who asks much pays for it with turns that others have (deficit round robin).

    A new job has some at once, and the first row is taken whatever its size.
    """
    each = max(1, size // len(jobs))
    # Where all are in debt, as many batches as it takes are counted at once.
    times = 1 + max(0, -max(job.credit for job in jobs)) // each
    for job in jobs:
        job.credit = min(job.credit + times * each, size)


def _is_wanted(job: Job) -> bool:
    try:
        job.check()
    except Gone:
        return False
    except RequestError as error:
        job.fail(error)
        return False
    return True
