"""Texts with the answers of a teacher that is not run here: read from files in many dialects, kept in one.

The file that is kept has a JSON object a line: `words`, or `text` and perhaps `text_pair`, or `question` and `context`;
perhaps `language` and `document`; and `answers`, a list with what each annotator or teacher said:

    {"spans": [[first word, word after the last, type or null, score or null], ...]}    null: not known
    {"tags": [tag or null, ...]}                     {"scores": [{tag: probability, ...}, ...]}, one a word
    {"label": class, "score": probability or none}   {"scores": {class: probability, ...}}
    {"labels": [class, ...]}                         {"value": number}
    {"spans": [[text, first character, score or null], ...]}, of a question; none: it has no answer

each perhaps with `weight`, and with `knows`, the labels that its teacher can give; without, all.
"""

from __future__ import annotations

import itertools
import logging
import os
import pathlib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from xtremedistil_tf.corpus import answer_dialects as dialects
from xtremedistil_tf.corpus.answer_dialects import Fault
from xtremedistil_tf.corpus.encodings import say_once
from xtremedistil_tf.corpus.example import normalised
from xtremedistil_tf.corpus.files import Faults, encoding_problem, entries, quoted, stem_and_suffix
from xtremedistil_tf.corpus.reading import SplitWords
from xtremedistil_tf.corpus.records import JSON_SUFFIXES, PARQUET
from xtremedistil_tf.corpus.tag_schemes import IOB2, MIXED, NONE, OUTSIDE, scheme_of, to_iob2
from xtremedistil_tf.corpus.tagged_places import OFFSETS, at_words, known_scores, places_of
from xtremedistil_tf.corpus.tagged_records import records_of
from xtremedistil_tf.corpus.text import text_paths
from xtremedistil_tf.errors import ConfigError, DataError

log = logging.getLogger(__name__)

Row = dict[str, Any]
Record = Mapping[str, Any]
_LANGUAGES = ("language", "lang")
_DOCUMENTS = ("document", "document_id", "doc_id", "doc", "source_id")
_SUFFIXES = (*JSON_SUFFIXES, PARQUET, ".csv", ".tsv")
#: Records by which the scheme of a file's tags is told.
_LOOKED_AT = 2000
#: Change it where the same files would be kept otherwise.
VERSION = 3


class AnswerFile(NamedTuple):
    """A file of answers, the labels that its teacher can give (None: all), and what its answers count for."""

    path: pathlib.Path
    knows: tuple[str, ...] | None = None
    weight: float = 1.0


def answer_files(given: str | os.PathLike[str]) -> list[AnswerFile]:
    """The files that a path, or several separated by commas, name; of a folder its JSON, Parquet, CSV and TSV files.

    Each may end with `?knows=PER+LOC`, `?weight=2` or `?knows=PER&weight=2`.

    Raises:
        DataError: one does not exist, or a folder has none.
        ConfigError: an end that cannot be read.
    """
    found = []
    for part in [one.strip() for one in os.fspath(given).split(",") if one.strip()]:
        name, _, query = part.partition("?")
        knows, weight = _settings(part, query)
        for path in text_paths(name):
            there = [path] if path.is_file() else [file for file in entries(path)
                                                   if stem_and_suffix(file)[1] in _SUFFIXES]
            if not there:
                raise DataError(f"{path}: no file of answers, expected *.jsonl, *.parquet, *.csv or the like.")
            found += [AnswerFile(file, knows, weight) for file in there]
    return found


def _settings(part: str, query: str) -> tuple[tuple[str, ...] | None, float]:
    values = dict(one.partition("=")[::2] for one in query.split("&") if one)
    try:
        knows, weight = values.pop("knows", None), float(values.pop("weight", "1"))
        if values or not 0 < weight < float("inf") or knows == "":
            raise ValueError
    except ValueError:
        raise ConfigError(f"`transfer_labels={part}`: expected a file, perhaps with ?knows=PER+LOC (the labels that "
                          "its teacher can give), ?weight=2 (above 0), or ?knows=PER&weight=2.") from None
    return None if knows is None else tuple(knows.split("+")), weight


