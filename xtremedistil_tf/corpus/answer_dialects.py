"""What programs write of a teacher's answers, each dialect brought to one form.

A record says what was asked (a text, words, a pair, a question with its context) and what one or several annotators
answered. Known are the outputs of GLiNER, spaCy (`Doc.to_json`, spacy-llm), Hugging Face pipelines, distilabel,
Argilla, Prodigy, Label Studio, doccano, and plain objects.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from xtremedistil_tf.corpus.files import quoted
from xtremedistil_tf.corpus.spans import END_KEYS, NOT_ACCEPTED, START_KEYS
from xtremedistil_tf.corpus.tag_schemes import OUTSIDE

Record = Mapping[str, Any]
#: Where spans, tags, classes and numbers stand, the surest names first.
SPAN_KEYS = ("entities", "ents", "spans", "ner", "predictions", "prediction", "label", "labels", "annotations",
             "output")
TAG_KEYS = ("tags", "ner_tags", "labels", "predictions", "scores", "probabilities")
CLASS_KEYS = ("scores", "probabilities", "cats", "accept", "labels", "label", "predictions", "prediction", "output",
              "class", "category", "intent", "sentiment", "topic")
NUMBER_KEYS = ("score", "value", "label", "prediction", "output", "rating")
WORD_KEYS = ("tokens", "words", "tokenized_text")
TEXT_KEYS = ("text", "sequence", "sentence", "sentence1", "premise", "question1", "text_a", "content", "instruction",
             "input", "document")
PAIR_KEYS = ("text_pair", "pair", "sentence2", "hypothesis", "question2", "text_b")
_TYPE_KEYS = ("label", "labels", "entity_group", "entity", "type", "tag", "category")
_SCORE_KEYS = ("score", "confidence", "probability", "prob")


class Fault(ValueError):
    """What is wrong with one record: the kind of fault, and what was found."""

    def __init__(self, kind: str, found: str = ""):
        super().__init__(f"{kind}: {found}" if found else kind)
        self.kind, self.found = kind, found


class Said(NamedTuple):
    """What one annotator said: the value as it stands in the record, its score, and the record's other keys."""

    value: Any
    score: float | None
    record: Record


class RawSpan(NamedTuple):
    """Characters of a text that are of a type; without places where only the words are known."""

    start: int | None
    end: int | None
    label: str
    score: float | None
    text: str | None


def inputs_of(record: Record) -> Record:
    """The part of a record that says what was asked."""
    for key in ("fields", "data"):  # Argilla, Label Studio
        if isinstance(record.get(key), Mapping):
            return {**record, **record[key]}
    return record


def answers_in(record: Record, keys: Sequence[str]) -> list[Said]:
    """What each annotator said; none where the record holds no answer.

    Args:
        record: of a file.
        keys: where the answer may stand.
    """
    if record.get("answer") in NOT_ACCEPTED:
        return []
    if "responses" in record or "suggestions" in record:
        return list(_of_argilla(record))
    if isinstance(record.get("data"), Mapping):
        return list(_of_label_studio(record))
    key = next((key for key in keys if record.get(key) is not None), None)
    if key is None:
        return []
    return [Said(record[key], number_in(record, _SCORE_KEYS), record)]


def _of_argilla(record: Record) -> Iterator[Said]:
    """Of each question the users' responses, or else what a model suggested."""
    found = False
    responses = record.get("responses") or {}
    for of_question in responses.values() if isinstance(responses, Mapping) else [responses]:
        for one in of_question if isinstance(of_question, list) else [of_question]:
            if isinstance(one, Mapping) and one.get("status", "submitted") == "submitted" and "value" in one:
                found = True
                yield Said(one["value"], None, record)
    suggestions = record.get("suggestions") or {}
    for one in suggestions.values() if isinstance(suggestions, Mapping) else suggestions:
        if not found and isinstance(one, Mapping) and "value" in one:
            yield Said(one["value"], number_in(one, _SCORE_KEYS), record)


