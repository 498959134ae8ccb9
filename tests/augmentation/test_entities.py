import gzip
import lzma
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from seqeval.metrics.sequence_labeling import get_entities

from xtremedistil_tf.augmentation.augmenter import VariantPlan, plans_of
from xtremedistil_tf.augmentation.entities import ExchangedEntities, Gazetteer
from xtremedistil_tf.corpus.example import Example
from xtremedistil_tf.errors import DataError
from xtremedistil_tf.tokenization.raw_words import RawWords

LABELS = ["O", "B-PER", "I-PER", "B-LOC", "I-LOC"]
PLAN = plans_of(["entities"], 3, 1)["entities"]


def tagged(text, language=None):
    """`Anna/B-PER saw` -> an example."""
    pairs = [word.partition("/")[::2] for word in text.split()]
    return Example(tuple(word for word, _ in pairs), tuple(tag or "O" for _, tag in pairs), language)


TRAIN = [tagged("Anna/B-PER Berg/I-PER saw New/B-LOC York/I-LOC", "en"), tagged("Boris/B-PER saw Paris/B-LOC", "en"),
         tagged("May/B-PER may may saw May May", "en"), tagged("York/B-LOC is old", "en"),
         tagged("Хана/B-PER в Москва/B-LOC", "ru"), tagged("Олег/B-PER там", "ru")]


@pytest.fixture
def gazetteer():
    made = Gazetteer(LABELS)
    made.add_examples(TRAIN)
    return made


def test_entities_by_language_and_type(gazetteer):
    assert gazetteer.of_type("PER", "en") == [("Anna", "Berg"), ("Boris",), ("May",)]
    assert gazetteer.of_type("LOC", "en") == [("New", "York"), ("Paris",), ("York",)]
    assert gazetteer.of_type("PER", "ru") == [("Олег",), ("Хана",)]
    assert len(gazetteer.of_type("PER", None)) == 5


def test_text_of_an_unknown_language_may_have_entities_of_all(gazetteer):
    """`few.txt` is no language, but has the shape of one."""
    words = ("Хана", "met", "Boris")
    assert gazetteer.find(words, "few") == gazetteer.find(words, None) == [("PER", 0, 0), ("PER", 2, 2)]
    assert gazetteer.of_type("PER", "few") == gazetteer.of_type("PER", None)
    assert ExchangedEntities(gazetteer)._variants(Example(words, None, "few"), 2, random.Random(0))


def test_the_longest_match_from_the_left(gazetteer):
    words = tuple("may New York and York met Anna Berg Anna May".split())
    # May stands outside of entities more often than as one.
    assert gazetteer.find(words, "en") == [("LOC", 1, 2), ("LOC", 4, 4), ("PER", 6, 7)]
    assert gazetteer.find(words, "ru") == [] and len(gazetteer.find(words, None)) == 3


@settings(max_examples=100)
@given(words=st.lists(st.sampled_from(["a", "b", "c"]), max_size=8),
       known=st.sets(st.lists(st.sampled_from(["a", "b", "c"]), min_size=1, max_size=3).map(tuple), max_size=5))
def test_matches_by_brute_force(words, known):
    gazetteer = Gazetteer(LABELS)
    gazetteer.add_examples(Example(entity, ("B-LOC", *["I-LOC"] * (len(entity) - 1))) for entity in known)
    expected, at = [], 0
    while at < len(words):
        found = [end for end in range(at + 1, len(words) + 1) if tuple(words[at:end]) in known]
        expected += [("LOC", at, max(found) - 1)] if found else []
        at = max(found, default=at + 1)
    assert gazetteer.find(tuple(words), None) == expected


@settings(max_examples=100)
@given(seed=st.integers(0, 10**6), count=st.integers(0, 5), labelled=st.booleans())
def test_entities_are_exchanged_and_all_else_stays(seed, count, labelled):
    gazetteer = Gazetteer(LABELS)
    gazetteer.add_examples(TRAIN)
    rng, words, tags = random.Random(seed), [], []
    for _ in range(count):
        kind = rng.choice(["PER", "LOC"])
        entity = rng.choice([e for e in gazetteer.of_type(kind, "en") if e != ("May",)])
        words += [*entity, "saw"]
        tags += [f"B-{kind}", *[f"I-{kind}"] * (len(entity) - 1), "O"]
    example = Example(tuple(words), tuple(tags) if labelled else None, "en", "file", 7)
    items = list(ExchangedEntities(gazetteer).augment([example], PLAN))
    assert len(items) == 3 * (count > 0)
    before = get_entities(tags)
    for variant in (item.example for item in items):
        assert (variant.tags is None) != labelled and (variant.language, variant.line) == ("en", 7)
        assert variant.words.count("saw") == count
        if labelled:
            assert len(variant.tags) == len(variant.words) and set(variant.tags) <= set(LABELS)
            after = get_entities(list(variant.tags))
            assert [kind for kind, _, _ in after] == [kind for kind, _, _ in before]
            assert all(variant.words[i: j + 1] in gazetteer.of_type(kind, "en") for kind, i, j in after)
            assert all(tag != "O" or word == "saw" for word, tag in zip(variant.words, variant.tags))


