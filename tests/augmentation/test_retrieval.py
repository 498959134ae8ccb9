import lzma
import random

import numpy as np
import pytest

from xtremedistil_tf.augmentation import retrieval as retrieval_index
from xtremedistil_tf.augmentation.augmenter import plans_of
from xtremedistil_tf.augmentation.pretrained import SentenceEncoder
from xtremedistil_tf.augmentation.retrieval import RetrievedSentences, open_or_build
from xtremedistil_tf.corpus.example import Example, TextExample
from xtremedistil_tf.errors import DataError, MissingExtraError, ModelLoadError
from xtremedistil_tf.tokenization.raw_words import RawWords

PLAN = plans_of(["retrieval"], 2, 1)["retrieval"]
VOCABULARY = [f"w{i}" for i in range(60)]
VECTORS = dict(zip(VOCABULARY, np.random.default_rng(0).normal(0, 1, (60, 16)).astype(np.float32)))


def encode(texts):
    """The sum of random vectors of words."""
    return np.stack([np.sum([VECTORS[word] for word in text.split()], 0) for text in texts])


def cosines(first, second):
    first, second = (v / np.linalg.norm(v, axis=1, keepdims=True) for v in (encode(first), encode(second)))
    return first @ second.T


@pytest.fixture
def corpus(tmp_path):
    rng = random.Random(1)
    lines = [" ".join(rng.choice(VOCABULARY) for _ in range(rng.randint(2, 6))) for _ in range(600)]
    (tmp_path / "de.txt.xz").write_bytes(lzma.compress(("\n".join(lines[:200]) + "\n\n").encode()))
    (tmp_path / "rest.txt").write_text("\n".join(lines[200:]))
    return f"{tmp_path}/de.txt.xz,{tmp_path}/rest.txt", lines


def test_sentences_by_brute_force(tmp_path, corpus):
    pytest.importorskip("faiss", reason="needs the extra retrieval")
    files, lines = corpus
    index = open_or_build(files, encode, "e", tmp_path / "index")
    queries = ["w1 w2", "w3 w4 w5", lines[300]]
    found, numbers = index.search(encode(queries), 7)
    expected = cosines(queries, lines)
    for row, numbers_of_row, similarities in zip(expected, numbers, found):
        best = np.argsort(-row, kind="stable")[:7]
        np.testing.assert_allclose(similarities, row[best], atol=1e-5)
        np.testing.assert_allclose(row[numbers_of_row], row[best], atol=1e-5)
    assert len(index) == 600 and [index.sentence(i) for i in (0, 599, 199, 200)] == [
        lines[i] for i in (0, 599, 199, 200)]
    assert [index.language(i) for i in (0, 199, 200, 599)] == ["de", "de", None, None]


def test_a_large_text_has_cells_and_is_nearly_as_good(tmp_path, corpus, monkeypatch):
    pytest.importorskip("faiss", reason="needs the extra retrieval")
    files, lines = corpus
    monkeypatch.setattr(retrieval_index, "EXACT", 100)
    monkeypatch.setattr(retrieval_index, "_BATCH", 64)
    index = open_or_build(files, encode, "e", tmp_path / "index")
    _, numbers = index.search(encode(lines[:100]), 5)
    best = np.argsort(-cosines(lines[:100], lines), axis=1)[:, :5]
    assert np.mean([len(set(a) & set(b)) / 5 for a, b in zip(numbers, best)]) > 0.8


def test_the_index_is_built_once(tmp_path, corpus):
    pytest.importorskip("faiss", reason="needs the extra retrieval")
    files, _ = corpus
    first = open_or_build(files, encode, "e")
    again = open_or_build(files, lambda texts: pytest.fail("encoded again"), "e")
    assert first.fingerprint == again.fingerprint and len(again) == 600
    assert [path.name for path in tmp_path.glob("retrieval-*")] == [f"retrieval-{first.fingerprint}"]
    assert open_or_build(files, encode, "another encoder").fingerprint != first.fingerprint
    (tmp_path / "rest.txt").write_text("w1 w2\n")
    assert len(open_or_build(files, encode, "e")) == 201


def test_an_encoder_that_fails_leaves_nothing(tmp_path, corpus):
    pytest.importorskip("faiss", reason="needs the extra retrieval")
    with pytest.raises(ZeroDivisionError):
        open_or_build(corpus[0], lambda texts: 1 / 0, "e", tmp_path / "index")
    assert list((tmp_path / "index").iterdir()) == []


def test_damage_is_explained(tmp_path, corpus):
    pytest.importorskip("faiss", reason="needs the extra retrieval")
    index = open_or_build(corpus[0], encode, "e", tmp_path)
    (tmp_path / f"retrieval-{index.fingerprint}" / "index.faiss").write_bytes(b"IxFI")
    with pytest.raises(DataError, match="is damaged .*Delete the folder"):
        open_or_build(corpus[0], encode, "e", tmp_path)
    (tmp_path / "empty.txt").write_text("\n\n")
    with pytest.raises(DataError, match="empty.txt: no sentences"):
        open_or_build(str(tmp_path / "empty.txt"), encode, "e")


