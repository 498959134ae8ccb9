"""What a task is to the rest of the program: features, losses, decoding and scores behind one interface."""

from __future__ import annotations

import abc
import dataclasses
import importlib
import inspect
import types
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

import numpy as np

from xtremedistil_tf.corpus.example import AnyExample
from xtremedistil_tf.corpus.files import Faults, counted, quoted
from xtremedistil_tf.corpus.reading import BY_CONTENT, Reading
from xtremedistil_tf.errors import ConfigError, DataError
from xtremedistil_tf.tasks.raw_text import INPUT_KEYS, Asked, LineFormat, RawText, text_in
from xtremedistil_tf.tasks.scores import KindWords
from xtremedistil_tf.tasks.targets import LearnsFromAnswers
from xtremedistil_tf.tokenization.raw_words import RawWords
from xtremedistil_tf.training.batches import Column, RaggedFeatures

if TYPE_CHECKING:
    import tensorflow as tf
    from typing_extensions import Self

    from xtremedistil_tf.config import DistillationConfig
    from xtremedistil_tf.corpus.folder import TaskCorpus
    from xtremedistil_tf.corpus.kinds import Kind
    from xtremedistil_tf.corpus.published import HubRows
    from xtremedistil_tf.tokenization.alignment import PieceSpans


def check_examples(examples: Iterable[Any], problem: Callable[[Any], str | None]) -> None:
    """Raises a DataError that names the places of faulty examples.

    Args:
        examples: with `source` and `line`.
        problem: what was found and what was expected, None where nothing is wrong.
    """
    faults: dict[str, Faults] = {}
    for example in examples:
        if found := problem(example):
            faults.setdefault(example.source, Faults(example.source)).add(example.line, found)
    for of_source in faults.values():
        of_source.raise_if_any()


def check_main_score(name: str, possible: Sequence[str]) -> str:
    """The name of a score, if it is a possible main score; else raises ConfigError."""
    if name not in possible:
        raise ConfigError(f"`metric={name}`: expected one of {', '.join(possible)} for this task.")
    return name


@dataclasses.dataclass(frozen=True)
class TaskFeatures:
    """Features for training, or of the transfer set.

    Attributes:
        features: the task's columns; the first is `input_ids`.
        truncated: number of examples that were cut at seq_len.
    """

    features: RaggedFeatures
    truncated: int


class PredictionFeatures(Protocol):
    """Features for prediction, with what `decode` needs to put the answers together.

    Attributes:
        features: one row per input of the model; an example may have several (windows).
        truncated: number of examples that were cut.
    """

    features: RaggedFeatures
    truncated: int


