"""A model as the server knows it: its signatures, whatever they run on."""

from __future__ import annotations

import collections
import contextlib
import dataclasses
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from xtremedistil_tf.errors import ModelLoadError
from xtremedistil_tf.tasks.registry import kind_of_outputs

Tensors = dict[str, np.ndarray]
DEFAULT_SIGNATURE = "serving_default"
_EXAMPLE = {"texts": "Ada Lovelace was born in London .", "pairs": "Ada Lovelace came from London .",
            "questions": "Where was Ada Lovelace born?", "contexts": "Ada Lovelace was born in London."}


class RequestError(Exception):
    """What a client is told in place of an answer.

    Attributes:
        status: status code of HTTP.
        message: for the client.
        headers: further headers of the response.
    """

    def __init__(self, status: int, message: str, headers: Mapping[str, str] | None = None):
        super().__init__(message)
        self.status, self.message, self.headers = status, message, dict(headers or {})


class Turns:
    """Lets one batch at a time into the model, in the order in which threads ask, while it is still wanted.

    A lock of Python may go again and again to the thread that has just freed it.
    """

    def __init__(self) -> None:
        self._mutex, self._held = threading.Lock(), False
        self._waiting: collections.deque[threading.Lock] = collections.deque()
        self._thread = threading.local()

    @contextlib.contextmanager
    def asking(self, check: Callable[[], None]) -> Iterator[None]:
        """Within it, `check` is called before each turn of this thread; what it raises ends the work."""
        self._thread.check = check
        try:
            yield
        finally:
            self._thread.check = None

    def __enter__(self) -> None:
        if check := getattr(self._thread, "check", None):
            check()
        with self._mutex:
            if not self._held:
                self._held = True
                return
            own = threading.Lock()
            own.acquire()
            self._waiting.append(own)
        own.acquire()

    def __exit__(self, *exception: object) -> None:
        with self._mutex:
            if self._waiting:
                self._waiting.popleft().release()  # and it stays held
            else:
                self._held = False

    def one_by_one(self, call: Callable[[Any], Any]) -> Callable[[Any], Any]:
        """A function that waits for its turn."""
        def turn(value: Any) -> Any:
            with self:
                return call(value)

        return turn


@dataclasses.dataclass(frozen=True)
class Spec:
    """Attributes:
        dtype: TensorFlow's name of the type, such as `string`.
        shape: None where a size may vary.
    """

    dtype: str
    shape: tuple[int | None, ...]


@dataclasses.dataclass(frozen=True)
class ServedSignature:
    """One way to ask the model.

    Attributes:
        inputs, outputs: by name.
        call: inputs by name -> outputs by name, one row for each row; strings are UTF-8 bytes in object arrays.
            Raises RequestError where the model refuses the inputs.
        optional: inputs that may be left out.
        whole: as `call`, for one text of any length in bounded memory; None: there is no such way.
        counted: output -> the output that says how many values each of its rows has; the others are padding.
        sizes: input of ids -> how many ids the model has.
        pads: whether `call` pads all rows to the longest one; else it makes batches of its own.
    """

    inputs: Mapping[str, Spec]
    outputs: Mapping[str, Spec]
    call: Callable[[Tensors], Tensors]
    optional: frozenset[str] = frozenset()
    whole: Callable[[Tensors], Tensors] | None = None
    counted: Mapping[str, str] = dataclasses.field(default_factory=dict)
    sizes: Mapping[str, int] = dataclasses.field(default_factory=dict)
    pads: bool = True

    @property
    def takes_texts(self) -> bool:
        """Whether every input is of strings; its rows then have a length each."""
        return all(spec.dtype == "string" for spec in self.inputs.values())


@dataclasses.dataclass(frozen=True)
class ServedModel:
    """A loaded model.

    Attributes:
        signatures: by name; `serving_default` among them, which takes texts.
        labels: names of the outputs; empty where unknown.
        source: what was loaded, for messages.
        turns: what its calls wait in.
        runs_code: whether loading it ran what its directory holds.
    """

    signatures: Mapping[str, ServedSignature]
    labels: Sequence[str]
    source: str
    turns: Turns = dataclasses.field(default_factory=Turns)
    runs_code: bool = False

    @property
    def default(self) -> ServedSignature:
        return self.signatures[DEFAULT_SIGNATURE]

    @property
    def kind(self) -> str:
        """Kind of task, as in configurations.

        Raises:
            ModelLoadError: no kind answers so.
        """
        if kind := kind_of_outputs(self.default.outputs):
            return kind
        raise ModelLoadError(f"{self.source}: answers with {', '.join(sorted(self.default.outputs))}, which this "
                             "package does not know. Export the student again.")

    @property
    def inputs(self) -> list[str]:
        """Inputs of the default signature, in the order in which one reads them."""
        return [name for name in _EXAMPLE if name in self.default.inputs]

    @property
    def example(self) -> dict[str, str]:
        """A text for each input that the default signature requires."""
        return {name: _EXAMPLE[name] for name in self.inputs if name not in self.default.optional}
