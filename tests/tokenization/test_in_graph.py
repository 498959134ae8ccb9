"""The tokenizer in the graph against Hugging Face's own, which is asked word by word."""

from __future__ import annotations

import functools
import itertools
import lzma
import os
import pathlib
import string
import unicodedata

import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import BertWordPieceTokenizer, Tokenizer
from tokenizers.models import BPE, WordPiece
from tokenizers.normalizers import NFC, BertNormalizer
from transformers import AddedToken, BertTokenizerFast, PreTrainedTokenizerFast

from xtremedistil_tf.errors import ModelLoadError
from xtremedistil_tf.tokenization.graph.wordpiece import InGraphWordPiece

SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
SENTENCES = [
    "The quick brown foxes jumped over the lazy dogs while walking and talking unaffably.",
    "Příliš žluťoučký kůň úpěl ďábelské ódy, Straße und Übermut, l'été à la plage.",
    "Съешь ещё этих мягких французских булок, да выпей чаю. Прыжки, прыжок, прыгать.",
    "Ξεσκεπάζω την ψυχοφθόρα βδελυγμία, ο Οδυσσεύς και ο ΟΔΥΣΣΕΥΣ.",
    "สวัสดีครับ ภาษาไทย ประเทศไทย 我喜欢自然语言处理 日本語のテキスト 한국어 문장입니다",
    "می‌خواهم کتاب بخوانم السلام عليكم हिन्दी में क्षत्रिय বাংলা தமிழ் İstanbul ığdır",
]
# Each of these characters is a piece, at the start of a unit and inside it: none may be taken for another.
ALPHABET = [chr(number) for number in itertools.chain(
    range(0x21, 0x3400), range(0xA000, 0xAC00), range(0xF900, 0x10000), range(0x1D100, 0x1D200),
    range(0x1E000, 0x1F700)) if not chr(number).isspace()] + list("我喜欢自然中文")
MODES = {
    "cased": {"do_lower_case": False},
    "uncased": {"do_lower_case": True},
    "cased without accents": {"do_lower_case": False, "strip_accents": True},
    "uncased with accents": {"do_lower_case": True, "strip_accents": False},
}
MARKS = [chr(number) for number in range(0x20000) if unicodedata.category(chr(number)).startswith("M")]
# Non-starters of several combining classes that are not stripped with the accents, so that their order shows.
KEPT_MARKS = list("\u08d4\u1b44\u1baa\u1dfb\u302e\u302f\U00011446\U0001d165\U0001d16d\U0001e000\U0001e94a")
HARD = {
    "empty": "",
    "only whitespace": " \t\n\u3000",
    "all whitespace": "".join(f"a{chr(number)}b" for number in range(0x3001) if chr(number).isspace()),
    "format characters are deleted": "می\u200cخواهم soft\u00adhyphen \ufeffbom zero\u200bwidth",
    "a word of nothing": "a \u200b\u200d b \u00ad",
    "control characters": "a\x00b \x01 c\x7fd e\x9ff",
    "replacement and private characters": "a\ufffdb \ufffd \ue000 x\U000f0000y",
    "noncharacters": "a\uffffb \ufffe \ufdd0",
    "literal special tokens": "[CLS] a [SEP]b c[MASK]d[UNK] [PAD][PAD] [[CLS]] [cls] [CLS [SEP",
    "marks of the graph": "a\x1eb \x1f[CLS]\x1e c\x1f",
    "final sigma": "ΟΔΥΣΣΕΥΣ Σ ΑΣ. ςσΣ",
    "case": "Straße ẞ İstanbul IĞDIR ﬁne ǅ ＡＢＣ Ω K Ⅷ",
    "accents": "e\u0301 é ñ n\u0303 q\u0307\u0323 q\u0323\u0307 ệ Å Å",
    "hangul": "한국어 각 가\u11a8 \u1100\u1161",
    "punctuation": "don't stop--now!? «quote» a.b,c 5€ $3 x^y `z` ¿qué? 、。「」 ・ ー",
    "recent punctuation": "\u2e52 \u2e5d \U00010ead \U00011f43 \U0001144b",
    "chinese": "abc中文def 中 文 \u3400\u4dbf \U00020000 \uf900 豈",
    "thai": "สวัสดีครับ ภาษาไทย ำ",
    "emoji": "👩‍👩‍👧‍👦 👍🏽 🇩🇪 ❤️ 1️⃣",
    "100 characters": "x" * 100 + " " + "я" * 100 + " " + "😀" * 100 + " " + "ก" * 100,
    "101 characters": "x" * 101 + " " + "я" * 101 + " " + "😀" * 101 + " " + "x" * 5000,
    "100 after decomposition": "가" * 50 + " " + "가" * 51 + " " + "각" * 34,
    "a long word of short units": "ab." * 200 + "[CLS]" * 100,
}


