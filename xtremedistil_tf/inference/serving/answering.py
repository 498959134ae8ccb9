"""A student on a TensorFlow Serving as one of its forms, and a whole file of texts answered by it."""

from __future__ import annotations

import collections
import concurrent.futures
import itertools
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, TypeVar
from urllib.parse import unquote, urlsplit

import numpy as np

from xtremedistil_tf.atomic import atomic_file
from xtremedistil_tf.corpus.files import quoted
from xtremedistil_tf.errors import ConfigError, DataError, ModelLoadError
from xtremedistil_tf.inference.records import decoded_lines
from xtremedistil_tf.inference.runtimes import logits_of
from xtremedistil_tf.inference.serving.client import DEFAULT_MODEL, ServingClient
from xtremedistil_tf.inference.serving.grpc_client import GrpcClient
from xtremedistil_tf.inference.serving.rest_client import RestClient
from xtremedistil_tf.progress import progress_bar
from xtremedistil_tf.tasks.registry import KINDS
from xtremedistil_tf.tasks.task import Task

S = TypeVar("S")
T = TypeVar("T")
# A batch of 256 long inputs takes a small server its time.
_TIMEOUT = 60.0


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
        DataError: the file cannot be read, or a line is not UTF-8; faults are found before the first request.
        ModelLoadError: the server does not answer, or refuses.
    """
    if batch_size < 1 or concurrency < 1:
        raise ConfigError(f"batch_size {batch_size}, concurrency {concurrency}: expected 1 or more.")
    source = os.fspath(path_in)
    total = sum(1 for _ in _lines(source))
    kind = KINDS[client.kind]
    layout, raw_text = kind.lines, kind.raw_text

    def shown(example: Any, found: Any) -> str:
        return layout.show(raw_text.example(example, found), raw_text.prediction(found))

    def answer(batch: list[tuple[int, str]]) -> list[str]:
        examples = [layout.parse(line, number, source) for number, line in batch]
        answers = iter(client.predict([example for example in examples if example is not None]))
        return ["" if example is None else shown(example, next(answers)) for example in examples]

    with atomic_file(path_out) as part, open(part, "w", encoding="utf-8") as output, \
            progress_bar(total, "answering", "line") as bar:
        for lines in _map_in_order(answer, _batches(_lines(source), batch_size), concurrency):
            output.writelines(f"{line}\n" for line in lines)
            bar.update(len(lines))


def _lines(source: str) -> Iterator[tuple[int, str]]:
    for number, line, fault in decoded_lines(source):
        if fault:
            raise DataError(f"{source}:{number}: {fault}. Correct the line.")
        yield number, line


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


class ServingRuntime:
    """The `token_ids` signature of a model on a server.

    Args:
        address: `serving://host:port[/model]` (gRPC) or `serving+http://host:port[/model]` or
            `serving+https://host[:port][/model]` (REST).
        model: name of the model; None: the one that the address names, else `xtremedistil`.
        task: checked against the model's answers; None: they are taken as they are.
        retries: how often a request is tried again, see `ServingClient`.

    Raises:
        ConfigError: the address has another form.
        ModelLoadError: the server does not answer, or the model has no `token_ids` signature.
        MissingExtraError: gRPC, and a package of the extra `serving` is not installed.
    """

    def __init__(self, address: str, model: str | None = None, task: Task | None = None, retries: int = 3):
        self._client, self._task = _client(address, model, retries), task
        signature = self._client.signatures.get("token_ids")
        if signature is None:
            raise ModelLoadError(f"{self._client.where}: no signature token_ids, but "
                                 f"{', '.join(sorted(self._client.signatures))}. Check the model's name.")
        self._names = signature.inputs

    def forward(self, batch: Mapping[str, Any]) -> dict[str, np.ndarray]:
        missing = [name for name in self._names if name not in batch]
        if missing:
            raise ModelLoadError(f"{self._client.where}: needs {', '.join(missing)}, which this task's "
                                 "inputs do not have. It is a model for another task.")
        logits = logits_of(self._client.token_ids({name: batch[name] for name in self._names}))
        if self._task is not None:
            self._check(logits)
        return {"logits": logits}

    def close(self) -> None:
        self._client.close()

    def _check(self, logits: np.ndarray) -> None:
        found = _shape(logits.ndim == 3, logits.shape[-1])
        expected = _shape(self._task.per_piece, self._task.num_outputs)
        if found != expected:
            raise ModelLoadError(f"{self._client.where}: returns {found}, expected {expected}. It is a "
                                 "model for another task.")


def _shape(per_piece: bool, outputs: int) -> str:
    return f"{outputs} logits for each {'subword' if per_piece else 'input'}"


def _client(address: str, model: str | None, retries: int) -> ServingClient:
    parts = urlsplit(address)
    named = unquote(parts.path.strip("/"))
    if parts.scheme not in ("serving", "serving+http", "serving+https") or not parts.netloc or "/" in named:
        raise ConfigError(f"{quoted(address)}: expected serving://host:port[/model] for gRPC or "
                          "serving+http://host:port[/model] for REST.")
    model = model or named or DEFAULT_MODEL
    if parts.scheme == "serving":
        return GrpcClient(parts.netloc, model, timeout=_TIMEOUT, retries=retries)
    url = f"{parts.scheme.partition('+')[2]}://{parts.netloc}"
    return RestClient(url, model, timeout=_TIMEOUT, retries=retries)
