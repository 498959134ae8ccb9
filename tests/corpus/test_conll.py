import pytest

from xtremedistil_tf.corpus.conll import read_conll
from xtremedistil_tf.corpus.files import Faults
from xtremedistil_tf.corpus.tag_rules import label_list
from xtremedistil_tf.errors import DataError


def read(folder, text, tagged=True):
    path = folder / "train.conll"
    path.write_text(text, encoding="utf-8", newline="")
    faults = Faults(path)
    examples = list(read_conll(path, faults, tagged))
    faults.raise_if_any()
    return [(" ".join(e.words), " ".join(e.tags or ()), e.language, e.line) for e in examples]


def test_sentences_docstart_and_columns(tmp_path):
    text = ("-DOCSTART- -X- -X- O\n\nEU NNP B-NP B-ORG\nrejects VBZ B-VP O\r\n\n \n"
            "-DOCSTART- -X- -X- O\nPeter NNP B-NP B-PER\n-DOCSTART- -X- -X- O\nja UH O O")
    assert read(tmp_path, text) == [("EU rejects", "B-ORG O", None, 3), ("Peter", "B-PER", None, 8),
                                    ("ja", "O", None, 10)]


def test_tabs_and_spaces_may_mix(tmp_path):
    assert read(tmp_path, "a\tO\nb  B-X \n")[0][:2] == ("a b", "O B-X")


@pytest.mark.parametrize(("text", "words"), [
    ("# O\na O\n", "# a"),
    ("a O\n# O\n", "a #"),
    ("a O\n# 0\n", "a #"),
    ("#\tO\na\tO\n", "# a"),
    ("# text = vitamin O\na O\n", "a"),
    ("# text = vitamin O\n# text = vitamin O\na O\n", "a"),
    ("# newdoc\na O\n", "a"),
    ("# newdoc id = O\n# sent_id = 1\n#a O\n", "#a"),
    ("-DOCSTART- -X- -X- O\n\n# NN B-NP O\n", "#"),
    ("a x y O\n\n# x y O\n", "#"),
    ("a x y O\n\n# text O\nb x y O\n", "b"),
    ("# de:O\na de:O\n", "# a"),
])
def test_comments_and_the_token_hash(tmp_path, text, words):
    assert read(tmp_path, text)[-1][0] == words


@pytest.mark.parametrize(("line", "found"), [
    ("b", "token 'b' without a tag"),
    ("New York B-LOC", "3 columns, expected 2 as in line 2"),
    ("New York\tB-LOC", "holds white space"),
    ("\tO", "is empty"),
])
def test_faults_name_line_and_finding(tmp_path, line, found):
    with pytest.raises(DataError) as error:
        read(tmp_path, f"\na O\n{line}\nc O\n")
    assert "train.conll:3: " in str(error.value) and found in str(error.value)


def test_wikiann_tokens_lose_a_prefix_that_all_have(tmp_path):
    assert read(tmp_path, "en:Rhode\tB-LOC\nen::\tO\n\nen:x\tO\n") == [("Rhode :", "B-LOC O", "en", 1),
                                                                      ("x", "O", "en", 4)]


@pytest.mark.parametrize("text", ["en:a O\nb O\n", "en:a O\nde:b O\n", "en:a O\n\nen: O\n", "at:x O\n"])
def test_tokens_keep_a_prefix_that_not_all_have(tmp_path, text):
    sentences = read(tmp_path, text)
    assert sentences[0][0].split()[0] == text.split()[0] and sentences[0][2] is None


def test_as_text_tags_may_be_absent(tmp_path):
    assert read(tmp_path, "# id 3\na\nb\n\n#c\nd O\n", tagged=False) == [("a b", "", None, 2),
                                                                        ("#c d", "", None, 5)]


def test_long_lists_of_labels_are_cut():
    labels = [f"B-{i}" for i in range(22)]
    assert label_list(labels[:20]) == ", ".join(labels[:20])
    assert label_list(labels) == ", ".join(labels[:20]) + " and 2 more"