def test_without_faiss(monkeypatch, corpus):
    monkeypatch.setitem(__import__("sys").modules, "faiss", None)
    with pytest.raises(MissingExtraError, match=r"faiss-cpu.*xtremedistil-tf\[retrieval\]"):
        open_or_build(corpus[0], encode, "e")


@pytest.mark.parametrize("block", [256, 3])
def test_similar_sentences_become_variants(tmp_path, corpus, block):
    pytest.importorskip("faiss", reason="needs the extra retrieval")
    files, lines = corpus
    examples = [Example(tuple(line.split()), ("O",) * len(line.split()), "nl") for line in lines[::30]]
    augmenter = RetrievedSentences(files, encode, "e", tmp_path / "i", least=0.6, most=0.95, block=block)
    found = list(augmenter.augment(examples, PLAN))
    for index, example in enumerate(examples):
        row = cosines([" ".join(example.words)], lines)[0]
        good = [i for i in np.argsort(-row, kind="stable")[:12] if 0.6 <= row[i] <= 0.95]
        expected = [(tuple(lines[i].split()), "de" if i < 200 else "nl") for i in good[:2]]
        variants = [item.example for item in found if item.index == index]
        assert [(e.words, e.language) for e in variants] == expected and all(e.tags is None for e in variants)
    assert len(found) > 20


def test_blocks_do_not_change_the_candidates(tmp_path, corpus):
    pytest.importorskip("faiss", reason="needs the extra retrieval")
    examples, plan = [TextExample(line) for line in corpus[1][:40]], plans_of(["retrieval"], 1.5, 1)["retrieval"]
    whole, parts = (list(RetrievedSentences(corpus[0], encode, "e", tmp_path / "i", least=0.0, block=block)
                         .variants(examples, plan)) for block in (256, 1))
    assert whole == parts and len(set(map(len, whole))) > 1


def test_of_a_pair_one_side_is_exchanged(tmp_path, corpus):
    pytest.importorskip("faiss", reason="needs the extra retrieval")
    files, lines = corpus
    pairs = [TextExample(*lines[i: i + 2], label="x") for i in range(40)]
    found = list(RetrievedSentences(files, encode, "e", tmp_path / "i", least=0.1).augment(pairs, PLAN))
    changed = {(item.example.text != pairs[item.index].text, item.example.pair != pairs[item.index].pair)
               for item in found}
    assert changed == {(True, False), (False, True)} and all(item.example.label is None for item in found)
    assert all({item.example.text, item.example.pair} <= set(lines) for item in found)


def test_embeddings_are_means_of_the_encoder(bare_dir, word_tokenizer):
    from transformers import TFBertModel

    texts = ["the cat", "a new house in the old city near the river", "dog"]
    states = TFBertModel.from_pretrained(bare_dir)
    expected = [states(**word_tokenizer("the " + text, return_tensors="tf", truncation=True, max_length=8))
                .last_hidden_state[0].numpy().mean(0) for text in texts]
    encoder = SentenceEncoder(bare_dir, prefix="the ", max_length=8, batch_size=2)
    np.testing.assert_allclose(encoder(texts), expected, atol=2e-5)
    assert encoder(texts).dtype == np.float32
    assert encoder.identity != SentenceEncoder(bare_dir, max_length=8).identity


def test_an_encoder_without_weights_is_refused(tmp_path, bare_dir, word_tokenizer, bert_config):
    import json
    import shutil

    folder = shutil.copytree(bare_dir, tmp_path / "deeper")
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"num_hidden_layers": 3}))
    with pytest.raises(ModelLoadError, match=r"lacks \d+ weights of TFBertModel"):
        SentenceEncoder(str(folder))(["the cat"])


def test_sentences_of_raw_text_are_split_as_the_task_is(tmp_path):
    pytest.importorskip("faiss", reason="needs the extra retrieval")
    (tmp_path / "text.txt").write_text("Anna met Boris, in Oslo.\n", encoding="utf-8")

    def encode(texts):
        return np.ones((len(texts), 2), np.float32)

    made = {rule.rule: RetrievedSentences(str(tmp_path / "text.txt"), encode, "e", tmp_path / "index", most=1.1,
                                          rule=rule)
            for rule in (RawWords(), RawWords("punctuation"))}
    words = {name: next(iter(augmenter.augment([Example(("Anna",))]))).example.words
             for name, augmenter in made.items()}
    assert words == {"whitespace": ("Anna", "met", "Boris,", "in", "Oslo."),
                     "punctuation": ("Anna", "met", "Boris", ",", "in", "Oslo", ".")}
    assert made["whitespace"].settings.keys() < made["punctuation"].settings.keys()
