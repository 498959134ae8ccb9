"""How labelled data parts text into words, found by counting: the rule for raw text that goes with it."""

from __future__ import annotations

import collections
import itertools
import unicodedata
from collections.abc import Callable, Iterable, Sequence

from xtremedistil_tf.corpus.example import Example
from xtremedistil_tf.tokenization.raw_words import (
    ADDRESS,
    APOSTROPHE,
    MARK,
    PERIOD,
    PUNCTUATION,
    UNSPACED,
    WHITESPACE,
    Cluster,
    RawWords,
    clusters,
    shape,
)

AUTO = "auto"
#: A habit is one if it is seen so often, and in so many words of a hundred thousand.
_FEWEST, _FEWEST_SHARE = 5, 5e-5
#: Share of words in scripts without spaces that are one character, where characters are words.
_SINGLE = 0.9
#: Marks that stand at words in every text, and are parted from them where marks are words.
_TELLING = ",.;:!?()[]\"«»“”„،؛؟，。、：（）「」"
#: Most parts of words of either kind, and the most letters of one.
_MOST_PARTS, _LONGEST_BEGINNING, _LONGEST_ENDING = 24, 8, 3
#: Marks that people write between letters, without spaces, while they mean two words.
_BETWEEN = "/"
#: A dash that stands alone has spaces around it in text: how many there are says nothing of `West- and`.
_HYPHEN = "-"
#: Words that keep their period: the fewest times, how much more often than not, most of them, the most letters.
_FEWEST_KEPT, _KEPT_TO_PARTED, _MOST_ABBREVIATIONS, _LONGEST_ABBREVIATION = 3, 2, 100, 12
# Brackets stand before and after words by their nature, apostrophes belong to `beginnings` and `endings`.
_NEVER_KEPT = ("Ps", "Pe")


class WordHabits:
    """Counts over labelled words."""

    def __init__(self) -> None:
        self.words = self.unspaced = self.single = 0
        self.alone: collections.Counter[str] = collections.Counter()
        self.before: collections.Counter[str] = collections.Counter()
        self.after: collections.Counter[str] = collections.Counter()
        self.with_apostrophe: collections.Counter[str] = collections.Counter()
        self.between: collections.Counter[str] = collections.Counter()
        self.with_period: collections.Counter[str] = collections.Counter()
        self.before_period: collections.Counter[str] = collections.Counter()

    def add(self, word: str, times: int) -> None:
        """Counts a word that is seen so often."""
        self.words += times
        if word.isascii() and word.isalnum():
            return
        found = clusters(word, characters=True)
        if unspaced := sum(bool(cluster.kind & UNSPACED) for cluster in found):
            self.unspaced += times
            self.single += times * (unspaced == len(found) == 1)
        if all(cluster.kind & MARK for cluster in found):
            self.alone.update(dict.fromkeys((cluster.character for cluster in found), times))
            return
        self._add_marked(word, found, times)

    def add_before_period(self, word: str, times: int) -> None:
        """Counts a word after which a period is a word so often."""
        self.before_period[shape(word) + PERIOD] += times

    def _add_marked(self, word: str, found: Sequence[Cluster], times: int) -> None:
        characters = "".join(cluster.character for cluster in found)
        if APOSTROPHE in characters:
            self.with_apostrophe[characters] += times
        if ADDRESS not in characters:
            self.between.update(dict.fromkeys(set(characters[1:-1]).intersection(_BETWEEN), times))
        if found[0].kind & MARK:
            self.before[found[0].character] += times
        # The rule itself keeps the period of an initial.
        if found[-1].kind & MARK and len(parts := _PLAIN.split(word)) > 1:
            self.after[found[-1].character] += times
            if [part.text for part in parts] == [word[:-1], PERIOD]:
                self.with_period[shape(word)] += times

    def rule(self, word_splitting: str) -> RawWords:
        """See `rule_of`."""
        alone, attached = (sum(counts[mark] for counts in several for mark in _TELLING)
                           for several in ([self.alone], [self.before, self.after]))
        characters = self.unspaced > 0 and self.single >= _SINGLE * self.unspaced
        if word_splitting == AUTO and not characters and alone <= attached:
            return RawWords()
        beginnings = self._parts(lambda word: word.endswith(APOSTROPHE), str.startswith, _LONGEST_BEGINNING)
        endings = self._parts(lambda word: (word.startswith(APOSTROPHE) and word.islower()) or word == _NOT,
                              str.endswith, _LONGEST_ENDING)
        return RawWords(PUNCTUATION, characters, self._kept(self.before), self._kept(self.after, spaced=_HYPHEN),
                        beginnings, endings, self._abbreviations(), "".join(filter(self._parts_words, _BETWEEN)))

    def _kept(self, counts: collections.Counter[str], spaced: str = "") -> str:
        """Marks that are seen at words often, and, but for the spaced ones, more often than alone."""
        return "".join(sorted(mark for mark, count in counts.items()
                              if self._often(count) and (count > self.alone[mark] or mark in spaced)
                              and mark not in (APOSTROPHE, '"') and unicodedata.category(mark) not in _NEVER_KEPT))

    def _parts_words(self, mark: str) -> bool:
        return self._often(self.alone[mark]) and self.alone[mark] > self.between[mark]

    def _abbreviations(self) -> tuple[str, ...]:
        kept = sorted((-count, word) for word, count in self.with_period.items()
                      if count >= _FEWEST_KEPT and count > _KEPT_TO_PARTED * self.before_period[word]
                      and len(word) <= _LONGEST_ABBREVIATION)
        return tuple(word for _, word in kept[:_MOST_ABBREVIATIONS])

    def _parts(self, may_be_part: Callable[[str], bool], has_part: Callable[[str, str], bool],
               longest: int) -> tuple[str, ...]:
        """Words with an apostrophe that are parts of longer words elsewhere.

        Args:
            may_be_part: whether a word has its apostrophe where such a part has it.
            has_part: (word, part) -> whether a word begins, or ends, with the part.
            longest: most letters of a part.
        """
        parts = {word: count for word, count in self.with_apostrophe.items()
                 if self._often(count) and may_be_part(word) and _is_part(word, longest)}
        whole = {part: sum(count for word, count in self.with_apostrophe.items()
                           if word not in parts and has_part(word, part)) for part in parts}
        kept = sorted((-count, part) for part, count in parts.items() if count > whole[part])
        return tuple(part for _, part in kept[:_MOST_PARTS])

    def _often(self, count: int) -> bool:
        return count >= max(_FEWEST, _FEWEST_SHARE * self.words)


