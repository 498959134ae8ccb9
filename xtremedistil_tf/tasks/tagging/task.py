"""Token tagging: from words and tags to features, from logits back to one tag a word, and entity-level scores."""

from __future__ import annotations

import dataclasses
import logging
import types
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from xtremedistil_tf.config.fields import DECODINGS
from xtremedistil_tf.corpus.example import Example
from xtremedistil_tf.corpus.files import encoding_problem, quoted, words_problem
from xtremedistil_tf.corpus.reading import BY_CONTENT, Reading
from xtremedistil_tf.corpus.tag_schemes import is_iob2
from xtremedistil_tf.corpus.text import read_text
from xtremedistil_tf.errors import ConfigError, DataError
from xtremedistil_tf.tasks.raw_text import Asked, LineFormat
from xtremedistil_tf.tasks.scores import KindWords, scores_named, softmax, sums, top_probabilities, with_languages
from xtremedistil_tf.tasks.tagging.answers import RAW_TEXT, asked_text, some_words
from xtremedistil_tf.tasks.tagging.decoding import Transitions, test_vectors, transitions
from xtremedistil_tf.tasks.tagging.edge_words import EdgeWords, edge_vectors, edge_words_of
from xtremedistil_tf.tasks.tagging.formats import WORD_KEYS
from xtremedistil_tf.tasks.tagging.prediction import Tagged, TaggingFeatures, prediction_features, tagged
from xtremedistil_tf.tasks.tagging.tag_scores import entity_scores, exchanged_tags, most_frequent_tag, tag_scores
from xtremedistil_tf.tasks.tagging.targets import LearnsFromSpans
from xtremedistil_tf.tasks.task import Task, TaskFeatures, check_main_score
from xtremedistil_tf.tokenization.alignment import PieceSpans, aligned_words
from xtremedistil_tf.tokenization.raw_words import AT_SPACES, RawWords
from xtremedistil_tf.tokenization.word_habits import described, rule_of
from xtremedistil_tf.tokenization.words import SpecialTokens, encode_words, text_row
from xtremedistil_tf.training.batches import Column, RaggedFeatures

if TYPE_CHECKING:
    import tensorflow as tf

    from xtremedistil_tf.config import DistillationConfig
    from xtremedistil_tf.corpus.folder import TaskCorpus


log = logging.getLogger(__name__)

_OUTSIDE = "O"
#: Pieces of a training example where nobody tells; of a window where the model takes any number, to bound memory.
_USUAL_LENGTH, _LONGEST_WINDOW = 128, 256
#: Words of a sentence that are shown where two models disagree on it.
_MOST_WORDS = 60
WORDS = KindWords(
    line="words separated by spaces, a tab, IOB2 tags", line_example="Ada lives in London<TAB>B-PER O O B-LOC",
    transfer_line="a sentence a line, words separated by spaces",
    name="token tagging", pipeline_tag="token-classification", does="Finds and labels words in a text.",
    example='Example(("Ada", "lives", "in", "Oslo"))',
    scores={"f1": "entity F1", "precision": "entity precision", "recall": "entity recall"},
    items="sentences", agreed="words tagged", confused="words by tag", part="entity type", parts="Entity types",
    counted="entities", decoded="tags", long_texts="longer ones are answered in windows", shows_labels=True,
    note="Entity scores over {support} entities; an entity counts only if its type and all its words are right.",
    decoding_notes={"legal": "Every model’s tags are the best sequence that IOB2 allows."})
#: Of labels of words that are no entities, such as parts of speech.
PLAIN_SCORES = ("accuracy", "macro_f1")
PLAIN_WORDS = dataclasses.replace(
    WORDS, scores=scores_named(*PLAIN_SCORES), part="tag", parts="Tags", counted="words", decoding_notes={},
    line="words separated by spaces, a tab, their tags", line_example="Ada sleeps<TAB>PROPN VERB",
    note="Scores over {support} words.")


def _example_of_line(line: str, number: int, source: str) -> Example | None:
    words = tuple(line.split())
    return Example(words, None, None, source, number) if words else None


def _answer_line(example: Example, tags: Sequence[str]) -> str:
    return f"{' '.join(example.words)}\t{' '.join(tags)}"