def kind_of_answers(path: str | os.PathLike[str]) -> tuple[str, bool]:
    """The kind of task that a file of answers is of, by its first records, and whether it is on pairs of texts."""
    file = answer_files(path)[0].path
    records = [dialects.inputs_of(record) for _, record in itertools.islice(records_of(file, Faults(file)), 20)]
    if not records:
        raise DataError(f"{file}: empty, expected texts and answers.")
    pairs = all(any(key in record for key in dialects.PAIR_KEYS) for record in records)
    if all("context" in record and "question" in record for record in records):
        return "question_answering", False
    words = (*dialects.WORD_KEYS, OFFSETS)
    if any(any(key in record for key in words) and "cats" not in record for record in records):
        return "tagging", False
    said = [one for record in records for one in dialects.answers_in(record, (*dialects.SPAN_KEYS, *dialects.CLASS_KEYS,
                                                                              *dialects.NUMBER_KEYS))]
    values = [one.value for one in said]
    objects = [one for value in values if isinstance(value, list) for one in value if isinstance(one, Mapping | list)]
    if any(isinstance(one, list) or "start" in one or "start_offset" in one for one in objects) or any(
            key in record for record in records for key in ("entities", "ents", "spans")):
        return "tagging", False
    if values and all(isinstance(value, float | int) and not isinstance(value, bool) for value in values):
        return "regression", pairs
    lists = [value for one in said if isinstance(value := one.value, list) and "scores" not in one.record
             and not any(isinstance(item, Mapping) for item in value)]
    return "multi_label" if any(len(value) != 1 for value in lists) else "classification", pairs


