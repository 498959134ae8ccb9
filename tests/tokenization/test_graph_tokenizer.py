from __future__ import annotations

import pytest
import tensorflow as tf
from tokenizers import Tokenizer, pre_tokenizers
from tokenizers.models import BPE, Unigram
from transformers import PreTrainedTokenizerFast

from xtremedistil_tf.errors import NoGraphFormError
from xtremedistil_tf.tokenization.graph.inputs import graph_tokenizer
from xtremedistil_tf.tokenization.graph.unigram import InGraphUnigram
from xtremedistil_tf.tokenization.graph.wordpiece import InGraphWordPiece


def fast(model, pre_tokenizer=None):
    backend = Tokenizer(model)
    if pre_tokenizer:
        backend.pre_tokenizer = pre_tokenizer
    return PreTrainedTokenizerFast(tokenizer_object=backend, pad_token="<pad>")


@pytest.fixture
def unigram():
    vocabulary = [("<unk>", 0.0), ("<pad>", 0.0), ("▁", -1.0), ("▁a", -1.5)]
    return fast(Unigram(vocabulary, 0), pre_tokenizers.Metaspace())


def test_each_vocabulary_gets_its_own_graph(tiny_tokenizer, unigram):
    for tokenizer, kind in ((tiny_tokenizer, InGraphWordPiece), (unigram, InGraphUnigram)):
        graph = graph_tokenizer(tokenizer, whole_texts=True)
        assert isinstance(graph, kind)
        found = graph.tokenize(tf.constant(["a met", ""]))
        words = tokenizer(["a", "met"], is_split_into_words=True, add_special_tokens=False)
        assert found["pieces"].merge_dims(1, 2).to_list() == [words.input_ids, []]


@pytest.mark.parametrize(["make", "says"], [
    (lambda: fast(BPE({"a": 0}, [])), "one whose model is BPE instead of WordPiece or Unigram"),
    (lambda: fast(Unigram([("<unk>", 0.0)], 0)), "one whose pre-tokenizer is None"),
    (object, "a slow one"),
])
def test_others_are_refused(make, says):
    with pytest.raises(NoGraphFormError, match=f"WordPiece and Unigram vocabularies.*{says}.*token-id signature") as e:
        graph_tokenizer(make())
    assert e.value.reason.startswith(says)
