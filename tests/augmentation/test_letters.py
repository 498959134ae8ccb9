import pytest

from xtremedistil_tf.augmentation.editing import is_word, kind_of, recased


@pytest.mark.parametrize(("text", "yes"), [
    ("house", True), ("Été", True), ("हिन्दी", True), ("京", True), ("の", True), ("한", True),
    ("ש", False), ("b", False), ("x1", False), ("don't", False), ("##ing", False), ("", False), ("3", False),
    (".", False)])
def test_words_are_letters(text, yes):
    assert is_word(text) is yes


@pytest.mark.parametrize(("word", "kind"), [
    ("house", ("LATIN", "lower")), ("House", ("LATIN", "title")), ("IBM", ("LATIN", "upper")),
    ("iPhone", ("LATIN", "mixed")), ("дом", ("CYRILLIC", "lower")), ("京", ("CJK", "")), ("हिन्दी", ("DEVANAGARI", ""))])
def test_script_and_case(word, kind):
    assert kind_of(word) == kind


def test_recasing():
    assert [recased("haus", like) for like in ("garden", "Garden", "GARDEN", "iPhone")] == [
        "haus", "Haus", "HAUS", "haus"]
