from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import normalizers

from xtremedistil_tf.tokenization.graph.normal_forms import NormalForm

FORMS = ["NFC", "NFD", "NFKC", "NFKD"]
# Assigned when the oldest of the tables was made, so that Python's agree with the others'.
OLD = [chr(number) for number in range(0x30000)
       if unicodedata.ucd_3_2_0.category(chr(number)) not in ("Cn", "Cs")]
MARKS = [c for c in OLD if unicodedata.combining(c)]
MIXED = st.lists(st.one_of(
    st.sampled_from(OLD), st.sampled_from(MARKS), st.sampled_from("eaoAÅệ가각각ােি゙かﬁ½"),
    st.characters(exclude_categories=["Cs"])), max_size=15).map("".join)


@pytest.fixture(scope="module", params=FORMS)
def both(request, run_step):
    form = request.param
    return getattr(normalizers, form)().normalize_str, run_step(NormalForm(form)), form


def test_equal_to_hugging_face(both):
    wanted, apply, _ = both

    @given(st.lists(MIXED, min_size=4, max_size=16))
    @settings(max_examples=30)
    def check(texts):
        assert [text for text, _ in apply(*texts)] == [wanted(text) for text in texts]

    check()


def test_every_old_character_and_its_canonical_form_as_python_has_it(both):
    _, apply, form = both
    texts = [a + b for a, b in zip(OLD, (unicodedata.normalize("NFD", c) + "!" for c in OLD))]
    lines = ["".join(texts[begin:begin + 500]) for begin in range(0, len(texts), 500)]
    assert [text for text, _ in apply(*lines)] == [unicodedata.normalize(form, line) for line in lines]


def test_alignment(run_step):
    composed = run_step(NormalForm("NFC"))
    assert composed("xe\u0301a", "e\u0316\u0301") == [("xéa", [(0, 1), (1, 2), (3, 4)]),
                                                      ("é\u0316", [(0, 1), (2, 3)])]
    decomposed = run_step(NormalForm("NFKD"))
    assert decomposed("xﬁé") == [("xfie\u0301", [(0, 1), (1, 2), (1, 2), (2, 3), (2, 3)])]
