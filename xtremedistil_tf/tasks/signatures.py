"""What the TensorFlow graphs of all kinds of tasks share: the student's variables, and the ways to ask it."""

from __future__ import annotations

import abc
import dataclasses
from collections.abc import Sequence
from typing import Any, ClassVar

import tensorflow as tf

from xtremedistil_tf.tasks.task import Task
from xtremedistil_tf.tokenization.graph.inputs import GraphFrame, parts_of
from xtremedistil_tf.tokenization.graph.unigram import InGraphUnigram
from xtremedistil_tf.tokenization.graph.wordpiece import InGraphWordPiece
from xtremedistil_tf.tokenization.raw_words import RawWords
from xtremedistil_tf.tokenization.texts import Frame

TOKEN_IDS, RAW_STRINGS = "token_ids", "raw_strings"


@dataclasses.dataclass(frozen=True)
class LitePieces:
    """The input that logits are for.

    Attributes:
        pieces: of each text: `ids`, `word_starts`, `starts` and `ends`, [pieces].
        frame: the special tokens around the texts.
        no_answer_at: position that stands for "no answer".
        words: string [words], of a text whose words are answered.
    """

    pieces: Sequence[Any]
    frame: Frame
    no_answer_at: int
    words: tf.Tensor | None = None


class LiteAnswers(tf.Module, abc.ABC):
    """From the logits of one input to the outputs of `raw_strings`.

    Args:
        task: what is answered.
    """

    #: Whether there can be no file where the tokenizer does not tell where pieces stand.
    needs_offsets: ClassVar[bool] = False

    def __init__(self, task: Task):
        super().__init__()
        #: How a text becomes words, where these are answered and not all of it.
        self.raw_words: RawWords | None = None

    def inputs(self, pairs: bool) -> tuple[str, ...]:
        """Names of the inputs, each string [1]."""
        return ("texts", "pairs")[:1 + pairs]

    def lengths(self, max_length: int | None) -> tuple[int, int]:
        """Most pieces of a text whose words are answered, and of a window of it, special tokens included."""
        raise NotImplementedError

    def kept(self, first: tf.Tensor, second: tf.Tensor, room: int) -> list[tf.Tensor]:
        """How many pieces of each of two texts are kept: the longer one gives way until both are equal, as in
        `texts.longest_first`."""
        half = room // 2
        rounded = tf.where(first > second, room - half, half)
        return [tf.maximum(room - second, rounded), tf.maximum(room - first, room - rounded)]

    @abc.abstractmethod
    def answers(self, logits: tf.Tensor, texts: LitePieces) -> dict[str, tf.Tensor]:
        """float32 [time, outputs] or [outputs] -> the outputs. Where words are answered, [pieces + 1, outputs], without
        special tokens."""


