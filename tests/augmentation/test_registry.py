import numpy as np
import pytest

from xtremedistil_tf.augmentation.augmenter import CODES
from xtremedistil_tf.augmentation.registry import augmenter_names, make_augmenter
from xtremedistil_tf.corpus.example import Example
from xtremedistil_tf.errors import ConfigError, MissingExtraError

TAGGING = dict(kind="tagging", labels=["O", "B-LOC", "I-LOC"])
NEWS = dict(kind="classification", labels=["a", "b"])
PAIRS = dict(kind="classification", labels=["a", "b"], pairs=True)
QUESTIONS = dict(kind="question_answering", labels=["start", "end"])


def test_names():
    assert augmenter_names(" entities, masked") == ["entities", "masked"]
    for text, message in (("entities,mask", "`augment=mask`: expected one or several of masked, neighbours, entities"),
                          ("", "expected one"), ("masked,masked", "is listed twice")):
        with pytest.raises(ConfigError, match=message):
            augmenter_names(text)


def test_every_name_makes_its_augmenter(tmp_path, masked_dir, bare_dir, word_tokenizer):
    pytest.importorskip("faiss", reason="needs the extra retrieval")
    (tmp_path / "text.txt").write_text("the cat\n")
    (tmp_path / "v.tsv").write_text("0\tthe dog\n")
    examples = [Example(("Oslo",), ("B-LOC",)), Example(("Rome",), ("B-LOC",))]
    table = np.random.default_rng(0).normal(0, 1, (len(word_tokenizer), 8))
    facts = dict(TAGGING, examples=examples, checkpoint=masked_dir, word_embeddings=lambda: table,
                 tokenizer=word_tokenizer, teacher="t", corpus=str(tmp_path / "text.txt"), encoder=bare_dir,
                 file=str(tmp_path / "v.tsv"), least_similarity=-1.0, most_similarity=2.0)
    sentences = [Example(("the", "old", "cat", "saw", "Oslo")), Example(("a", "new", "dog", "found", "Rome"))]
    for name, code in CODES.items():
        if code:
            augmenter = make_augmenter(name, **facts)
            assert augmenter.name == name and augmenter.settings
            assert list(augmenter.augment(sentences))


@pytest.mark.parametrize(("name", "facts", "message"), [
    ("replace", NEWS, "`augment=replace`: expected one or several of masked"),
    ("masked", NEWS, "masked` needs a masked language model, such as `augment_checkpoint="),
    ("neighbours", NEWS, "neighbours` needs a teacher that runs in TensorFlow"),
    ("entities", NEWS, "entity tagging only .*this task is classification of single texts"),
    ("entities", dict(kind="tagging", labels=["NOUN", "VERB"]), "tagging with the labels NOUN, VERB"),
    ("entities", QUESTIONS, "this task is question answering"),
    ("retrieval", QUESTIONS, "cannot be used for question answering"),
    ("retrieval", NEWS, "retrieval` needs a large text, one sentence a line, such as `augment_corpus="),
    ("mixing", NEWS, "pairs of texts; this task is classification of single texts"),
    ("mixing", QUESTIONS, "this task is question answering"),
    ("external", NEWS, "either a file of variants"),
    ("external", dict(NEWS, file="a", function="b:c"), "either a file of variants"),
])
def test_what_does_not_fit_is_refused(name, facts, message):
    with pytest.raises(ConfigError, match=message):
        make_augmenter(name, **facts)


def test_retrieval_needs_an_encoder_and_faiss(monkeypatch):
    facts = dict(NEWS, corpus="text.txt")
    monkeypatch.setitem(__import__("sys").modules, "faiss", None)
    with pytest.raises(MissingExtraError, match="faiss-cpu"):
        make_augmenter("retrieval", **facts)
    monkeypatch.setattr("xtremedistil_tf.augmentation.registry.load_faiss", lambda: None)
    with pytest.raises(ConfigError, match="needs a sentence encoder"):
        make_augmenter("retrieval", **facts)
    assert make_augmenter("retrieval", **facts, encode=lambda texts: None, encoder_identity="x").name == "retrieval"


def test_mixing_by_kind():
    assert [type(make_augmenter("mixing", **facts)).__name__ for facts in (
        TAGGING, PAIRS, dict(kind="regression", pairs=True), dict(kind="tagging", labels=["NOUN"]))] == [
            "MixedSpans", "MixedPairs", "MixedPairs", "MixedSpans"]
