"""WordPiece inside a graph equals Hugging Face's fast tokenizer, word by word and piece by piece."""

from __future__ import annotations

import itertools
import lzma
import os
import pathlib
import random
import sys

import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from xtremedistil_tf.errors import ModelLoadError
from xtremedistil_tf.tokenization.in_graph import InGraphWordPiece

ALPHABETS = ["abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789", "äöüßçñéèÉÈİıǅﬁœŠğ", "αβγδςσΣΩάΰ",
             "абвгдежзиклмноёйБЭ", "אבגדהוشسلامرنיִ", "हिन्दीभारत", "ไทยภาษาที่", "ភាសាខ្មែរ", "中国北京東京かなカナ가나다한",
             "\u0301\u0308\u0327\u0323\u200d\u200c\u00ad\ufeff\u200b", ".,;:!?()[]{}«»„“—–-…¿¡、。「」", "👩‍🚀🏳️‍🌈",
             " \t\u00a0\u2003\u3000\u2028\x1c\x1f\x85", "\x00\x07\x7f\ufffd"]
HARD = ["", " ", "[CLS] a[SEP]b [MASK][PAD]", "a" * 100 + " " + "b" * 101, "é" * 100, "е\u0301" * 120, "ΑΣ ΣΑΣ Σ",
        "a\u200db\u00adc \u200d \ufeff", "x\u0300\u0323\u0327 q\u0323\u0307", "ﬀ ﬁ Ǆ ǆ ẞ ß İ", "中a国1", "don't U.S.A. 3,14",
        "가각힣 \u1100\u1161", "a\u0000b \x07", "[unk] [UNK] [cls]", "\U0010ffff \ue000 \u0378", "naïve—café"]


@pytest.fixture(scope="module", params=[False, True], ids=["cased", "uncased"])
def tokenizer(request, tmp_path_factory):
    from transformers import BertTokenizerFast

    letters = [c for alphabet in ALPHABETS for c in alphabet if not c.isspace()]
    letters += [c.lower() for c in letters if len(c.lower()) == 1]
    pairs = ["".join(p) for alphabet in ALPHABETS[:6] for p in itertools.islice(itertools.product(alphabet, repeat=2), 60)]
    vocab = dict.fromkeys(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *letters, *pairs])
    vocab |= dict.fromkeys("##" + piece for piece in [*letters, *pairs])
    path = tmp_path_factory.mktemp("vocab") / "vocab.txt"
    path.write_text("\n".join(v for v in vocab if v not in "\r\n\x85\u2028"), encoding="utf-8")
    return BertTokenizerFast(str(path), do_lower_case=request.param)


@pytest.fixture(scope="module")
def in_graph(tokenizer):
    module = InGraphWordPiece.from_tokenizer(tokenizer)

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string)])
    def run(texts):
        split = module.tokenize(texts)
        return split | module.encode(split["pieces"])

    return lambda texts: {k: v.to_list() for k, v in run(tf.constant(texts)).items()}


def check(tokenizer, in_graph, texts):
    texts = [text.encode("utf-8", "replace").decode() for text in texts]
    got = in_graph(texts)
    own = tokenizer([text.split() for text in texts], is_split_into_words=True)
    for row, text in enumerate(texts):
        words, first = text.split(), {}
        assert [w.decode() for w in got["words"][row]] == words, ascii(text)
        assert got["input_ids"][row] == own["input_ids"][row], ascii(text)
        for position, word in enumerate(own.word_ids(row)):
            if word is not None:
                first.setdefault(word, position)
        assert got["word_starts"][row] == [first.get(i, -1) for i in range(len(words))], ascii(text)
        assert [text[a:b] for a, b in zip(got["starts"][row], got["ends"][row])] == words, ascii(text)


def test_hard_cases(tokenizer, in_graph):
    check(tokenizer, in_graph, HARD)


def test_any_text(tokenizer, in_graph):
    @settings(max_examples=150, deadline=None)
    @given(st.lists(st.text(max_size=40), min_size=1, max_size=20))
    def run(texts):
        check(tokenizer, in_graph, texts)

    run()


def test_mixed_scripts(tokenizer, in_graph):
    rng = random.Random(1)
    texts = []
    for _ in range(5000):
        alphabets = rng.sample(ALPHABETS, 3) + [" ", " "]
        texts.append("".join(rng.choice(rng.choice(alphabets)) for _ in range(rng.randint(0, 40))))
    check(tokenizer, in_graph, texts)


def test_every_character_alone_and_inside_a_word(tokenizer, in_graph):
    characters = [chr(c) for c in range(sys.maxunicode + 1) if not 0xD800 <= c < 0xE000 and c % 7 == 0]
    for begin in range(0, len(characters), 20000):
        check(tokenizer, in_graph, [f"{c} a{c}b" for c in characters[begin:begin + 20000]])


@pytest.mark.skipif("XTREMEDISTIL_DATA" not in os.environ, reason="real text is at XTREMEDISTIL_DATA")
def test_real_text(tokenizer, in_graph):
    for file in sorted(pathlib.Path(os.environ["XTREMEDISTIL_DATA"], "unlabeled-wiki").glob("*.txt.xz")):
        with lzma.open(file, "rt", encoding="utf-8") as lines:
            check(tokenizer, in_graph, [line.rstrip("\n") for line in itertools.islice(lines, 500)])


def test_invalid_utf8_counts_as_replacement_characters(in_graph):
    assert in_graph([b"a\xff b"])["words"] == in_graph(["a\ufffd b"])["words"]


def test_other_tokenizers_are_refused():
    from tokenizers import Tokenizer, models
    from transformers import PreTrainedTokenizerFast

    tokenizer = PreTrainedTokenizerFast(tokenizer_object=Tokenizer(models.Unigram([("a", 0.0)])), pad_token="a")
    assert not InGraphWordPiece.supports(tokenizer)
    with pytest.raises(ModelLoadError, match="WordPiece.*Unigram"):
        InGraphWordPiece.from_tokenizer(tokenizer)