class AnswersReader:
    """Reads files of answers, each record in one form, and counts what is wrong with them.

    Args:
        kind: of the task.
        pairs: whether it is on pairs of texts.
        split: makes words of raw text, for tagging.
        labels: of the task, as tags of IOB2 or as classes; None: all that occur.
    """

    def __init__(self, kind: str, pairs: bool, split: SplitWords, labels: Sequence[str] | None = None):
        self._kind, self._pairs, self._split = kind, pairs, split
        self._labels = None if labels is None else {label[2:] if label[:2] in ("B-", "I-") else label
                                                    for label in labels}
        self._tags, self._scheme = None if labels is None else frozenset(labels), NONE
        self.counts: Counter[str] = Counter()
        self.first: dict[str, str] = {}
        self.records = self.rows = 0

    def rows_of(self, source: AnswerFile) -> Iterator[Row]:
        """The rows of a file, without those that are faulty."""
        file, faults = source.path, Faults(source.path)
        self._scheme = self._scheme_of(file) if self._kind == "tagging" else NONE
        beside = ({} if source.knows is None else {"knows": list(source.knows)}) | (
            {} if source.weight == 1 else {"weight": source.weight})
        for number, record in records_of(file, faults):
            self.records += 1
            try:
                for row in self._rows(record, f"{file.name}:{number}"):
                    self.rows += 1
                    yield row | {"answers": [answer | beside for answer in row["answers"]]}
            except Fault as fault:
                self.note(fault.kind, f"{file.name}:{number}: {fault.found}")
        if faults.count:
            self.records += faults.count
            self.note("lines that are no object", file.name, faults.count)

    def _scheme_of(self, file: pathlib.Path) -> str:
        """The scheme of the tags in a file, by its first records."""
        counts: Counter[str] = Counter()
        for _, record in itertools.islice(records_of(file, Faults(file)), _LOOKED_AT):
            for said in dialects.answers_in(record, dialects.TAG_KEYS):
                if isinstance(said.value, list) and any(key in record for key in (*dialects.WORD_KEYS, OFFSETS)):
                    counts.update(tag for tag in said.value if isinstance(tag, str))
        scheme = scheme_of(counts) if counts else NONE
        if scheme not in (IOB2, NONE, MIXED):
            say_once(os.fspath(file), f"tags are {scheme}; converted to IOB2")
        return scheme

    def note(self, what: str, where: str, count: int = 1) -> None:
        """Counts something that is left out."""
        self.counts[what] += count
        self.first.setdefault(what, where)

    def say(self, name: str) -> None:
        """One line for each kind of fault.

        Raises:
            DataError: most records are faulty, or none is left.
        """
        lines = [f"{count:,} {what}, such as {self.first[what]}" for what, count in self.counts.most_common()]
        if not self.rows or 2 * self.rows < self.records:
            raise DataError(f"`transfer_labels={name}`: {self.rows} of {self.records} records have a text and an "
                            f"answer of the kind {self._kind}: {'; '.join(lines) or 'the files are empty'}. "
                            "docs/any_teacher.md shows what is read.")
        for line in lines:
            log.warning("%s: left out: %s", name, line)

    def _rows(self, record: Record, place: str) -> Iterator[Row]:
        asked = dialects.inputs_of(record)
        beside = {key: str(value) for key, names in (("language", _LANGUAGES), ("document", _DOCUMENTS))
                  if (value := next((asked[name] for name in names if asked.get(name) is not None), None)) is not None}
        if self._kind == "tagging":
            beside.setdefault("document", place)
            yield from (row | beside for row in self._tagged(record, asked, place))
            return
        if self._kind == "question_answering":
            texts = {key: _text(asked, (key,)) for key in ("question", "context")}
            found = dialects.question_answers({**asked, **record})
            answers = [] if found is None else [{"spans": self._in_context(texts["context"], found, place)}]
        else:
            texts = {"text": _text(asked, dialects.TEXT_KEYS)}
            texts |= {"text_pair": _text(asked, dialects.PAIR_KEYS)} if self._pairs else {}
            answers = self._answers_of_text(record, place)
        if not answers:
            raise Fault("records without an answer", place)
        yield texts | beside | {"answers": answers}

    def _answers_of_text(self, record: Record, place: str) -> list[Row]:
        if self._kind == "regression":
            return [dialects.number_of(said) for said in dialects.answers_in(record, dialects.NUMBER_KEYS)]
        several = self._kind == "multi_label"
        found = []
        for said in dialects.answers_in(record, dialects.CLASS_KEYS):
            answer = dialects.classes_of(said, several)
            names = [answer["label"]] if "label" in answer else [*answer.get("labels", ()), *answer.get("scores", ())]
            if unknown := [name for name in names if self._labels is not None and name not in self._labels]:
                self.note("answers with labels that the task does not have", f"{place}: {quoted(unknown[0])}")
            else:
                found.append(answer)
        return found

    def _in_context(self, context: str, answers: Sequence[tuple[str, int, float | None]], place: str) -> list[Any]:
        wrong = [text for text, start, _ in answers if context[start:start + len(text)] != text or start < 0]
        if wrong:
            raise Fault("answers whose offsets do not match their text", f"{quoted(wrong[0])}")
        return [list(answer) for answer in answers]

    def _tagged(self, record: Record, asked: Record, place: str) -> Iterator[Row]:
        key = next((key for key in dialects.WORD_KEYS if isinstance(asked.get(key), list)), None)
        words = asked[key] if key else None
        if words is not None and not all(isinstance(word, str) for word in words):
            words = None  # tokens of Prodigy and spaCy are objects, beside which the text stands
        if words is None:
            text, tokens = _text(asked, dialects.TEXT_KEYS), None
            lines = [(begin, line) for begin, line in _lines(text) if line.strip()]
            if OFFSETS in asked:
                yield from self._tagged_places(record, text, lines, place)
                return
        else:
            words = ["".join(word.split()) for word in words]
            if not words or not all(words) or encoding_problem(" ".join(words)):
                raise Fault("texts that are empty or no Unicode", place)
            text, tokens = " ".join(words), words
            said = dialects.answers_in(record, dialects.TAG_KEYS)
            if said and isinstance(said[0].value, list) and not _are_spans(said[0].value):
                answers = [self._known_tags(dialects.tags_of(one.value, len(words)), place) for one in said]
                yield {"words": words, "answers": answers}
                return
            lines = [(0, text)]
        annotators = [self._placed(text, dialects.raw_spans(one.value, tokens if "ner" in asked else None), place)
                      for one in dialects.answers_in(record, dialects.SPAN_KEYS)]
        if not annotators:
            raise Fault("records without an answer", place)
        for begin, line in lines:
            parts = list(self._words(line, tokens))
            answers = [{"spans": list(_in_words(spans, begin, parts))} for spans in annotators]
            yield {"words": [word for word, _, _ in parts], "answers": answers}

    def _tagged_places(self, record: Record, text: str, lines: Sequence[tuple[int, str]],
                       place: str) -> Iterator[Row]:
        """Tags, or distributions over them, of parts of a text as those of its words by the task's own rule."""
        places = places_of(dialects.inputs_of(record)[OFFSETS], text)
        said = dialects.answers_in(record, dialects.TAG_KEYS)
        if not said:
            raise Fault("records without an answer", place)
        answers = [self._known_tags(dialects.tags_of(one.value, len(places)), place) for one in said]
        for begin, line in lines:
            words = list(self._words(line, None))
            found = [(begin + start, begin + end) for _, start, end in words]
            yield {"words": [word for word, _, _ in words],
                   "answers": [at_words(answer, places, found) for answer in answers]}

    def _words(self, line: str, tokens: Sequence[str] | None) -> Iterator[tuple[str, int, int]]:
        if tokens is None:
            yield from ((str(word), start, end) for word, start, end in self._split(line))
            return
        start = 0
        for token in tokens:
            yield token, start, start + len(token)
            start += len(token) + 1

    def _known_tags(self, answer: Row, place: str) -> Row:
        """The answer with tags in IOB2. What is not known stays so, what the task does not have becomes so."""
        tags = answer.get("tags")
        if tags is not None and self._scheme not in (NONE, MIXED):
            converted = to_iob2([OUTSIDE if tag is None else tag for tag in tags], self._scheme).tags
            tags = [None if before is None else tag for before, tag in zip(tags, converted)]
            answer = answer | {"tags": tags}
        if self._tags is None:
            return answer
        best = {tag for tag in tags or (max(row, key=row.__getitem__) for row in answer["scores"]) if tag is not None}
        if unknown := best - self._tags:
            what, where = "answers with labels that the task does not have", f"{place}: {quoted(min(unknown))}"
            if not best & (self._tags - {OUTSIDE}):
                raise Fault(what, where)
            self.note(what, where)
        if tags is not None:
            return answer | {"tags": [tag if tag in self._tags else None for tag in tags]}
        return answer | {"scores": [known_scores(row, self._tags) for row in answer["scores"]]}

    def _placed(self, text: str, spans: Sequence[dialects.RawSpan], place: str) -> list[tuple[int, int, Any, Any]]:
        """Spans within the text; of overlapping ones the surest, then the longest."""
        found: list[tuple[int, int, str | None, float | None]] = []
        after = 0
        for span in spans:
            start, end = span.start, span.end
            if start is None or end is None:
                said = span.text or ""
                start = next((place for place in (text.find(said, after), text.find(said)) if place >= 0), -1)
                end = start + len(said)
            if not 0 <= start < end <= len(text) or (span.text is not None and not _same(span.text, text[start:end])):
                raise Fault("texts with spans whose offsets do not match", f"{quoted(span.text or span.label)} at "
                                                                           f"{span.start}:{span.end}")
            after, label = end, span.label
            if self._labels is not None and label not in self._labels:
                self.note("spans with labels that the task does not have", f"{place}: {quoted(label)}")
                label = None  # type: ignore[assignment]
            found.append((start, end, label, span.score))
        kept: list[tuple[int, int, str | None, float | None]] = []
        for one in sorted(found, key=lambda s: (-(1.0 if s[3] is None else s[3]), s[0] - s[1], s[0])):
            if any(one[0] < other[1] and other[0] < one[1] for other in kept):
                self.note("spans that overlap a surer or longer one", f"{place}: {quoted(text[one[0]:one[1]])}")
            else:
                kept.append(one)
        return sorted(kept, key=lambda s: s[0])


