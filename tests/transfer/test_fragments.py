"""Long sentences cut to fragments like the task's sentences."""

from __future__ import annotations

import random

import pytest

from xtremedistil_tf.corpus import Example
from xtremedistil_tf.transfer.sampling import EntityWords, fragments


def tagged(*rows):
    return [Example(tuple(row.replace("*", "").split()),
                    tuple("B-X" if "*" in word else "O" for word in row.split())) for row in rows]


TRAIN = tagged("*Ada met the *Bund", "we met *Ada and *Bern", "the dog met *Carl", "and the Dog *2000 of we", "a of")
ENTITIES = EntityWords(TRAIN)
TEXT = Example(tuple("the man met Zoe Bund and a dog of we the of a the Carl Max of the".split()), None, "en", "f", 7)


def cut(lengths, seed=1, example=TEXT, entities=ENTITIES):
    return list(fragments(example, entities, lengths, random.Random(seed)))


def test_known_words_go_by_their_tags_and_new_ones_by_what_they_look_like():
    # "Bund", "Bern" and "Carl" are capitalised, inside, and once there; "Dog" is the exception.
    assert ENTITIES.guess("Ada met Zoe the zoo 1999".split()) == [True, False, True, False, False, True]
    assert ENTITIES.guess(["Zoe", "Zoe"]) == [False, True]  # nothing is known of a capital at the beginning
    assert ENTITIES.without == pytest.approx(1 / 5)


def test_fragments_are_parts_of_the_sentence_in_order_and_keep_its_language():
    parts = cut([4], entities=EntityWords(TRAIN[:4]))
    at = 0
    for part in parts:
        at = next(i for i in range(at, len(TEXT.words)) if TEXT.words[i:i + len(part.words)] == part.words)
        at += len(part.words)
    assert {(part.tags, part.language, part.source, part.line) for part in parts} == {(None, "en", "f", 7)}


def test_entities_are_not_cut_and_fragments_without_one_are_dropped():
    entities = EntityWords(TRAIN[:4])  # every sentence has an entity
    assert entities.without == 0
    words = [" ".join(part.words) for part in cut([4], entities=entities)]
    assert words == ["the man met Zoe Bund", "the Carl Max of"]


def test_a_sentence_is_whole_where_the_task_has_longer_ones():
    assert cut([len(TEXT.words)]) == [TEXT] == cut([100])


def test_the_generator_decides():
    assert cut([2, 3, 5, 8], 3) == cut([2, 3, 5, 8], 3)
    assert len({tuple(part.words for part in cut([2, 3, 5, 8], seed)) for seed in range(10)}) > 5


def test_as_many_fragments_have_no_entity_as_the_task_has_such_sentences():
    plain = EntityWords([*TRAIN, *tagged("the of", "a dog", "of we", "we met", "the dog")])
    example = Example(("the", "of") * 5000)
    assert len(cut([2], example=example, entities=plain)) == pytest.approx(5000 * plain.without, rel=0.1)
