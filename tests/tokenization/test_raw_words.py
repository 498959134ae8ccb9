"""The rule by which raw text becomes words."""

from __future__ import annotations

import bisect
import itertools
import json
import pathlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xtremedistil_tf.errors import ConfigError
from xtremedistil_tf.tokenization.raw_words import RawWords, kind_of, kinds_in
from xtremedistil_tf.tokenization.word_vectors import TEXTS, words_facts

PUNCTUATION = RawWords("punctuation")
# A rule and a string each, every one read by eye.
VECTORS = json.loads((pathlib.Path(__file__).parent / "words.json").read_text(encoding="utf-8"))


def test_a_run_of_characters_has_the_bits_of_each():
    block = range(0x40000)
    bits = [bit for count, bit in kinds_in(block) for bit in [bit] * count]
    assert bits == [kind_of.__wrapped__(chr(number)) for number in block]


def words(text: str, rule: RawWords = PUNCTUATION) -> list[str]:
    return [word.text for word in rule.split(text)]


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: ascii(vector["text"])[:30])
def test_vectors(vector):
    found = RawWords.from_facts(vector["raw_words"]).split(vector["text"])
    assert [list(word) for word in found] == vector["words"]


def test_vectors_are_of_the_strings_that_are_exported():
    assert {vector["text"] for vector in VECTORS} == set(TEXTS)
    exported = words_facts(PUNCTUATION)
    assert [one["text"] for one in exported["test_vectors"]] == list(TEXTS)
    assert json.loads(json.dumps(exported)) == exported


def test_exported_offsets_say_what_they_count():
    for vector in words_facts(RawWords("punctuation", abbreviations=("Dr.",)))["test_vectors"]:
        text, utf16 = vector["text"], vector["text"].encode("utf-16-le")
        assert [text[start:end] for start, end in vector["code_points"]] == vector["words"]
        assert [utf16[2 * start:2 * end].decode("utf-16-le") for start, end in vector["utf16"]] == vector["words"]


def test_exported_characters():
    exported = words_facts(PUNCTUATION)["characters"]
    firsts, bits = exported["runs"][::2], exported["bits"]
    for character, names in (("a", ["cased"]), ("(", ["mark", "bracket", "opens"]), ("我", ["unspaced"]),
                             (" ", ["space"]), ("\U0010ffff", []), ("，", ["mark", "apart"]),
                             ("\u0301", ["combining"])):
        run = bisect.bisect(firsts, ord(character)) - 1
        assert exported["runs"][2 * run + 1] == sum(bits[name] for name in names), character


@pytest.mark.parametrize("text, wanted", [
    ("(Berlin, Ohio).", ["(", "Berlin", ",", "Ohio", ")", "."]),
    ("A. Merkel's", ["A.", "Merkel's"]),
    ("end of U.S.", ["end", "of", "U.S."]),
    ("a.b...c", ["a.b...c"]),
    (".a", [".", "a"]),
])
def test_punctuation(text, wanted):
    assert words(text) == wanted


def test_longest_parts_first_and_never_the_whole_word():
    rule = RawWords("punctuation", beginnings=("l'", "all'"), endings=("'s", "n't"))
    assert words("all'Italia l'Italia's call' isn't l's", rule) == [
        "all'", "Italia", "l'", "Italia", "'s", "call", "'", "is", "n't", "l'", "s"]


def test_parts_that_stand_alone_are_words():
    rule = RawWords("punctuation", beginnings=("l'",), endings=("'s", "n't"))
    assert words("l' Italia 's n't l’", rule) == ["l'", "Italia", "'s", "n't", "l’"]
    assert words("l'.", rule) == ["l", "'", "."]


@pytest.mark.parametrize("text, wanted", [
    ("Dr. No. (Dr. Dr.) Dr.,", ["Dr.", "No", ".", "(", "Dr.", "Dr.", ")", "Dr.", ","]),
    ("am 3. Mai 31. 1999.", ["am", "3.", "Mai", "31.", "1999", "."]),
    ("Dr... Dr.. dr. xDr.", ["Dr", "...", "Dr", "..", "dr", ".", "xDr", "."]),
    ("l'av. l'av.x Dr.No", ["l'", "av.", "l'", "av.x", "Dr.No"]),
    ("it's.", ["it's."]),
    ("Dr .", ["Dr", "."]),
])
def test_abbreviations(text, wanted):
    rule = RawWords("punctuation", beginnings=("l'",), endings=("'s",),
                    abbreviations=("Dr.", "av.", "0.", "00.", "it's."))
    assert words(text, rule) == wanted


@pytest.mark.parametrize("text, wanted", [
    ("and/or 1848/49, A/ /B", ["and", "/", "or", "1848", "/", "49", ",", "A", "/", "/", "B"]),
    ("https://a.b/c/d x/y", ["https://a.b/c/d", "x", "/", "y"]),
])
def test_marks_parted_between_letters(text, wanted):
    assert words(text, RawWords("punctuation", parted="/")) == wanted


@given(st.text())
def test_white_space_is_as_it_always_was(text):
    found = RawWords().split(text)
    assert [word.text for word in found] == text.split()
    assert all(text[word.start:word.end] == word.text for word in found)


@given(st.text("aB1. ,'\u200b\u200f\u0301👍\u200d我、#\n(«"), st.booleans())
def test_words_are_parts_of_the_text_in_order_and_nothing_that_shows_is_lost(text, characters):
    found = RawWords("punctuation", characters, "#", ",", ("a'",), ("'a",)).split(text)
    assert all(text[word.start:word.end] == word.text for word in found)
    assert all(one.end <= other.start for one, other in itertools.pairwise(found))
    assert all(not word.text[0].isspace() and word.text.split() == [word.text] for word in found)
    shown = text.translate(dict.fromkeys(map(ord, "\u200b\u200f\u200d")))
    assert "".join(words("".join(word.text for word in found))).translate(
        dict.fromkeys(map(ord, "\u200b\u200f\u200d"))) == "".join(shown.split())


def test_facts_come_back():
    rule = RawWords("punctuation", True, "#", "%", ("l'",), ("'s", "n't"), ("St.", "00.", "Dr."), "/")
    assert rule.abbreviations == ("00.", "Dr.", "St.")
    assert RawWords.from_facts(json.loads(json.dumps(rule.facts()))) == rule
    assert RawWords.from_facts(None) == RawWords() == RawWords.from_facts(RawWords().facts())
    assert RawWords().facts() == {"rule": "whitespace"}


def test_an_unknown_rule():
    with pytest.raises(ConfigError, match="`word_splitting=spaces`: expected one of whitespace, punctuation"):
        RawWords("spaces")


def test_parts_without_an_apostrophe():
    with pytest.raises(ConfigError, match="endings in: expected a straight apostrophe"):
        RawWords("punctuation", endings=("in",))


@pytest.mark.parametrize("word", ["Dr", "3.", ".", ""])
def test_abbreviations_without_a_period_or_with_digits(word):
    with pytest.raises(ConfigError, match="abbreviations .*expected a period at the end"):
        RawWords("punctuation", abbreviations=(word,))
