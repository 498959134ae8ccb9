"""Texts in other letters, and the answers of the teacher to their originals."""

import copy
import types

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import normalizers

from xtremedistil_tf.augmentation.augmenter import Tally, VariantPlan
from xtremedistil_tf.augmentation.mixing import MixedSpans
from xtremedistil_tf.augmentation.quality import Quality, confident
from xtremedistil_tf.augmentation.recasing import CASES, OtherCase, lower, recased, title, upper
from xtremedistil_tf.augmentation.registry import make_augmenter
from xtremedistil_tf.augmentation.stream import AugmentedText, augmented
from xtremedistil_tf.corpus.example import Answer, Example, QuestionExample, TextExample
from xtremedistil_tf.errors import ConfigError
from xtremedistil_tf.tasks.registry import make_task
from xtremedistil_tf.transfer.reader import TransferStore
from xtremedistil_tf.transfer.text import TransferText
from xtremedistil_tf.transfer.writer import StoreSpec, write_store

WORDS = Example(("Anna", "met", "(boris", "in", "Paris", "."), ("B-PER", "O", "B-PER", "O", "B-LOC", "O"), "xx")
PLAN = VariantPlan("case", 1, 3, 0, 1)


@given(st.text())
def test_offsets_stay(text):
    for case in CASES.values():
        assert len(case(text)) == len(text) and case(text).split() == [case(word) for word in text.split()]
        assert case(case(text)) == case(text)


@pytest.mark.parametrize(("case", "wanted"), [
    (lower, "straße i̇ (новая) o'neill u.s. ab1c"), (upper, "STRAßE İ (НОВАЯ) O'NEILL U.S. AB1C"),
    (title, "Straße İ (Новая) O'neill U.s. Ab1c")])
def test_cases(case, wanted):
    assert case("Straße İ (новая) O'NEILL U.S. ab1C") == wanted.replace("i̇", "İ")


def test_everything_else_is_the_originals():
    variant = recased(WORDS, upper)
    assert (variant.words[2], variant.tags, variant.language, variant.original) == ("(BORIS", WORDS.tags, "xx", WORDS)
    pair = TextExample("Ein Satz", "und mehr", "yes")
    assert recased(pair, title) == TextExample("Ein Satz", "Und Mehr", "yes", original=pair)
    question = QuestionExample("1", "Who?", "It was Anna.", (Answer("Anna", 7),))
    assert recased(question, lower).answers == (Answer("anna", 7),)
    assert recased(question, lower).context == "it was anna."


def test_each_variant_once_and_none_of_texts_without_case():
    plain, small, other = (Example(tuple(text.split())) for text in ("Anna met B", "ab cd", "北京 12 ."))
    found = list(OtherCase().variants([plain, small, other], PLAN))
    assert {e.words for e in found[0]} == {("anna", "met", "b"), ("ANNA", "MET", "B"), ("Anna", "Met", "B")}
    assert {e.words for e in found[1]} == {("AB", "CD"), ("Ab", "Cd")} and found[2] == []
    assert list(OtherCase().variants([plain, small, other], PLAN)) == found


def test_variants_are_kept_with_their_originals(tmp_path):
    examples = [Example((*WORDS.words, str(i), "Word", f"w{i}")) for i in range(40)]
    augmenters = [OtherCase(), MixedSpans()]
    text = AugmentedText(TransferText(lambda: examples, "t"), augmenters, 2, 3, tmp_path)
    found = list(text.items())
    assert found == list(augmented(examples, augmenters, 2, 3)) and text.has_originals
    recased_ones = [item for item in found if item.augmenter == "case"]
    assert len(recased_ones) == 40 and text.codes().tolist().count(7) == 40
    assert all(item.example.original == examples[item.index] for item in recased_ones)
    assert all(item.example.original is None for item in found if item.augmenter != "case")


def test_the_teacher_is_asked_about_the_originals():
    asked = []

    def answers(examples):
        asked.extend(examples)
        return [np.full((len(e.words), 2), [9.0, 0.0]) for e in examples]

    stream = augmented([WORDS], [OtherCase()], 2, 0)
    quality = Quality(make_task("tagging", ["O", "B-X"]), 0.9)
    assert len(list(confident(stream, answers, quality, ["case"], Tally()))) == 3
    assert asked == [WORDS] * 3


class Teacher:
    """Answers follow from the pieces."""

    def predict(self, source):
        for index in range(len(source)):
            ids = source.read(index)["input_ids"]
            logits = np.stack([ids % n for n in (7, 5, 3)], -1).astype(np.float32)
            yield types.SimpleNamespace(index=index, logits=logits)


def test_the_store_has_the_answers_to_the_originals(tmp_path, tiny_tokenizer):
    """Words fall into other pieces: `paris` into two, `PARIS` into five, or one unknown piece."""
    examples = [Example(tuple(words.split())) for words in ("anna met boris in paris", "москва and the house , anna")]
    text = AugmentedText(TransferText(lambda: examples, "t"), [OtherCase()], 2, 3, tmp_path / "text")
    spec = StoreSpec({}, make_task("tagging", ["O", "B-X", "I-X"]), text.sentences, 32, {}, aligned=text.has_originals)
    store = TransferStore(write_store(tmp_path, spec, lambda: text, tiny_tokenizer, Teacher))
    rows = [store.read(index) for index in range(6)]
    for original, *variants in (rows[:3], rows[3:]):
        for variant in variants:
            assert variant["input_ids"].tolist() != original["input_ids"].tolist()
            words = [row["teacher_logits"][row["word_starts"] > 0] for row in (original, variant)]
            np.testing.assert_array_equal(*words)
            assert sum(variant["word_starts"]) == sum(original["word_starts"])


def test_a_tokenizer_that_knows_no_case_is_refused(tiny_tokenizer):
    assert make_augmenter("case", kind="tagging", tokenizer=tiny_tokenizer).name == "case"
    uncased = copy.deepcopy(tiny_tokenizer)
    uncased.backend_tokenizer.normalizer = normalizers.Lowercase()
    with pytest.raises(ConfigError, match=r"`augment=case`.*small letters.*nothing to learn"):
        make_augmenter("case", kind="tagging", tokenizer=uncased)