def test_variants_are_others_and_the_same_for_the_same_seed(gazetteer):
    augmenter, examples = ExchangedEntities(gazetteer), [TRAIN[0], Example(("Paris",), None, "en")] * 10
    found = list(augmenter.augment(examples, PLAN))
    assert found == list(augmenter.augment(iter(examples), PLAN)) and len(found) == 60
    assert found != list(augmenter.augment(examples, VariantPlan("entities", 2, 3)))
    same = sum(item.example.words == examples[item.index].words for item in found)
    assert same < 6 and len({item.example.words for item in found}) > 8


def test_without_another_entity_there_is_no_variant(gazetteer):
    augmenter = ExchangedEntities(gazetteer)
    nothing = [tagged("Москва/B-LOC", "ru"), tagged("nothing here", "en")]
    assert list(augmenter.augment(nothing, PLAN)) == []


def test_a_type_without_inside_label_keeps_one_word(tmp_path):
    gazetteer = Gazetteer(["O", "B-LOC"])
    (tmp_path / "all.tsv").write_text("LOC\tNew York\nLOC\tRome\n")
    gazetteer.add_files(tmp_path / "all.tsv")
    for item in ExchangedEntities(gazetteer).augment([tagged("in Paris/B-LOC")] * 20):
        assert item.example.words in (("in", "Rome"), ("in", "Paris")) and item.example.tags == ("O", "B-LOC")


@pytest.mark.parametrize(("suffix", "pack"), [("", bytes), (".gz", gzip.compress), (".xz", lzma.compress)])
def test_files_of_entities(tmp_path, gazetteer, suffix, pack):
    before = gazetteer.fingerprint()
    (tmp_path / f"ru.tsv{suffix}").write_bytes(pack("LOC\tНижний Новгород\n\n".encode()))
    (tmp_path / "names.tsv").write_text("PER\tZoe\nLOC\tMay\n")
    gazetteer.add_files(f"{tmp_path}/ru.tsv{suffix},{tmp_path}/names.tsv")
    assert gazetteer.of_type("LOC", "ru") == [("May",), ("Москва",), ("Нижний", "Новгород")]
    assert ("Zoe",) in gazetteer.of_type("PER", "en") and ("Zoe",) in gazetteer.of_type("PER", "de")
    assert gazetteer.find(("Нижний", "Новгород"), "ru") == [("LOC", 0, 1)]
    assert gazetteer.fingerprint() != before


def test_faulty_files_are_explained(tmp_path, gazetteer):
    (tmp_path / "bad.tsv").write_text("LOC\tRome\nRome\nB-LOC\tRome\nORG\tX\nPER\t \n")
    with pytest.raises(DataError) as error:
        gazetteer.add_files(tmp_path / "bad.tsv")
    message = str(error.value)
    assert "bad.tsv:2: 'Rome' has no tab, expected `type<TAB>entity`" in message and "4 faults" in message
    assert "bad.tsv:3: unknown type 'B-LOC', expected one of LOC, PER (without B- or I-)" in message
    assert "bad.tsv:4: unknown type 'ORG', expected one of LOC, PER" in message
    assert "bad.tsv:5: no entity after the tab" in message
    (tmp_path / "empty.tsv").write_text("\n")
    with pytest.raises(DataError, match="empty, expected `type<TAB>entity` lines, such as `LOC<TAB>"):
        gazetteer.add_files(tmp_path / "empty.tsv")


def test_entities_of_files_are_split_as_the_text_is(tmp_path):
    (tmp_path / "places.tsv").write_text("LOC\tSt. Gallen (SG)\n", encoding="utf-8")
    text = ("in", "St", ".", "Gallen", "(", "SG", ")", "today")
    split = Gazetteer(["O", "B-LOC", "I-LOC"], RawWords("punctuation"))
    plain = Gazetteer(["O", "B-LOC", "I-LOC"])
    for gazetteer in (split, plain):
        gazetteer.add_files(str(tmp_path / "places.tsv"))
    assert [tuple(entity) for entity in split.find(text, None)] == [("LOC", 1, 6)] and plain.find(text, None) == []
