"""Tokenizers written for Rust, Python and JavaScript give the pieces that they gave before."""

from __future__ import annotations

import json
import re
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers

from xtremedistil_tf.errors import ConfigError
from xtremedistil_tf.tokenization.own_vocabulary import train_tokenizer
from xtremedistil_tf.tokenization.portable import portable_spec, with_words
from xtremedistil_tf.tokenization.raw_words import MARK, RawWords, kind_of
from xtremedistil_tf.tokenization.texts import flat_steps, tokenizer_spec

NMT = {"normalizer": {"type": "Nmt"}, "pre_tokenizer": None}
ODD = "\x01\t\n\x0b\x1c\x7f\x85\x8f\x9f\xa0\xad\u1680\u2028\u200b\u2581\ufeff\ufffd\ufb01\xbde\u0301\uac01 ab.<s>"
NFKC = {"type": "NFKC"}
TEXT = ["the quick brown fox jumps over the lazy dog", "pack my box with five dozen liquor jugs"] * 9


def built(spec) -> Tokenizer:
    return Tokenizer.from_str(json.dumps(spec))


@pytest.fixture(scope="module")
def both():
    """With the step `Nmt`, as directories of earlier versions have it, and without."""
    new = tokenizer_spec(train_tokenizer(TEXT, 200, "unigram", at_most=True))
    old = new | {"normalizer": {"type": "Sequence", "normalizers": [
        {"type": "Nmt"}, *new["normalizer"]["normalizers"][2:]]}}
    assert portable_spec(old) == portable_spec(new) == new
    return built(old), built(new)


def test_every_character_is_as_before():
    steps = [normalizers.Replace(Regex(step["pattern"]["Regex"]), step["content"])
             for step in portable_spec(NMT)["normalizer"]["normalizers"]]
    before, after = normalizers.Nmt(), normalizers.Sequence(steps)
    # Between letters; surrogates are no text.
    characters = [f"a{chr(n)}" for n in range(sys.maxunicode + 1) if not 0xD800 <= n < 0xE000]
    text = "".join(characters)
    assert after.normalize_str(text) == before.normalize_str(text) != text


@settings(max_examples=300, deadline=None, derandomize=True)
@given(st.text(st.one_of(st.sampled_from(ODD), st.characters(exclude_categories=["Cs"])), max_size=12))
def test_pieces_and_offsets_are_as_before(both, text):
    before, after = (tokenizer.encode(text) for tokenizer in both)
    assert (after.ids, after.word_ids, after.offsets) == (before.ids, before.word_ids, before.offsets)


def test_only_steps_that_javascript_has(both):
    spec = json.loads(both[1].to_str())
    assert {step["type"] for step in spec["normalizer"]["normalizers"]} == {"Replace", "NFKC"}
    assert spec["truncation"] is spec["padding"] is None


def test_the_next_line_is_replaced_once():
    """It parts words in Rust, but is no white space in JavaScript."""
    for pre_tokenizer, steps in ((None, 1), ({"type": "WhitespaceSplit"}, 2)):
        spec = portable_spec({"normalizer": NFKC, "pre_tokenizer": pre_tokenizer})
        assert portable_spec(spec) == spec and len(flat_steps(spec["normalizer"], "normalizers")) == steps
        spec = portable_spec({**NMT, "pre_tokenizer": pre_tokenizer})
        assert portable_spec(spec) == spec and ("\x85" in json.dumps(spec, ensure_ascii=False)) == (steps == 2)


def test_ideographs_are_words_in_javascript_too():
    """Its normalizer takes those of more than 16 bits for letters; a step that changes nothing in Rust parts them."""
    old = tokenizer_spec(train_tokenizer(TEXT, 100, "wordpiece", at_most=True))
    new = portable_spec(old)
    split = new["pre_tokenizer"]["pretokenizers"][1]
    assert portable_spec(new) == new and split["behavior"] == "Isolated"
    characters = "".join(chr(n) for n in range(sys.maxunicode + 1) if not 0xD800 <= n < 0xE000)
    normalizer = normalizers.BertNormalizer(clean_text=False, strip_accents=False, lowercase=False)
    by_rust = {c for word in normalizer.normalize_str(characters).split() if len(word) == 1 for c in word}
    assert set(re.findall(split["pattern"]["Regex"], characters)) == by_rust - {"\u3000"}
    text = "a\u4e00\U00020049\U0002f81ab, \U0002b820\U0002a700 \U00020049"
    before, after = (built(spec).encode(text) for spec in (old, new))
    assert (after.ids, after.word_ids, after.offsets) == (before.ids, before.word_ids, before.offsets)


@pytest.mark.parametrize("kind", ["wordpiece", "unigram"])
def test_sigma_is_lower_cased_alike_everywhere(kind):
    """Unless a step does so before, JavaScript makes another letter of the one at the end of a word."""
    old = tokenizer_spec(train_tokenizer([*TEXT, "οδυσσευς οδυσσευσ"], 120, kind, cased=False, at_most=True))
    new = portable_spec(old)
    assert portable_spec(new) == new and json.dumps(new).count("u03a3") == 1
    text = "ΟΔΥΣΣΕΥΣ ΣΣ \u03f9 \U0001d6f4Σ\u0301, aΣ"
    before, after = (built(spec).encode(text) for spec in (old, new))
    assert (after.ids, after.word_ids, after.offsets) == (before.ids, before.word_ids, before.offsets)


def test_marks_are_those_of_the_rule():
    metaspace = {"type": "Metaspace", "prepend_scheme": "always"}
    spec = with_words(NMT | {"pre_tokenizer": metaspace}, RawWords("punctuation"))
    every = [chr(n) for n in range(sys.maxunicode + 1) if not 0xD800 <= n < 0xE000]
    marks = {c for c in every if kind_of(c) & MARK}
    leading = re.compile(spec["pre_tokenizer"]["pretokenizers"][1]["pattern"]["Regex"], re.MULTILINE)
    assert {match[0] for match in leading.finditer("\n".join(every))} == marks


def test_a_step_of_no_such_form_is_refused():
    with pytest.raises(ConfigError, match="step ByteLevel.*JavaScript"):
        portable_spec(NMT | {"normalizer": {"type": "Sequence", "normalizers": [{"type": "ByteLevel"}]}})


@pytest.mark.parametrize("text", [
    "Ada Lovelace (1815-1852), Countess of ``Lovelace'', met J. Smith of the U.S. in London.",
    "No! Why?! e-mail: a@b.de...",
    "(\"Berlin\")", "isn't it John\u2019s or/and 3.14?", "...", "a", ""])
def test_marks_are_parted_as_the_rule_does(both, text):
    rule = RawWords("punctuation", endings=("'s", "n't"), parted="/")
    parted = built(with_words(json.loads(both[1].to_str()), rule))
    words = [word for word, _ in parted.pre_tokenizer.pre_tokenize_str(text)]
    assert words == [f"\u2581{word.text}" for word in rule.split(text)]


def test_white_space_and_other_pre_tokenizers_stay():
    spec = json.loads(Tokenizer(models.BPE()).to_str()) | {
        "pre_tokenizer": json.loads(pre_tokenizers.ByteLevel().__getstate__())}
    assert with_words(spec, RawWords("punctuation")) == spec
    assert with_words(NMT, RawWords()) == NMT
