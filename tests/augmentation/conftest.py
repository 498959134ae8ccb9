"""A small vocabulary of words with a random masked language model, and augmenters without a model."""

from __future__ import annotations

import pytest

WORDS = """the a old new house garden river city man woman dog cat saw met left found near in under yesterday today
quickly slowly Paris London Berlin Anna Boris Chen Dora USA IBM BBC UNO дом сад город Москва Киев 北 京 and or but big
small red green blue walks runs sleeps""".split()
PIECES = ["##s", "##ing", "##ed", "b", "x", ".", ",", "?", "!", "-", "1", "2", "##1", "n't"]


@pytest.fixture(scope="session")
def words():
    return WORDS


@pytest.fixture(scope="session")
def word_tokenizer(tmp_path_factory):
    from transformers import BertTokenizerFast

    folder = tmp_path_factory.mktemp("words")
    letters = sorted({c for word in WORDS for c in word})
    vocabulary = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *WORDS, *PIECES, *letters,
                  *("##" + letter for letter in letters)]
    (folder / "vocab.txt").write_text("\n".join(dict.fromkeys(vocabulary)), encoding="utf-8")
    return BertTokenizerFast(str(folder / "vocab.txt"), do_lower_case=False, tokenize_chinese_chars=True,
                             strip_accents=False)


@pytest.fixture(scope="session")
def bert_config(word_tokenizer):
    from transformers import BertConfig

    return BertConfig(vocab_size=len(word_tokenizer), hidden_size=16, num_hidden_layers=2, num_attention_heads=2,
                      intermediate_size=24, max_position_embeddings=24)


def save(model, tokenizer, folder, seed):
    import numpy as np

    model.build_in_name_scope()
    rng = np.random.default_rng(seed)
    for weight in model.weights:  # their own initial values would make all words about as likely
        weight.assign(rng.normal(0, 0.4, weight.shape))
    model.save_pretrained(folder, safe_serialization=True)
    tokenizer.save_pretrained(folder)
    return str(folder)


@pytest.fixture(scope="session")
def masked_dir(tmp_path_factory, bert_config, word_tokenizer):
    from transformers import TFBertForMaskedLM

    return save(TFBertForMaskedLM(bert_config), word_tokenizer, tmp_path_factory.mktemp("masked"), 1)


@pytest.fixture(scope="session")
def bare_dir(tmp_path_factory, bert_config, word_tokenizer):
    from transformers import TFBertModel

    return save(TFBertModel(bert_config), word_tokenizer, tmp_path_factory.mktemp("bare"), 2)
