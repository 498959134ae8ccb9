import random

import numpy as np
import pytest

from xtremedistil_tf.augmentation.augmenter import VariantPlan, plans_of
from xtremedistil_tf.augmentation.word_exchange import MaskedWords
from xtremedistil_tf.corpus.example import Example, QuestionExample, TextExample
from xtremedistil_tf.errors import ModelLoadError

PLAN = plans_of(["masked"], 2, 5)["masked"]


@pytest.fixture(scope="module")
def sentences(words):
    rng = random.Random(4)
    return [Example(tuple(rng.choice([*words, "unseenword", "12", "."]) for _ in range(rng.randint(1, 12))),
                    language="en", source="f", line=i) for i in range(30)]


@pytest.fixture(scope="module")
def masked(masked_dir):
    return MaskedWords(masked_dir, share=0.3, choices=5)


def test_some_words_are_exchanged_for_words(masked, sentences, words):
    variants = list(masked.augment(sentences, PLAN))
    assert len(variants) > 30
    for item in variants:
        old, new = sentences[item.index], item.example
        changed = [(one, other) for one, other in zip(old.words, new.words) if one != other]
        assert len(new.words) == len(old.words) and (new.language, new.line) == (old.language, old.line)
        exchangeable = [word for word in old.words if (word.isalpha() and len(word) > 1) or word in "北京"]
        assert len(changed) == min(len(exchangeable), max(1, round(0.3 * len(old.words))))
        assert all(other in words and one.isalpha() for one, other in changed)


def test_same_seed_same_variants_in_any_blocks(masked_dir, masked, sentences):
    whole = list(masked.augment(sentences, PLAN))
    for block, batch in ((1, 1), (7, 3)):
        parts = MaskedWords(masked_dir, share=0.3, choices=5, block=block, batch_size=batch)
        assert list(parts.augment(sentences, PLAN)) == whole
    assert list(masked.augment(sentences, VariantPlan("masked", 6, 2))) != whole


def test_words_are_the_likeliest_of_the_model(masked_dir, word_tokenizer, words):
    from transformers import TFBertForMaskedLM

    model = TFBertForMaskedLM.from_pretrained(masked_dir)
    only = MaskedWords(masked_dir, share=0.01, choices=1)
    whole = [word for word in words if word != "a"]
    sentence = ("the", "old", "cat", "saw", "the", "river")
    found = set()
    for item in only.augment([Example(sentence)] * 20):
        place, = (i for i, word in enumerate(item.example.words) if word != sentence[i])
        masks = " ".join("[MASK]" if i == place else word for i, word in enumerate(sentence))
        logits = model(**word_tokenizer(masks, return_tensors="tf")).logits[0, place + 1].numpy()
        scores = {word: logits[word_tokenizer.convert_tokens_to_ids(word)] for word in whole}
        scores.pop(sentence[place])
        assert item.example.words[place] == max(scores, key=scores.get)
        found.add(place)
    assert len(found) > 2


def test_entities_of_labelled_sentences_stay(masked):
    example = Example(("Anna", "met", "the", "man", "in", "Paris"), ("B-PER", "O", "O", "O", "O", "B-LOC"))
    for item in masked.augment([example] * 10, PLAN):
        assert item.example.tags == example.tags
        assert (item.example.words[0], item.example.words[5]) == ("Anna", "Paris")


def test_texts_pairs_and_questions(masked):
    text = TextExample("  The old  cat,\tthe dog... 12!", label="x")
    for item in masked.augment([text] * 4, PLAN):
        assert item.example.text != text.text and item.example.label == "x"
        assert item.example.text.startswith("  ") and item.example.text.endswith("... 12!")
        assert "\t" in item.example.text and len(item.example.text.split()) == len(text.text.split())
    pair = TextExample("the old cat", "a new dog")
    sides = {(item.example.text != pair.text, item.example.pair != pair.pair)
             for item in masked.augment([pair] * 10, PLAN)}
    assert sides == {(True, False), (False, True)}
    question = QuestionExample("1", "who saw the cat?", "the dog saw the cat", ())
    for item in masked.augment([question] * 3, PLAN):
        assert item.example.question != question.question and item.example.question.endswith("?")
        assert item.example.context == question.context


def test_what_cannot_be_varied_has_no_variants(masked):
    examples = [TextExample("12 ..."), Example(("the", "[MASK]", "cat")), Example(("unseenword",)), TextExample("")]
    assert list(masked.augment(examples, PLAN)) == []


def test_beyond_the_longest_input_words_stay(masked):
    long = Example(("cat",) * 500)
    for item in masked.augment([long], PLAN):
        changed = np.flatnonzero([word != "cat" for word in item.example.words])
        assert len(changed) == min(18, round(0.3 * 500)) and changed.max() < 18  # 20 places, 2 special tokens


def test_an_encoder_without_head_is_refused(bare_dir):
    with pytest.raises(ModelLoadError, match=r"\(BertModel\) lacks \d+ weights of TFBertForMaskedLM.*such as E5"):
        list(MaskedWords(bare_dir).augment([TextExample("the cat")]))


def test_a_model_that_fills_no_masks_is_refused(tmp_path, word_tokenizer):
    from transformers import GPT2Config

    GPT2Config(vocab_size=8).save_pretrained(tmp_path)
    word_tokenizer.save_pretrained(tmp_path)
    (tmp_path / "model.safetensors").write_bytes(b"")
    with pytest.raises(ModelLoadError, match="type gpt2, which cannot predict masked words"):
        list(MaskedWords(str(tmp_path)).augment([TextExample("the cat")]))


def test_a_checkpoint_of_pytorch(tmp_path, bert_config, word_tokenizer, sentences):
    torch = pytest.importorskip("torch", reason="needs the extra torch")
    from transformers import BertForMaskedLM

    torch.manual_seed(0)
    BertForMaskedLM(bert_config).save_pretrained(tmp_path)
    word_tokenizer.save_pretrained(tmp_path)
    assert list(MaskedWords(str(tmp_path)).augment(sentences, PLAN))


def test_settings_change_with_the_model(masked_dir, bare_dir):
    assert MaskedWords(masked_dir).settings != MaskedWords(bare_dir).settings
    assert MaskedWords(masked_dir).settings == MaskedWords(masked_dir, block=3, batch_size=2).settings
