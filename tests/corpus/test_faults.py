import pytest

from xtremedistil_tf.corpus.files import Faults, counts_problem, quoted, words_problem
from xtremedistil_tf.errors import DataError


def message(count):
    faults = Faults("train.tsv")
    for line in range(1, count + 1):
        faults.add(line, f"found {line}, expected none")
    with pytest.raises(DataError) as error:
        faults.raise_if_any()
    return str(error.value)


def test_no_fault_raises_nothing():
    Faults("train.tsv").raise_if_any()


def test_one_fault_is_one_line():
    assert message(1) == "train.tsv:1: found 1, expected none. Correct or delete that line."


@pytest.mark.parametrize("count", [2, 10, 11, 5000])
def test_ten_places_and_the_count(count):
    text = message(count)
    assert text.startswith(f"train.tsv: {count} faults")
    assert text.count("train.tsv:") == 1 + min(count, 10)
    assert ("first 10" in text) == (count > 10)


def test_counts():
    assert counts_problem(["a"], ["O"]) is None
    assert counts_problem(["a"], ["O", "O"]).startswith("1 token but 2 tags,")


@pytest.mark.parametrize(("words", "found"), [(["a", ""], "token 2, '', is empty"),
                                              (["New York", "b"], "token 1, 'New York', holds white"),
                                              (["a", "1\u00a0000"], "token 2"), ([" "], "token 1")])
def test_words_with_white_space(words, found):
    assert words_problem(words).startswith(found)


def test_ordinary_words_are_sound():
    assert words_problem(["Zürich", "ـ", "\u200b", "#"]) is None


def test_quoted_is_short():
    assert quoted("x") == "'x'"
    assert quoted([1, 2]) == "[1, 2]"
    for value in ("y" * 1000, list(range(1000))):
        assert len(quoted(value)) < 80 and quoted(value).endswith("...")
