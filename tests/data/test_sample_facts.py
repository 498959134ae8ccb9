"""The generator's facts and pools, and what it says of `[facts]` that cannot be had."""

from __future__ import annotations

import pathlib

import pytest

from xtremedistil_tf.errors import DataError

pytest.importorskip("babel", reason="needs the extra sample")
pytest.importorskip("faker", reason="needs the extra sample")
DATA = pathlib.Path(__file__).resolve().parents[2] / "data"


@pytest.fixture
def generator(monkeypatch):
    """The modules of the generator by name."""
    monkeypatch.syspath_prepend(str(DATA))
    import sample_facts
    import sample_patterns
    import sample_pools
    import sample_text

    return {"facts": sample_facts, "patterns": sample_patterns, "pools": sample_pools, "text": sample_text}


def language(generator, code="en", **facts):
    """The embedded language with some of its facts changed."""
    embedded = generator["patterns"].read_language(DATA / "patterns" / "en.txt")
    changed = {**embedded.facts, **{name: words.split() for name, words in facts.items()}}
    return generator["patterns"].Language(code, embedded.path, changed, embedded.patterns)


def test_facts_are_names_and_the_skipped_are_left_out(generator):
    facts = generator["facts"].load_facts(language(generator, skip="FR Saint Town"))
    assert facts.countries["Germany"] == "country DE" and facts.cities["Tokyo"] == "zone Asia/Tokyo"
    assert "France" not in facts.countries and "Cape Town" not in facts.cities
    assert "European Union" not in facts.countries and "Jamaica" not in facts.cities
    assert not any("(" in name or "&" in name for name in facts.countries)
    assert facts.months[0] == "January" and len(facts.months) == 12


def test_names_that_belong_together_share_a_pool(generator):
    read = generator["patterns"].read_language
    facts = [generator["facts"].load_facts(read(DATA / "patterns" / f"{code}.txt"))
             for code in ("en", "de", "it", "ru")]
    for seed in range(5):
        pools = generator["pools"].Pools(facts, seed)
        for names in (["Germany", "Deutschland", "Germania", "Германия"], ["Rome", "Rom", "Roma", "Рим"],
                      ["Иванов", "Иванова"]):
            assert len({pools.pool(name) for name in names}) == 1
        assert {pools.pool(name) for name in facts[0].countries} == {"train", "dev", "test", "extra"}


@pytest.mark.parametrize("code, facts, words", [
    ("qq", {}, ["en.txt", "'qq'"]),
    ("en", {"men": "en_US.males"}, ["en.txt", "en_US.males", "en_US.last_names"]),
    ("en", {"places": "xx_XX.cities"}, ["en.txt", "xx_XX.cities"]),
    ("en", {"surnames": ""}, ["en.txt", "surnames_men"]),
])
def test_facts_that_cannot_be_had(generator, code, facts, words):
    with pytest.raises(DataError) as caught:
        generator["facts"].load_facts(language(generator, code, **facts))
    assert all(word in str(caught.value) for word in words)


def test_companies_of_a_locale_without_them(generator):
    chosen = language(generator, companies="ar_AA")
    facts = generator["facts"].load_facts(chosen)
    with pytest.raises(DataError, match="no companies for 'ar_AA'"):
        generator["text"].Filler(chosen, facts, generator["pools"].Pools([facts], 1), "train", 1)


def test_too_few_different_sentences(generator):
    chosen = language(generator)
    chosen.patterns["train"][:] = ["It rained ."]
    facts = generator["facts"].load_facts(chosen)
    filler = generator["text"].Filler(chosen, facts, generator["pools"].Pools([facts], 1), "train", 1)
    seen = set()

    def accept(sentence):
        new = sentence.tokens not in seen
        seen.add(sentence.tokens)
        return new

    with pytest.raises(DataError, match="give 1 different sentences, expected 2"):
        filler.sentences(2, accept)


def test_punctuation_of_names_is_apart(generator):
    assert generator["text"].tokenize("АО «Орлов, Зуев и Ко.»") == "АО « Орлов , Зуев и Ко. »".split()
