"""Character spans over raw text, as annotation tools export them, as tags of words."""

from __future__ import annotations

import os
import pathlib
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from xtremedistil_tf.corpus.encodings import say_once
from xtremedistil_tf.corpus.example import Example
from xtremedistil_tf.corpus.files import Faults, counted, encoding_problem, open_lines, quoted, read_whole
from xtremedistil_tf.corpus.reading import SplitWords
from xtremedistil_tf.corpus.tag_schemes import OUTSIDE
from xtremedistil_tf.errors import DataError, MissingExtraError

#: What Prodigy writes of examples that the annotator did not accept.
NOT_ACCEPTED = ("reject", "ignore")
_SPAN_KEYS = ("entities", "spans", "label", "labels", "annotations")
#: Where spans begin and end.
START_KEYS, END_KEYS = ("start", "start_offset", "start_char", "begin"), ("end", "end_offset", "end_char", "stop")
_TYPE_KEYS = ("label", "labels", "type", "tag", "entity", "entity_group", "category")
_LINES = re.compile(r"[^\n]*\n?")
BRAT, SPACY = ".ann", ".spacy"


class Span(NamedTuple):
    """`text[start:end]`, in Unicode characters, is of a type."""

    start: int
    end: int
    type: str


class SpanTally:
    """Counts what spans of a file are like that words cannot have.

    Args:
        path: of the file, for messages.
    """

    def __init__(self, path: str | os.PathLike[str]):
        self._path, self._counts = os.fspath(path), Counter[str]()
        self._first: dict[str, str] = {}

    def add(self, what: str, text: str, span: Span) -> None:
        """Counts one."""
        self._counts[what] += 1
        self._first.setdefault(what, f"{text[span.start:span.end][:40]!r} ({span.type})")

    def say(self) -> None:
        """One line for each kind of thing that was counted."""
        for what, count in self._counts.items():
            say_once(self._path, f"{counted(count, 'span')} {what}, such as {self._first[what]}")


def split_at_space(text: str) -> list[tuple[str, int, int]]:
    """Words that white space parts, with their places."""
    return [(match[0], match.start(), match.end()) for match in re.finditer(r"\S+", text)]


def tagged_sentences(text: str, spans: Sequence[Span], split: SplitWords, tally: SpanTally,
                     ) -> Iterator[tuple[tuple[str, ...], tuple[str, ...]]]:
    """(words, IOB2 tags) of each line of a text.

    Of spans that overlap the longest is kept. A span that begins or ends inside a word covers the whole word.

    Args:
        text: raw text.
        spans: of it.
        split: makes words.
        tally: counts what is overlapping and misaligned.
    """
    kept = _without_overlaps(text, spans, tally)
    for line in _LINES.finditer(text):
        found = [(word, line.start() + start, line.start() + end) for word, start, end in split(line[0])]
        if found:
            yield tuple(word for word, _, _ in found), _tags(text, found, kept, tally)


def _without_overlaps(text: str, spans: Sequence[Span], tally: SpanTally) -> list[Span]:
    kept: list[Span] = []
    for span in sorted(set(spans), key=lambda one: (one.start - one.end, one)):
        if not text[span.start:span.end].strip():
            tally.add("cover no word and are skipped", text, span)
        elif any(span.start < other.end and other.start < span.end for other in kept):
            tally.add("overlap a longer one, which is kept", text, span)
        else:
            kept.append(span)
    return sorted(kept)


def _tags(text: str, words: Sequence[tuple[str, int, int]], spans: Sequence[Span], tally: SpanTally,
          ) -> tuple[str, ...]:
    tags = [OUTSIDE] * len(words)
    for span in spans:
        inside = [place for place, (_, start, end) in enumerate(words) if start < span.end and span.start < end]
        free = [place for place in inside if tags[place] == OUTSIDE]
        if not inside:
            continue
        begin, end = span.start, span.end
        bare = text[begin:end]
        begin, end = begin + len(bare) - len(bare.lstrip()), end - len(bare) + len(bare.rstrip())
        if words[inside[0]][1] < begin or words[inside[-1]][2] > end:
            tally.add("begin or end inside a word, and cover the whole word", text, span)
        for place in free:
            tags[place] = ("B-" if place == free[0] else "I-") + span.type
        if not free:
            tally.add("share their only word with another, which is kept", text, span)
    return tuple(tags)


