"""Cutting long sentences into fragments as long as the task's own sentences, without cutting an entity in two.

What the teacher will find in a sentence is guessed from the labelled words, for running the teacher twice would double
the longest step of a run: a word is taken for part of an entity where it mostly was in training; one that training does
not have where words like it (capitals, digits, first of its sentence) mostly were that training has once. The teacher
answers the fragments themselves, so a wrong guess costs a worse fragment, never a wrong answer.
"""

from __future__ import annotations

import collections
import random
from collections.abc import Iterable, Iterator, Sequence

from xtremedistil_tf.corpus.example import Example

_OUTSIDE = "O"


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
                places[word] = [(_shape(word, place), is_entity)]
        self.without = without / max(1, sentences)
        shapes = collections.defaultdict[str, list[bool]](list)
        for word, ((shape, is_entity),) in places.items():
            if counts[word] == 1:
                shapes[shape].append(is_entity)
        self._known = {word: 2 * entities[word] > count for word, count in counts.items() if count > 1}
        self._shapes = {shape: 2 * sum(found) > len(found) for shape, found in shapes.items()}

    def guess(self, words: Sequence[str]) -> list[bool]:
        """For each word of a sentence, whether it is taken for part of an entity."""
        return [self._known[word] if word in self._known else self._shapes.get(_shape(word, place), False)
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


def _shape(word: str, place: int) -> str:
    """What a word looks like: its kind of letters, and whether it is the first of its sentence."""
    kind = ("digits" if any(map(str.isdigit, word)) else "capitals" if len(word) > 1 and word.isupper() else
            "capital" if word[0].isupper() else "small" if word[0].islower() else
            "letters" if word[0].isalpha() else "others")
    return f"{kind}/{min(place, 1)}"
