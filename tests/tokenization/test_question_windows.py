"""Windows over long contexts against those of the tokenizer itself."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer, models, pre_tokenizers, processors
from transformers import PreTrainedTokenizerFast

from xtremedistil_tf.errors import ConfigError
from xtremedistil_tf.tokenization.texts import encode_questions

QUESTIONS = st.lists(st.sampled_from(["anna", "met", "北京", "?"]), max_size=3).map(" ".join)
CONTEXTS = st.lists(st.one_of(st.sampled_from(["anna", "paris", "the"]), st.text(max_size=6)),
                    max_size=40).map(" ".join)


@pytest.fixture(params=["bert", "cls at the end"])
def tokenizer(request, tiny_tokenizer):
    if request.param == "bert":
        return tiny_tokenizer
    special = {"</s>": 0, "<unk>": 1, "<cls>": 2}
    vocab = [(name, 0.0) for name in special] + [(p, -3.0) for p in "▁abcdefghijklmnopqrstuvwxyz"]
    backend = Tokenizer(models.Unigram(vocab, unk_id=1))
    backend.pre_tokenizer = pre_tokenizers.Metaspace()
    backend.post_processor = processors.TemplateProcessing(
        "$A </s> <cls>:2", "$A </s> $B:1 </s>:1 <cls>:2", special_tokens=list(special.items()))
    return PreTrainedTokenizerFast(tokenizer_object=backend, unk_token="<unk>", pad_token="</s>",
                                   cls_token="<cls>",
                                   model_input_names=["input_ids", "token_type_ids", "attention_mask"])


def test_agrees_with_the_tokenizer(tokenizer):
    @settings(max_examples=150)
    @given(QUESTIONS, CONTEXTS, st.integers(42, 60))
    def check(question, context, max_length):
        (encoded,) = encode_questions(tokenizer, [question], [context], max_length)
        room = max_length - 3 - len(tokenizer(question, add_special_tokens=False)["input_ids"])
        own = tokenizer([question], [context], truncation="only_second", max_length=max_length,
                        stride=room // 2, return_overflowing_tokens=True, return_offsets_mapping=True)
        assert [w.ids.tolist() for w in encoded.windows] == own["input_ids"]
        assert [w.token_type_ids.tolist() for w in encoded.windows] == own["token_type_ids"]
        for number, window in enumerate(encoded.windows):
            where = [i for i, s in enumerate(own.sequence_ids(number)) if s == 1]
            stop = window.context_at + window.stop - window.start
            assert list(range(window.context_at, stop)) == where
            assert encoded.offsets[window.start: window.stop].tolist() == \
                [list(own["offset_mapping"][number][i]) for i in where]
            assert window.ids[window.no_answer_at] == tokenizer.cls_token_id
            assert own.sequence_ids(number)[window.no_answer_at] is None
        assert not encoded.question_truncated

    check()


@settings(max_examples=100)
@given(CONTEXTS, st.integers(5, 30))
def test_every_character_lies_in_some_window(tiny_tokenizer, context, max_length):
    (encoded,) = encode_questions(tiny_tokenizer, ["anna met"], [context], max_length)
    seen = {i for w in encoded.windows for a, b in encoded.offsets[w.start: w.stop] for i in range(a, b)}
    (whole,) = encode_questions(tiny_tokenizer, [""], [context], None)
    assert seen == {i for a, b in whole.offsets for i in range(a, b)}
    assert all(i in seen for i, c in enumerate(context) if c.isalnum())
    assert all(len(w.ids) <= max_length for w in encoded.windows)


def test_windows_overlap_by_128_pieces_at_most(tiny_tokenizer):
    (encoded,) = encode_questions(tiny_tokenizer, ["the"], ["met " * 2000], 384)
    own = tiny_tokenizer("the", "met " * 2000, truncation="only_second", max_length=384, stride=128,
                         return_overflowing_tokens=True)
    assert [w.ids.tolist() for w in encoded.windows] == own["input_ids"]


def test_long_questions_keep_half_of_the_places(tiny_tokenizer):
    (long, short) = encode_questions(tiny_tokenizer, ["the " * 50, "the " * 8], ["met " * 60] * 2, 19)
    assert long.question_truncated and not short.question_truncated
    for encoded in (long, short):
        assert {w.context_at for w in encoded.windows} == {1 + 8 + 1}
        assert len(encoded.windows[0].ids) == 19


def test_shared_and_empty_contexts(tiny_tokenizer):
    questions, contexts = ["anna", "the", "met"], ["in paris", "", "in paris"]
    encoded = list(encode_questions(tiny_tokenizer, questions, contexts, 16))
    assert [e.windows[0].ids.tolist() for e in encoded] == tiny_tokenizer(questions, contexts)["input_ids"]
    (window,) = encoded[1].windows
    assert encoded[1].offsets.shape == (0, 2) and window.start == window.stop == 0
    assert np.array_equal(encoded[0].offsets, encoded[2].offsets)


def test_no_room_is_refused(tiny_tokenizer):
    with pytest.raises(ConfigError, match="no room for the text itself. Use at least 5"):
        list(encode_questions(tiny_tokenizer, ["anna"], ["paris"], 4))
