import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from seqeval.metrics.sequence_labeling import get_entities

from xtremedistil_tf.augmentation.augmenter import plans_of
from xtremedistil_tf.augmentation.mixing import BLOCK, MixedPairs, MixedSpans
from xtremedistil_tf.corpus.example import Example, TextExample
from xtremedistil_tf.tasks.tagging.decoding import Entity

PLAN = plans_of(["mixing"], 2, 1)["mixing"]


def sentence(rng, number, labelled=True):
    words, tags = [], []
    for part in range(rng.randint(1, 5)):
        kind = rng.choice([None, "PER", "LOC"])
        length = rng.randint(1, 3)
        words += [f"s{number}p{part}w{i}" for i in range(length)]
        tags += ["O"] * length if kind is None else [f"B-{kind}", *[f"I-{kind}"] * (length - 1)]
    return Example(tuple(words), tuple(tags) if labelled else None, rng.choice(["de", "en"]))


def whole_entities(example):
    """Entities with their words."""
    return {(kind, example.words[i: j + 1]) for kind, i, j in get_entities(list(example.tags))}


@settings(max_examples=60)
@given(seed=st.integers(0, 10**6), count=st.integers(0, 12))
def test_no_entity_is_cut(seed, count):
    rng = random.Random(seed)
    examples = [sentence(rng, number) for number in range(count)]
    known = {language: set().union(*(whole_entities(e) for e in examples if e.language == language))
             for language in ("de", "en")}
    for item in MixedSpans().augment(examples, PLAN):
        new, old = item.example, examples[item.index]
        assert len(new.tags) == len(new.words) and new.language == old.language
        assert all(tag[:2] != "I-" or before[2:] == tag[2:] for before, tag in zip(("O", *new.tags), new.tags))
        assert whole_entities(new) <= known[new.language]
        # One span of another sentence between the beginning and the end of this one.
        own = [word.split("p")[0] == f"s{item.index}" for word in new.words]
        strange = [i for i, mine in enumerate(own) if not mine]
        assert strange == list(range(strange[0], strange[-1] + 1)) if strange else True
        kept = [word for word, mine in zip(new.words, own) if mine]
        assert len({word.split("p")[0] for word, mine in zip(new.words, own) if not mine}) == 1
        assert kept == [word for word in old.words if word in set(kept)] and 2 * len(kept) >= len(old.words)


def test_most_sentences_are_mixed_and_the_same_again():
    rng = random.Random(0)
    examples = [sentence(rng, number) for number in range(200)]
    found = list(MixedSpans().augment(examples, PLAN))
    assert len(found) > 250 and found == list(MixedSpans().augment(iter(examples), PLAN))


def test_unlabelled_names_are_not_cut():
    examples = [Example(("we", "saw", "Anna", "Berg", "in", "new", "york", "today"))] * 2
    find = MixedSpans(lambda words, language: [Entity("LOC", 5, 6)] if words[5:7] == ("new", "york") else []).augment
    texts = [" ".join(item.example.words) for item in find(examples * 200, PLAN)]
    assert all(text.count("Anna") == text.count("Anna Berg") == text.count("Berg") for text in texts)
    assert all(text.count("new") == text.count("new york") == text.count("york") for text in texts)
    assert any("Anna Berg" not in text for text in texts) and any(text.count("new york") == 2 for text in texts)


def test_a_variant_is_labelled_if_both_sentences_are():
    examples = [Example(("a", "b", "c"), ("O", "O", "O")), Example(("d", "e", "f"))] * 20
    for item in MixedSpans().augment(examples, PLAN):
        unlabelled = bool(set(item.example.words) & {"d", "e", "f"})
        assert (item.example.tags is None) == unlabelled


def test_nobody_to_mix_with():
    alone = [Example(("a", "b", "c"), None, "de"), Example(("a", "b"), None, "en")]
    assert list(MixedSpans().augment(alone, PLAN)) == []
    assert list(MixedPairs().augment([TextExample("a", "b", language="de")], PLAN)) == []


@pytest.fixture(scope="module")
def pairs():
    rng = random.Random(3)
    topics = [[f"t{topic}w{word}" for word in range(8)] for topic in range(40)]
    return [TextExample(" ".join(["the", *rng.sample(topics[i % 40], 5)]),
                        " ".join(["the", *rng.sample(topics[i % 40], 5)]), label=str(i),
                        language="de" if i % 2 else "en") for i in range(400)]


def test_new_pairs_half_of_them_related(pairs):
    found = list(MixedPairs().augment(pairs, PLAN))
    assert len(found) == 800 and found == list(MixedPairs().augment(iter(pairs), PLAN))
    seconds = {language: {p.pair for p in pairs if p.language == language} for language in ("de", "en")}
    related = 0
    for item in found:
        old = pairs[item.index]
        assert item.example.text == old.text and item.example.label is None
        assert item.example.pair in seconds[old.language] - {old.pair}
        related += len(set(item.example.text.split()) & set(item.example.pair.split())) > 1
    assert 0.45 < related / len(found) < 0.6  # half by overlap, and 1 in 20 by chance


def test_blocks_are_part_of_what_is_made(pairs):
    many = [TextExample(f"a{i}", f"b{i}") for i in range(BLOCK + 10)]
    found = list(MixedPairs().augment(many, PLAN))
    assert all((int(item.example.pair[1:]) >= BLOCK) == (item.index >= BLOCK) for item in found)
