"""Texts and pairs against the tokenizer's own encoding."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer, models, pre_tokenizers, processors
from transformers import PreTrainedTokenizerFast

from xtremedistil_tf.errors import ConfigError
from xtremedistil_tf.tokenization.texts import encode_texts

# Words of the tokenizers' vocabularies beside any characters.
TEXTS = st.lists(st.one_of(st.sampled_from(["anna", "paris", "the", "[SEP]", ","]), st.text(max_size=6)),
                 max_size=25).map(" ".join)


def unigram(template: tuple[str, str], **names) -> PreTrainedTokenizerFast:
    """A tokenizer of the SentencePiece family: pieces of white space and letters, frames as in `template`."""
    special = {"<s>": 0, "<pad>": 1, "</s>": 2, "<unk>": 3, "<cls>": 4}
    letters = [chr(c) for c in range(ord("a"), ord("z") + 1)]
    vocab = [(name, 0.0) for name in special] + [(piece, -3.0) for piece in ["▁", *letters]]
    vocab += [("▁the", -2.0), ("an", -2.5)]
    backend = Tokenizer(models.Unigram(vocab, unk_id=3))
    backend.pre_tokenizer = pre_tokenizers.Metaspace()
    backend.post_processor = processors.TemplateProcessing(*template, special_tokens=list(special.items()))
    return PreTrainedTokenizerFast(tokenizer_object=backend, unk_token="<unk>", pad_token="<pad>",
                                   sep_token="</s>", **names)


@pytest.fixture(params=["bert", "xlm-r", "xlnet"])
def tokenizer(request, tiny_tokenizer):
    if request.param == "bert":
        return tiny_tokenizer
    if request.param == "xlm-r":
        return unigram(("<s> $A </s>", "<s> $A </s> </s> $B </s>"), cls_token="<s>",
                       model_input_names=["input_ids", "attention_mask"])
    return unigram(("$A </s> <cls>:2", "$A </s> $B:1 </s>:1 <cls>:2"), cls_token="<cls>",
                   model_input_names=["input_ids", "token_type_ids", "attention_mask"])


def test_agrees_with_the_tokenizer(tokenizer):
    @settings(max_examples=150)
    @given(TEXTS, st.one_of(st.none(), TEXTS), st.integers(7, 40))
    def check(text, pair, max_length):
        (encoded,) = encode_texts(tokenizer, [text], [pair], max_length)
        # A list of one, because a bare "" as second text counts as no second text there.
        own = tokenizer([text], None if pair is None else [pair], truncation="longest_first",
                        max_length=max_length)
        assert encoded.ids.tolist() == own["input_ids"][0]
        assert encoded.token_type_ids.tolist() == own.get("token_type_ids", [[0] * len(encoded.ids)])[0]
        assert encoded.truncated == bool(own.encodings[0].overflowing)

    check()


def test_no_limit_is_the_whole_text(tokenizer):
    (encoded,) = encode_texts(tokenizer, ["anna " * 300], ["paris " * 400], None)
    assert encoded.ids.tolist() == tokenizer("anna " * 300, "paris " * 400, verbose=False)["input_ids"]
    assert not encoded.truncated


def test_singles_and_pairs_come_in_order(tiny_tokenizer):
    texts = ["anna " * (i % 5) for i in range(2500)]
    pairs = [None if i % 3 else "in " * (1 + i % 4) for i in range(2500)]
    encoded = list(encode_texts(tiny_tokenizer, iter(texts), iter(pairs), 64))
    assert [e.ids.tolist() for e in encoded] == \
        [tiny_tokenizer([t], p and [p])["input_ids"][0] for t, p in zip(texts, pairs)]


def test_pairs_of_very_long_texts_take_linear_work(tiny_tokenizer):
    # The tokenizer's own truncation makes 100 million parts of this.
    (encoded,) = encode_texts(tiny_tokenizer, ["anna " * 50_000], ["in " * 50_000], 13)
    assert len(encoded.ids) == 13 and encoded.truncated
    assert encoded.token_type_ids.tolist() == [0] * 7 + [1] * 6


def test_no_room_for_text_is_refused(tiny_tokenizer):
    with pytest.raises(ConfigError, match="`seq_len=4`: this tokenizer adds 3 special tokens .* at least 5"):
        list(encode_texts(tiny_tokenizer, ["anna"], ["paris"], 4))