class Signatures(tf.Module, abc.ABC):
    """The signatures of one student.

    Args:
        student: float32 student.
        task: what it answers.
        tokenizer_graph: its tokenizer's graph form; None: there is no signature for raw strings.
    """

    #: Whether texts are tokenized whole, not as white-space words.
    whole_texts: ClassVar[bool] = True
    #: Names of the inputs of `raw_strings`, each string [batch].
    raw_inputs: tuple[str, ...] = ("texts",)

    def __init__(self, student, task: Task, tokenizer_graph: InGraphWordPiece | InGraphUnigram | None):
        super().__init__()
        self.tokenizer_graph = tokenizer_graph
        self.student_variables = student.variables
        self._inputs = {name: tf.TensorSpec([None, None], tf.int32, name) for name in task.input_names}
        # The student itself is no attribute: it would be saved layer by layer beside its graph. The
        # signatures share one graph of it, traced here: tracing a Keras LSTM takes seconds, and a function not
        # yet traced would be traced in them and once more where the model is saved.
        self._call = tf.function(lambda inputs: student(inputs, training=False)["logits"],
                                 input_signature=[dict(self._inputs)]).get_concrete_function()

    def inputs(self) -> dict[str, dict[str, tf.TensorSpec]]:
        """The inputs of each signature; the method of the signature's name answers them."""
        inputs = {TOKEN_IDS: self._inputs}
        if self.tokenizer_graph is not None:
            inputs[RAW_STRINGS] = {name: tf.TensorSpec([None], tf.string, name) for name in self.raw_inputs}
        return inputs

    def concrete(self) -> dict[str, tf.types.experimental.ConcreteFunction]:
        """The traced signatures by name, `serving_default` among them."""
        # Without AutoGraph, which takes seconds over hundreds of functions: all branches and loops are TensorFlow's.
        found = {name: tf.function(getattr(self, name), autograph=False).get_concrete_function(**inputs)
                 for name, inputs in self.inputs().items()}
        return found | {"serving_default": found.get(RAW_STRINGS, found[TOKEN_IDS])}

    def token_ids(self, **inputs: tf.Tensor) -> dict[str, tf.Tensor]:
        """int32 [batch, time] each -> the outputs of `answers`."""
        return self.answers(self.logits(inputs))

    def logits(self, inputs: dict[str, tf.Tensor]) -> tf.Tensor:
        """The student's logits; it is given those inputs that the task has columns for."""
        return self._call({name: inputs[name] for name in self._inputs})

    @abc.abstractmethod
    def answers(self, logits: tf.Tensor) -> dict[str, tf.Tensor]:
        """float32 [batch, outputs], or [batch, time, outputs] -> the outputs of `token_ids`."""

    @abc.abstractmethod
    def raw_strings(self, **texts: tf.Tensor) -> dict[str, tf.Tensor]:
        """string [batch] each -> the outputs of `raw_strings`."""


def check_same_size(names: Sequence[str], inputs: Sequence[tf.Tensor]) -> None:
    """Makes the graph stop with a message where inputs are not of the same number of texts."""
    for name, texts in zip(names[1:], inputs[1:]):
        tf.debugging.assert_equal(tf.size(texts), tf.size(inputs[0]),
                                  f"{names[0]} and {name} differ in number, expected one of each")


class TextSignatures(Signatures):
    """One answer for a whole input; see `export_saved_model`."""

    def __init__(self, student, tokenizer, task, tokenizer_graph, pairs: bool = False):
        super().__init__(student, task, tokenizer_graph)
        self.raw_inputs = ("texts", "pairs") if pairs else ("texts",)
        if tokenizer_graph is not None:
            self._frame = GraphFrame(tokenizer, pairs)
            self._room = self._frame.room(student.max_length)

    def raw_strings(self, texts, pairs=None):
        return self.named(self._logits_of_texts(*([texts] if pairs is None else [texts, pairs])))

    def named(self, logits: tf.Tensor) -> dict[str, tf.Tensor]:
        """The outputs of `raw_strings`."""
        return self.answers(logits)

    def _logits_of_texts(self, *texts: tf.Tensor) -> tf.Tensor:
        """float32 [batch, outputs]; longer texts than the student takes are cut."""
        check_same_size(self.raw_inputs, texts)
        pieces = [self.tokenizer_graph.tokenize_texts(text)["pieces"] for text in texts]
        kept = [tf.cast(part.row_lengths(), tf.int32) for part in pieces]
        if self._room is not None:
            kept = [tf.minimum(kept[0], self._room)] if len(kept) == 1 else _longest_first(*kept, self._room)
        parts = [parts_of(part, tf.range(tf.size(stops)), tf.zeros_like(stops), stops)
                 for part, stops in zip(pieces, kept)]
        return self.logits(self._frame.join(*parts))


def _longest_first(first: tf.Tensor, second: tf.Tensor, room: int) -> list[tf.Tensor]:
    """int32 [batch] each: how many pieces of each two texts are kept, as `encode_texts` cuts them."""
    short = tf.minimum(first, second)
    long = tf.maximum(short, room - short)
    both_long = short + long > room
    short, long = tf.where(both_long, room // 2, short), tf.where(both_long, room - room // 2, long)
    kept = (tf.where(first > second, long, short), tf.where(first > second, short, long))
    return [tf.minimum(first, kept[0]), tf.minimum(second, kept[1])]