class TaggingTask(LearnsFromSpans, Task):
    """One tag for every word; the first piece of a word answers for it, other pieces never count.

    Columns: `input_ids`, `word_starts` (1.0 at the first piece of each word) and, where labelled,
    `labels` (0 where `word_starts` is 0).

    Args:
        labels: all tags.
        main_score: `f1`, `precision` or `recall`, of entities; of labels that are not IOB2, such as parts of speech,
            `accuracy` (also for `f1`) or `macro_f1`, of words.
        decoding: `legal`, the best sequence of tags that IOB2 allows, see `best_sequences`; or `argmax`, the best
            tag of each word by itself. Labels that are not IOB2 are decoded by argmax either way.
        raw_words: how raw text becomes words, see `RawWords.facts`; None: white space parts them.
        seq_len: pieces of the longest sentence in training, special tokens included; longer texts are answered
            sentence by sentence. None: 128.
        edge_words: words that stand at no edge of an entity, see `EdgeWords.facts`: where tags are decoded to the best
            sequence that is legal, entities are left without them there. None: there are none.

    Raises:
        ConfigError: there is no such score, decoding or rule for words.
    """

    kind = "tagging"
    auto_class = "TokenClassification"
    per_piece = True
    words = WORDS
    lines = LineFormat(_example_of_line, _answer_line, "words separated by spaces", "words<TAB>tags")
    raw_text = RAW_TEXT
    answer_column = "word_starts"
    # What taggers did before they had the option.
    former_options = types.MappingProxyType({"decoding": "argmax"})  # and words of raw text were those of white space
    mixes = "spans"
    has_entities = True

    def __init__(self, labels: Sequence[str], main_score: str = "f1", decoding: str = "legal",
                 raw_words: Mapping[str, Any] | None = None, seq_len: int | None = None,
                 edge_words: Mapping[str, Any] | None = None):
        super().__init__(labels)
        self.is_plain = not all(map(is_iob2, self.labels))
        if self.is_plain:
            main_score = "accuracy" if main_score == "f1" else main_score
        self.main_score = check_main_score(main_score, PLAIN_SCORES if self.is_plain else tuple(WORDS.scores))
        if decoding not in DECODINGS:
            raise ConfigError(f"`decoding={decoding}`: expected one of {', '.join(DECODINGS)}.")
        self.decoding, self.raw_words, self.seq_len = decoding, RawWords.from_facts(raw_words), seq_len
        self.edge_words = EdgeWords.from_facts(edge_words)

    @property
    def options(self) -> dict[str, Any]:
        found = super().options | {"raw_words": None if self.raw_words.is_whitespace else self.raw_words.facts(),
                                   "edge_words": self.edge_words.facts() if self.edge_words else None}
        return {name: value for name, value in found.items() if value is not None}

    @property
    def transitions(self) -> Transitions:
        """Which tag may follow which, as the task's decoding has it."""
        return transitions(tuple(self.labels), self.decoding)

    @property
    def scored_by(self) -> dict[str, Any]:
        return super().scored_by | ({"decoding": self.decoding} if self.transitions.restricted else {}) | (
            {"edge_words": self.cut_words.facts()} if self.cut_words else {})

    @property
    def cut_words(self) -> EdgeWords:
        """The words that are cut off from the edges of entities: none where any sequence of tags is allowed."""
        return self.edge_words if self.transitions.restricted and self.outside is not None else EdgeWords()

    @property
    def text_columns(self) -> dict[str, Column]:
        return {"input_ids": Column(np.int32), "word_starts": Column(np.float32)}

    @property
    def label_columns(self) -> dict[str, Column]:
        return {"labels": Column(np.int32)}

    def training_features(self, tokenizer: Any, examples: Sequence[Example], seq_len: int) -> TaskFeatures:
        special = SpecialTokens.of(tokenizer)
        index = {label: i for i, label in enumerate(self.labels)}
        rows, truncated = [], 0
        for example, encoded in zip(examples, encode_words(tokenizer, (e.words for e in examples))):
            row, cut = text_row(encoded, special, seq_len)
            kept = len(row["input_ids"]) - len(special)
            tags = np.array([index[tag] for tag in example.tags or ()], np.int32)
            row["labels"] = special.wrap(tags[encoded.word_ids[:kept]], fill=0)
            row["labels"] *= row["word_starts"].astype(np.int32)
            rows.append(row)
            truncated += cut
        return TaskFeatures(RaggedFeatures.from_rows(rows, self.text_columns | self.label_columns), truncated)

    def text_features(self, tokenizer: Any, examples: Iterable[Example], seq_len: int) -> TaskFeatures:
        special = SpecialTokens.of(tokenizer)
        rows, truncated = [], 0
        for encoded in encode_words(tokenizer, (e.words for e in examples)):
            row, cut = text_row(encoded, special, seq_len)
            rows.append(row)
            truncated += cut
        return TaskFeatures(RaggedFeatures.from_rows(rows, self.text_columns), truncated)

    def prediction_features(self, tokenizer: Any, examples: Iterable[Example],
                            max_length: int | None) -> TaggingFeatures:
        """Texts longer than `seq_len` are parted into sentences, and sentences longer than `max_length` (256 where
        there is none) into overlapping windows."""
        return prediction_features(tokenizer, [example.words for example in examples], self.lengths(max_length),
                                   self.cut_words)

    def lengths(self, max_length: int | None) -> tuple[int, int]:
        """Most pieces of a text that is answered at once, and of a window, special tokens included, for a model that
        takes `max_length` (None: any number)."""
        at_once = self.seq_len or _USUAL_LENGTH
        most = max(_LONGEST_WINDOW, at_once) if max_length is None else max_length
        return min(at_once, most), most

    def decode(self, features: TaggingFeatures, row_logits: Sequence[np.ndarray]) -> list[list[str]]:
        """One tag per word, see `tagged`."""
        return [one.tags for one in self.decode_scored(features, row_logits)]

    def decode_scored(self, features: TaggingFeatures, row_logits: Sequence[np.ndarray]) -> list[Tagged]:
        """See `tagged`."""
        return tagged(features, self.word_logits(features, row_logits), self.labels, self.transitions)

    def word_logits(self, features: TaggingFeatures, row_logits: Sequence[np.ndarray]) -> np.ndarray:
        """float32 [words of all sentences, labels], of each word from the window that answers for it."""
        logits = np.full((sum(features.num_words), self.num_outputs), -np.inf, np.float32)
        logits[:, self.transitions.outside] = 0.0
        if len(features.answered):
            logits[features.answered] = np.concatenate(row_logits)[features.places]
        return logits

    def scores(self, examples: Sequence[Example], predictions: Sequence[Sequence[str]]) -> dict[str, Any]:
        """Entity scores, see `entity_scores`; where labels are not IOB2, see `tag_scores`."""
        score = tag_scores if self.is_plain else entity_scores
        return with_languages(score, self.main_score, [e.tags for e in examples], predictions,
                              [e.language for e in examples])

    def blind_answers(self, examples: Sequence[Example]) -> list[list[list[str]]]:
        """See `exchanged_tags`; where labels are not IOB2, `most_frequent_tag`."""
        return [(most_frequent_tag if self.is_plain else exchanged_tags)([example.tags or () for example in examples])]

    def label_loss(self, batch: Mapping[str, tf.Tensor], logits: tf.Tensor) -> tf.Tensor:
        from xtremedistil_tf.training.losses import label_loss

        return label_loss(batch["labels"], logits, batch["word_starts"])

    def logit_loss(self, batch: Mapping[str, tf.Tensor], logits: tf.Tensor) -> tf.Tensor:
        from xtremedistil_tf.training.losses import logit_loss

        return logit_loss(batch["teacher_logits"], logits, batch["word_starts"])

    def answered(self, batch: Mapping[str, tf.Tensor]) -> tf.Tensor:
        return batch["word_starts"]

    def weight_of(self, batch: Mapping[str, tf.Tensor]) -> tf.Tensor:
        from xtremedistil_tf.training.losses import total

        return total(batch["word_starts"])

    def same(self, one: Sequence[str], other: Sequence[str]) -> bool:
        return list(one) == list(other)

    def agreement(self, expected: Sequence[Sequence[str]], found: Sequence[Sequence[str]]) -> float:
        pairs = [a == b for one, other in zip(expected, found, strict=True)
                 for a, b in zip(one, other, strict=True)]
        return float(np.mean(pairs)) if pairs else 1.0

    def confusion_pairs(self, examples: Sequence[Example],
                        predictions: Sequence[Sequence[str]]) -> Iterable[tuple[str, str]]:
        return ((gold, found) for example, tags in zip(examples, predictions, strict=True)
                for gold, found in zip(example.tags or (), tags, strict=True))

    def disagreement(self, example: Example, teacher: Sequence[str], student: Sequence[str]) -> dict[str, Any]:
        """`words` and the three rows of tags, joined by spaces, which keeps the file short; of long sentences the
        part with the first difference, with `cut`."""
        first = next(i for i, (one, other) in enumerate(zip(teacher, student)) if one != other)
        begin = max(0, min(first - _MOST_WORDS // 3, len(example.words) - _MOST_WORDS))
        end = begin + _MOST_WORDS
        columns = {"words": example.words, "gold": example.tags or (), "teacher": teacher, "student": student}
        part = {name: " ".join(values[begin:end]) for name, values in columns.items()}
        cut = end < len(example.words) or begin
        return part | ({"cut": f"words {begin + 1} to {end} of {len(example.words)}"} if cut else {})

    def confidence(self, logits: Sequence[np.ndarray]) -> np.ndarray:
        """The mean of the top probabilities of the words; 1 without words."""
        if not len(logits):
            return super().confidence(logits)
        lengths = np.array([len(rows) for rows in logits])
        totals = sums(top_probabilities(np.concatenate(logits)), lengths)
        return np.where(lengths > 0, totals / np.maximum(lengths, 1), 1).astype(np.float32)

    def same_logits(self, first: Sequence[np.ndarray], second: Sequence[np.ndarray], tolerance: float) -> np.ndarray:
        """The same tags, as far as both have answers."""
        lengths = np.array([min(len(one), len(other)) for one, other in zip(first, second)])
        tags = [np.concatenate([rows[:length] for rows, length in zip(part, lengths)]).argmax(1)
                for part in (first, second)]
        return sums((tags[0] != tags[1]).astype(np.float64), lengths) == 0

    def choices(self, logits: np.ndarray) -> np.ndarray:
        return softmax(logits)

    def aligned_logits(self, logits: np.ndarray, places: np.ndarray, student: PieceSpans,
                       teacher: PieceSpans) -> tuple[np.ndarray, np.ndarray]:
        words = aligned_words(student.units, teacher.units)
        return logits[np.maximum(words, 0)], words >= 0

    @property
    def decoding_name(self) -> str:
        return "legal" if self.transitions.restricted else "argmax"

    def decoding_facts(self) -> dict[str, Any]:
        """The rule for tags as JSON.

        Returns:
            `name`: `argmax` (each word by itself), or `legal`: the sequence of labels with the greatest sum of logits
            among those that are allowed, labels being numbered from 0. Then also `may_begin`, the labels that may
            begin a sentence; `may_follow`, for each label the list of those that may follow it; and `test_vectors`,
            each with the `logits` [words, labels] of a sentence, the right `label_ids` [words], and `argmax`, what
            they would be word by word, which is always something else. Where there are words that stand at no edge of
            an entity also `never_first` and `never_last`, see `EdgeWords`, and `edge_vectors`, see `edge_vectors`.
        """
        if not self.transitions.restricted:
            return {"name": self.decoding_name}
        count = self.num_outputs
        allowed = [np.flatnonzero(row).tolist() for row in self.transitions.may_follow(np.arange(count + 1))]
        edges = self.cut_words.facts() | {"edge_vectors": edge_vectors(self.cut_words, self.labels)}
        return {"name": self.decoding_name, "may_begin": allowed[count], "may_follow": allowed[:count],
                "test_vectors": test_vectors(self.transitions)} | (edges if self.cut_words else {})

    @property
    def outside(self) -> int | None:
        return self.labels.index(_OUTSIDE) if _OUTSIDE in self.labels else None

    @classmethod
    def options_from(cls, config: DistillationConfig, corpus: TaskCorpus) -> dict[str, Any]:
        rule = rule_of((e for e in corpus.train if isinstance(e, Example)), config.word_splitting)
        log.info("`word_splitting=%s`: %s", config.word_splitting, described(rule))
        edge_words = edge_words_of((e for e in corpus.train if isinstance(e, Example)), corpus.labels)
        return {"decoding": config.decoding, "raw_words": rule.facts(), "seq_len": config.seq_len,
                "edge_words": edge_words.facts() if edge_words else None}

    @classmethod
    def words_for(cls, main_score: str) -> KindWords:
        return PLAIN_WORDS if main_score in PLAIN_SCORES else cls.words

    def read_unlabeled(self, path: str, pairs: bool, reading: Reading = BY_CONTENT) -> Iterator[Example]:
        return read_text(path, self.raw_words.words, reading)

    def asked_line(self, line: str, number: int, source: str) -> Asked | None:
        return self.asked_texts([line])

    def asked_row(self, columns: Sequence[str], pairs: bool) -> Asked | None:
        """The first column holds words with white space between them; of the others nothing is read."""
        return some_words(asked_text(columns[0], AT_SPACES))

    def asked_texts(self, texts: Sequence[str]) -> Asked | None:
        return some_words(asked_text(texts[0], self.raw_words))

    def asked_record(self, record: Mapping[str, Any], pairs: bool) -> Asked | None:
        """Words under `tokens` or `words`, else a text."""
        key = next((key for key in WORD_KEYS if key in record), None)
        if key is None:
            return super().asked_record(record, pairs)
        words = record[key]
        if not isinstance(words, list) or not all(isinstance(word, str) for word in words):
            raise DataError(f"{key!r} is {quoted(words)}, expected a list of words")
        if problem := words_problem(words) or encoding_problem(" ".join(words).replace("\0", "")):
            raise DataError(f"{key!r}: {problem}")
        return some_words(self.asked({key: words}))

    @classmethod
    def described(cls, labels: Sequence[str], pairs: bool) -> str:
        return f"tagging with the labels {', '.join(labels[:4])}"