def _of_label_studio(record: Record) -> Iterator[Said]:
    """The annotations, or else the predictions of a model."""
    for key in ("annotations", "completions", "predictions"):
        made = [one for one in record.get(key) or () if isinstance(one, Mapping) and not one.get("was_cancelled")]
        for one in made:
            results = [item for item in one.get("result") or () if isinstance(item, Mapping)]
            values = [{**item["value"], "score": item.get("score", item["value"].get("score"))}
                      for item in results if isinstance(item.get("value"), Mapping)]
            chosen = [value.get("choices", value.get("number", value.get("rating"))) for value in values]
            chosen = [value for value in chosen if value is not None]
            yield Said(chosen[0] if chosen else values, number_in(one, ("score",)), record)
        if made:
            return


def number_in(record: Record, keys: Sequence[str]) -> float | None:
    """The first number under one of the keys."""
    for key in keys:
        value = record.get(key)
        if isinstance(value, int | float) and not isinstance(value, bool):
            return float(value)
    return None


def raw_spans(value: Any, tokens: Sequence[str] | None) -> list[RawSpan]:
    """The spans of an answer.

    Args:
        value: a list of objects or of [start, end, type].
        tokens: where spans count words and include the last one, as in GLiNER's training data; None: characters.

    Raises:
        Fault: it is no such list.
    """
    if not isinstance(value, list):
        raise Fault("answers that are no list of spans", quoted(value))
    found = _merged([_raw_span(item) for item in value])
    if tokens is None:
        return found
    starts = list(itertools.accumulate((len(token) + 1 for token in tokens), initial=0))
    placed = []
    for span in found:
        if span.start is None or span.end is None or not 0 <= span.start <= span.end < len(tokens):
            raise Fault("spans outside their text", quoted(tuple(span)))
        placed.append(span._replace(start=starts[span.start], end=starts[span.end] + len(tokens[span.end])))
    return placed


def _raw_span(item: Any) -> RawSpan:
    if isinstance(item, list | tuple) and len(item) in (3, 4):
        item = dict(zip(("start", "end", "label", "score"), item))
    if not isinstance(item, Mapping):
        raise Fault("spans without a place or a type", quoted(item))
    start, end, label = (next((item[key] for key in keys if item.get(key) is not None), None)
                         for keys in (START_KEYS, END_KEYS, _TYPE_KEYS))
    label = label[0] if isinstance(label, list) and len(label) == 1 else label
    text = item.get("text")
    placed = type(start) is int and type(end) is int
    if not isinstance(label, str) or not label.strip() or not (placed or (start is end is None and text)):
        raise Fault("spans without a place or a type", quoted(item))
    return RawSpan(start, end, "_".join(label.split()), number_in(item, _SCORE_KEYS),
                   text if isinstance(text, str) else None)


def _merged(spans: list[RawSpan]) -> list[RawSpan]:
    """The entities of a Hugging Face pipeline that answers each subword with a tag of its own."""
    if not spans or not all(span.label[:2] in ("B-", "I-") for span in spans):
        return spans
    found: list[list[RawSpan]] = []
    for span in spans:
        if found and _goes_on(found[-1][-1], span):
            found[-1].append(span)
        else:
            found.append([span])
    return [RawSpan(part[0].start, part[-1].end, part[0].label[2:],
                    min((span.score for span in part if span.score is not None), default=None), None)
            for part in found]


def _goes_on(before: RawSpan, span: RawSpan) -> bool:
    if before.label[2:] != span.label[2:] or before.end is None or span.start is None:
        return False
    # The subwords of a word repeat its B-, at the very end of the one before.
    return before.end == span.start or (span.label[0] == "I" and before.end <= span.start <= before.end + 1)


def tags_of(value: Any, count: int) -> dict[str, Any]:
    """An answer of one tag, or one distribution over tags, for each word.

    Raises:
        Fault: it is none, or of another number of words.
    """
    if not isinstance(value, list) or len(value) != count:
        raise Fault("tags that are not as many as the words",
                    f"{len(value) if isinstance(value, list) else quoted(value)} for {count} words")
    if all(isinstance(tag, str) or tag is None for tag in value):
        return {"tags": [OUTSIDE if tag == "" else tag for tag in value]}
    if all(isinstance(row, Mapping) and row for row in value):
        return {"scores": [distribution(row) for row in value]}
    raise Fault("tags that are no names", quoted(next(tag for tag in value if not isinstance(tag, str))))


