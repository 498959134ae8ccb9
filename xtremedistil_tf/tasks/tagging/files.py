"""Tagged sentences in files and in data sets of the hub."""

from __future__ import annotations

import itertools
import os
from collections.abc import Mapping, Sequence
from typing import Any

from xtremedistil_tf.corpus import tagged
from xtremedistil_tf.corpus.example import Example
from xtremedistil_tf.corpus.hub import UNLABELED, HubRows, all_unlabeled, column_of
from xtremedistil_tf.corpus.kinds import Kind
from xtremedistil_tf.corpus.labels import infer_labels, read_labels
from xtremedistil_tf.corpus.records import Record, is_column
from xtremedistil_tf.corpus.tags import is_iob2
from xtremedistil_tf.corpus.text import read_text
from xtremedistil_tf.errors import DataError

_TAG_COLUMNS = ("ner_tags", "tags", "labels")
_WORD_COLUMNS = ("tokens", "words")
_TAG_KEYS = ("tags", "ner_tags", "labels")


def _united_tags(files: Sequence[os.PathLike[str]]) -> list[str] | None:
    lists = [read_labels(file) for file in files]
    return list(dict.fromkeys(["O"] + [label for labels in lists for label in labels])) if lists else None


def _inferred_tags(splits: Mapping[str, Sequence[Example]]) -> list[str]:
    return infer_labels(example for examples in splits.values() for example in examples)


def _record(row: Any, labelled: bool) -> Record | None:
    words: Any
    tags: Any
    language = None
    if isinstance(row, Example):
        words, tags, language = row.words, row.tags or (), row.language
    elif isinstance(row, Mapping):
        words = next((row[key] for key in _WORD_COLUMNS if key in row), row.get("text"))
        tags, language = next((row[key] for key in _TAG_KEYS if key in row), ()), row.get("language")
    elif not labelled:
        words, tags = row, ()
    elif is_column(row) and len(row) == 2:
        words, tags = row
    else:
        return None
    words = words.split() if isinstance(words, str) else words
    if not is_column(words) or not is_column(tags):
        return None
    return {"tokens": list(words), "tags": list(tags), "language": language}


_FILES = Kind(tuple(tagged.FORMATS), tagged.read_tagged, read_text, _united_tags, _inferred_tags, _record,
             ("(words, tags), or a mapping with tokens and tags", "a text, a list of words, or a mapping with tokens"))


def files(pairs: bool) -> Kind:
    """See `Task.files`."""
    return _FILES


def hub_rows(data: Any, pairs: bool, name: str) -> HubRows:
    """`tokens` or `words`, and `ner_tags` or `tags`: classes with names, or strings."""
    words, tags = column_of(data, _WORD_COLUMNS, name), column_of(data, _TAG_COLUMNS, name)
    feature = getattr(data.features[tags], "feature", None)
    names = getattr(feature, "names", None)
    if not names and getattr(feature, "dtype", "") not in ("string", "large_string"):
        raise DataError(f"hf:{name}: column {tags} holds {getattr(feature, 'dtype', None) or 'no lists'}, expected "
                        "lists of tags as strings or as classes with names.")
    if bad := [tag for tag in names or () if not is_iob2(tag)]:
        raise DataError(f"hf:{name}: column {tags} has the class {bad[0]!r}, expected O, B-type and I-type.")

    def read(row: dict[str, Any], source: str, number: int) -> Example | None:
        if not row[words] or len(row[words]) != len(row[tags]) or UNLABELED in row[tags]:
            return None
        named = tuple(names[tag] if names else tag for tag in row[tags])
        # White space inside a token of a hub data set would be two words everywhere else.
        return Example(tuple("".join(word.split()) or "_" for word in row[words]), named, None, source, number)

    def labels(splits: Mapping[str, Sequence[Example]]) -> list[str]:
        return list(dict.fromkeys(["O", *names])) if names else _inferred_tags(splits)

    def unlabeled(test: Any) -> bool:
        return all_unlabeled(test, _TAG_COLUMNS, lambda rows: itertools.chain.from_iterable(row or () for row in rows))

    return HubRows(labels, read, unlabeled)
