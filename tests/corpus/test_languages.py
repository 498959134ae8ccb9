import pytest

from xtremedistil_tf.corpus.files import is_language, split_language


@pytest.mark.parametrize("name", ["de", "ceb", "zh-Hant", "pt-BR", "be-x-old"])
def test_codes(name):
    assert is_language(name)


@pytest.mark.parametrize("name", ["", "d", "DE", "train", "dev", "all", "unlabeled", "de_x", "de-"])
def test_other_names(name):
    assert not is_language(name)


@pytest.mark.parametrize(("text", "pair"), [("en:Paris", ("en", "Paris")), ("en::", ("en", ":")),
                                            ("en:", (None, "en:")), ("B-LOC", (None, "B-LOC")),
                                            ("http://x", (None, "http://x")), ("B-x:y", (None, "B-x:y"))])
def test_prefixes(text, pair):
    assert split_language(text) == pair
