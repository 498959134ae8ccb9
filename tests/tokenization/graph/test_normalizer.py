from __future__ import annotations

import io
import json
import sys

import numpy as np
import pytest
import sentencepiece
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from sentencepiece import sentencepiece_model_pb2
from tokenizers import Regex, Tokenizer, normalizers
from tokenizers.models import WordLevel

from xtremedistil_tf.checkpoints.nmt import nmt_steps
from xtremedistil_tf.tokenization.graph.normalizer import read_charsmap, steps_of, unsupported_step
from xtremedistil_tf.tokenization.graph.text import Text


def charsmap(rule: str) -> bytes:
    """A character map of SentencePiece's."""
    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(["a b c"]), model_writer=model, model_type="char", vocab_size=7,
        normalization_rule_name=rule, minloglevel=2)
    proto = sentencepiece_model_pb2.ModelProto.FromString(model.getvalue())
    return proto.normalizer_spec.precompiled_charsmap


CHARSMAPS = {rule: charsmap(rule) for rule in ("nmt_nfkc", "nmt_nfkc_cf")}
NORMALIZERS = {
    "Nmt": normalizers.Nmt(),
    "Lowercase": normalizers.Lowercase(),
    "StripAccents": normalizers.StripAccents(),
    "Strip": normalizers.Strip(),
    "Strip left": normalizers.Strip(right=False),
    "Strip right": normalizers.Strip(left=False),
    "spaces": normalizers.Replace(Regex(" {2,}"), "▁"),
    "quotes": normalizers.Replace("``", '"'),
    "letter": normalizers.Replace("a", "xyz"),
    "deletion": normalizers.Replace("a", ""),
    "class": normalizers.Replace(Regex("[a\u00e9-\u0130\t ]"), "xyz"),
    "class deleted": normalizers.Replace(Regex("[\x01-\x1c`]"), ""),
    "one after the other": normalizers.Sequence([
        normalizers.Replace(Regex("[a\x85]"), "\u0130\u3000"), normalizers.Replace(Regex("[\u3000A]"), ""),
        normalizers.Lowercase(), normalizers.Replace(Regex("[i]"), "aA")]),
    "map": normalizers.Precompiled(CHARSMAPS["nmt_nfkc"]),
    "map with case folding": normalizers.Precompiled(CHARSMAPS["nmt_nfkc_cf"]),
    "nested": normalizers.Sequence([normalizers.Sequence([normalizers.Nmt(), normalizers.Strip()]),
                                    normalizers.NFKC(), normalizers.Lowercase()]),
}
KEYS = sorted(read_charsmap(CHARSMAPS["nmt_nfkc"]))
TEXTS = st.lists(st.one_of(
    st.sampled_from(" aaAé``\t\n\u3000\u2028\x00\x01\x1c\x85\ufeffİßΣ"), st.sampled_from(KEYS),
    st.characters(exclude_categories=["Cs"]), st.characters(categories=["Mn", "Mc", "Cf", "Zs"])),
    max_size=20).map("".join)


def spec(normalizer):
    backend = Tokenizer(WordLevel({}, unk_token="x"))
    backend.normalizer = normalizer
    return json.loads(backend.to_str())["normalizer"]


@pytest.mark.parametrize("name", NORMALIZERS)
def test_equal_to_hugging_face(name, run_step):
    normalizer = NORMALIZERS[name]
    described = spec(normalizer)
    assert unsupported_step(described) is None

    def all_steps(text):
        for step in steps_of(described):
            text = step(text)
        return text

    apply = run_step(all_steps)

    @given(st.lists(TEXTS, min_size=4, max_size=16))
    @settings(max_examples=20)
    def check(texts):
        assert [text for text, _ in apply(*texts)] == [normalizer.normalize_str(text) for text in texts]

    check()


def test_steps_that_look_at_one_character_are_one_table():
    described = spec(normalizers.Sequence([normalizers.Sequence(steps_as_javascript_reads_them()), normalizers.NFKC()]))
    assert len(steps_of(described)) == 2
    # Whatever Hugging Face's regular expressions match, the table has.
    every = "".join(chr(n) for n in range(sys.maxunicode + 1) if not 0xD800 <= n < 0xE000)
    step, old = (steps_of(spec(part))[0] for part in (
        normalizers.Sequence(steps_as_javascript_reads_them()), normalizers.Nmt()))
    text = Text.decode(tf.constant([every.encode()]))
    for one, other in zip(step(text), old(text), strict=True):
        np.testing.assert_array_equal(one, other)


def steps_as_javascript_reads_them():
    return [normalizers.Replace(Regex(step["pattern"]["Regex"]), step["content"]) for step in nmt_steps(False)]


def test_no_normalizer():
    assert steps_of(None) == [] and unsupported_step(None) is None


@pytest.mark.parametrize(["normalizer", "says"], [
    (normalizers.BertNormalizer(), "BertNormalizer"),
    (normalizers.Sequence([normalizers.NFC(), normalizers.Prepend("▁")]), "Prepend"),
    (normalizers.Replace("ab", "c"), "ab"),
    (normalizers.Replace(Regex(r"\s+"), " "), r"\\s+"),
    (normalizers.Replace(Regex(".{2,}"), " "), ".{2,}"),
    *((normalizers.Replace(Regex(pattern), " "), pattern) for pattern in
      ("[^a]", "[a&&b]", "[a-]", "[a]b", "[ab]+", "[[:alpha:]]")),
    (normalizers.Replace(Regex(r"[\d]"), " "), r"\\d"),
])
def test_others_are_named(normalizer, says):
    assert says in unsupported_step(spec(normalizer))


def test_read_charsmap_finds_every_key():
    for rule, data in CHARSMAPS.items():
        mapping = read_charsmap(data)
        answer = normalizers.Precompiled(data).normalize_str
        assert len(mapping) > 5000
        singles = [key for key in mapping if len(key) == 1]
        assert all(answer(key) == mapping[key] for key in singles)
        # What is no key stays as it is, so every character that changes must be one.
        changed = {chr(n) for n in range(0x20000) if not 0xD800 <= n < 0xE000 and answer(chr(n)) != chr(n)}
        assert changed <= set(singles)
        assert ("A" in mapping) == (rule == "nmt_nfkc_cf")
