import random

from hypothesis import given, settings
from hypothesis import strategies as st

from xtremedistil_tf.augmentation.stream import DigestSet, similarity
from xtremedistil_tf.corpus.example import Example, QuestionExample, TextExample, digest, normalised, parts_of


@settings(max_examples=30)
@given(seed=st.integers(0, 1000), size=st.integers(0, 4000))
def test_a_digest_set_is_a_set(seed, size):
    rng, ours, plain = random.Random(seed), DigestSet(), set()
    for _ in range(size):
        # Many with the same low bits, which share slots.
        value = rng.randrange(1, 1 << 10) if rng.random() < 0.5 else rng.randrange(1, 1 << 44) << 20
        assert ours.add(value) == (value not in plain)
        plain.add(value)
    assert len(ours) == len(plain)


def test_a_digest_set_takes_any_64_bits():
    ours = DigestSet()
    assert ours.add(0) and not ours.add(0) and ours.add((1 << 64) - 1) and len(ours) == 2


def test_case_space_and_compatibility_forms_do_not_count():
    assert normalised("  The\u00a0ﬁne  STRASSE\n") == normalised("the fine straße")
    assert parts_of(Example(("Ａ", "b"), None)) == parts_of(Example(("a", "B"), ("O", "O"), "de")) == ("a b",)
    assert digest(parts_of(TextExample("a b"))) != digest(parts_of(TextExample("a", "b")))


def test_similarity_of_pairs_of_words():
    # 4 of 8 pairs in common: a b, b c, d e, e f against a b, b c, c x, x d, d e, e f.
    assert similarity(("a b c d e f",), ("a b c x d e f",)) == 4 / 7
    assert similarity(("a",), ("b",)) == 0 and similarity(("a",), ("a",)) == 1 and similarity(("", ""), ("", "")) == 1


def test_a_changed_question_is_not_hidden_by_its_context():
    context = "word " * 500
    first, second = (parts_of(QuestionExample("1", question, context)) for question in ("who was it", "who is she"))
    assert similarity(first, second) < 0.2


def test_scripts_without_spaces_are_compared_by_characters():
    first = "กขคงจฉชซฌญฎฏฐฑฒณดตถท"
    assert 0.8 < similarity((first,), (first[:-1] + "ธ",)) < 1
