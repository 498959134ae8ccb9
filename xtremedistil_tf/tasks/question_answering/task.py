"""Extractive question answering: the answer to a question as a part of its context, or none."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from xtremedistil_tf.corpus.example import QuestionExample
from xtremedistil_tf.errors import ConfigError
from xtremedistil_tf.tasks.question_answering.answers import answer_scores, best_span, pieces_of_answer
from xtremedistil_tf.tasks.question_answering.formats import RAW_TEXT, AnswerSpan
from xtremedistil_tf.tasks.question_answering.targets import answers_of, stored_targets
from xtremedistil_tf.tasks.raw_text import LineFormat
from xtremedistil_tf.tasks.scores import KindWords, scores_named, softmax, stacked, top_probabilities, with_languages
from xtremedistil_tf.tasks.targets import Softening, Targets
from xtremedistil_tf.tasks.task import Task, TaskFeatures, check_examples, check_main_score
from xtremedistil_tf.tasks.text_task import excerpt
from xtremedistil_tf.tokenization.alignment import PieceSpans, aligned_ends
from xtremedistil_tf.tokenization.texts import EncodedQuestion, QuestionWindow, encode_questions
from xtremedistil_tf.training.batches import Column, RaggedFeatures

if TYPE_CHECKING:
    import tensorflow as tf

    from xtremedistil_tf.config import DistillationConfig
    from xtremedistil_tf.corpus.folder import TaskCorpus

WORDS = KindWords(
    line="SQuAD's JSON, version 1.1 or 2.0", seq_len=384, transfer_line="SQuAD's JSON; its answers are not read",
    line_example='{"data": [{"paragraphs": [{"context": ..., "qas": [{"id": ..., "question": ..., ...}]}]}]}',
    name="extractive question answering", pipeline_tag="question-answering",
    does="Finds the answer to a question in a text.", example='QuestionExample("1", "Who?", "Ada wrote it.")',
    scores=scores_named("f1", "exact_match"), long_texts="longer ones are answered in windows")


def _question(line: str, number: int, source: str) -> QuestionExample | None:
    question, _, context = line.partition("\t")
    return QuestionExample(str(number), question, context, None, None, source, number) if line.strip() else None


def _answer_line(_: QuestionExample, answer: AnswerSpan) -> str:
    # A tab or line end inside an answer would break the line.
    return f"{' '.join(answer.text.split())}\t{answer.start}\t{answer.end}\t{answer.score:.4f}"


@dataclasses.dataclass(frozen=True)
class QuestionFeatures:
    """Features for prediction.

    Attributes:
        features: columns `input_ids` and `token_type_ids`, one row per window.
        windows: for each row, (index of the question, window).
        contexts, offsets: of each question the context and the offsets of its pieces.
        truncated: number of examples whose question was cut.
    """

    features: RaggedFeatures
    windows: list[tuple[int, QuestionWindow]]
    contexts: list[str]
    offsets: list[np.ndarray]
    truncated: int


class QuestionAnsweringTask(Task):
    """The first and the last piece of the answer, chosen among the pieces of the context.

    Columns: `input_ids`, `token_type_ids`, `answer_mask` (1.0 at the pieces of the context and at the
    position that stands for "no answer") and, where labelled, `start_positions` and `end_positions` (one
    value a row).

    Args:
        labels: names of the two outputs.
        version_2: whether "no answer" may be the answer (SQuAD 2.0).
        null_threshold: how far the score of "no answer" must exceed that of the best answer to be preferred.
        max_answer_pieces: most pieces of a predicted answer.
        main_score: `f1` or `exact_match`.

    Raises:
        ConfigError: not two outputs, or no such score.
    """

    kind = "question_answering"
    names_outputs = False
    auto_class = "QuestionAnswering"
    per_piece = True
    words = WORDS
    lines = LineFormat(_question, _answer_line, "question<TAB>context", "answer<TAB>start<TAB>end<TAB>score")
    raw_text = RAW_TEXT
    answer_column = "answer_mask"
    takes_retrieved = False

    def __init__(self, labels: Sequence[str] = ("start", "end"), version_2: bool = False,
                 null_threshold: float = 0.0, max_answer_pieces: int = 30, main_score: str = "f1"):
        super().__init__(labels)
        self.main_score = check_main_score(main_score, ("f1", "exact_match"))
        if len(self.labels) != 2:
            raise ConfigError(f"Question answering has two outputs, start and end; found {len(self.labels)} "
                              "labels. Omit the labels.")
        self.version_2, self.null_threshold = version_2, null_threshold
        self.max_answer_pieces = max_answer_pieces

    @property
    def text_columns(self) -> dict[str, Column]:
        return {"input_ids": Column(np.int32), "token_type_ids": Column(np.int32),
                "answer_mask": Column(np.float32)}

    @property
    def label_columns(self) -> dict[str, Column]:
        return {name: Column(np.int32, per_piece=False) for name in ("start_positions", "end_positions")}

    def training_features(self, tokenizer: Any, examples: Sequence[QuestionExample],
                          seq_len: int) -> TaskFeatures:
        """One row per window; where a window does not hold the whole answer, "no answer" is right (as in
        BERT's recipe for SQuAD). Of several right answers the first is taught. Only questions can be cut.

        Raises:
            DataError: an example is not labelled.
        """
        check_examples(examples, lambda example: "no answers, expected labelled questions"
                       if example.answers is None else None)
        rows, truncated = [], 0
        for example, encoded in zip(examples, _encode(tokenizer, examples, seq_len)):
            first, last = pieces_of_answer(encoded.offsets, example.answers or ())
            for window in encoded.windows:
                inside = window.start <= first and last < window.stop
                shift = window.context_at - window.start
                start, end = (first + shift, last + shift) if inside else (window.no_answer_at,) * 2
                rows.append(_row(window) | {"start_positions": start, "end_positions": end})
            truncated += encoded.question_truncated
        return TaskFeatures(RaggedFeatures.from_rows(rows, self.text_columns | self.label_columns), truncated)

    def text_features(self, tokenizer: Any, examples: Iterable[QuestionExample], seq_len: int) -> TaskFeatures:
        """One row per question: its first window."""
        rows, truncated = [], 0
        for encoded in _encode(tokenizer, examples, seq_len):
            rows.append(_row(encoded.windows[0]))
            truncated += encoded.question_truncated or len(encoded.windows) > 1
        return TaskFeatures(RaggedFeatures.from_rows(rows, self.text_columns), truncated)

    def prediction_features(self, tokenizer: Any, examples: Iterable[QuestionExample],
                            max_length: int | None) -> QuestionFeatures:
        """One row per window; longer questions than half of `max_length` are cut."""
        examples = list(examples)
        columns = {name: self.text_columns[name] for name in ("input_ids", "token_type_ids")}
        rows, windows, offsets, truncated = [], [], [], 0
        for number, encoded in enumerate(_encode(tokenizer, examples, max_length)):
            offsets.append(encoded.offsets)
            truncated += encoded.question_truncated
            for window in encoded.windows:
                rows.append({"input_ids": window.ids, "token_type_ids": window.token_type_ids})
                windows.append((number, window))
        return QuestionFeatures(RaggedFeatures.from_rows(rows, columns), windows,
                                [example.context for example in examples], offsets, truncated)

    def decode(self, features: QuestionFeatures, row_logits: Sequence[np.ndarray]) -> list[AnswerSpan]:
        """The best answer of at most `max_answer_pieces` over all windows of each question.

        With `version_2`, "no answer" where its score is higher by more than `null_threshold`. Without, the
        answer is empty only where the context holds nothing visible to the tokenizer.
        """
        answers = [AnswerSpan("", 0, 0, -np.inf, np.inf) for _ in features.contexts]
        for (number, window), logits in zip(features.windows, row_logits):
            best = answers[number]
            no_answer = min(best.no_answer_score, float(logits[window.no_answer_at].sum()))
            found = self._best_answer(features.contexts[number], features.offsets[number], window, logits)
            if found is None or found[2] <= best.score:
                found = best.start, best.end, best.score
            text = features.contexts[number][found[0]: found[1]]
            answers[number] = AnswerSpan(text, *found, no_answer)
        return [self._or_none(answer) for answer in answers]

    def _best_answer(self, context: str, offsets: np.ndarray, window: QuestionWindow,
                     logits: np.ndarray) -> tuple[int, int, float] | None:
        """First character, the one after the last, and score of the best answer in a window."""
        offsets = offsets[window.start: window.stop]
        # Some tokenizers have pieces for white space: an answer neither begins nor ends with one.
        visible = np.array([bool(context[begin:end].strip()) for begin, end in offsets], bool)
        scores = np.where(visible[:, None], logits[window.context_at:][: len(offsets)], -np.inf)
        span = best_span(scores[:, 0], scores[:, 1], self.max_answer_pieces)
        if span is None:
            return None
        begin, end = int(offsets[span.first, 0]), int(offsets[span.last, 1])
        text = context[begin:end]
        return begin + len(text) - len(text.lstrip()), begin + len(text.rstrip()), span.score

    def _or_none(self, answer: AnswerSpan) -> AnswerSpan:
        if not answer.text:
            return dataclasses.replace(answer, score=answer.no_answer_score)
        if self.version_2 and answer.no_answer_score - answer.score > self.null_threshold:
            return dataclasses.replace(answer, text="", start=0, end=0)
        return answer

    def scores(self, examples: Sequence[QuestionExample],
               predictions: Sequence[AnswerSpan]) -> dict[str, Any]:
        """See `answer_scores`."""
        return with_languages(answer_scores, self.main_score, [[a.text for a in e.answers or ()] for e in examples],
                              [p.text for p in predictions], [e.language for e in examples])

    def blind_answers(self, examples: Sequence[QuestionExample]) -> list[list[AnswerSpan]]:
        """No answer, where that may be right."""
        return [[AnswerSpan("", 0, 0, 0.0, 0.0)] * len(examples)] if self.version_2 else []

    def label_loss(self, batch: Mapping[str, tf.Tensor], logits: tf.Tensor) -> tf.Tensor:
        from xtremedistil_tf.training.losses import span_loss

        return span_loss(batch["start_positions"], batch["end_positions"], logits, batch["answer_mask"])

    def logit_loss(self, batch: Mapping[str, tf.Tensor], logits: tf.Tensor) -> tf.Tensor:
        from xtremedistil_tf.training.losses import logit_loss

        return logit_loss(batch["teacher_logits"], logits, batch["answer_mask"])

    def answer_loss(self, batch: Mapping[str, tf.Tensor], logits: tf.Tensor) -> tf.Tensor:
        """KL of the first and of the last piece, over the positions that can be an answer; the mean of both."""
        import tensorflow as tf

        from xtremedistil_tf.training.losses import answer_loss

        possible = batch["answer_mask"][..., None] > 0
        teacher, student = (tf.transpose(tf.where(possible, tf.cast(values, tf.float32), -1e9), [0, 2, 1])
                            for values in (batch["teacher_logits"], logits))
        return answer_loss(teacher, student, tf.ones_like(teacher[..., 0]))

    def store_given(self, tokenizer: Any, examples: Sequence[QuestionExample], features: RaggedFeatures, seq_len: int,
                    softening: Softening) -> Targets:
        return stored_targets(list(_encode(tokenizer, examples, seq_len)), examples, features, softening)

    def with_given(self, example: QuestionExample) -> QuestionExample:
        """The surest answer of the first teacher that gave one."""
        told = [one for answer in example.given or () for one in answers_of(answer)]
        best = max(told, key=lambda one: 1.0 if one[1] is None else one[1], default=None)
        return dataclasses.replace(example, answers=(best[0],) if best else (), given=None)

    def weight_of(self, batch: Mapping[str, tf.Tensor]) -> tf.Tensor:
        """Number of positions that can be an answer."""
        from xtremedistil_tf.training.losses import total

        return total(batch["answer_mask"])

    def same(self, one: Any, other: Any) -> bool:
        """The same text at the same place."""
        return (one.text, one.start) == (other.text, other.start)

    def distance(self, teacher: Any, student: Any) -> float:
        """Answers of the same text are no disagreement, wherever they stand."""
        return float(teacher.text != student.text)

    def disagreement(self, example: QuestionExample, teacher: Any, student: Any) -> dict[str, str]:
        right = example.answers or ()
        starts = [answer.start for answer in (*right[:1], teacher, student) if answer.text]
        gold = " / ".join(dict.fromkeys(answer.text for answer in right))
        return {"question": excerpt(example.question), "context": excerpt(example.context, min(starts, default=0)),
                "gold": gold, "teacher": teacher.text, "student": student.text}

    def confidence(self, logits: Sequence[np.ndarray]) -> np.ndarray:
        """The product of the top probabilities of first and last place."""
        if not len(logits):
            return super().confidence(logits)
        found: np.ndarray = top_probabilities(stacked(logits).swapaxes(1, 2)).prod(axis=1)
        return found

    def same_logits(self, first: Sequence[np.ndarray], second: Sequence[np.ndarray], tolerance: float) -> np.ndarray:
        """The same first and last place."""
        return np.asarray((stacked(first).argmax(1) == stacked(second).argmax(1)).all(1))

    def choices(self, logits: np.ndarray) -> np.ndarray:
        return softmax(logits.T)

    def aligned_logits(self, logits: np.ndarray, places: np.ndarray, student: PieceSpans,
                       teacher: PieceSpans) -> tuple[np.ndarray, np.ndarray]:
        ends = aligned_ends(student, teacher)
        found = np.stack([logits[np.maximum(places, 0), 0], logits[np.maximum(ends, 0), 1]], -1)
        return found, (ends >= 0) & (places >= 0)

    @classmethod
    def options_from(cls, config: DistillationConfig, corpus: TaskCorpus) -> dict[str, Any]:
        version_2 = any(isinstance(example, QuestionExample) and example.answers == () for example in corpus.train)
        return {"max_answer_pieces": config.max_answer_pieces, "version_2": version_2}

    @classmethod
    def described(cls, labels: Sequence[str], pairs: bool) -> str:
        return "question answering"


def _encode(tokenizer: Any, examples: Iterable[QuestionExample],
            max_length: int | None) -> Iterator[EncodedQuestion]:
    texts = [(example.question, example.context) for example in examples]
    return encode_questions(tokenizer, (q for q, _ in texts), (c for _, c in texts), max_length)


def _row(window: QuestionWindow) -> dict[str, np.ndarray]:
    mask = np.zeros(len(window.ids), np.float32)
    mask[window.no_answer_at] = 1
    mask[window.context_at: window.context_at + window.stop - window.start] = 1
    return {"input_ids": window.ids, "token_type_ids": window.token_type_ids, "answer_mask": mask}
