"""Reading labelled sentences from any of the file formats."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from xtremedistil_tf.corpus.conll import read_conll
from xtremedistil_tf.corpus.example import Example
from xtremedistil_tf.corpus.faults import Faults
from xtremedistil_tf.corpus.jsonl import read_jsonl
from xtremedistil_tf.corpus.lines import COMPRESSED
from xtremedistil_tf.corpus.names import stem_and_suffix
from xtremedistil_tf.corpus.tags import TagRules
from xtremedistil_tf.corpus.tsv import read_tsv
from xtremedistil_tf.errors import DataError

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Format:
    """A file format for tagged sentences.

    Attributes:
        read: (path, faults, tagged) -> sentences, tags as written.
        expected: what a file holds, for messages.
        line_per_token: whether each token has a line of its own.
    """

    read: Callable[[str | os.PathLike[str], Faults, bool], Iterator[Example]]
    expected: str
    line_per_token: bool = False


FORMATS = {
    ".tsv": Format(read_tsv, "`tokens<TAB>tags` lines"),
    ".conll": Format(read_conll, "one `token tag` a line and a blank line after each sentence", True),
    ".jsonl": Format(read_jsonl, 'lines such as {"tokens": ["Paris"], "tags": ["B-LOC"]}'),
}


def read_tagged(path: str | os.PathLike[str], labels: Sequence[str] | None = None,
                language: str | None = None) -> list[Example]:
    """Reads a labelled `.tsv`, `.conll` or `.jsonl` file, also compressed (`.gz`, `.xz`).

    Args:
        path: the file.
        labels: the labels that may occur; None: any tag of the shape `O`, `B-type`, `I-type`.
        language: language of all sentences; None: from the file (a prefix such as `de:` on all tags
            of a sentence, or on all tokens of a CoNLL file; the key `language` of JSON lines). The
            prefix is taken off in any case.

    Returns:
        The sentences in the order of the file, each with tags.

    Raises:
        DataError: the file cannot be read or is empty, or lines are faulty: one error for the whole
            file that names the first ten places and the number of faults.
    """
    layout = FORMATS.get(stem_and_suffix(path)[1])
    if layout is None:
        raise DataError(f"{path}: unknown kind of file, expected a name ending in {', '.join(FORMATS)}, "
                        f"or one of these followed by {' or '.join(COMPRESSED)}.")
    faults, rules, examples = Faults(path), TagRules(labels), []
    if layout is FORMATS[".tsv"] and _has_a_line_per_token(path):
        log.warning("%s: has one token and tag per line and blank lines; it is read in the CoNLL format", path)
        layout = FORMATS[".conll"]
    for example in layout.read(path, faults, True):
        prefix, tags, problems = rules.resolve(example.tags or ())
        for index, problem in problems if layout.line_per_token else problems[:1]:
            faults.add(example.line + (index if layout.line_per_token else 0), problem)
        examples.append(Example(example.words, tags, language or example.language or prefix,
                                example.source, example.line))
    faults.raise_if_any()
    if not examples:
        raise DataError(f"{path}: empty, expected {layout.expected}.")
    return examples


def _has_a_line_per_token(path: str | os.PathLike[str]) -> bool:
    """Whether a TSV file holds nothing but sentences of one token, with blank lines where sentences really end."""
    faults, before, gaps = Faults(path), 0, False
    for example in read_tsv(path, faults, True):
        if len(example.words) > 1 or faults.count:
            return False
        gaps |= example.line - before > 1
        before = example.line
    return gaps and not faults.count
