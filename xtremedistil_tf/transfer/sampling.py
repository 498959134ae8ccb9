"""A sample of the transfer text that looks like the task's own text, long sentences cut into fragments.

What the teacher will find in a sentence is guessed from the labelled words, for running the teacher twice would double
the longest step of a run: a word is taken for part of an entity where it mostly was in training; one that training does
not have where words like it (capitals, digits, first of its sentence) mostly were that training has once. The teacher
answers the fragments themselves, so a wrong guess costs a worse fragment, never a wrong answer.

The task's training and dev text gives the shares of its sentences by number of words and share of capitals, in each
language; the sample takes as many of each sort as that asks for (importance resampling, without replacement and without
chance: of each sort evenly over the text). Memory does not grow with the text, which is read once to count and then as
often as the sample is.
"""

from __future__ import annotations

import bisect
import collections
import itertools
import random
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from typing import TypeVar

from xtremedistil_tf.corpus.example import AnyExample, Decontaminated, Example, MeasuredTexts
from xtremedistil_tf.transfer.text import capitalised_share, words_of

_OUTSIDE = "O"
# Sentences of up to 1, 2, 3, ... words are of one sort.
_LENGTH_BOUNDS = (1, 2, 3, 4, 5, 6, 8, 10, 13, 17, 22, 30, 50)
_CAPITAL_BOUNDS = (0.0, 0.2, 0.4, 0.6, 0.8)
#: Where no number of sentences is asked for: the part of the task's sentences of whose sorts all text is taken, so that
#: the sample may have fewer of them than the task.
SCARCE_SHARE = 0.25
#: Then also: share of the text that is taken at least.
LEAST_SHARE = 0.1
K = TypeVar("K", bound=Hashable)
Sort = tuple[int, int]
Sorts = Mapping[Sort, float]


class EntityWords:
    """Guesses which words are part of an entity.

    Args:
        examples: labelled sentences.

    Attributes:
        without: share of the sentences that have no entity.
    """

    def __init__(self, examples: Iterable[Example]):
        counts, places = collections.Counter[str](), collections.defaultdict[str, list[tuple[str, bool]]](list)
        entities, sentences, without = collections.Counter[str](), 0, 0
        for example in examples:
            inside = [tag != _OUTSIDE for tag in example.tags or ()]
            sentences, without = sentences + 1, without + (not any(inside))
            for place, (word, is_entity) in enumerate(zip(example.words, inside)):
                counts[word] += 1
                entities[word] += is_entity
                places[word] = [(_word_shape(word, place), is_entity)]
        self.without = without / max(1, sentences)
        shapes = collections.defaultdict[str, list[bool]](list)
        for word, ((shape, is_entity),) in places.items():
            if counts[word] == 1:
                shapes[shape].append(is_entity)
        self._known = {word: 2 * entities[word] > count for word, count in counts.items() if count > 1}
        self._shapes = {shape: 2 * sum(found) > len(found) for shape, found in shapes.items()}

    def guess(self, words: Sequence[str]) -> list[bool]:
        """For each word of a sentence, whether it is taken for part of an entity."""
        return [self._known[word] if word in self._known else self._shapes.get(_word_shape(word, place), False)
                for place, word in enumerate(words)]


def fragments(example: Example, entities: EntityWords, lengths: Sequence[int],
              generator: random.Random) -> Iterator[Example]:
    """Cuts a sentence one fragment after the other, each as long as a sentence that is drawn from the task.

    A fragment grows by the words of an entity that its end would cut. One without an entity is dropped, but for as many
    as the task has such sentences. A sentence is whole where the first length that is drawn is not below its own.

    Args:
        example: a sentence.
        entities: guesses where entities are.
        lengths: numbers of words of the task's sentences, the least first.
        generator: draws the lengths.
    """
    words, begin = example.words, 0
    inside = entities.guess(words) if len(words) > lengths[0] else []
    while begin < len(words):
        end = min(len(words), begin + max(1, generator.choice(lengths)))
        if end - begin == len(words):
            yield example
            return
        while end < len(words) and inside[end - 1] and inside[end]:
            end += 1
        if any(inside[begin:end]) or generator.random() < entities.without:
            yield Example(words[begin:end], None, example.language, example.source, example.line)
        begin = end


def _word_shape(word: str, place: int) -> str:
    """What a word looks like: its kind of letters, and whether it is the first of its sentence."""
    kind = ("digits" if any(map(str.isdigit, word)) else "capitals" if len(word) > 1 and word.isupper() else
            "capital" if word[0].isupper() else "small" if word[0].islower() else
            "letters" if word[0].isalpha() else "others")
    return f"{kind}/{min(place, 1)}"


class TaskText:
    """What the text of a task is like.

    Args:
        examples: of its training and dev set, at least one.
    """

    def __init__(self, examples: Iterable[AnyExample]):
        counts = collections.defaultdict[str | None, collections.Counter[Sort]](collections.Counter)
        lengths = collections.defaultdict[str | None, list[int]](list)
        for example in examples:
            for language in {example.language, None}:
                counts[language][sort_of(example)] += 1
                lengths[language].append(len(words_of(example)))
        total = counts[None].total()
        self._sorts = {language: _shares(sorts) for language, sorts in counts.items()}
        self._lengths = {language: sorted(words) for language, words in lengths.items()}
        #: Language -> its share of the examples; empty where languages are not known.
        self.languages = {language: sorts.total() / total for language, sorts in counts.items() if language}

    def sorts(self, language: str | None) -> Sorts:
        """The shares of the sorts of a language; of all where the task does not have it."""
        return self._sorts.get(language, self._sorts[None])

    def lengths(self, language: str | None) -> Sequence[int]:
        """The numbers of words of the examples of a language, sorted; of all where the task does not have it."""
        return self._lengths.get(language, self._lengths[None])


