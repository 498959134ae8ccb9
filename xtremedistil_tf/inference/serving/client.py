"""What a client of TensorFlow Serving offers, whatever the protocol."""

from __future__ import annotations

import abc
import dataclasses
import functools
import random
import time
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from xtremedistil_tf.corpus.example import AnyExample, Example, QuestionExample
from xtremedistil_tf.corpus.files import quoted
from xtremedistil_tf.errors import ConfigError, DataError, ModelLoadError
from xtremedistil_tf.tasks.registry import KINDS, kind_of_outputs

if TYPE_CHECKING:
    from typing_extensions import Self

    from xtremedistil_tf.tasks.classification.formats import Label
    from xtremedistil_tf.tasks.question_answering.formats import AnswerSpan
    from xtremedistil_tf.tasks.regression.formats import Number
    from xtremedistil_tf.tasks.tagging.answers import Tagging


_FIRST_SECONDS, _LONGEST_SECONDS = 0.2, 5.0
#: A server that batches answers so (FAILED_PRECONDITION, 400) where it joined token ids of two requests that
#: are padded to different lengths. Asked again, they seldom meet again.
_COLLISION = "from different tasks have different shapes"

T = TypeVar("T")
#: Name of the model where none is given, and most texts of one request: what the exported folder is set to.
DEFAULT_MODEL = "xtremedistil"
MAX_BATCH = 256
_RAW_STRINGS, _TOKEN_IDS = "raw_strings", "token_ids"


class Transient(Exception):
    """A fault that may pass: connection refused, timeout, server overloaded. Its text is for the user."""


def is_collision(message: str) -> bool:
    """Whether a server refused a request only because of another one that it was batched with."""
    return _COLLISION in message


def longest_pause(tries: int) -> float:
    """Seconds: the upper limit of the pause after so many tries, doubling."""
    return min(_LONGEST_SECONDS, _FIRST_SECONDS * 2 ** (tries - 1))


def call_with_retries(call: Callable[[], T], retries: int, server: str) -> T:
    """Calls until there is an answer.

    Args:
        call: raises Transient where another try makes sense; whatever else it raises is final.
        retries: how often it is called again.
        server: the server and its model, for messages.

    Raises:
        ModelLoadError: no answer after all tries.
    """
    for tries in range(1, retries + 2):
        try:
            return call()
        except Transient as fault:
            last = fault
        if tries <= retries:
            # Random, lest many clients come back all at once.
            time.sleep(random.uniform(0, longest_pause(tries)))
    tried = "1 try" if retries == 0 else f"{retries + 1} tries"
    raise ModelLoadError(f"{server}: no answer after {tried} ({last}). Check the address, and that the "
                         "server is running and not overloaded; else allow a longer timeout or more "
                         "retries.") from last


def text_inputs(examples: Sequence[AnyExample], names: Sequence[str]) -> dict[str, list[Any]]:
    """The texts of examples under the names of the signature's inputs.

    Args:
        examples: examples of one kind of task.
        names: `texts`; `texts` and `pairs`; `questions` and `contexts`; or `words`, which is padded with "".
    """
    if "words" in names:
        words = [example.words for example in examples if isinstance(example, Example)]
        longest = max(map(len, words), default=0)
        return {"words": [[*row, *[""] * (longest - len(row))] for row in words]}
    texts = [_texts(example) for example in examples]
    return {name: [found[name] for found in texts] for name in names}


def _texts(example: AnyExample) -> dict[str, str]:
    if isinstance(example, Example):
        return {"texts": " ".join(example.words)}
    if isinstance(example, QuestionExample):
        return {"questions": example.question, "contexts": example.context}
    return {"texts": example.text, "pairs": example.pair or ""}


@dataclasses.dataclass(frozen=True)
class Signature:
    """Attributes:
        inputs, outputs: names, sorted.
    """

    inputs: tuple[str, ...]
    outputs: tuple[str, ...]


