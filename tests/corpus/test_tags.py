import pytest
from hypothesis import given
from hypothesis import strategies as st

from xtremedistil_tf.corpus.tag_rules import TagRules, strip_language
from xtremedistil_tf.corpus.tag_schemes import is_iob2


@pytest.mark.parametrize("tag", ["O", "B-LOC", "I-geo-loc", "B-x:y"])
def test_iob2_shape(tag):
    assert is_iob2(tag)


@pytest.mark.parametrize("tag", ["", "o", "LOC", "B-", "B_LOC", "E-LOC", "O-LOC", "B-A B", "X", "0"])
def test_other_shapes(tag):
    assert not is_iob2(tag)


def test_a_shared_prefix_becomes_the_language():
    assert TagRules().without_language(["ru:B-LOC", "ru:O"]) == ("ru", ("B-LOC", "O"))
    assert TagRules(["O"]).without_language(["zh-Hant:O"]) == ("zh-Hant", ("O",))
    assert TagRules(["de:O"]).without_language(["de:O"]) == (None, ("de:O",))


@pytest.mark.parametrize("tags", [["ru:B-LOC", "O"], ["ru:O", "en:O"], ["O", "ru:O", "ru:O"]])
@pytest.mark.parametrize("labels", [None, ["O", "B-LOC"]])
def test_a_prefix_that_is_not_shared_is_a_fault(tags, labels):
    language, kept = TagRules(labels).without_language(tags)
    _, problems = TagRules(labels).resolve(kept)
    assert language is None and kept == tuple(tags)
    assert [i for i, _ in problems] == [i for i, tag in enumerate(tags) if ":" in tag]
    assert all("language prefix" in problem for _, problem in problems)


def test_unknown_labels_name_the_known_ones():
    _, [(index, problem)] = TagRules(["O", "B-LOC"]).resolve(["O", "B-PER"])
    assert index == 1 and "unknown label 'B-PER'" in problem and "O, B-LOC" in problem


def test_a_long_label_list_is_cut():
    labels = [f"B-{i}" for i in range(100)]
    _, [(_, problem)] = TagRules(labels).resolve(["O"])
    assert problem.endswith("B-19 and 80 more")


def test_malformed_tags_stay_malformed():
    rules = TagRules()
    for _ in range(2):
        assert rules.resolve(["O", "LOC"])[1] == [(1, "malformed tag 'LOC', expected O, B-type or I-type")]


@given(tags=st.lists(st.sampled_from(["O", "B-LOC", "I-geo:loc"]), min_size=1),
       language=st.sampled_from(["de", "ceb", "be-x-old"]))
def test_stripping_undoes_prefixing(tags, language):
    assert strip_language([f"{language}:{tag}" for tag in tags]) == (language, tuple(tags))
    assert strip_language(tags) == (None, tuple(tags))
