"""The answers of a teacher by file, kept in one file: those of one text together, dev and test cut out of them."""

from __future__ import annotations

import array
import collections
import dataclasses
import functools
import hashlib
import json
import logging
import pathlib
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from xtremedistil_tf.atomic import atomic_file, read_json, write_json
from xtremedistil_tf.corpus.answered import VERSION, AnswerFile, AnswersReader, Row, answer_files
from xtremedistil_tf.corpus.class_checks import class_order
from xtremedistil_tf.corpus.example import AnyExample, Example, QuestionExample, TextExample, digest, normalised
from xtremedistil_tf.corpus.tag_schemes import OUTSIDE
from xtremedistil_tf.errors import DataError
from xtremedistil_tf.fingerprint import file_fingerprint, fingerprint
from xtremedistil_tf.progress import progress_bar

log = logging.getLogger(__name__)

TRAIN, DEV, TEST = "train", "dev", "test"
#: Most examples of dev and of test that are cut out of the answers.
MOST_MEASURED = 2_000
_TEXTS = ("words", "text", "text_pair", "question", "context")


@dataclasses.dataclass(frozen=True)
class KeptAnswers:
    """Attributes:
        path: of the file, see `answered`.
        facts: `rows`, `records`, `labels` {name: how often}, `plain` (whether words have labels that are no entities),
            `partly` (whether a teacher does not know all labels), `several` (texts with several answers), `agreement`
            of these (share of equal answers, of words for taggers; None without any).
        fingerprint: of the files and of how they were read.
        name: of the files, for messages.
    """

    path: pathlib.Path
    facts: Mapping[str, Any]
    fingerprint: str
    name: str

    @property
    def names(self) -> list[str]:
        """Types of entities, classes or labels: numbers in their order, before names in theirs."""
        return sorted(self.facts["labels"], key=class_order)

    @property
    def trained(self) -> int:
        """Number of texts that are neither dev nor test."""
        return int(self.facts["rows"] - self.facts[DEV] - self.facts[TEST])

    def examples(self, *splits: str) -> Iterator[AnyExample]:
        """The examples of some splits, without labels; `given` is what was said of them."""
        with open(self.path, encoding="utf-8") as file:
            for number, line in enumerate(file, 1):
                row = json.loads(line)
                if row["split"] in splits:
                    yield _example(row, self.name, number)


def _example(row: Row, source: str, number: int) -> AnyExample:
    where: dict[str, Any] = {"language": row.get("language"), "source": source, "line": number, "given": row["answers"]}
    if "words" in row:
        return Example(tuple(row["words"]), **where)
    if "question" in row:
        return QuestionExample(f"{source}:{number}", row["question"], row["context"], **where)
    return TextExample(row["text"], row.get("text_pair"), **where)


def keep_answers(given: str, folder: pathlib.Path, reader: AnswersReader, identity: Any, fraction: float,
                 seed: int) -> KeptAnswers:
    """Reads files of answers, unless that is done.

    Args:
        given: the files, see `answer_files`.
        folder: where they are kept.
        reader: reads them.
        identity: what decides how it does, JSON-able.
        fraction: of the examples that become dev, and as many test, by document; 0: none.
        seed: of that choice.

    Raises:
        DataError: see `AnswersReader.say`.
    """
    try:
        files = answer_files(given)
    except DataError:
        if (found := _without_files(given, folder)) is None:
            raise
        return found
    name = fingerprint([VERSION, [[file_fingerprint(one.path), one.knows, one.weight] for one in files], identity,
                        fraction, seed])
    path, facts_file = folder / f"answers-{name}.jsonl", folder / f"answers-{name}.json"
    if not (path.exists() and facts_file.exists()):
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".part-", dir=folder) as part:
            kept = _Kept(pathlib.Path(part) / "rows.jsonl")
            kept.read(files, reader)
            reader.say(given)
            with atomic_file(path) as final:
                facts = kept.write(final, fraction, seed)
        write_json(facts_file, facts | {"given": given, "records": reader.records, "left_out": dict(reader.counts)})
    _say(path, given)
    return KeptAnswers(path, read_json(facts_file), name, given)


def _without_files(given: str, folder: pathlib.Path) -> KeptAnswers | None:
    """What is kept of answers whose files are gone, so that a model directory can be exported without them."""
    found = [file for file in sorted(folder.glob("answers-*.json")) if read_json(file).get("given") == given]
    if len(found) != 1:
        return None
    path = found[0].with_suffix(".jsonl")
    return KeptAnswers(path, read_json(found[0]), path.stem.partition("-")[2], given)


@functools.lru_cache(maxsize=64)
def _say(path: pathlib.Path, name: str) -> None:
    """Once, although steps and a dry run ask for the same answers again."""
    facts = read_json(path.with_suffix(".json"))
    log.info("%s: %d texts with answers of %d records%s", name, facts["rows"], facts["records"],
             "".join(f"; {key} {facts[key]}" for key in (DEV, TEST) if facts[key]))
    if facts["several"]:
        log.info("%d texts have several answers, which are averaged; they agree on %.1f %%", facts["several"],
                 100 * facts["agreement"])