@functools.cache
def trained_pieces(lowercase: bool) -> list[str]:
    trained = BertWordPieceTokenizer(lowercase=lowercase)
    trained.train_from_iterator(SENTENCES, vocab_size=700, min_frequency=1, show_progress=False)
    return list(trained.get_vocab())


def make_tokenizer(alphabet=(), **options) -> BertTokenizerFast:
    pieces = [*SPECIAL, *trained_pieces(options["do_lower_case"]), *alphabet,
              *("##" + character for character in alphabet)]
    vocabulary = {piece: number for number, piece in enumerate(dict.fromkeys(pieces))}
    return BertTokenizerFast(tokenizer_object=BertWordPieceTokenizer(vocabulary)._tokenizer, **options)


@pytest.fixture(scope="module", params=MODES)
def both(request):
    tokenizer = make_tokenizer(ALPHABET, **MODES[request.param])
    return in_graphs(tokenizer)


def traced(method):
    """As a SavedModel traces it: without AutoGraph."""
    return tf.function(method, input_signature=[tf.TensorSpec([None], tf.string)], autograph=False)


def in_graphs(tokenizer):
    graph = InGraphWordPiece.from_tokenizer(tokenizer, whole_texts=True)
    return tokenizer, traced(graph.tokenize), traced(graph.tokenize_texts)


def expected(tokenizer, texts: list[str]) -> dict[str, list]:
    words = [text.split() for text in texts]
    result = {"words": [[word.encode() for word in row] for row in words], "pieces": []}
    for text_words in words:
        encoded = tokenizer(text_words, is_split_into_words=True, add_special_tokens=False)
        pieces = [[] for _ in text_words]
        for number, word in zip(encoded["input_ids"], encoded.word_ids()):
            pieces[word].append(number)
        result["pieces"].append(pieces)
    return result


def as_lists(value):
    """As `to_list()`, which takes a millisecond a row where a RaggedTensor has three levels."""
    if not isinstance(value, tf.RaggedTensor):
        return value.numpy().tolist()
    inner, splits = as_lists(value.values), value.row_splits.numpy().tolist()
    return [inner[begin:end] for begin, end in itertools.pairwise(splits)]


def assert_equal_to_hugging_face(both, texts: list[str]) -> None:
    tokenizer, run, run_whole = both
    constant = tf.constant([text.encode() for text in texts], tf.string)
    found = run(constant)
    found = {key: as_lists(value) for key, value in found.items()}
    cut = [[text[start:end].encode() for start, end in zip(starts, ends)]
           for text, starts, ends in zip(texts, found.pop("starts"), found.pop("ends"))]
    wanted = expected(tokenizer, texts)
    assert found == wanted
    assert cut == wanted["words"]
    assert_whole_texts_equal(tokenizer, run_whole(constant), texts)


def assert_whole_texts_equal(tokenizer, found, texts: list[str]) -> None:
    wanted = [tokenizer(text, add_special_tokens=False, return_offsets_mapping=True) for text in texts]
    assert [text.decode() for text in found["texts"].numpy()] == texts
    assert found["pieces"].to_list() == [encoding["input_ids"] for encoding in wanted]
    starts, ends = found["starts"].to_list(), found["ends"].to_list()
    for text, row_starts, row_ends, encoding in zip(texts, starts, ends, wanted):
        if not sorts_kept_marks(tokenizer, text):
            assert list(zip(row_starts, row_ends)) == encoding["offset_mapping"]


def sorts_kept_marks(tokenizer, text: str) -> bool:
    """Whether Hugging Face may give a mark the offset of another one that it changed places with."""
    normalize = tokenizer.backend_tokenizer.normalizer.normalize_str
    strips = normalize("e\u0301") == "e"
    return strips and any(unicodedata.combining(character) and normalize(character) for character in text)


@pytest.mark.parametrize("text", HARD.values(), ids=HARD)
def test_hard_cases(both, text):
    assert_equal_to_hugging_face(both, [text])