class ServingClient(abc.ABC):
    """A model of a server. Its methods may be called from several threads at once.

    Every request is tried again after faults that may pass (connection refused or lost, timeout, overload),
    with pauses that double from 0.2 to 5 seconds, shortened at random. Nothing else is tried again.

    Args:
        server: the server's address, for messages.
        model: name of the model.
        version: None: the server's choice, as a rule the newest; a number; or a label of the server's
            configuration, such as `canary`.
        timeout: seconds that one try may take.
        retries: how often a request is tried again.

    Every method raises ModelLoadError if the server does not answer, or refuses.
    """

    def __init__(self, server: str, model: str, version: int | str | None, timeout: float, retries: int):
        if timeout <= 0 or retries < 0:
            raise ConfigError(f"timeout {timeout}, retries {retries}: expected a timeout above 0 seconds and "
                              "0 or more retries.")
        self.model, self.version, self.timeout, self.retries = model, version, timeout, retries
        self.where = f"{server}, model {model}" + ("" if version is None else f", version {version}")

    def tag(self, texts: Sequence[str]) -> list[Tagging]:
        """Tags the words of texts of any length; the model splits them. Raises DataError if a text is not Unicode."""
        return self._ask("tagging", texts=texts)

    def classify(self, texts: Sequence[str], pairs: Sequence[str] | None = None) -> list[Label]:
        """Classifies texts, or pairs of texts where the model takes pairs. Raises as `tag`."""
        return self._ask("classification", texts=texts, **({} if pairs is None else {"pairs": pairs}))

    def score(self, texts: Sequence[str], pairs: Sequence[str] | None = None) -> list[Number]:
        """A regression's number for each text or pair. Raises as `tag`."""
        return self._ask("regression", texts=texts, **({} if pairs is None else {"pairs": pairs}))

    def answer(self, questions: Sequence[str], contexts: Sequence[str]) -> list[AnswerSpan]:
        """The answer to each question in its context. Raises as `tag`."""
        return self._ask("question_answering", questions=questions, contexts=contexts)

    def ask(self, *texts: Sequence[str]) -> list[Any]:
        """What the model answers, whatever it is for: texts, texts and pairs, or questions and contexts. Raises as
        `tag`."""
        return self._ask(self.kind, **dict(zip(KINDS[self.kind].raw_text.inputs, texts)))

    def predict(self, examples: Sequence[AnyExample]) -> list[Any]:
        """What `ask` gives for examples."""
        return self._ask(self.kind, **text_inputs(examples, self._signature(_RAW_STRINGS).inputs))

    def token_ids(self, batch: Mapping[str, Any]) -> dict[str, np.ndarray]:
        """Answers a padded batch of token ids.

        Args:
            batch: int32 [batch, time] `input_ids`, `attention_mask` and what else the model takes.

        Returns:
            The outputs of the signature `token_ids`, see `export_saved_model`.
        """
        return self._call(_TOKEN_IDS, {name: np.asarray(values, np.int32) for name, values in batch.items()})

    @functools.cached_property
    def kind(self) -> str:
        """The kind of task that the model is for, as its signature tells."""
        outputs = frozenset(self._signature(_RAW_STRINGS).outputs)
        if kind := kind_of_outputs(outputs):
            return kind
        raise ModelLoadError(f"{self.where}: its raw_strings signature returns {', '.join(sorted(outputs))}, which "
                             "this package does not know. Check the model's name, or export it again.")

    @functools.cached_property
    def signatures(self) -> dict[str, Signature]:
        """The model's signatures by name; asked for once."""
        return self._retried(self._read_signatures)

    def versions(self) -> dict[int, str]:
        """State (`AVAILABLE`, `LOADING`, ...) of each version that the server knows of."""
        return self._retried(self._read_versions)

    def close(self) -> None:  # noqa: B027  a client without connections has nothing to close
        """Closes the connections."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def refused(self, message: str) -> ModelLoadError:
        """The error for a server that answers with one."""
        return ModelLoadError(f"{self.where}: the server refused: {message}")

    @abc.abstractmethod
    def _try_call(self, signature: str, inputs: Mapping[str, Any]) -> dict[str, np.ndarray]:
        """Asks once. `inputs` are lists of strings or arrays; of the outputs, strings are `str`. Raises
        Transient or ModelLoadError."""

    @abc.abstractmethod
    def _read_signatures(self) -> dict[str, Signature]:
        """Asks once for the signatures. Raises as `_try_call`."""

    @abc.abstractmethod
    def _read_versions(self) -> dict[int, str]:
        """Asks once for the versions. Raises as `_try_call`."""

    def _retried(self, call: Callable[[], T]) -> T:
        return call_with_retries(call, self.retries, self.where)

    def _call(self, signature: str, inputs: Mapping[str, Any]) -> dict[str, np.ndarray]:
        return self._retried(lambda: self._try_call(signature, inputs))

    def _signature(self, name: str) -> Signature:
        if name not in self.signatures:
            raise ModelLoadError(f"{self.where}: no signature {name!r}, but "
                                 f"{', '.join(sorted(self.signatures))}. Exports whose tokenizer has no form "
                                 "as a graph take token ids only.")
        return self.signatures[name]

    def _ask(self, kind: str, **texts: Sequence[str]) -> list[Any]:
        """One answer per text, at most MAX_BATCH of them in one request."""
        columns = {name: _checked(name, values) for name, values in texts.items()}
        first, *others = columns.values()
        if any(len(other) != len(first) for other in others):
            raise DataError(", ".join(f"{len(values)} {name}" for name, values in columns.items())
                            + ": expected as many of each.")
        raw_text, answers = KINDS[kind].raw_text, []
        for start in range(0, len(first), MAX_BATCH):
            part = {name: values[start:start + MAX_BATCH] for name, values in columns.items()}
            outputs = self._call(_RAW_STRINGS, part)
            if not raw_text.needed <= set(outputs):
                raise ModelLoadError(f"{self.where}: returns {', '.join(sorted(outputs))}, unlike a model "
                                     f"for {kind}. Use the method for its task, or `predict`.")
            answers += raw_text.read(outputs)
        return answers


def _checked(name: str, texts: Sequence[str]) -> list[str]:
    if isinstance(texts, str):
        raise DataError(f"{name}: one string, {quoted(texts)}, expected a list of them.")
    for number, text in enumerate(texts):
        try:
            text.encode("utf-8")
        except (AttributeError, UnicodeEncodeError):
            raise DataError(f"{name}[{number}] is {quoted(text)}, expected Unicode text.") from None
    return list(texts)