class _Kept:
    """The rows in a file, with the digest, place and document of each in memory: 24 bytes a row."""

    def __init__(self, path: pathlib.Path):
        self._path = path
        self._texts, self._places, self._documents = array.array("Q"), array.array("Q"), array.array("Q")

    def read(self, files: Sequence[AnswerFile], reader: AnswersReader) -> None:
        with open(self._path, "wb") as out, progress_bar(None, "reading answers", "text") as bar:
            for file in files:
                for row in reader.rows_of(file):
                    self._places.append(out.tell())
                    texts = [" ".join(row[key]) if key == "words" else row[key] for key in _TEXTS if key in row]
                    self._texts.append(digest((row.get("language", ""), *map(normalised, texts))))
                    self._documents.append(digest((row.get("document", str(len(self._places))),)))
                    out.write(json.dumps(row, ensure_ascii=False).encode() + b"\n")
                    bar.update()

    def write(self, path: pathlib.Path, fraction: float, seed: int) -> dict[str, Any]:
        """Writes the rows with what all said of each, and returns the facts."""
        texts = np.frombuffer(self._texts, np.uint64)
        _, first, inverse = np.unique(texts, return_index=True, return_inverse=True)
        firsts = first[inverse]
        others: dict[int, list[int]] = collections.defaultdict(list)
        for again in np.flatnonzero(firsts != np.arange(len(texts))).tolist():
            others[int(firsts[again])].append(again)
        splits = self._splits(np.sort(first), fraction, seed)
        labels: Counter[str] = Counter()
        equal, compared, counts = 0.0, 0.0, Counter[str]()
        with open(self._path, "rb") as rows, open(path, "w", encoding="utf-8") as out:
            for number in np.sort(first).tolist():
                row = self._row(rows, number)
                for other in others.get(number, ()):
                    row["answers"] += self._row(rows, other)["answers"]
                if len(row["answers"]) > 1:
                    share, weight = agreement(row["answers"], len(row.get("words", ())))
                    equal, compared = equal + share * weight, compared + weight
                    counts["several"] += 1
                for answer in row["answers"]:
                    labels.update(labels_in(answer))
                    counts["partly"] += "knows" in answer or any(span[2] is None for span in answer.get("spans", ()))
                    counts["plain"] += any(tag[:2] not in ("B-", "I-") for tag in _tags_in(answer))
                row["split"] = splits.get(number, TRAIN)
                counts[row["split"]] += 1
                out.write(json.dumps(row, ensure_ascii=False) + "\n")
        return {"rows": len(first), "plain": counts["plain"] > 0, "partly": counts["partly"] > 0,
                "several": counts["several"], "labels": dict(labels), DEV: counts[DEV], TEST: counts[TEST],
                "agreement": equal / compared if compared else None}

    def _row(self, rows: Any, number: int) -> Row:
        rows.seek(self._places[number])
        row: Row = json.loads(rows.readline())
        return row

    def _splits(self, kept: np.ndarray, fraction: float, seed: int) -> dict[int, str]:
        """{row: dev or test}: whole documents in a random order, until there are enough rows."""
        wanted = min(MOST_MEASURED, max(1, round(fraction * len(kept)))) if fraction and len(kept) > 2 else 0
        if not wanted:
            return {}
        documents: dict[int, list[int]] = collections.defaultdict(list)
        for row in kept.tolist():
            documents[self._documents[row]].append(row)
        found: dict[int, str] = {}
        counts = Counter[str]()
        for document in sorted(documents, key=lambda one: hashlib.blake2b(f"{seed} {one}".encode()).digest()):
            split = DEV if counts[DEV] < wanted else TEST
            if counts[TEST] >= wanted or len(found) + len(documents[document]) >= len(kept):
                break
            found |= dict.fromkeys(documents[document], split)
            counts[split] += len(documents[document])
        return found


def labels_in(answer: Mapping[str, Any]) -> Iterator[str]:
    """The types of entities, tags or classes that an answer names."""
    for span in answer.get("spans", ()):
        if isinstance(span[2], str):
            yield span[2]
    yield from (tag[2:] if tag[:2] in ("B-", "I-") else tag for tag in _tags_in(answer))
    scores = answer.get("scores", {})
    yield from scores if isinstance(scores, dict) else ()
    yield from answer.get("labels", ())
    if "label" in answer:
        yield answer["label"]


def _tags_in(answer: Mapping[str, Any]) -> list[str]:
    """The tags of words, but for `O`."""
    scores = answer.get("scores")
    told = [*answer.get("tags", ()), *(tag for row in scores for tag in row)] if isinstance(scores, list) else \
        answer.get("tags", ())
    return [tag for tag in told if tag not in (OUTSIDE, None)]


def agreement(answers: Sequence[Mapping[str, Any]], words: int) -> tuple[float, float]:
    """(share of equal answers over all pairs, what it counts): words of taggers, else one."""
    said = [_best(answer, words) for answer in answers]
    shares = [float(np.mean([a == b for a, b in zip(one, other)])) if one else 1.0
              for place, one in enumerate(said) for other in said[place + 1:]]
    return float(np.mean(shares)), float(max(1, words))


def _best(answer: Mapping[str, Any], words: int) -> list[Any]:
    scores = answer.get("scores")
    if isinstance(scores, list):
        return [max(row, key=row.__getitem__) for row in scores]
    if isinstance(scores, dict):
        return [max(scores, key=scores.__getitem__)]
    if "spans" in answer and words:
        tags: list[Any] = [OUTSIDE] * words
        for first, stop, label, _ in answer["spans"]:
            tags[first:stop] = [f"B-{label}", *([f"I-{label}"] * (stop - first - 1))]
        return tags
    return answer.get("tags") or [answer.get("label", answer.get("labels", answer.get("value", answer.get("spans"))))]
