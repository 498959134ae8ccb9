from __future__ import annotations

import importlib.util
import pathlib
import shutil

import pytest
import transformers
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors

from xtremedistil_tf.checkpoints.tokenizers import common_tokenizer, load_tokenizer
from xtremedistil_tf.errors import ConfigError, MissingExtraError, ModelLoadError

WORDS = ["new", "york", "yorks", "naïve", "日本", "x-y", "🙂", "e\u0301t"]


def word_piece():
    characters = "newyorksaïv日本xet-"
    vocab = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "new", "york", "##s", *characters]
    tokenizer = Tokenizer(models.WordPiece({piece: i for i, piece in enumerate(vocab)}, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)])
    return tokenizer


def byte_bpe():
    vocab = ["<s>", "<pad>", "</s>", "<unk>", *sorted(pre_tokenizers.ByteLevel.alphabet()), "ne", "Ġne"]
    model = models.BPE({piece: i for i, piece in enumerate(vocab)}, [("n", "e"), ("Ġ", "ne")])
    tokenizer = Tokenizer(model)
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.post_processor = processors.RobertaProcessing(("</s>", 2), ("<s>", 0), add_prefix_space=False)
    return tokenizer


def unigram(begin, end, pad, unk):
    pieces = [(begin, 0.0), (pad, 0.0), (end, 0.0), (unk, 0.0), ("▁", -5.0), ("▁new", -2.0), ("york", -3.0),
              *((c, -6.0) for c in "newyorksaïv日本x")]
    tokenizer = Tokenizer(models.Unigram(pieces, unk_id=3))
    tokenizer.normalizer = normalizers.NFKC()
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Metaspace(prepend_scheme="always")])
    tokenizer.post_processor = processors.TemplateProcessing(
        single=f"{begin} $A {end}", special_tokens=[(begin, 0), (end, 2)])
    return tokenizer


BERT_TOKENS = dict(pad_token="[PAD]", unk_token="[UNK]", cls_token="[CLS]", sep_token="[SEP]",
                   mask_token="[MASK]")
CASES = {
    "BertTokenizerFast": (word_piece, {}),
    "ElectraTokenizerFast": (word_piece, {}),
    "DistilBertTokenizerFast": (word_piece, {}),
    "MPNetTokenizerFast": (word_piece, BERT_TOKENS),
    "RobertaTokenizerFast": (byte_bpe, {}),
    "XLMRobertaTokenizerFast": (lambda: unigram("<s>", "</s>", "<pad>", "<unk>"), {}),
    "DebertaV2TokenizerFast": (lambda: unigram("[CLS]", "[SEP]", "[PAD]", "[UNK]"), {}),
    "PreTrainedTokenizerFast": (byte_bpe, dict(pad_token="<pad>")),
}


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    made = {}
    for name, (make, tokens) in CASES.items():
        made[name] = str(tmp_path_factory.mktemp(name))
        getattr(transformers, name)(tokenizer_object=make(), **tokens).save_pretrained(made[name])
    return made


@pytest.mark.parametrize("name", CASES)
def test_words_are_encoded_like_a_sentence_of_them(folders, name):
    tokenizer = load_tokenizer(folders[name])
    assert type(tokenizer).__name__ == name
    expected = tokenizer(" ".join(WORDS))
    found = tokenizer(WORDS, is_split_into_words=True)
    assert found.input_ids == expected.input_ids
    assert len(found.input_ids) > len(WORDS)
    assert set(found.word_ids()) - {None} == set(range(len(WORDS)))


@pytest.mark.parametrize("name", ["RobertaTokenizerFast", "PreTrainedTokenizerFast"])
def test_byte_level_words_begin_with_a_space(folders, name):
    tokenizer = load_tokenizer(folders[name])
    assert tokenizer(["new", "x"], is_split_into_words=True).tokens()[1:-1] == ["Ġne", "w", "Ġ", "x"]


@given(words=st.lists(st.text("newyorkzß-日🙂", min_size=1, max_size=5), min_size=1, max_size=5))
def test_byte_level_pieces_are_the_words_bytes(folders, words):
    tokenizer = load_tokenizer(folders["RobertaTokenizerFast"])
    pieces = tokenizer(words, is_split_into_words=True).input_ids[1:-1]
    assert tokenizer.decode(pieces, clean_up_tokenization_spaces=False) == "".join(" " + w for w in words)


@pytest.mark.parametrize("tokens, pad", [(dict(eos_token="</s>", unk_token="<unk>"), "</s>"),
                                         (dict(unk_token="<unk>"), "<unk>")])
def test_end_of_text_or_unknown_pads_where_there_is_no_padding_token(tokens, pad, tmp_path):
    transformers.PreTrainedTokenizerFast(tokenizer_object=byte_bpe(), **tokens).save_pretrained(tmp_path)
    tokenizer = load_tokenizer(str(tmp_path))
    assert tokenizer.pad_token_id == tokenizer.convert_tokens_to_ids(pad)


def test_nothing_to_pad_with(tmp_path):
    transformers.PreTrainedTokenizerFast(tokenizer_object=byte_bpe()).save_pretrained(tmp_path)
    with pytest.raises(ModelLoadError, match="no padding token"):
        load_tokenizer(str(tmp_path))


def test_one_tokenizer_for_several_teachers(folders, tmp_path):
    bert, electra = folders["BertTokenizerFast"], folders["ElectraTokenizerFast"]
    shared, own = common_tokenizer([bert, electra]), load_tokenizer(bert)
    assert shared("new york").input_ids == own("new york").input_ids
    with pytest.raises(ConfigError, match=r"different tokenizers \(\d+ and \d+ subwords\)"):
        common_tokenizer([bert, folders["RobertaTokenizerFast"]])
    text = (pathlib.Path(bert) / "tokenizer.json").read_text(encoding="utf-8")
    shutil.copytree(bert, tmp_path, dirs_exist_ok=True)
    (tmp_path / "tokenizer.json").write_text(
        text.replace('"york": 6', '"york": 7').replace('"##s": 7', '"##s": 6'), encoding="utf-8")
    with pytest.raises(ConfigError, match="is number . in the first and number . in the second"):
        common_tokenizer([bert, str(tmp_path)])


def test_a_damaged_tokenizer_is_refused(folders, tmp_path):
    (tmp_path / "tokenizer_config.json").write_text('{"tokenizer_class": "PreTrainedTokenizerFast"}')
    (tmp_path / "tokenizer.json").write_text('{"version"')
    with pytest.raises(ModelLoadError, match="Cannot load the tokenizer .*files are complete"):
        load_tokenizer(str(tmp_path))


def test_an_unknown_hub_name():
    with pytest.raises(ModelLoadError, match="the tokenizer of 'no-one/no-model'.*HF_HUB_OFFLINE"):
        load_tokenizer("no-one/no-model")


def test_sentencepiece_is_named_where_it_is_missing(folders, tmp_path, monkeypatch):
    real = importlib.util.find_spec
    monkeypatch.setattr("importlib.util.find_spec", lambda name, *more: None if name == "sentencepiece" else real(name))
    monkeypatch.setattr("transformers.AutoTokenizer.from_pretrained", lambda *given, **options: None.endswith)
    with pytest.raises(MissingExtraError, match=r"no tokenizer.json, needs .*xtremedistil-tf\[sentencepiece\]"):
        load_tokenizer(str(tmp_path))
    with pytest.raises(ModelLoadError, match="Cannot load the tokenizer"):
        load_tokenizer(folders["BertTokenizerFast"])
