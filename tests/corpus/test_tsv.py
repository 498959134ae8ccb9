import pytest

from xtremedistil_tf.corpus.files import Faults
from xtremedistil_tf.corpus.tagged import read_tsv
from xtremedistil_tf.errors import DataError


def read(folder, text, **options):
    path = folder / "train.tsv"
    path.write_text(text, encoding="utf-8", newline="")
    faults = Faults(path)
    examples = list(read_tsv(path, faults, **options))
    faults.raise_if_any()
    return [(e.words, e.tags, e.line) for e in examples]


def test_layout_blank_lines_and_spaces(tmp_path):
    text = "Anna  in\u3000Rom \t B-PER O  B-LOC\r\n\n \t \nja\tO"
    assert read(tmp_path, text) == [(("Anna", "in", "Rom"), ("B-PER", "O", "B-LOC"), 1), (("ja",), ("O",), 4)]


def test_tabs_at_the_end_do_not_count(tmp_path):
    assert read(tmp_path, "Xi X\tB-X I-X\t\nja\tO\t\t\n") == [(("Xi", "X"), ("B-X", "I-X"), 1), (("ja",), ("O",), 2)]


def test_white_space_at_the_end_is_no_token(tmp_path):
    assert read(tmp_path, "a\u3000b \u3000\tO O\n") == [(("a", "b"), ("O", "O"), 1)]


def test_quotes_are_ordinary_tokens(tmp_path):
    assert read(tmp_path, '" a\tO O\nb\tO\n') == [(('"', "a"), ("O", "O"), 1), (("b",), ("O",), 2)]


@pytest.mark.parametrize(("line", "found"), [
    ("a b O O", "no tab"),
    ("a\tb\tO", "2 tabs"),
    ("a b\tO", "2 tokens but 1 tag"),
    ("a\tO O", "1 token but 2 tags"),
    ("\tO", "0 tokens but 1 tag"),
    ("a\t", "1 token but 0 tags"),
    ("\ta\tO", "2 tabs"),
    ("\u3000 a\tO O", "token 1, '\\u3000', holds white space"),
])
def test_faults_name_line_and_finding(tmp_path, line, found):
    with pytest.raises(DataError) as error:
        read(tmp_path, f"fine\tO\n\n{line}\n")
    assert "train.tsv:3: " in str(error.value) and found in str(error.value)


def test_as_text_only_the_words_matter(tmp_path):
    assert read(tmp_path, "a b\tO\nc d\n\n\tO\ne\tO\tx\n", tagged=False) == [
        (("a", "b"), ("O",), 1), (("c", "d"), None, 2), (("e",), None, 5)]
