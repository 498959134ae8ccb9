"""Features by a tokenizer without transformers against those by transformers' own."""

from __future__ import annotations

import dataclasses
import itertools
import json
import os
from typing import Any

import numpy as np
import pytest
import transformers
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import AddedToken, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors

from xtremedistil_tf.checkpoints.tokenizers import load_tokenizer
from xtremedistil_tf.corpus.example import Example, QuestionExample, TextExample
from xtremedistil_tf.tasks.registry import make_task
from xtremedistil_tf.tokenization import light
from xtremedistil_tf.tokenization.light import light_tokenizer
from xtremedistil_tf.tokenization.own_vocabulary import train_tokenizer

LETTERS = "abcdehinorstuvwyzßé日本,.-"
CHARACTERS = st.one_of(st.characters(exclude_categories=["Cs"]), st.sampled_from(LETTERS + " \u200d\u0301\t\n🙂"))
TEXTS = st.lists(st.one_of(st.sampled_from(["the", "Anna", "<mask>", "[SEP]", "</s>", "ada", "new york"]),
                           st.text(CHARACTERS, max_size=8)), max_size=25).map(" ".join)
WORDS = st.lists(st.one_of(st.sampled_from(["the", "Anna", "<mask>", "[SEP]", "ada"]), st.text(CHARACTERS, min_size=1)),
                 max_size=25)


def bert(folder, **settings):
    pieces = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "the", "an", "##na", *LETTERS, *("##" + c for c in LETTERS)]
    (folder / "vocab.txt").write_text("\n".join(pieces), encoding="utf-8")
    return transformers.BertTokenizerFast(str(folder / "vocab.txt"), **settings)


def unigram(name, template, special, **tokens):
    """Of the SentencePiece family; `special` are the first pieces, the unknown one at place 3."""
    vocab = [(piece, 0.0) for piece in special]
    vocab += [("▁", -4.0), ("▁the", -2.0), ("an", -2.5), *((c, -5.0) for c in LETTERS)]
    backend = Tokenizer(models.Unigram(vocab, unk_id=3))
    backend.normalizer = normalizers.NFKC()
    backend.pre_tokenizer = pre_tokenizers.Metaspace()
    backend.post_processor = processors.TemplateProcessing(
        *template, special_tokens=[(piece, number) for number, piece in enumerate(special)])
    return getattr(transformers, name)(tokenizer_object=backend, **tokens)


def byte_level(name, space=True):
    vocab = ["<s>", "<pad>", "</s>", "<unk>", "<mask>", *sorted(pre_tokenizers.ByteLevel.alphabet()), "th", "Ġth"]
    backend = Tokenizer(models.BPE({piece: i for i, piece in enumerate(vocab)}, [("t", "h"), ("Ġ", "th")]))
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=space)
    backend.decoder = decoders.ByteLevel()
    backend.post_processor = processors.RobertaProcessing(("</s>", 2), ("<s>", 0), add_prefix_space=space)
    return getattr(transformers, name)(tokenizer_object=backend, pad_token="<pad>", add_prefix_space=space)


def with_more_tokens(folder):
    tokenizer = bert(folder, do_lower_case=True)
    tokenizer.add_tokens([AddedToken("new york", lstrip=True), "ada"])
    tokenizer.add_special_tokens({"additional_special_tokens": ["<mask>"]})
    return tokenizer


XLM_R = ("<s> $A </s>", "<s> $A </s> </s> $B </s>")
DEBERTA = ("[CLS] $A [SEP]", "[CLS] $A [SEP] $B:1 [SEP]:1")
KINDS = {
    "bert": lambda folder: bert(folder, do_lower_case=False),
    "bert uncased": lambda folder: bert(folder, do_lower_case=True, strip_accents=False),
    "bert with more tokens": with_more_tokens,
    "bert, special tokens split": lambda folder: bert(folder, split_special_tokens=True),
    "distilbert": lambda folder: transformers.DistilBertTokenizerFast(tokenizer_object=bert(folder).backend_tokenizer),
    "xlm-r": lambda _: unigram("XLMRobertaTokenizerFast", XLM_R, ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]),
    "deberta-v3": lambda _: unigram("DebertaV2TokenizerFast", DEBERTA, ["[PAD]", "[CLS]", "[SEP]", "[UNK]", "[MASK]"]),
    "xlnet": lambda _: unigram("XLNetTokenizerFast", ("$A <sep> <cls>:2", "$A <sep> $B:1 <sep>:1 <cls>:2"),
                               ["<cls>", "<sep>", "<pad>", "<unk>", "<mask>"]),
    "no class": lambda _: unigram("PreTrainedTokenizerFast", XLM_R, ["<s>", "<pad>", "</s>", "<unk>"],
                                  pad_token="<pad>", cls_token="<s>",
                                  model_input_names=["input_ids", "attention_mask"]),
    "no class, no frame": lambda _: unigram("PreTrainedTokenizerFast", ("$A", "$A $B:1"),
                                            ["a1", "<pad>", "b1", "<unk>"], pad_token="<pad>"),
    "roberta": lambda _: byte_level("RobertaTokenizerFast"),
    "byte level without a class": lambda _: byte_level("PreTrainedTokenizerFast"),
    "trained": lambda _: train_tokenizer(("".join(word) for word in itertools.permutations("theanor")), 60, "unigram"),
}
TASKS = {"tagging": make_task("tagging", ["O", "B-A", "I-A"]),
         "classification": make_task("classification", ["a", "b"]),
         "question_answering": make_task("question_answering", ["start", "end"])}


