"""Trained tokenizers: their size, what they encode, and that they are the same every time."""

from __future__ import annotations

import random

import pytest
from transformers import AutoTokenizer

from xtremedistil_tf.errors import ConfigError, DataError
from xtremedistil_tf.tokenization.graph.wordpiece import InGraphWordPiece
from xtremedistil_tf.tokenization.own_vocabulary import KINDS, train_tokenizer


def corpus(lines: int = 300) -> list[str]:
    """Words made of syllables, many of them equally frequent, in two scripts."""
    rng = random.Random(5)
    syllables = [a + b for a in "bdfgklmnprst" for b in "aeiou"]
    syllables += [a + b for a in "бдлмнрст" for b in "аеиоу"]
    words = ["".join(rng.choices(syllables, k=rng.randint(1, 4))) for _ in range(700)]
    words = [word.title() if rng.random() < 0.2 else word for word in words]
    return [" ".join(rng.choices(words, k=12)) + rng.choice([".", "!", " é 北京"]) for _ in range(lines)]


@pytest.fixture(scope="module", params=KINDS)
def kind(request):
    return request.param


@pytest.fixture(scope="module")
def trained(kind):
    return train_tokenizer(iter(corpus()), 500, kind)


def test_it_has_the_size_and_knows_every_character(trained):
    assert len(trained) == 500 == max(trained.get_vocab().values()) + 1
    ids = trained(corpus())["input_ids"]
    assert all(trained.unk_token_id not in row for row in ids)
    assert sum(map(len, ids)) < sum(len(text) for text in corpus()) / 2
    assert trained.unk_token_id in trained("☃")["input_ids"]


def test_training_again_gives_the_same(kind):
    # The trainers hash words with another seed for every table, also within one process.
    files = {train_tokenizer(corpus(), 500, kind).backend_tokenizer.to_str() for _ in range(4)}
    assert len(files) == 1


def test_it_reloads(trained, tmp_path):
    trained.save_pretrained(tmp_path)
    reloaded = AutoTokenizer.from_pretrained(tmp_path)
    assert type(reloaded) is type(trained)
    assert reloaded.get_vocab() == trained.get_vocab()
    assert reloaded(corpus(20), corpus(20)) == trained(corpus(20), corpus(20))


def test_frames_are_those_of_bert_and_xlm_r(trained, kind):
    ids = trained("ba", "de")["input_ids"]
    names = [trained.convert_ids_to_tokens(i) for i in ids if i in trained.all_special_ids]
    assert names == (["[CLS]", "[SEP]", "[SEP]"] if kind == "wordpiece" else ["<s>", "</s>", "</s>", "</s>"])
    types = trained("ba", "de").get("token_type_ids")
    assert types is None if kind == "unigram" else types[-1] == 1
    assert trained.decode(trained("bade Kapu")["input_ids"], skip_special_tokens=True) == "bade Kapu"
    assert None not in (trained.pad_token_id, trained.mask_token_id, trained.cls_token_id,
                        trained.sep_token_id)


@pytest.mark.parametrize("cased", [True, False])
def test_wordpiece_is_berts_and_runs_in_the_graph(cased):
    tokenizer = train_tokenizer(corpus(), 400, "wordpiece", cased=cased)
    texts = [*corpus(30), "É [MASK] ba北京☃"]
    found = InGraphWordPiece.from_tokenizer(tokenizer).tokenize(texts)["pieces"].to_list()
    assert [[i for word in row for i in word] for row in found] == tokenizer(
        [text.split() for text in texts], is_split_into_words=True, add_special_tokens=False)["input_ids"]


@pytest.mark.parametrize("kind", KINDS)
def test_uncased_takes_upper_for_lower_case(kind):
    tokenizer = train_tokenizer(corpus(), 400, kind, cased=False)
    assert tokenizer("BADE Бал")["input_ids"] == tokenizer("bade бал")["input_ids"]
    pieces = set(tokenizer.get_vocab()) - set(tokenizer.all_special_tokens)
    assert not any(piece != piece.lower() for piece in pieces)


def test_rare_characters_give_way(kind):
    characters = [chr(number) for number in range(0x4E00, 0x4E00 + 400)]
    texts = [*corpus(), " ".join(characters)]
    tokenizer = train_tokenizer(texts, 300, kind)
    assert len(tokenizer) == 300
    frequent = tokenizer([text for text in corpus() if "é" not in text])["input_ids"]
    assert all(tokenizer.unk_token_id not in row for row in frequent)
    assert tokenizer.unk_token_id in tokenizer(characters[-1])["input_ids"]


def test_too_little_text_is_refused(kind):
    with pytest.raises(ConfigError, match=r"`student_vocab_size=9000`: the transfer text yields only \d+ subwords"):
        train_tokenizer(corpus(20), 9000, kind)
    with pytest.raises(DataError, match="has no words to train a tokenizer on"):
        train_tokenizer(["", "  "], 1000, kind)


def test_wrong_options_are_refused(kind):
    with pytest.raises(ConfigError, match="`student_vocab_type=bpe`: expected one of wordpiece, unigram"):
        train_tokenizer(corpus(), 1000, "bpe")
    with pytest.raises(ConfigError, match="`student_vocab_size=7`: too small"):
        train_tokenizer(corpus(), 7, kind)
