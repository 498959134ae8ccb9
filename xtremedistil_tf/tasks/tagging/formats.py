"""Tagged sentences in files, in Python objects and in data sets of the hub."""

from __future__ import annotations

import dataclasses
import itertools
import logging
import os
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from xtremedistil_tf.corpus import tagged
from xtremedistil_tf.corpus.class_checks import warn_of_unknown_tags
from xtremedistil_tf.corpus.example import Example
from xtremedistil_tf.corpus.kinds import Kind, Record, is_column
from xtremedistil_tf.corpus.label_files import infer_labels, read_labels
from xtremedistil_tf.corpus.published import UNLABELED, HubRows, all_unlabeled, column_of
from xtremedistil_tf.corpus.reading import Reading
from xtremedistil_tf.corpus.tag_schemes import AUTO, IOB2, MIXED, NONE, is_iob2, labels_in_iob2, scheme_of, to_iob2
from xtremedistil_tf.corpus.text import read_text
from xtremedistil_tf.errors import DataError
from xtremedistil_tf.tasks.tagging.answers import SHOW as SHOW  # where the page of the server looks for it
from xtremedistil_tf.tokenization.raw_words import PUNCTUATION, RawWords

if TYPE_CHECKING:
    pass


log = logging.getLogger(__name__)

_TAG_COLUMNS = ("ner_tags", "tags", "labels", "upos", "pos_tags")
WORD_KEYS = ("tokens", "words")
_TAG_KEYS = ("tags", "ner_tags", "labels")


def _united_tags(files: Sequence[os.PathLike[str]]) -> list[str] | None:
    labels = list(dict.fromkeys(label for file in files for label in read_labels(file)))
    if not files or not all(map(is_iob2, labels)):
        return labels or None
    return list(dict.fromkeys(["O", *labels]))


def _inferred_tags(splits: Mapping[str, Sequence[Example]]) -> list[str]:
    warn_of_unknown_tags(splits["train"], {name: examples for name, examples in splits.items() if name != "train"})
    return infer_labels(example for examples in splits.values() for example in examples)


def _record(row: Any, labelled: bool) -> Record | None:
    words: Any
    tags: Any
    language = None
    if isinstance(row, Example):
        words, tags, language = row.words, row.tags or (), row.language
    elif isinstance(row, Mapping):
        words = next((row[key] for key in WORD_KEYS if key in row), row.get("text"))
        tags, language = next((row[key] for key in _TAG_KEYS if key in row), ()), row.get("language")
    elif not labelled:
        words, tags = row, ()
    elif is_column(row) and len(row) == 2:
        words, tags = row
    else:
        return None
    if isinstance(words, str) and not labelled:
        return {"text": words, "language": language}  # how it becomes words is decided once the labelled data is known
    words = words.split() if isinstance(words, str) else words
    if not is_column(words) or not is_column(tags):
        return None
    return {"tokens": list(words), "tags": list(tags), "language": language}


def _labelled(path: str | os.PathLike[str], labels: Sequence[str] | None, language: str | None,
              reading: Reading) -> list[Example]:
    # Annotation tools keep raw text: its words are those that raw text has later.
    return tagged.read_tagged(path, labels, language, dataclasses.replace(
        reading, split_words=reading.split_words or RawWords(PUNCTUATION).split))


def _settled(reading: Reading, train: Sequence[Example]) -> Reading:
    """Tags without letters are in the other splits what they are in train: entities, or labels of words."""
    if reading.tag_scheme != AUTO or not train:
        return reading
    tags = {tag for example in train for tag in example.tags or ()}
    return dataclasses.replace(reading, entities=all(map(is_iob2, tags)) if tags != {"O"} else None)


_FILES = Kind(tagged.FORMATS, _labelled, read_text, _united_tags, _inferred_tags, _record,
             ("(words, tags), or a mapping with tokens and tags", "a text, a list of words, or a mapping with tokens"),
             other_formats=tagged.OTHER_FORMATS, tagged=True, settled=_settled)


def files(pairs: bool) -> Kind:
    """See `Task.files`."""
    return _FILES


def hub_rows(data: Any, pairs: bool, name: str) -> HubRows:
    """`tokens` or `words`, and `ner_tags` or `tags`: classes with names, or strings."""
    words, tags = column_of(data, WORD_KEYS, name), column_of(data, _TAG_COLUMNS, name)
    feature = getattr(data.features[tags], "feature", None)
    names = getattr(feature, "names", None)
    if not names and getattr(feature, "dtype", "") not in ("string", "large_string"):
        raise DataError(f"hf:{name}: column {tags} holds {getattr(feature, 'dtype', None) or 'no lists'}, expected "
                        "lists of tags as strings or as classes with names.")
    counts = Counter(names or itertools.chain.from_iterable(row or () for row in data[tags]))
    scheme = scheme_of(counts, "O" in counts if names else None)
    if scheme == MIXED:
        bad = next(tag for tag in counts if not is_iob2(tag))
        raise DataError(f"hf:{name}: column {tags} has the class {bad!r}, expected O, B-type and I-type, or another "
                        "tag scheme throughout.")
    if scheme not in (IOB2, NONE):
        log.warning("hf:%s: tags are %s; converted to IOB2", name, scheme)

    def read(row: dict[str, Any], source: str, number: int) -> Example | None:
        if not row[words] or len(row[words]) != len(row[tags]) or UNLABELED in row[tags]:
            return None
        named = to_iob2([names[tag] if names else tag for tag in row[tags]], scheme).tags
        # White space inside a token of a hub data set would be two words everywhere else.
        return Example(tuple("".join(word.split()) or "_" for word in row[words]), named, None, source, number)

    def labels(splits: Mapping[str, Sequence[Example]]) -> list[str]:
        if not names or scheme == NONE:
            return list(names or ()) or _inferred_tags(splits)
        return list(dict.fromkeys(["O", *labels_in_iob2(names)]))

    def unlabeled(test: Any) -> bool:
        return all_unlabeled(test, _TAG_COLUMNS, lambda rows: itertools.chain.from_iterable(row or () for row in rows))

    return HubRows(labels, read, unlabeled)
