"""Answering a whole file of texts with a server."""

from __future__ import annotations

import collections
import concurrent.futures
import itertools
import os
from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

from xtremedistil_tf.atomic import atomic_file
from xtremedistil_tf.corpus.lines import open_lines
from xtremedistil_tf.errors import ConfigError
from xtremedistil_tf.export.serving.client import ServingClient
from xtremedistil_tf.progress import progress_bar
from xtremedistil_tf.tasks.registry import KINDS

S = TypeVar("S")
T = TypeVar("T")


def predict_file(client: ServingClient, path_in: str | os.PathLike[str], path_out: str | os.PathLike[str],
                 batch_size: int = 64, concurrency: int = 4) -> None:
    """Answers a file line by line, in the form that `xtreme-distil predict` reads and writes.

    The order is kept, an empty line is answered with an empty line, and memory does not grow with the file.

    Args:
        client: the model.
        path_in: UTF-8 text, plain or compressed; what a line holds depends on the task, see `Task.lines`.
        path_out: appears whole, once all is answered.
        batch_size: texts of a request.
        concurrency: requests at once.

    Raises:
        ConfigError: a number below 1.
        DataError: see `open_lines`; faults are found before the first request.
        ModelLoadError: the server does not answer, or refuses.
    """
    if batch_size < 1 or concurrency < 1:
        raise ConfigError(f"batch_size {batch_size}, concurrency {concurrency}: expected 1 or more.")
    total = sum(1 for _ in open_lines(path_in))
    kind = KINDS[client.kind]
    layout, prediction = kind.lines, kind.raw_text.prediction
    source = os.fspath(path_in)

    def answer(batch: list[tuple[int, str]]) -> list[str]:
        examples = [layout.parse(line, number, source) for number, line in batch]
        answers = iter(client.predict([example for example in examples if example is not None]))
        return ["" if example is None else layout.show(example, prediction(next(answers)))
                for example in examples]

    with atomic_file(path_out) as part, open(part, "w", encoding="utf-8") as output, \
            progress_bar(total, "answering", "line") as bar:
        for lines in _map_in_order(answer, _batches(open_lines(path_in), batch_size), concurrency):
            output.writelines(f"{line}\n" for line in lines)
            bar.update(len(lines))


def _batches(items: Iterable[S], size: int) -> Iterator[list[S]]:
    items = iter(items)
    while batch := list(itertools.islice(items, size)):
        yield batch


def _map_in_order(function: Callable[[S], T], items: Iterable[S], concurrency: int) -> Iterator[T]:
    """Yields function(item) for every item, in order; at most 2 * concurrency items are held at once."""
    with concurrent.futures.ThreadPoolExecutor(concurrency) as pool:
        waiting: collections.deque[concurrent.futures.Future[T]] = collections.deque()
        try:
            for item in items:
                # One more per worker, so that none idles while the oldest is awaited.
                if len(waiting) == 2 * concurrency:
                    yield waiting.popleft().result()
                waiting.append(pool.submit(function, item))
            while waiting:
                yield waiting.popleft().result()
        finally:
            pool.shutdown(wait=True, cancel_futures=True)
