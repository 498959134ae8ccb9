import pytest

from xtremedistil_tf.corpus.conll import read_conll
from xtremedistil_tf.corpus.files import Faults
from xtremedistil_tf.corpus.tag_rules import label_list
from xtremedistil_tf.errors import DataError


def read(folder, text, tagged=True, **options):
    path = folder / "train.conll"
    path.write_text(text, encoding="utf-8", newline="")
    faults = Faults(path)
    examples = list(read_conll(path, faults, tagged, **options))
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


_2012 = "#begin document (x)\nx 0 0 Oslo NNP * - - - s (GPE) -\n"


@pytest.mark.parametrize(("text", "tagged", "found"), [
    ("1\ta\tO\n2\tb\tO\n3\n", True, "4: token '3' without a tag"),
    ("1\ta\tO\n2\tb\tO\n3\n", False, "4: 1 column, expected at least 2"),
    (f"{_2012}x 0 1\n", True, "4: 3 columns, expected at least 11"),
    (f"{_2012}x 0 1 calls VBZ\n", True, "4: 5 columns, expected at least 11"),
    (f"{_2012}x 0 1\n", False, "4: 3 columns, expected at least 4"),
    ("#begin document (x)\nx 0 0 Oslo NNP\n", True, "3: 5 columns, expected at least 11")])
def test_a_row_that_ends_before_its_token_or_tag_is_a_fault(tmp_path, text, tagged, found):
    with pytest.raises(DataError, match=f"train.conll:{found}"):
        read(tmp_path, f"\n{text}", tagged)


def test_text_of_conll_2012_needs_no_tags(tmp_path):
    assert read(tmp_path, f"{_2012}x 0 1 calls VBZ\n", tagged=False)[0][0] == "Oslo calls"


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


def test_as_text_a_sentence_goes_on_where_its_number_is_missing(tmp_path, caplog):
    text = "word,pos,tag,sentence\na,X,O,1\nb,X,O\nc,X,O,1\nd,X,O,2\n"
    assert [row[0] for row in read(tmp_path, text, tagged=False, delimiter=",")] == ["a b c", "d"]
    assert not caplog.text  # the column of the tag is nobody's concern


def test_all_sentences_decide_which_column_is_the_tag(tmp_path):
    assert read(tmp_path, "a O O\n\n" * 1001 + "Oslo B-LOC O\n")[-1][:2] == ("Oslo", "B-LOC")


def test_long_lists_of_labels_are_cut():
    labels = [f"B-{i}" for i in range(22)]
    assert label_list(labels[:20]) == ", ".join(labels[:20])
    assert label_list(labels) == ", ".join(labels[:20]) + " and 2 more"
