"""Which tags may stand in a file, and the language prefix that they may have."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from xtremedistil_tf.corpus.files import encoding_problem, split_language
from xtremedistil_tf.corpus.tag_schemes import is_iob2

_MAX_LABELS = 20


def strip_language(tags: Sequence[str]) -> tuple[str | None, tuple[str, ...]]:
    """Takes off the language prefix that all tags of a sentence share; (None, tags) without one."""
    pairs = [split_language(tag) for tag in tags]
    languages = {language for language, _ in pairs}
    if len(languages) != 1 or None in languages:
        return None, tuple(tags)
    return languages.pop(), tuple(bare for _, bare in pairs)


class TagRules:
    """Checks tags against known labels, or against the shape of IOB2 where no labels are known.

    Args:
        labels: the labels that may occur; None: any that has the shape.
        is_plain: whether any text is a tag.
    """

    def __init__(self, labels: Sequence[str] | None = None, is_plain: bool = False):
        self._labels, self._is_plain = labels, is_plain
        self._good = set(labels or ())

    def without_language(self, tags: Sequence[str]) -> tuple[str | None, tuple[str, ...]]:
        """Language (from a shared prefix, or None) and bare tags; known labels have no prefix."""
        return (None, tuple(tags)) if self._good.issuperset(tags) and tags else strip_language(tags)

    def resolve(self, tags: Sequence[str]) -> tuple[tuple[str, ...], list[tuple[int, str]]]:
        """The tags, and (token index, problem) of bad ones."""
        # Interned: a million sentences would otherwise hold tens of millions of equal strings.
        tags = tuple(map(sys.intern, tags))
        if self._good.issuperset(tags):
            return tags, []
        return tags, [(i, problem) for i, tag in enumerate(tags) if (problem := self._problem(tag))]

    def _problem(self, tag: str) -> str | None:
        if tag in self._good:
            return None
        prefix, bare = split_language(tag)
        if prefix and (bare in self._good or is_iob2(bare)):
            return f"tag {tag!r} has the language prefix '{prefix}:', expected the same prefix on every " \
                   "tag of the sentence, or none"
        if self._labels is not None:
            return f"unknown label {tag!r}, expected one of {label_list(self._labels)}"
        if self._is_plain and tag and not encoding_problem(tag) and tag.split() == [tag]:
            self._good.add(tag)
            return None
        if not is_iob2(tag):
            return f"malformed tag {tag!r}, expected O, B-type or I-type"
        self._good.add(tag)
        return None


def label_list(labels: Sequence[str]) -> str:
    """Labels as a list fit for a message."""
    more = len(labels) - _MAX_LABELS
    return ", ".join(labels[:_MAX_LABELS]) + (f" and {more} more" if more > 0 else "")