def _text(record: Record, keys: Sequence[str]) -> str:
    text: str | None = next((record[key] for key in keys if isinstance(record.get(key), str)), None)
    if text is None or not text.strip() or encoding_problem(text):
        raise Fault("texts that are empty or no Unicode", f"keys {', '.join(map(str, record))[:80]}")
    return text


def _lines(text: str) -> Iterator[tuple[int, str]]:
    begin = 0
    for line in text.split("\n"):
        yield begin, line
        begin += len(line) + 1


def _are_spans(value: Sequence[Any]) -> bool:
    return any(isinstance(one, list) or (isinstance(one, Mapping) and ("start" in one or "start_offset" in one))
               for one in value)


def _same(one: str, other: str) -> bool:
    return normalised(one) == normalised(other)


def _in_words(spans: Iterable[tuple[int, int, Any, Any]], begin: int,
              words: Sequence[tuple[str, int, int]]) -> Iterator[list[Any]]:
    """Spans of characters as those of words; one that begins or ends inside a word covers it whole."""
    last = 0
    for start, end, label, score in spans:
        inside = [place for place, (_, first, stop) in enumerate(words)
                  if begin + first < end and start < begin + stop and place >= last]
        if inside:
            last = inside[-1] + 1
            yield [inside[0], last, label, score]
