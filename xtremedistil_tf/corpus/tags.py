"""Tags: their shape, the language prefix that some distributions put before them, known labels."""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence

from xtremedistil_tf.corpus.languages import split_language

_IOB2 = re.compile(r"O|[BI]-\S+")
_MAX_LABELS = 20


def is_iob2(tag: str) -> bool:
    """Whether `tag` is `O`, `B-type` or `I-type`."""
    return _IOB2.fullmatch(tag) is not None


def strip_language(tags: Sequence[str]) -> tuple[str | None, tuple[str, ...]]:
    """Takes off the language prefix that all tags of a sentence share; (None, tags) without one."""
    pairs = [split_language(tag) for tag in tags]
    languages = {language for language, _ in pairs}
    if len(languages) != 1 or None in languages:
        return None, tuple(tags)
    return languages.pop(), tuple(bare for _, bare in pairs)


class TagRules:
    """Checks tags against known labels, or against the IOB2 shape where no labels are known."""

    def __init__(self, labels: Sequence[str] | None = None):
        self._labels = labels
        self._good = set(labels or ())

    def resolve(self, tags: Sequence[str]) -> tuple[str | None, tuple[str, ...], list[tuple[int, str]]]:
        """Language (from a shared prefix, or None), bare tags, and (token index, problem) of bad tags."""
        language = None
        if not self._good.issuperset(tags):
            language, tags = strip_language(tags)
        # Interned: a million sentences would otherwise hold tens of millions of equal strings.
        tags = tuple(map(sys.intern, tags))
        problems = []
        if not self._good.issuperset(tags):
            problems = [(i, problem) for i, tag in enumerate(tags) if (problem := self._problem(tag))]
        return language, tags, problems

    def _problem(self, tag: str) -> str | None:
        if tag in self._good:
            return None
        prefix, bare = split_language(tag)
        if prefix and (bare in self._good or is_iob2(bare)):
            return f"tag {tag!r} has the language prefix '{prefix}:', expected the same prefix on every " \
                   "tag of the sentence, or none"
        if self._labels is not None:
            return f"unknown label {tag!r}, expected one of {label_list(self._labels)}"
        if not is_iob2(tag):
            return f"malformed tag {tag!r}, expected O, B-type or I-type"
        self._good.add(tag)
        return None


def label_list(labels: Sequence[str]) -> str:
    """Labels as a list fit for a message."""
    more = len(labels) - _MAX_LABELS
    return ", ".join(labels[:_MAX_LABELS]) + (f" and {more} more" if more > 0 else "")