def spans_in(record: Mapping[str, Any]) -> tuple[str, list[Span]] | str | None:
    """(text, spans) of a record of an annotation tool; what is wrong with it; None where it is no such record.

    doccano: `{"text": ..., "label": [[start, end, type]]}`, or `entities` with `start_offset`; Prodigy: `spans` with
    `start`, `end`, `label`; Label Studio: `{"data": {"text": ...}, "annotations": [{"result": [...]}]}`, or its
    smaller form with `label` a list of objects.
    """
    data = record.get("data")
    if isinstance(data, Mapping) and isinstance(data.get("text"), str):
        return _of_label_studio(record, data["text"])
    text = record.get("text")
    if not isinstance(text, str):
        return None
    key = next((key for key in _SPAN_KEYS if isinstance(record.get(key), list)), None)
    if key is None:
        return None
    found = []
    for item in record[key]:
        span = _span(item, text)
        if isinstance(span, str):
            return span
        found.append(span)
    return text, found


def _of_label_studio(record: Mapping[str, Any], text: str) -> tuple[str, list[Span]] | str:
    annotations = record.get("annotations", record.get("completions", []))
    made = [one for one in annotations if isinstance(one, Mapping) and not one.get("was_cancelled")]
    found = []
    for item in (made[0].get("result") or [] if made else []):
        value = item.get("value") if isinstance(item, Mapping) else None
        if not isinstance(value, Mapping) or "start" not in value:
            continue  # choices for the whole text, relations
        span = _span(value, text)
        if isinstance(span, str):
            return span
        found.append(span)
    return text, found


def _span(item: Any, text: str) -> Span | str:
    expected = f"expected [start, end, type] within the {len(text)} characters of the text"
    if isinstance(item, Mapping):
        item = [next((item[key] for key in keys if key in item), None) for keys in (START_KEYS, END_KEYS, _TYPE_KEYS)]
    if not isinstance(item, list) or len(item) != 3:
        return f"span {quoted(item)}, {expected}"
    start, end, kind = item
    kind = kind[0] if isinstance(kind, list) and len(kind) == 1 else kind
    if type(start) is not int or type(end) is not int or not 0 <= start < end <= len(text):
        return f"span {quoted(item)}, {expected}"
    if not isinstance(kind, str) or not kind.strip() or encoding_problem(kind):
        return f"span {quoted(item)}, expected the name of a type"
    return Span(start, end, "_".join(kind.split()))


def read_brat(path: pathlib.Path, faults: Faults) -> tuple[str, list[Span]]:
    """The text of a `.txt` file and the spans of the `.ann` file beside it.

    Of an entity in several parts the first is read; relations, events and notes are not.

    Args:
        path: the `.ann` file.
        faults: receives its faulty lines.

    Raises:
        DataError: see `open_lines`; there is no `.txt` file.
    """
    text = read_whole(path.with_suffix(".txt"))
    found = []
    for number, line in open_lines(path):
        if not line.startswith("T"):
            continue
        match = re.match(r"T\S*\t(\S+) ([0-9]{1,9}) ([0-9]{1,9})", line)
        if not match or not int(match[2]) < int(match[3]) <= len(text):
            faults.add(number, f"{quoted(line)}, expected `T1<TAB>type start end<TAB>words` within the text")
            continue
        found.append(Span(int(match[2]), int(match[3]), match[1]))
    return text, found


def read_docbin(path: str | os.PathLike[str]) -> Iterator[Example]:
    """The sentences of spaCy's DocBin, its tokens as words; a document without sentences is one.

    Raises:
        MissingExtraError: spaCy is not installed.
        DataError: the file is damaged.
    """
    try:
        import spacy
        from spacy.tokens import DocBin
    except ImportError as error:
        raise MissingExtraError("spacy", "benchmarks", f"reading {path}") from error
    try:
        docs = list(DocBin().from_disk(path).get_docs(spacy.blank("xx").vocab))
    except Exception as error:  # spaCy, srsly and zlib raise errors of their own
        raise DataError(f"{path}: cannot be read as spaCy's DocBin ({error}).") from error
    for number, doc in enumerate(docs, 1):
        parts = list(doc.sents) if doc.has_annotation("SENT_START") else [doc[:]]
        for part in parts:
            rows = [(token.text, token.ent_iob_ in "BI" and token.ent_iob_ and f"{token.ent_iob_}-{token.ent_type_}")
                    for token in part if token.text.strip()]
            if rows:
                words, tags = zip(*((word, tag or OUTSIDE) for word, tag in rows))
                yield Example(words, tags, None, os.fspath(path), number)
