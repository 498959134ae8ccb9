"""The adapter of slow tokenizers against the wrapped tokenizer itself."""

from __future__ import annotations

import json
import pickle

import numpy as np
import pytest

from xtremedistil_tf.checkpoints.tokenizers import SlowTokenizer
from xtremedistil_tf.corpus.example import Example, TextExample
from xtremedistil_tf.errors import ModelLoadError
from xtremedistil_tf.tasks.registry import make_task
from xtremedistil_tf.tokenization.texts import encode_texts
from xtremedistil_tf.tokenization.words import SpecialTokens, encode_words

LETTERS = "abcdefghijklmnopqrstuvwxyz-.,é"
MERGES = [("n", "e"), ("ne", "w</w>"), ("y", "o"), ("r", "k</w>"), ("yo", "rk</w>")]
WORDS = ["new", "york", "news", "a", "zé", "日", "new"]


def write_bpe(folder, end, special):
    tokens = [*special, *LETTERS, *(c + end for c in LETTERS)]
    merges = [(a, b.replace("</w>", end)) for a, b in MERGES] if end else []
    tokens += [(a + b) for a, b in merges]
    vocab = {token: i for i, token in enumerate(dict.fromkeys(tokens))}
    (folder / "vocab.json").write_text(json.dumps(vocab), encoding="utf-8")
    lines = "#version: 0.2\n" + "".join(f"{a} {b}\n" for a, b in merges)
    (folder / "merges.txt").write_text(lines, encoding="utf-8")
    return str(folder / "vocab.json"), str(folder / "merges.txt")


def ctrl(folder):
    from transformers import CTRLTokenizer

    return CTRLTokenizer(*write_bpe(folder, "</w>", ["<unk>"]), pad_token="<unk>")


def xlm(folder):
    from transformers import XLMTokenizer

    pytest.importorskip("sacremoses", reason="needs the extra test")
    return XLMTokenizer(*write_bpe(folder, "</w>", ["<s>", "</s>", "<pad>", "<unk>", "<special1>"]))


@pytest.fixture(scope="module", params=[ctrl, xlm])
def slow(request, tmp_path_factory):
    return request.param(tmp_path_factory.mktemp("slow"))


def test_pieces_of_words_are_the_tokenizers_own(slow):
    (encoded,) = encode_words(SlowTokenizer(slow), [WORDS])
    expected = [(slow.convert_tokens_to_ids(piece), number) for number, word in enumerate(WORDS)
                for piece in slow.tokenize(word)]
    assert list(zip(encoded.ids.tolist(), encoded.word_ids.tolist())) == expected
    assert len(encoded.ids) > len(WORDS) and encoded.num_words == len(WORDS)


def test_a_pickled_one_answers_the_same(slow):
    tokenizer = SlowTokenizer(slow)
    (before,), (after,) = (encode_words(t, [WORDS]) for t in (tokenizer, pickle.loads(pickle.dumps(tokenizer))))
    assert np.array_equal(before.ids, after.ids)


def test_each_word_is_tokenized_once(slow, monkeypatch):
    met, tokenize = [], slow.tokenize
    monkeypatch.setattr(slow, "tokenize", lambda text: met.append(text) or tokenize(text))
    list(encode_words(SlowTokenizer(slow), [WORDS] * 3))
    assert sorted(word for word in met if word in WORDS) == sorted(set(WORDS))


def test_special_tokens(slow):
    special, ids = SpecialTokens.of(SlowTokenizer(slow)), slow.convert_tokens_to_ids(slow.tokenize("new"))
    assert special.wrap(np.array(ids, np.int32)).tolist() == slow("new").input_ids


@pytest.mark.parametrize("max_length", [None, 9])
def test_texts_and_pairs(slow, max_length):
    texts, pairs = ["new york.", "a", "news"], [None, "york, new", "new york news a"]
    options = {} if max_length is None else dict(truncation="longest_first", max_length=max_length)
    for text, pair, found in zip(texts, pairs, encode_texts(SlowTokenizer(slow), texts, pairs, max_length)):
        expected = slow(text, pair, return_token_type_ids=True, **options)
        assert found.ids.tolist() == expected.input_ids
        if "token_type_ids" in slow.model_input_names:
            assert found.token_type_ids.tolist() == expected.token_type_ids


def test_tasks_take_it(slow):
    tokenizer = SlowTokenizer(slow)
    tagging = make_task("tagging", ["O", "B-X"])
    rows = tagging.training_features(tokenizer, [Example(["new", "york"], ["O", "B-X"])], 16).features
    assert rows.data["labels"].sum() == 1
    classes = make_task("classification", ["no", "yes"])
    assert len(classes.training_features(tokenizer, [TextExample("new", "a", "yes")], 16).features) == 1


def test_questions_are_refused_with_a_reason(slow):
    with pytest.raises(ModelLoadError, match="Question answering needs a fast tokenizer"):
        _ = SlowTokenizer(slow)(["new york"]).encodings[0].offsets


def test_all_else_is_the_tokenizers_own(slow, tmp_path):
    tokenizer = SlowTokenizer(slow)
    assert (len(tokenizer), tokenizer.pad_token_id) == (len(slow), slow.pad_token_id)
    assert not tokenizer.is_fast
    tokenizer.save_pretrained(tmp_path)
    from xtremedistil_tf.checkpoints.tokenizers import load_tokenizer

    again = load_tokenizer(str(tmp_path))
    assert isinstance(again, SlowTokenizer) and again.get_vocab() == slow.get_vocab()
