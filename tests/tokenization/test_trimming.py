"""Trimmed tokenizers against the whole ones, of every vocabulary type and class."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import AddedToken, Tokenizer, models, normalizers, pre_tokenizers, processors, trainers
from transformers import (
    AlbertTokenizerFast,
    AutoTokenizer,
    BertTokenizerFast,
    DebertaV2TokenizerFast,
    PreTrainedTokenizerFast,
    RobertaTokenizerFast,
    XLMRobertaTokenizerFast,
)

from xtremedistil_tf.errors import ModelLoadError
from xtremedistil_tf.tokenization.graph.wordpiece import InGraphWordPiece
from xtremedistil_tf.tokenization.trimming import trim_tokenizer

TEXT = ["the quick brown foxes jumped over the lazy dogs while walking and talking unaffably",
        "Příliš žluťoučký kůň úpěl ďábelské ódy, Straße und Übermut, l'été à la plage.",
        "Съешь ещё этих мягких французских булок, да выпей чаю. Прыжки, прыжок, прыгать.",
        "我喜欢自然语言处理 日本語のテキスト 한국어 문장입니다 (1234567890)"] * 3
WORDS = sorted({word for line in TEXT for word in line.split()})
ROBERTA = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
BERT = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
TEXTS = st.lists(st.one_of(st.sampled_from(WORDS), st.text(alphabet="".join(WORDS), max_size=8),
                           st.text(max_size=5), st.sampled_from([*ROBERTA, *BERT, "[E1]", "☃"])),
                 max_size=12).map(" ".join)


def wordpiece() -> BertTokenizerFast:
    backend = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    backend.normalizer = normalizers.BertNormalizer(lowercase=False)
    backend.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    backend.train_from_iterator(TEXT, trainers.WordPieceTrainer(vocab_size=500, special_tokens=BERT,
                                                                show_progress=False))
    # The special tokens in the middle, as in BERT's own vocabulary, and something not in the model after it.
    order = sorted(backend.get_vocab(), key=lambda piece: (piece in BERT, -len(piece), piece))
    order = order[:100] + order[-5:] + order[100:-5]
    backend.model = models.WordPiece({piece: i for i, piece in enumerate(order)}, unk_token="[UNK]")
    ids = {token: order.index(token) for token in BERT}
    backend.post_processor = processors.TemplateProcessing(
        "[CLS] $A [SEP]", "[CLS] $A [SEP] $B:1 [SEP]:1",
        special_tokens=[(token, ids[token]) for token in ("[CLS]", "[SEP]")])
    backend.enable_padding(pad_id=ids["[PAD]"], pad_token="[PAD]")
    tokenizer = BertTokenizerFast(tokenizer_object=backend, do_lower_case=False, model_max_length=77)
    tokenizer.add_special_tokens({"additional_special_tokens": ["[E1]"]})
    return tokenizer


def byte_level(cls=RobertaTokenizerFast, ignore_merges=False):
    backend = Tokenizer(models.BPE(ignore_merges=ignore_merges))
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=True)
    backend.train_from_iterator(TEXT, trainers.BpeTrainer(
        vocab_size=700, special_tokens=ROBERTA, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False))
    ids = {token: backend.token_to_id(token) for token in ROBERTA}
    backend.post_processor = processors.RobertaProcessing(("</s>", ids["</s>"]), ("<s>", ids["<s>"]))
    return cls(tokenizer_object=backend, add_prefix_space=True, bos_token="<s>", cls_token="<s>",
               eos_token="</s>", sep_token="</s>", unk_token="<unk>", pad_token="<pad>", mask_token="<mask>")


def suffixed_bpe() -> PreTrainedTokenizerFast:
    backend = Tokenizer(models.BPE(unk_token="<unk>", end_of_word_suffix="</w>"))
    backend.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    backend.train_from_iterator(TEXT, trainers.BpeTrainer(
        vocab_size=500, special_tokens=["<unk>", "<s>", "</s>"], end_of_word_suffix="</w>",
        show_progress=False))
    backend.post_processor = processors.Sequence([processors.TemplateProcessing(
        "<s> $A </s>", special_tokens=[("<s>", 1), ("</s>", 2)])])
    return PreTrainedTokenizerFast(tokenizer_object=backend, unk_token="<unk>", bos_token="<s>",
                                   eos_token="</s>")


def unigram(cls, special=tuple(ROBERTA), template=("<s>", "</s>"), unknown="<unk>", **names):
    backend = Tokenizer(models.Unigram())
    backend.normalizer = normalizers.NFKC()
    backend.pre_tokenizer = pre_tokenizers.Metaspace()
    backend.train_from_iterator(TEXT, trainers.UnigramTrainer(
        vocab_size=400, special_tokens=[unknown], unk_token=unknown, show_progress=False))
    pieces = json.loads(backend.to_str())["model"]["vocab"]
    # Ties between paths, a character inside longer pieces only, and the mask token as last piece.
    vocab = [(token, 0.0) for token in special[:-1]] + [(p, round(s)) for p, s in pieces if p not in special]
    vocab += [("▁x☃", -9.0), ("☃y", -9.0), ("rare", -60.0), (special[-1], 0.0)]
    backend.model = models.Unigram(vocab, unk_id=special.index(unknown))
    backend.add_special_tokens([AddedToken(t, normalized=False, lstrip=t == special[-1]) for t in special])
    begin, end = template
    backend.post_processor = processors.TemplateProcessing(
        f"{begin} $A {end}", f"{begin} $A {end} $B {end}",
        special_tokens=[(token, backend.token_to_id(token)) for token in (begin, end)])
    return cls(tokenizer_object=backend, **names)


MAKERS = {
    "BERT": wordpiece,
    "RoBERTa": byte_level,
    "byte-level without a class": lambda: byte_level(PreTrainedTokenizerFast),
    "words before merges": lambda: byte_level(PreTrainedTokenizerFast, ignore_merges=True),
    "BPE with a suffix": suffixed_bpe,
    "XLM-R": lambda: unigram(XLMRobertaTokenizerFast),
    "Unigram without a class": lambda: unigram(PreTrainedTokenizerFast, unk_token="<unk>", pad_token="<pad>"),
    "ALBERT": lambda: unigram(AlbertTokenizerFast, ("<pad>", "<unk>", "[CLS]", "[SEP]", "[MASK]"),
                              ("[CLS]", "[SEP]")),
    "DeBERTa-v2": lambda: unigram(DebertaV2TokenizerFast, ("[PAD]", "[CLS]", "[SEP]", "[UNK]", "[MASK]"),
                                  ("[CLS]", "[SEP]"), "[UNK]"),
}


@pytest.fixture(scope="module", params=MAKERS)
def whole(request):
    return MAKERS[request.param]()


def seen_in(tokenizer, texts: list[str]) -> np.ndarray:
    seen = np.zeros(len(tokenizer) + 10, bool)
    for ids in tokenizer(texts, texts)["input_ids"]:
        seen[ids] = True
    return seen


def trimmed_to(tokenizer, texts: list[str]):
    return trim_tokenizer(tokenizer, seen_in(tokenizer, texts))


def test_seen_text_keeps_its_pieces_and_other_text_its_characters(whole):
    @settings(max_examples=40)
    @given(st.lists(TEXTS, min_size=1, max_size=3), st.lists(TEXTS, min_size=1, max_size=5))
    def check(texts, others):
        trimmed = trimmed_to(whole, texts)
        for old, new in zip(whole(texts, texts)["input_ids"], trimmed.tokenizer(texts, texts)["input_ids"]):
            assert new == trimmed.remap(old).tolist()
        names = trimmed.tokenizer.convert_ids_to_tokens(range(len(trimmed.kept)))
        assert names == whole.convert_ids_to_tokens(trimmed.kept.tolist())
        if "▁x☃" in whole.get_vocab():
            others = [text.replace("☃", "") for text in others]
        for old, new in zip(whole(others)["input_ids"], trimmed.tokenizer(others)["input_ids"]):
            if whole.unk_token_id not in old:
                assert trimmed.tokenizer.unk_token_id not in new

    check()


def test_it_is_smaller_and_every_piece_it_keeps_was_seen_or_is_needed(whole):
    trimmed = trimmed_to(whole, ["the foxes", "прыжок"])
    assert len(trimmed.tokenizer) == len(trimmed.kept) < len(whole)
    assert not set(trimmed.tokenizer.get_vocab()) - set(whole.get_vocab())
    lengths = [len(piece.removeprefix("##").removesuffix("</w>")) for piece in trimmed.tokenizer.get_vocab()]
    assert sum(length > 1 for length in lengths) < 40
    singles = {p for p in whole.get_vocab() if len(p.removeprefix("##").removesuffix("</w>")) == 1}
    assert singles <= set(trimmed.tokenizer.get_vocab())
    assert np.array_equal(np.unique(trimmed.kept), np.sort(trimmed.kept))


def test_special_tokens_keep_their_places(whole):
    new = trimmed_to(whole, ["the"]).tokenizer
    assert type(new) is type(whole) and new.special_tokens_map == whole.special_tokens_map
    assert new.model_max_length == whole.model_max_length
    assert new.model_input_names == whole.model_input_names
    for token in whole.all_special_tokens:
        assert new.convert_ids_to_tokens(new.convert_tokens_to_ids(token)) == token
    assert [str(token) for token in new.added_tokens_decoder.values()] == \
        [str(token) for token in whole.added_tokens_decoder.values()]
    flags = [(token.lstrip, token.normalized, token.special) for token in new.added_tokens_decoder.values()]
    assert flags == [(t.lstrip, t.normalized, t.special) for t in whole.added_tokens_decoder.values()]


def test_padding_by_the_file_uses_the_new_id():
    seen = seen_in(wordpiece(), ["the"])
    new = trim_tokenizer(wordpiece(), seen).tokenizer
    assert new.pad_token_id != wordpiece().pad_token_id
    assert json.loads(new.backend_tokenizer.to_str())["padding"]["pad_id"] == new.pad_token_id


def test_reloads_as_it_was(whole, tmp_path):
    whole.save_pretrained(tmp_path / "whole")
    reloaded_whole = AutoTokenizer.from_pretrained(tmp_path / "whole")
    if hasattr(reloaded_whole, "vocab_file"):
        (tmp_path / "spiece.model").write_bytes(b"the old vocabulary")
        reloaded_whole.vocab_file = reloaded_whole.init_kwargs["vocab_file"] = str(tmp_path / "spiece.model")
    for old in (whole, reloaded_whole):
        trimmed = trimmed_to(old, TEXT[:1])
        trimmed.tokenizer.save_pretrained(tmp_path / "trimmed")
        assert not list((tmp_path / "trimmed").glob("*.model"))
        new = AutoTokenizer.from_pretrained(tmp_path / "trimmed")
        assert type(new) is type(old)
        assert new.get_vocab() == trimmed.tokenizer.get_vocab()
        assert new.all_special_ids == trimmed.tokenizer.all_special_ids
        assert new(TEXT, TEXT) == trimmed.tokenizer(TEXT, TEXT)
        assert new(TEXT[:1])["input_ids"][0] == trimmed.remap(old(TEXT[:1])["input_ids"][0]).tolist()


def test_the_tokenizer_in_the_graph_follows():
    tokenizer = trimmed_to(wordpiece(), TEXT[:2]).tokenizer
    module = InGraphWordPiece.from_tokenizer(tokenizer)
    texts = [*TEXT, "foxes☃ [E1] [MASK] přílišná quickest"]
    rows = module.tokenize(texts)["pieces"].to_list()
    found = [[number for word in row for number in word] for row in rows]
    assert found == tokenizer([text.split() for text in texts], is_split_into_words=True,
                              add_special_tokens=False)["input_ids"]


def test_unknown_ids_and_types_are_refused():
    trimmed = trimmed_to(wordpiece(), ["the"])
    gone = next(iter(set(range(len(wordpiece()))) - set(trimmed.kept.tolist())))
    for wrong in (gone, 10_000, -1):
        with pytest.raises(ValueError, match=f"subword {wrong} was not kept"):
            trimmed.remap(np.array([[trimmed.kept[0], wrong]]))
    words = Tokenizer(models.WordLevel({"the": 0, "[UNK]": 1}, unk_token="[UNK]"))
    with pytest.raises(ModelLoadError, match="this one is WordLevel"):
        trim_tokenizer(PreTrainedTokenizerFast(tokenizer_object=words, unk_token="[UNK]"), np.ones(2, bool))