@pytest.fixture(scope="module", params=KINDS)
def folder(request, tmp_path_factory):
    """A directory as a distillation run leaves it, padding and truncation in the file as in many of the hub."""
    folder = tmp_path_factory.mktemp("tokenizer")
    tokenizer = KINDS[request.param](folder)
    tokenizer.backend_tokenizer.enable_padding(length=9)
    tokenizer.backend_tokenizer.enable_truncation(5)
    tokenizer.save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def both(folder):
    found = light_tokenizer(folder)
    assert found is not None
    return found, load_tokenizer(str(folder))


def test_all_tasks_get_the_same_features(both):
    @settings(max_examples=60)
    @given(st.lists(WORDS, min_size=1, max_size=3), st.lists(TEXTS, min_size=2, max_size=4),
           st.one_of(st.none(), st.integers(8, 40)))
    def check(sentences, texts, max_length):
        pairs = list(itertools.pairwise(texts))
        examples = {"tagging": [Example(tuple(words)) for words in sentences],
                    "classification": [TextExample(texts[0]), *(TextExample(*pair) for pair in pairs)],
                    "question_answering": [QuestionExample("", *pair) for pair in pairs]}
        for kind, task in TASKS.items():
            found, expected = (task.prediction_features(tokenizer, examples[kind], max_length) for tokenizer in both)
            assert plain(found) == plain(expected)

    check()


def plain(value: Any) -> Any:
    """Nested lists of what features hold, types of arrays included."""
    if isinstance(value, np.ndarray):
        return str(value.dtype), value.tolist()
    if dataclasses.is_dataclass(value):
        return [plain(getattr(value, field.name)) for field in dataclasses.fields(value)]
    if isinstance(value, list | tuple):
        return [plain(one) for one in value]
    return {name: plain(one) for name, one in value.items()} if isinstance(value, dict) else value


def test_what_else_is_asked_of_a_tokenizer(both):
    found, expected = both
    for name in ("pad_token_id", "cls_token_id", "model_input_names"):
        assert getattr(found, name) == getattr(expected, name)
    assert len(found) == len(expected)


@pytest.mark.parametrize("name, types", light._TOKEN_TYPES.items())
def test_token_types_are_those_of_transformers_classes(name, types):
    names = getattr(transformers, f"{name}TokenizerFast").model_input_names
    assert sorted(names) == sorted(["input_ids", "attention_mask"] + ["token_type_ids"] * types)


def changed(**settings):
    def damage(folder):
        file = folder / "tokenizer_config.json"
        config = json.loads(file.read_text(encoding="utf-8")) | settings
        kept = {name: value for name, value in config.items() if value != "gone"}
        file.write_text(json.dumps(kept), encoding="utf-8")
    return damage


def without_added_tokens(folder):
    file = folder / "tokenizer.json"
    file.write_text(json.dumps(json.loads(file.read_text(encoding="utf-8")) | {"added_tokens": []}), encoding="utf-8")


@pytest.mark.parametrize("damage", [
    lambda folder: os.remove(folder / "tokenizer.json"), lambda folder: os.remove(folder / "tokenizer_config.json"),
    lambda folder: (folder / "tokenizer.json").write_text("{}"),
    lambda folder: (folder / "tokenizer_config.json").write_text("{"),
    without_added_tokens, changed(do_lower_case=True), changed(strip_accents=True),
    changed(tokenize_chinese_chars="gone"), changed(tokenizer_class="RoFormerTokenizer"),
    changed(tokenizer_class="gone"), changed(pad_token="gone"),
    changed(added_tokens_decoder="gone"), changed(eos_token="<end>"), changed(additional_special_tokens=["<e>"]),
    changed(extra_special_tokens={"image_token": "<image>"}), changed(auto_map={"AutoTokenizer": "x"})])
def test_what_the_files_do_not_tell_is_left_to_transformers(tmp_path, damage):
    bert(tmp_path, do_lower_case=False).save_pretrained(tmp_path)
    assert light_tokenizer(tmp_path) is not None
    damage(tmp_path)
    assert light_tokenizer(tmp_path) is None


@pytest.mark.parametrize("name", ["RobertaTokenizerFast", "PreTrainedTokenizerFast"])
def test_byte_level_words_want_their_space(tmp_path, name):
    byte_level(name, space=False).save_pretrained(tmp_path)
    assert light_tokenizer(tmp_path) is None