def distribution(scores: Mapping[Any, Any]) -> dict[str, float]:
    """{label: probability}.

    Raises:
        Fault: something in it is no probability.
    """
    for label, value in scores.items():
        if not isinstance(value, int | float) or isinstance(value, bool) or not -1e-6 <= value <= 1 + 1e-3:
            raise Fault("scores that are no probabilities", f"{quoted(label)}: {quoted(value)}")
    return {" ".join(str(label).split()): min(1.0, max(0.0, float(value))) for label, value in scores.items()}


def classes_of(said: Said, several: bool) -> dict[str, Any]:
    """An answer of classes: `label` with perhaps `score`, `labels`, or `scores` of them.

    Args:
        said: what was said.
        several: whether a text has any number of labels.

    Raises:
        Fault: it is none.
    """
    value, score = said.value, said.score
    if isinstance(value, Mapping):
        inner = next((value[key] for key in ("label", "labels") if key in value), None)
        if inner is None:
            return {"scores": distribution(value)}
        return classes_of(Said(inner, number_in(value, _SCORE_KEYS), value), several)
    labels, scores = said.record.get("labels"), said.record.get("scores")
    if isinstance(labels, list) and isinstance(scores, list) and len(scores) == len(labels):
        return {"scores": distribution(dict(zip(map(str, labels), scores)))}  # zero-shot pipelines
    if isinstance(value, list) and value and all(isinstance(one, Mapping) and "label" in one for one in value):
        return {"scores": distribution({one["label"]: number_in(one, _SCORE_KEYS) for one in value})}
    if isinstance(value, list):
        names = [_class_name(one) for one in value]
        if several:
            return {"labels": names}
        if len(names) != 1:
            raise Fault("answers of several classes", quoted(value))
        value = names[0]
    name = _class_name(value)
    if several:
        return {"labels": [name]} if score is None else {"scores": distribution({name: score})}
    if score is not None and not 0 <= score <= 1 + 1e-3:
        raise Fault("scores that are no probabilities", quoted(score))
    return {"label": name} | ({} if score is None else {"score": min(1.0, score)})


def _class_name(value: Any) -> str:
    if isinstance(value, bool) or not isinstance(value, str | int) or not str(value).strip():
        raise Fault("answers that are no class", quoted(value))
    return " ".join(str(value).split())


def number_of(said: Said) -> dict[str, Any]:
    """An answer of a number.

    Raises:
        Fault: it is none.
    """
    value = said.value
    if isinstance(value, Mapping):
        value = number_in(value, ("score", "value"))
    if isinstance(value, bool) or not isinstance(value, int | float) or value != value:
        raise Fault("answers that are no number", quoted(value))
    return {"value": float(value)}


def question_answers(record: Record) -> list[tuple[str, int, float | None]] | None:
    """(text, start, score) of the answers of a question; none: it has no answer; None: the record does not say.

    Raises:
        Fault: an answer without a place.
    """
    found = record.get("answers", record.get("answer"))
    if isinstance(found, Mapping) and "answer_start" in found:  # SQuAD as the library `datasets` has it
        found = [{"text": text, "start": start} for text, start in zip(found["text"], found["answer_start"])]
    if isinstance(found, str):
        found = [{"text": found, "start": record.get("start"), "score": record.get("score")}] if found else []
    if isinstance(found, Mapping):
        found = [found]
    if not isinstance(found, list):
        return None
    answers = []
    for one in found:
        text = one.get("text", one.get("answer")) if isinstance(one, Mapping) else None
        if not isinstance(text, str):
            raise Fault("answers without a text", quoted(one))
        start = one.get("start", one.get("answer_start"))
        if text and type(start) is not int:
            start = str(record.get("context", "")).find(text)
        if text:
            answers.append((text, int(start), number_in(one, _SCORE_KEYS)))
    return answers