_SHOWN = 8
_PLAIN, _NOT = RawWords(PUNCTUATION), "n't"


def _is_part(word: str, longest: int) -> bool:
    letters = word.replace(APOSTROPHE, "")
    return letters.isalpha() and len(letters) <= longest and len(word) == len(letters) + 1


def rule_of(examples: Iterable[Example], word_splitting: str = AUTO) -> RawWords:
    """The rule by which raw text becomes words as labelled examples have them.

    Args:
        examples: labelled ones; their words are counted.
        word_splitting: `auto`; or the rule's name, in which case the words decide its details only.

    `punctuation` where commas, periods, brackets and quotes are words of their own more often than they stand at the
    edge of a longer one, or where characters are words; else `whitespace`. `characters`: nine
    tenths of the words with a character of a script without spaces are that character alone. Marks are kept at words,
    and parts parted, where the data does so at least five times, five times in 100,000 words, and more often than not.
    Words keep a period where they do so at least three times and more than twice as often as not.
    """
    if word_splitting == WHITESPACE:
        return RawWords()
    habits = WordHabits()
    words: collections.Counter[str] = collections.Counter()
    before_period: collections.Counter[str] = collections.Counter()
    for example in examples:
        words.update(example.words)
        before_period.update(one for one, other in itertools.pairwise(example.words) if other == PERIOD)
    for word, times in words.items():
        habits.add(word, times)
    for word, times in before_period.items():
        habits.add_before_period(word, times)
    return habits.rule(word_splitting)


def described(rule: RawWords) -> str:
    """One line for the log."""
    if rule.is_whitespace:
        return "raw text is split at white space"
    parts = ["raw text is split at white space and punctuation"]
    parts += ["characters of scripts without spaces are words"] if rule.characters else []
    for name, marks in (("kept before words", rule.kept_before), ("kept after words", rule.kept_after),
                        ("parted between letters", rule.parted),
                        ("parted from words", (*rule.beginnings, *rule.endings))):
        parts += [f"{name}: {' '.join(marks)}"] if marks else []
    if count := len(rule.abbreviations):
        shown = " ".join([*rule.abbreviations[:_SHOWN], *(["..."] if count > _SHOWN else [])])
        parts.append(f"{count} words keep their period: {shown}")
    return "; ".join(parts)
