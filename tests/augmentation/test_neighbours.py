import numpy as np
import pytest

from xtremedistil_tf.augmentation.augmenter import VariantPlan, plans_of
from xtremedistil_tf.augmentation.editing import WholeWords, kind_of
from xtremedistil_tf.augmentation.word_exchange import NeighbouringWords, NeighbourTable
from xtremedistil_tf.corpus.example import Example, QuestionExample, TextExample

PLAN = plans_of(["neighbours"], 2, 5)["neighbours"]


@pytest.fixture(scope="module")
def table(word_tokenizer):
    return np.random.default_rng(0).normal(0.3, 1, (len(word_tokenizer), 12)).astype(np.float16)


def brute_force(words, table, word, count):
    vectors = {w: table[i].astype(np.float64) for w, i in zip(words.words, words.ids)}
    cosine = {w: v @ vectors[word] / np.linalg.norm(v) / np.linalg.norm(vectors[word]) for w, v in vectors.items()
              if w != word and kind_of(w) == kind_of(word)}
    return set(sorted(cosine, key=cosine.get)[::-1][:count])


@pytest.mark.parametrize("chunk", [4096, 3])
@pytest.mark.parametrize("count", [1, 4])
def test_neighbours_by_brute_force(word_tokenizer, table, monkeypatch, chunk, count):
    monkeypatch.setattr("xtremedistil_tf.augmentation.word_exchange._CHUNK", chunk)
    words = WholeWords.of(word_tokenizer)
    found = NeighbourTable(table, words, count)
    for rows in (np.array([5, 5, 0]), np.arange(len(words.words))):
        for row, neighbours in zip(rows, found.of(rows)):
            expected = brute_force(words, table, words.words[row], count)
            assert {words.words[n] for n in neighbours if n >= 0} == expected
            assert (neighbours >= 0).sum() == len(expected)


def test_words_become_neighbours(word_tokenizer, table):
    words = WholeWords.of(word_tokenizer)
    augmenter = NeighbouringWords(lambda: table, word_tokenizer, "t", neighbours=3, share=0.3)
    examples = [Example(("Anna", "saw", "the", "old", "unseenword", "IBM", "."), ("B-PER", *"OOOOOO")),
                Example(("дом", "и", "сад"), None, "ru"), Example((".", "x1"))]
    variants = list(augmenter.augment(examples * 5, PLAN))
    assert {item.index % 3 for item in variants} == {0, 1}
    for item in variants:
        old = examples[item.index % 3]
        changed = [(one, other) for one, other in zip(old.words, item.example.words) if one != other]
        assert len(changed) == (2 if item.index % 3 == 0 else 1)
        assert all(other in brute_force(words, table, one, 3) for one, other in changed)
        assert item.example.tags == old.tags and item.example.words[0] in ("Anna", "дом", "сад", "город")
        assert item.example.language == old.language


def test_same_seed_same_variants_in_any_blocks(word_tokenizer, table, words):
    examples = [TextExample(" ".join(words[i: i + 6]), " ".join(words[i + 3: i + 9])) for i in range(40)]
    examples += [QuestionExample(str(i), f"{word} met {words[i]}?", "the cat") for i, word in enumerate(words)]
    whole, parts = (list(NeighbouringWords(lambda: table, word_tokenizer, "t", block=block).augment(examples, PLAN))
                    for block in (1000, 3))
    assert whole == parts and len(whole) > 100
    other = NeighbouringWords(lambda: table, word_tokenizer, "t").augment(examples, VariantPlan("neighbours", 6, 2))
    assert list(other) != whole
    assert all(item.example.context == "the cat" for item in whole if item.index >= 40)


def test_the_table_is_made_when_it_is_needed(word_tokenizer):
    augmenter = NeighbouringWords(lambda: pytest.fail("too early"), word_tokenizer, "teacher-1")
    assert augmenter.settings["table"] == "teacher-1"


def test_an_uncased_vocabulary_keeps_the_case_of_the_text(tmp_path):
    from transformers import BertTokenizerFast

    (tmp_path / "vocab.txt").write_text("\n".join(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "house", "garden"]))
    tokenizer = BertTokenizerFast(str(tmp_path / "vocab.txt"))
    table = np.eye(7, 4, dtype=np.float32)
    item, = NeighbouringWords(lambda: table, tokenizer, "t").augment([TextExample("House!")])
    assert item.example.text == "Garden!"
