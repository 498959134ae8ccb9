"""Asking a teacher for its answers, text by text: kept on disk as they come, so that none is asked for twice."""

from __future__ import annotations

import array
import concurrent.futures
import itertools
import json
import logging
import os
import pathlib
import random
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, BinaryIO

from xtremedistil_tf.atomic import atomic_file
from xtremedistil_tf.corpus.example import digest
from xtremedistil_tf.errors import ConfigError, TeacherError
from xtremedistil_tf.progress import progress_bar
from xtremedistil_tf.teachers.answering import Answering, jsonable

log = logging.getLogger(__name__)

#: Attempts at a batch, seconds before the second one (doubled each time), and batches that may fail in a row.
ATTEMPTS, FIRST_WAIT, MOST_FAILED = 4, 1.0, 3
Asked = str | tuple[str, ...]


class Asking:
    """Asks for the answers to texts that are not known yet.

    Args:
        answer: the teacher.
        name: of it, for messages.
        path: file of the answers, JSON lines in the order of the texts; while they come they are in `<path>.part`.
        batch_size: texts in a call.
        workers: calls at once, in threads.
        wait: seconds before a failed call is repeated; doubled each time, with a random share added.
    """

    def __init__(self, answer: Answering, name: str, path: pathlib.Path, batch_size: int = 32, workers: int = 1,
                 wait: float = FIRST_WAIT):
        self._answer, self._name, self.path = answer, name, path
        self._batch_size, self._workers, self._wait = batch_size, workers, wait
        self._part = path.with_name(path.name + ".part")
        self._places: dict[int, int] = {}
        self.failed = 0

    def ask(self, texts: Callable[[], Iterable[Asked]], total: int) -> pathlib.Path:
        """The file of the answers; what it lacks is asked for.

        Args:
            texts: makes an iterator over the texts, the same every time; a tuple is a pair of texts.
            total: how many there are.

        Raises:
            TeacherError: calls fail again and again, or all texts fail.
            ConfigError: the teacher answers with something that is no answer.
        """
        if self.path.exists():
            return self.path
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with open(self._part, "a+b") as part:
            self._read(part)
            if self._places:
                log.info("%s: %d of %d answers are there; asking for the others", self.path, len(self._places), total)
            with progress_bar(total, f"asking {self._name}", "text", initial=min(total, len(self._places))) as bar:
                for batch, records in self._answers(self._batches(texts())):
                    self._keep(part, batch, records)
                    bar.update(len(batch))
            self._finish(part, texts())
        return self.path

    def _read(self, part: BinaryIO) -> None:
        """Finds the answers that are there; what a killed process left of a line is cut off."""
        part.seek(0)
        end = 0
        while line := part.readline():
            if not line.endswith(b"\n"):
                break
            self._places[json.loads(line)["id"]] = end
            end = part.tell()
        part.truncate(end)
        part.seek(end)

    def _batches(self, texts: Iterable[Asked]) -> Iterator[list[Asked]]:
        seen: set[int] = set()
        batch: list[Asked] = []
        for text in texts:
            key = _key(text)
            if key in self._places or key in seen:
                continue
            seen.add(key)
            batch.append(text)
            if len(batch) == self._batch_size:
                yield batch
                batch = []
        if batch:
            yield batch

    def _answers(self, batches: Iterator[list[Asked]]) -> Iterator[tuple[list[Asked], list[Any]]]:
        """The answers to batches as they come; None for texts that failed."""
        failed_in_a_row = 0
        with concurrent.futures.ThreadPoolExecutor(self._workers, "asking") as pool:
            running = {pool.submit(self._of_batch, batch): batch
                       for batch in itertools.islice(batches, 2 * self._workers)}
            try:
                while running:
                    done, _ = concurrent.futures.wait(running, return_when=concurrent.futures.FIRST_COMPLETED)
                    for future in done:
                        batch = running.pop(future)
                        records, error = future.result()
                        failed_in_a_row = 0 if any(record is not None for record in records) else failed_in_a_row + 1
                        if failed_in_a_row >= MOST_FAILED:
                            raise TeacherError(
                                f"{self._name} failed on {failed_in_a_row} batches in a row, each tried {ATTEMPTS} "
                                f"times. The last error: {type(error).__name__}: {error}. The answers so far are "
                                "kept: run the same again to continue.") from error
                        if following := next(batches, None):
                            running[pool.submit(self._of_batch, following)] = following
                        yield batch, records
            finally:
                for future in running:
                    future.cancel()

    def _of_batch(self, batch: list[Asked]) -> tuple[list[Any], BaseException | None]:
        try:
            return self._tried(batch), None
        except ConfigError:
            raise
        except Exception as error:  # whatever the teacher raises
            if len(batch) == 1:
                log.warning("%s failed on %r: %s: %s", self._name, str(batch[0])[:60], type(error).__name__, error)
                return [None], error
            found, last = [], error
            for text in batch:  # so that one text does not cost the others their answers
                try:
                    found += self._checked([text])
                except Exception as of_one:
                    log.warning("%s failed on %r: %s: %s", self._name, str(text)[:60], type(of_one).__name__, of_one)
                    found, last = [*found, None], of_one
                    if len(found) == 2 and found == [None, None]:
                        return [None] * len(batch), last  # it is not the text
            return found, last

    def _tried(self, batch: list[Asked]) -> list[Any]:
        for attempt in range(ATTEMPTS):
            try:
                return self._checked(batch)
            except ConfigError:
                raise
            except Exception as error:
                if attempt == ATTEMPTS - 1:
                    raise
                seconds = self._wait * 2**attempt * (1 + random.random())
                log.info("%s: %s: %s; trying again in %.0f s", self._name, type(error).__name__, error, seconds)
                time.sleep(seconds)
        raise AssertionError

    def _checked(self, batch: list[Asked]) -> list[Any]:
        records = list(self._answer(batch))
        if len(records) != len(batch):
            raise ConfigError(f"{self._name} gave {len(records)} answers to {len(batch)} texts. Expected one for each, "
                              "in their order.")
        return records

    def _keep(self, part: BinaryIO, batch: Sequence[Asked], records: Sequence[Any]) -> None:
        for text, record in zip(batch, records):
            if record is None:
                self.failed += 1
                continue
            texts = (text,) if isinstance(text, str) else text
            row = jsonable(record) | dict(zip(("text", "text_pair"), texts)) | {"id": _key(text)}
            self._places[row["id"]] = part.tell()
            part.write(json.dumps(row, ensure_ascii=True).encode() + b"\n")
        part.flush()
        os.fsync(part.fileno())

    def _finish(self, part: BinaryIO, texts: Iterable[Asked]) -> None:
        if self.failed:
            log.warning("%s: %d texts are left out, on which it failed", self._name, self.failed)
        if not self._places:
            raise TeacherError(f"{self._name} answered no text.")
        order, seen = array.array("Q"), set()
        for text in texts:
            key = _key(text)
            if key in self._places and key not in seen:
                seen.add(key)
                order.append(self._places[key])
        with atomic_file(self.path) as final, open(final, "wb") as out:
            for place in order:
                part.seek(place)
                out.write(part.readline())
        self._part.unlink()


def _key(text: Asked) -> int:
    return digest((text,) if isinstance(text, str) else tuple(text))