def test_many_texts_in_one_batch(both):
    assert_equal_to_hugging_face(both, [*SENTENCES, *HARD.values(), ""])


def test_empty_batch(both):
    found = both[1](tf.constant([], tf.string))
    assert {key: value.to_list() for key, value in found.items()} == {
        "words": [], "pieces": [], "starts": [], "ends": []}
    found = both[2](tf.constant([], tf.string))
    assert [found[key].to_list() for key in ("pieces", "starts", "ends")] == [[], [], []]


@given(st.lists(st.text(max_size=60), min_size=4, max_size=16))
@settings(max_examples=20)
def test_any_text(both, texts):
    assert_equal_to_hugging_face(both, texts)


MIXED = st.lists(st.one_of(
    st.sampled_from([*SPECIAL, "[", "]", "[CLS", "\u200d", "\ufe0f", "👩‍👩‍👧", "🇩🇪", "한국", "中", "Σ", "İ"]),
    st.sampled_from([" ", "\x1e", "\x1f", "\u3000"]),
    st.sampled_from("".join(SENTENCES)),
    st.sampled_from(string.printable),
    st.sampled_from(MARKS),
    st.characters(whitelist_categories=["Cc", "Cf", "Zs", "Zl", "Zp", "Po", "Pd", "Sk", "Lt", "Lm"]),
    st.text(alphabet="abé我ก😀", min_size=90, max_size=110),
), max_size=40).map("".join)


@given(st.lists(MIXED, min_size=4, max_size=16))
@settings(max_examples=20)
def test_mixed_scripts_marks_and_special_tokens(both, texts):
    assert_equal_to_hugging_face(both, texts)


@given(st.lists(st.text(alphabet=KEPT_MARKS + list("\u0301\u0316\u093f\u0345\u200da "), max_size=30), min_size=4,
                max_size=16))
@settings(max_examples=20)
def test_order_of_combining_characters(both, texts):
    assert_equal_to_hugging_face(both, texts)


def test_every_character_of_most_scripts_and_a_sample_of_the_rest(both):
    scripts = [*range(0x3400), *range(0xA000, 0xAC00), *range(0xF900, 0x12000), *range(0x1D000, 0x1F700)]
    rest = [number for number in range(0x3400, 0x110000, 97) if not 0xD800 <= number < 0xE000]
    text = "".join(map(chr, scripts + rest))
    lines = ["a" + "b c".join(text[begin:begin + 64]) + "d" for begin in range(0, len(text), 64)]
    assert_equal_to_hugging_face(both, lines)


def test_added_special_tokens_take_the_longest_match():
    tokenizer = make_tokenizer(do_lower_case=True)
    tokenizer.add_special_tokens({"additional_special_tokens": ["<E", "<E>", "<E>x", "Stop", "ж+(ж"]})
    texts = ["<E>x <E>y <Ez <e> a<E><E>xx", "Stop STOP nonStopstop", "ж+(ж Ж+(Ж ж+ж a b"]
    assert_equal_to_hugging_face(in_graphs(tokenizer), texts)


def test_added_tokens_with_white_space_are_in_no_word_and_refused_for_whole_texts():
    tokenizer = make_tokenizer(do_lower_case=True)
    tokenizer.add_special_tokens({"additional_special_tokens": ["a b"]})
    found = traced(InGraphWordPiece.from_tokenizer(tokenizer).tokenize)(tf.constant(["a b a"]))
    assert as_lists(found["pieces"]) == expected(tokenizer, ["a b a"])["pieces"]
    assert not InGraphWordPiece.from_tokenizer(tokenizer).takes_whole_texts
    with pytest.raises(ModelLoadError, match="'a b' holds white space"):
        InGraphWordPiece.from_tokenizer(tokenizer, whole_texts=True)


def test_a_normalizer_that_keeps_control_characters_is_refused_for_whole_texts():
    tokenizer = make_tokenizer(do_lower_case=True)
    tokenizer.backend_tokenizer.normalizer = BertNormalizer(clean_text=False)
    assert not InGraphWordPiece.from_tokenizer(tokenizer).takes_whole_texts
    with pytest.raises(ModelLoadError, match="keeps control characters"):
        InGraphWordPiece.from_tokenizer(tokenizer, whole_texts=True)