class Task(LearnsFromAnswers, abc.ABC):
    """A kind of task with its labels: all that the rest of the program asks about it. See docs/task_kinds.md.

    Attributes:
        kind: name of the kind, as in configurations.
        auto_class: ending of the transformers classes with a head for it, such as `TokenClassification`.
        per_piece: whether a model answers for every piece (logits [batch, time, outputs]) or once for
            the whole input (logits [batch, outputs]).
        main_score: key in `scores` that chooses the best weights and that retention is a ratio of.
        labels: names of the outputs; what they mean is the task's own.
    """

    kind: ClassVar[str]
    auto_class: ClassVar[str]
    per_piece: ClassVar[bool]
    main_score: str
    #: Whether `labels` are classes that a checkpoint's config names.
    names_outputs: ClassVar[bool] = True
    #: transformers' `problem_type` of a checkpoint that answers such a task, where its class does not tell.
    problem_type: ClassVar[str] = ""
    #: What people read about it; its lines of text; its signature for raw text.
    words: ClassVar[KindWords]
    lines: ClassVar[LineFormat]
    raw_text: ClassVar[RawText]
    #: Column that is above 0 at the pieces that answer, where a model answers for every piece.
    answer_column: ClassVar[str] = ""
    #: Whether those disagreements are shown that are furthest apart, because answers are numbers.
    most_distant_first: ClassVar[bool] = False
    #: Options of model directories from before there were these options.
    former_options: ClassVar[Mapping[str, Any]] = types.MappingProxyType({})
    #: What augmenters may do: take sentences of another text, mix `spans` or `pairs` (or nothing), exchange entities.
    takes_retrieved: ClassVar[bool] = True
    mixes: ClassVar[str] = ""
    has_entities: ClassVar[bool] = False
    #: How raw text becomes words, where answers are about words.
    raw_words: RawWords | None = None

    def __init__(self, labels: Sequence[str]):
        self.labels = list(labels)

    @classmethod
    def words_for(cls, main_score: str) -> KindWords:
        """What people read about tasks with this main score."""
        return cls.words

    @property
    def own_words(self) -> KindWords:
        """What people read about this task."""
        return self.words_for(self.main_score)

    @property
    def options(self) -> dict[str, Any]:
        """JSON-able arguments of the constructor besides the labels."""
        names = inspect.signature(type(self)).parameters
        return {name: getattr(self, name) for name in names if name != "labels"}

    @property
    def scored_by(self) -> dict[str, Any]:
        """What decides the main score of given logits, JSON-able, as far as it is not what it always was before
        fingerprints had it: part of the fingerprint of everything that is chosen by score."""
        parameter = inspect.signature(type(self)).parameters.get("main_score")
        return {} if parameter is None or parameter.default == self.main_score else {"main_score": self.main_score}

    @property
    def num_outputs(self) -> int:
        """Width of the logits."""
        return len(self.labels)

    @property
    @abc.abstractmethod
    def text_columns(self) -> dict[str, Column]:
        """Columns of unlabelled features, `input_ids` first. These go into the transfer store."""

    @property
    def input_names(self) -> tuple[str, ...]:
        """Inputs of models, in order: `input_ids`, `attention_mask`, and where the task has them `token_type_ids`."""
        return ("input_ids", "attention_mask", *(("token_type_ids",) if "token_type_ids" in self.text_columns else ()))

    @property
    @abc.abstractmethod
    def label_columns(self) -> dict[str, Column]:
        """The columns that labelled features have besides."""

    @abc.abstractmethod
    def training_features(self, tokenizer: Any, examples: Sequence[AnyExample], seq_len: int) -> TaskFeatures:
        """Encodes labelled examples; longer ones than `seq_len` pieces (special tokens included) are cut."""

    @abc.abstractmethod
    def text_features(self, tokenizer: Any, examples: Iterable[AnyExample], seq_len: int) -> TaskFeatures:
        """Encodes examples as `training_features` does, without labels; one row per example."""

    @abc.abstractmethod
    def prediction_features(self, tokenizer: Any, examples: Iterable[AnyExample],
                            max_length: int | None) -> PredictionFeatures:
        """Encodes examples for prediction.

        Args:
            tokenizer: fast tokenizer of transformers.
            examples: examples, labelled or not.
            max_length: pieces that the model takes at once, special tokens included; None: no limit.
        """

    @abc.abstractmethod
    def decode(self, features: PredictionFeatures, row_logits: Sequence[np.ndarray]) -> list[Any]:
        """One prediction per example, in order.

        Args:
            features: what `prediction_features` made.
            row_logits: for each row float32 [pieces of the row, outputs], or [outputs].
        """

    def decode_scored(self, features: PredictionFeatures, row_logits: Sequence[np.ndarray]) -> list[Any]:
        """As `decode`, with what tells how sure each prediction is, where that is no part of it already."""
        return self.decode(features, row_logits)

    @abc.abstractmethod
    def scores(self, examples: Sequence[AnyExample], predictions: Sequence[Any]) -> dict[str, Any]:
        """Scores of predictions on labelled examples, with `main_score` among them, higher being better.

        Where languages are known, `per_language` {language: scores}, and `mean_<main_score>` and
        `std_<main_score>` over the languages.
        """

    def blind_answers(self, examples: Sequence[Any]) -> list[list[Any]]:
        """The best predictions without a look at any text, one list for each way of making them; none where no such
        way scores above 0."""
        return []

    def head_bias(self, examples: Sequence[AnyExample]) -> list[float] | None:
        """What a new student's head starts from, [outputs], given the labelled examples; None: zeros."""
        return None

    def label_loss(self, batch: Mapping[str, tf.Tensor], logits: tf.Tensor) -> tf.Tensor:
        """Loss against the gold labels of a batch, float32 scalar."""
        raise NotImplementedError

    def logit_loss(self, batch: Mapping[str, tf.Tensor], logits: tf.Tensor) -> tf.Tensor:
        """Loss against `teacher_logits` of a batch, float32 scalar."""
        raise NotImplementedError

    def answered(self, batch: Mapping[str, tf.Tensor]) -> tf.Tensor:
        """[batch, time], above 0 at the pieces whose answers the losses read; all that are no padding, unless a task
        knows better."""
        return batch["attention_mask"]

    def weight_of(self, batch: Mapping[str, tf.Tensor]) -> tf.Tensor:
        """float32 scalar: how many answers the losses of a batch are means over."""
        raise NotImplementedError

    # Comparing answers

    def same(self, one: Any, other: Any) -> bool:
        """Whether two predictions for an example count as the same answer."""
        return bool(one == other)

    def distance(self, teacher: Any, student: Any) -> float:
        """How far two predictions for an example are apart, 0 for those that are no disagreement."""
        return float(not self.same(teacher, student))

    def agreement(self, expected: Sequence[Any], found: Sequence[Any]) -> float:
        """Share of equal answers, 0 to 1: of words for tagging, of examples otherwise; see `same`."""
        pairs = [self.same(*pair) for pair in zip(expected, found, strict=True)]
        return float(np.mean(pairs)) if pairs else 1.0

    def confusion_pairs(self, examples: Sequence[Any], predictions: Sequence[Any]) -> Iterable[tuple[str, str]] | None:
        """(gold label, given label) of every answer; None where there are no labels to confuse."""
        return None

    @abc.abstractmethod
    def disagreement(self, example: Any, teacher: Any, student: Any) -> dict[str, Any]:
        """An example with the answers `gold`, `teacher` and `student`, JSON-able, for people to read."""

    def confidence(self, logits: Sequence[np.ndarray]) -> np.ndarray:
        """float32 [examples], how sure answers are, 0 to 1.

        Args:
            logits: of each example where it answers: float32 [outputs], or [answers, outputs].
        """
        return np.ones(len(logits), np.float32)

    @abc.abstractmethod
    def same_logits(self, first: Sequence[np.ndarray], second: Sequence[np.ndarray], tolerance: float) -> np.ndarray:
        """bool [examples], whether logits as `confidence` takes them mean the same answers; at least one example.

        Args:
            first, second: logits of the examples.
            tolerance: how far numbers may be apart.
        """

    @abc.abstractmethod
    def choices(self, logits: np.ndarray) -> np.ndarray | None:
        """float64 [answers, choices], the probabilities that the logits of one input stand for; None for numbers."""

    def aligned_logits(self, logits: np.ndarray, places: np.ndarray, student: PieceSpans,
                       teacher: PieceSpans) -> tuple[np.ndarray, np.ndarray]:
        """A teacher's logits at the pieces of a student with another tokenizer, where a model answers for every piece.

        Args:
            logits: float32 [pieces of the teacher, outputs].
            places: int [pieces of the student], the piece of the teacher with the same characters; -1: none.
            student, teacher: what the pieces cover.

        Returns:
            float32 [pieces of the student, outputs], and bool [pieces of the student]: whether it has an answer.
        """
        raise NotImplementedError

    # Choosing answers

    @property
    def decoding_name(self) -> str | None:
        """How answers are chosen from logits, where there are several ways."""
        return None

    def decoding_facts(self) -> dict[str, Any] | None:
        """What a program needs to choose answers from logits by itself, JSON-able, with `name`; None: nothing that
        the logits do not tell."""
        return None

    @property
    def outside(self) -> int | None:
        """Number of the label of words that are no entity, where there is one."""
        return None

    def calibrated(self, dev: Sequence[Any], logits: Callable[[], Sequence[np.ndarray]]) -> Self:
        """The task with what has to be chosen for one model, such as thresholds; itself where there is nothing.

        Args:
            dev: labelled examples, none of which is measured.
            logits: gives the model's logits of each, float32 [outputs]; called only where they are needed.
        """
        return self

    # Reading, showing and exporting

    @classmethod
    def files(cls, pairs: bool) -> Kind:
        """How examples are kept in files."""
        found: Kind = cls.module("formats").files(pairs)
        return found

    def read_unlabeled(self, path: str, pairs: bool, reading: Reading = BY_CONTENT) -> Iterator[AnyExample]:
        """Streams transfer text, see `opening.read_unlabeled`."""
        return self.files(pairs).read_unlabeled(path, reading)

    def asked(self, given: Any) -> Asked | None:
        """What a user asks, see `RawText`."""
        return self.raw_text.asked(self, given)

    def asked_line(self, line: str, number: int, source: str) -> Asked | None:
        """What a line of text asks, see `LineFormat`; None: it holds nothing."""
        example = self.lines.parse(line, number, source)
        return None if example is None else self.asked(example)

    def asked_row(self, columns: Sequence[str], pairs: bool) -> Asked | None:
        """What a row of a labelled TSV file asks; its label is not read, and may be missing.

        Args:
            columns: of the row.
            pairs: whether the task is on pairs of texts.

        Raises:
            DataError: it has more or fewer columns.
        """
        names = self.raw_text.names(pairs)
        if len(columns) not in (len(names), len(names) + 1):
            raise DataError(f"{counted(len(columns), 'column')}, expected {len(names)}, or one more for the label")
        return self.asked_texts(columns[:len(names)])

    def asked_texts(self, texts: Sequence[str]) -> Asked | None:
        """What is asked by one text for each input, see `RawText.names`; None: they hold nothing."""
        if not any(map(str.strip, texts)):
            return None
        return self.asked(texts[0] if len(texts) == 1 else tuple(texts))

    def asked_record(self, record: Mapping[str, Any], pairs: bool) -> Asked | None:
        """What a JSON object asks, see `INPUT_KEYS`; None: it holds nothing.

        Raises:
            DataError: a text is missing, or no text.
        """
        keys: list[str] = []
        for name in self.raw_text.names(pairs):
            known = INPUT_KEYS.get(name, (name,))
            key = next((key for key in known if key in record and key not in keys), None)
            if key is None:
                raise DataError(f"no key {' or '.join(known[:3])} among {quoted(', '.join(record))}")
            keys.append(key)
        return self.asked_texts([text_in(record, key) for key in keys])

    @classmethod
    def hub_rows(cls, data: Any, pairs: bool, name: str) -> HubRows:
        """How rows of a data set of the hub are read.

        Args:
            data: its training split.
            pairs: whether examples are pairs of texts.
            name: of the data set, for messages.
        """
        found: HubRows = cls.module("formats").hub_rows(data, pairs, name)
        return found

    @classmethod
    def options_from(cls, config: DistillationConfig, corpus: TaskCorpus) -> dict[str, Any]:
        """Options that a configuration and the data decide, besides `main_score`."""
        return {}

    @classmethod
    def described(cls, labels: Sequence[str], pairs: bool) -> str:
        """What a task is, for messages."""
        return f"{cls.kind.replace('_', ' ')} of {'pairs' if pairs else 'single texts'}"

    @classmethod
    def module(cls, name: str) -> Any:
        """A module of the kind's folder that is imported only where it is used: `formats` (files
        and raw text) or `signatures` (TensorFlow graphs)."""
        return importlib.import_module(f"xtremedistil_tf.tasks.{cls.kind}.{name}")