class SampledText:
    """A sample of a text that is like a task's own; read as a stream, as often as wanted, in the same order.

    Args:
        read: makes an iterator over the text, the same every time.
        task: what the sample is to be like.
        most: examples to take at most; 0: as many as keep it alike, see `SCARCE_SHARE`; below 0: none.
        measured: texts that must not stand in it, whole or as a fragment.
        entities: where given, sentences are cut to fragments first.
        seed: of the lengths of fragments.

    Attributes:
        candidates: examples to choose among, after cutting.
        sentences: examples that are taken.
        left_out: examples that were left out because their text is measured.
    """

    def __init__(self, read: Callable[[], Iterable[AnyExample]], task: TaskText, most: int, measured: MeasuredTexts,
                 entities: EntityWords | None, seed: int):
        self._read, self._task, self._measured, self._entities, self._seed = read, task, measured, entities, seed
        counts = collections.defaultdict[str | None, collections.Counter[Sort]](collections.Counter)
        whole, cut = self._streams()
        for example in cut:
            counts[example.language][sort_of(example)] += 1
        self.left_out = whole.left_out + cut.left_out
        self.candidates = sum(sorts.total() for sorts in counts.values())
        self._counts, self._taken = counts, _taken(counts, task, most)
        self.sentences = sum(map(sum, (taken.values() for taken in self._taken.values())))

    def __iter__(self) -> Iterator[AnyExample]:
        passed = collections.defaultdict[str | None, collections.Counter[Sort]](collections.Counter)
        for example in self._streams()[1]:
            language, sort = example.language, sort_of(example)
            index, count = passed[language][sort], self._counts[language][sort]
            taken = self._taken[language].get(sort, 0)
            passed[language][sort] += 1
            if (index + 1) * taken // count > index * taken // count:
                yield example

    def _streams(self) -> tuple[Decontaminated, Decontaminated]:
        """The text as it is, and the fragments of it, both without what is measured."""
        whole = Decontaminated(self._read(), self._measured)
        return whole, Decontaminated(self._cut(whole), self._measured)

    def _cut(self, examples: Iterable[AnyExample]) -> Iterator[AnyExample]:
        for index, example in enumerate(examples):
            if self._entities and isinstance(example, Example):
                generator = random.Random(f"{self._seed}/{index}")
                yield from fragments(example, self._entities, self._task.lengths(example.language), generator)
            else:
                yield example


def sort_of(example: AnyExample) -> Sort:
    """The sort of an example: by its number of words and its share of capitals."""
    words = words_of(example)
    return bisect.bisect_left(_LENGTH_BOUNDS, len(words)), bisect.bisect_left(_CAPITAL_BOUNDS, capitalised_share(words))


def quotas(available: Mapping[K, int], shares: Mapping[K, float], most: float) -> dict[K, int]:
    """How many of each sort to take, `most` at most in all: in proportion to `shares` as far as there are enough, and
    what one sort lacks is shared among the others."""
    full = sorted((key for key, share in shares.items() if share > 0 and available.get(key)),
                  key=lambda key: available[key] / shares[key])
    weights = list(itertools.accumulate(shares[key] for key in reversed(full)))  # of a sort and all after it
    taken, exact, rounded, left = {}, 0.0, 0, min(most, sum(available[key] for key in full))
    for key in full:
        part = min(float(available[key]), left * shares[key] / weights.pop())
        left -= part
        exact += part
        taken[key] = int(exact + 1e-6) - rounded  # so that what is rounded adds up
        rounded += taken[key]
    return taken


def alike(available: Mapping[Sort, int], shares: Sorts) -> float:
    """How many examples keep the shares of all but the scarcest sorts, see `SCARCE_SHARE` and `LEAST_SHARE`."""
    there = sorted((available[sort] / share, share) for sort, share in shares.items() if share and available.get(sort))
    rest, scale = SCARCE_SHARE * sum(share for _, share in there), 0.0
    for scale, share in there:  # noqa: B007  the first one beyond the scarce part is the scale
        rest -= share
        if rest < 0:
            break
    fits = sum(min(available[sort], scale * share) for sort, share in shares.items() if available.get(sort))
    return max(fits, LEAST_SHARE * sum(available.values()))


def _shares(counts: collections.Counter[Sort]) -> dict[Sort, float]:
    total = counts.total()
    return {sort: count / total for sort, count in counts.items()}


def _taken(counts: Mapping[str | None, collections.Counter[Sort]], task: TaskText,
           most: int) -> dict[str | None, dict[Sort, int]]:
    """language -> {sort: number to take}."""
    taken: dict[str | None, dict[Sort, int]] = {language: {} for language in counts}
    if most > 0:
        total = sum(sorts.total() for sorts in counts.values())
        known = sum(sorts.total() for language, sorts in counts.items() if language in task.languages) / total
        of_known = sum(task.languages[language] for language in counts if language in task.languages)
        shares: dict[tuple[str | None, Sort], float] = {}
        available: dict[tuple[str | None, Sort], int] = {}
        for language, sorts in counts.items():
            # The task's languages as the task has them; others, and text of no known language, as the text has them.
            part = (known * task.languages[language] / of_known if language in task.languages
                    else sorts.total() / total)
            available |= {(language, sort): count for sort, count in sorts.items()}
            shares |= {(language, sort): part * share for sort, share in task.sorts(language).items()}
        for (language, sort), number in quotas(available, shares, most).items():
            taken[language][sort] = number
    elif most == 0:
        for language, sorts in counts.items():
            shares_of = task.sorts(language)
            taken[language] = quotas(sorts, shares_of, alike(sorts, shares_of))
    return taken