def test_word_limit_and_prefix_are_those_of_the_tokenizer():
    pieces = [*SPECIAL, "", "never reached", "a", "b", "@@b", "@@bb", "ab"]
    vocabulary = {piece: number for number, piece in enumerate(pieces)}
    backend = Tokenizer(WordPiece(vocabulary, unk_token="[UNK]", continuing_subword_prefix="@@",
                                  max_input_chars_per_word=4))
    template = make_tokenizer(do_lower_case=False).backend_tokenizer
    for part in ("normalizer", "pre_tokenizer", "post_processor"):
        setattr(backend, part, getattr(template, part))
    tokenizer = BertTokenizerFast(tokenizer_object=backend, do_lower_case=False)
    assert_equal_to_hugging_face(in_graphs(tokenizer), ["abbb abbbb b bb.ab abab [SEP]", "@@b"])


@pytest.mark.parametrize("broken", [
    b"a\xffb c", b"\xe4\xb8 x", b"\xed\xa0\x80", b"ab\xc3", b"\xf0\x9f\x98[CLS]"])
def test_malformed_utf8_counts_as_replacement_characters(both, broken):
    tokenizer, run, run_whole = both
    texts = [broken.decode(errors="replace"), "good"]
    found = run(tf.constant([broken, b"good"]))
    wanted = expected(tokenizer, texts)
    assert {key: found[key].to_list() for key in wanted} == wanted
    assert_whole_texts_equal(tokenizer, run_whole(tf.constant([broken, b"good"])), texts)


def bpe():
    return PreTrainedTokenizerFast(tokenizer_object=Tokenizer(BPE({"[UNK]": 0}, [], unk_token="[UNK]")))


def changed(part=None, value=None, added=None, **attributes):
    tokenizer = make_tokenizer(do_lower_case=True)
    if part:
        setattr(tokenizer.backend_tokenizer, part, value)
    if added:
        tokenizer.add_tokens([added])
    for name, attribute in attributes.items():
        setattr(tokenizer, name, attribute)
    return tokenizer


def with_long_piece():
    pieces = [*SPECIAL, "ก" * 90]
    return BertTokenizerFast(tokenizer_object=BertWordPieceTokenizer(
        {piece: number for number, piece in enumerate(pieces)})._tokenizer)


@pytest.mark.parametrize(["make", "says"], [
    (bpe, "model is BPE"),
    (lambda: changed("normalizer", NFC()), "normalizer is NFC"),
    (lambda: changed("pre_tokenizer", None), "pre-tokenizer is None"),
    (lambda: changed("post_processor", None), "between"),
    (lambda: changed(added=AddedToken("Covid", normalized=True)), "'Covid'"),
    (lambda: changed(added=AddedToken("covid", normalized=False, single_word=True)), "'covid'"),
    (lambda: changed(split_special_tokens=True), "split_special_tokens"),
    (lambda: changed(pad_token=None), r"\[PAD\]"),
    (with_long_piece, "256 bytes"),
    (object, "slow"),
], ids=["model", "normalizer", "pre-tokenizer", "post-processor", "normalized token", "whole-word token",
        "split specials", "no padding token", "long subword", "slow"])
def test_other_tokenizers_are_refused(make, says):
    with pytest.raises(ModelLoadError, match=f"(?s)WordPiece and Unigram vocabularies.*{says}.*token-id signature"):
        InGraphWordPiece.from_tokenizer(make())


def test_whole_texts_are_taken_asked_for_or_not(both):
    for asked in (False, True):
        assert InGraphWordPiece.from_tokenizer(both[0], whole_texts=asked).takes_whole_texts


@pytest.mark.skipif("XTREMEDISTIL_DATA" not in os.environ, reason="needs real text: set XTREMEDISTIL_DATA")
@pytest.mark.parametrize("lowercase", [False, True])
def test_real_text(lowercase):
    files = sorted((pathlib.Path(os.environ["XTREMEDISTIL_DATA"]) / "unlabeled-wiki").glob("*.txt.xz"))
    assert files
    lines = []
    for file in files:
        with lzma.open(file, "rt", encoding="utf-8", newline="\n") as handle:
            lines += itertools.islice(handle, 150)
    trained = BertWordPieceTokenizer(lowercase=lowercase)
    trained.train_from_iterator(lines, vocab_size=8000, show_progress=False)
    tokenizer = BertTokenizerFast(tokenizer_object=BertWordPieceTokenizer(trained.get_vocab())._tokenizer,
                                  do_lower_case=lowercase)
    assert_equal_to_hugging_face(in_graphs(tokenizer), lines)
