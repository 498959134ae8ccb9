"""Files with a token a line, as their owners publish them: the right column is the token, the right one the tag."""

from __future__ import annotations

import pytest
from conformance.readers import put, refusal

from xtremedistil_tf.corpus.reading import Reading
from xtremedistil_tf.corpus.tagged import read_tagged

# name -> (text, [(word, tag), ...] of the first sentence, number of sentences)
PUBLISHED = {
    "conll2003.txt": ("-DOCSTART- -X- O O\n\nEU NNP I-NP I-ORG\nrejects VBZ I-VP O\nGerman JJ I-NP I-MISC\n\n"
                      "Peter NNP I-NP I-PER\nsaid VBD I-VP O\n", "EU/B-ORG rejects/O German/B-MISC", 2),
    "conll2002.txt": ("Melbourne NP B-LOC\n( Fpa O\nAustralia NP B-LOC\n) Fpt O\n\nEl DA O\n",
                      "Melbourne/B-LOC (/O Australia/B-LOC )/O", 2),
    "germeval.tsv": ("#\thttp://de.wikipedia.org/wiki/A [2010-01-01]\n1\tSchartau\tB-PER\tO\n2\tsagte\tO\tO\n"
                     "3\tTagesspiegel\tB-ORG\tB-LOC\n\n#\thttp://b [2010-02-02]\n1\tJa\tO\tO\n2\t.\tO\tO\n",
                     "Schartau/B-PER sagte/O Tagesspiegel/B-ORG", 2),
    "conll2012.conll": ("#begin document (bn/x); part 000\n"
                        "bn/x 0 0 John NNP (NP* - - - s (PERSON* (A0* (1\nbn/x 0 1 Smith NNP *) - - - s *) *) 1)\n"
                        "bn/x 0 2 left VBD (VP*) leave 01 1 s * (V*) -\n\n#end document\n",
                        "John/B-PERSON Smith/I-PERSON left/O", 1),
    "ewt.conllu": ("# sent_id = 1\n# text = I haven't left\n1\tI\tI\tPRON\tPRP\t_\t4\tnsubj\t_\t_\n"
                   "2-3\thaven't\t_\t_\t_\t_\t_\t_\t_\t_\n2\thave\thave\tAUX\tVBP\t_\t4\taux\t_\t_\n"
                   "3\tn't\tnot\tPART\tRB\t_\t4\tadvmod\t_\t_\n3.1\tnull\t_\tVERB\t_\t_\t_\t_\t_\t_\n"
                   "4\tleft\tleave\tVERB\tVBN\t_\t0\troot\t_\t_\n\n", "I/PRON have/AUX n't/PART left/VERB", 1),
    "uner.iob2": ("# sent_id = x\n# text = Oslo calls\n1\tOslo\tB-LOC\t-\tann\n2\tcalls\tO\t-\tann\n",
                  "Oslo/B-LOC calls/O", 1),
    "multiconer.conll": ("# id 7\tdomain=en\nthe _ _ O\nrome _ _ B-LOC\n\n# id 8\tdomain=en\nwho _ _ O\n",
                         "the/O rome/B-LOC", 2),
    "wikineural.tsv": ("0\tParis\tB-LOC\n1\tcalls\tO\n\n0\tJa\tO\n", "Paris/B-LOC calls/O", 2),
    "labelstudio.conll": ("-DOCSTART- -X- O\nAda -X- _ B-PER\nsings -X- _ O\n\nOslo -X- _ B-LOC\n",
                          "Ada/B-PER sings/O", 2),
    "mit.bio": ("O\ta\nB-Rating\tfour\nI-Rating\tstar\nO\tplace\n\nO\tok\nO\t.\n",
                "a/O four/B-Rating star/I-Rating place/O", 2),
    "header.tsv": ("TOKEN\tPOS\tNER\nAda\tNNP\tB-PER\nsings\tVBZ\tO\n\nOslo\tNNP\tB-LOC\n", "Ada/B-PER sings/O", 2),
    "kaggle.csv": ("Sentence #,Word,POS,Tag\nSentence: 1,London,NNP,B-geo\n,\",\",\",\",O\n,Xerox,NNP,B-org\n"
                   "Sentence: 2,Hi,UH,O\n",
                   "London/B-geo ,/O Xerox/B-org", 2),
    "spaces.txt": ("Ada   B-PER\nsings \t O  \n \t \nOslo\tB-LOC\t\n", "Ada/B-PER sings/O", 2),
    "stray.tsv": ("Ada\t\tB-PER\nsings\tO\nin\tO\nOslo B-LOC\n\n# \tO\n", "Ada/B-PER sings/O in/O Oslo/B-LOC", 2),
    "hash.conll": ("# O\n1 O\n: O\n\n#x O\n", "#/O 1/O :/O", 2),
    "vietnamese.conllu": ("1\tthành phố\t_\tNOUN\t_\t_\t0\t_\t_\t_\n2\tlớn\t_\tADJ\t_\t_\t1\t_\t_\t_\n",
                          "thành/NOUN phố/NOUN lớn/ADJ", 1),
    "no_break.conll": ("10\u00a0000 B-N\nm I-N\n", "10/B-N 000/I-N m/I-N", 1),
    "no_break.tsv": ("10\u00a0000 m x\tB-N I-N O\n", "10/B-N 000/I-N m/I-N x/O", 1),
    "unmarked.conll": ("1\tNew York\tB-LOC\n2\tcalls\tO\n\n1\tJa\tO\n", "New/B-LOC York/I-LOC calls/O", 2),
    "gaps.conll": ("New York\t\tB-LOC\ncalls\tVBZ\tO\nin IN\tO\n\nJa\tUH\tO\n",
                   "New/B-LOC York/I-LOC calls/O in/O", 2),
    "numbered.conll": ("1\thouses\tNNS\n2\tare\tVBP\n\n1\tit\tPRP\n", "houses/NNS are/VBP", 2),
    "end.conll": ("#begin document (x); part 000\nx 0 0 Oslo NNP * - - - s (GPE) -\n#end document\n", "Oslo/B-GPE", 1),
    "rows.csv": ("Word,POS,Tag\nAda,NNP,B-PER\nsings,VBZ,O\n,,\nOslo,NNP,B-LOC\n", "Ada/B-PER sings/O", 2),
    "untyped.conll": ("Oslo B O\ncalls O O\n\nja O O\n", "Oslo/B-ENTITY calls/O", 2),
    "upos.conll": ("FORM\tLEMMA\tUPOS\nhouses\thouse\tNOUN\nare\tbe\tAUX\n\nit\tit\tPRON\n",
                   "houses/NOUN are/AUX", 2),
    "wikiann.tsv": ("de:Oslo\tB-LOC\nde:ja\tO\n\nen:so\tO\nen:on\tO\n", "Oslo/B-LOC ja/O", 2),
}


@pytest.mark.parametrize("name", PUBLISHED)
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_published_layouts(tmp_path, name, end):
    text, first, count = PUBLISHED[name]
    examples = read_tagged(put(tmp_path, name, text.replace("\n", end)))
    assert " ".join(f"{word}/{tag}" for word, tag in zip(examples[0].words, examples[0].tags)) == first
    assert len(examples) == count


def test_languages_of_prefixes_sentence_by_sentence(tmp_path):
    examples = read_tagged(put(tmp_path, "wikiann.tsv", PUBLISHED["wikiann.tsv"][0]))
    assert [example.language for example in examples] == ["de", "en"]
    text = "token\ttag\tlang\nOslo\tB-LOC\tno\n\nja\tO\tde\n"
    assert [e.language for e in read_tagged(put(tmp_path, "a.tsv", text))] == ["no", "de"]


@pytest.mark.parametrize(("name", "line"), [
    ("germeval.tsv", "the token is column 2 and its tag column 3; columns 4 hold tags too: `tag_column` takes another"),
    ("ewt.conllu", "the token is column 2 and its tag column 4"), ("mit.bio", "the tag stands before the token"),
    ("conll2012.conll", "is CoNLL-2012"), ("no_break.conll", "1 token with white space inside")])
def test_what_is_decided_is_said_once(tmp_path, name, line, caplog):
    path = put(tmp_path, name, PUBLISHED[name][0])
    read_tagged(path), read_tagged(path)
    assert caplog.text.count(line) == 1


@pytest.mark.parametrize(("reading", "tags"), [
    ({"tag_column": "4"}, ("O", "O", "B-LOC")), ({"tag_column": "-1"}, ("O", "O", "B-LOC")),
    ({"token_column": "2", "tag_column": "3"}, ("B-PER", "O", "B-ORG"))])
def test_columns_are_forced(tmp_path, reading, tags):
    path = put(tmp_path, "germeval.tsv", PUBLISHED["germeval.tsv"][0])
    assert read_tagged(path, reading=Reading(**reading))[0].tags == tags


def test_a_column_by_its_name(tmp_path):
    path = put(tmp_path, "header.tsv", PUBLISHED["header.tsv"][0])
    assert read_tagged(path, reading=Reading(tag_column="pos"))[0].tags == ("NNP", "VBZ")
    assert "`tag_column=xpos`, but the file has 3 columns, named TOKEN, POS, NER" in refusal(
        read_tagged, path, reading=Reading(tag_column="xpos"))


@pytest.mark.parametrize("names", ["Token\tNER", "word\tner_tags", "FORM\tlabel", "text\tentity"])
def test_a_header_of_two_columns_is_no_token(tmp_path, names):
    example, = read_tagged(put(tmp_path, "a.conll", f"{names}\nOslo\tB-LOC\ncalls\tO\n"))
    assert (example.words, example.tags) == (("Oslo", "calls"), ("B-LOC", "O"))


def test_brackets_are_entities_without_the_mark_of_conll_2012_too(tmp_path):
    lines = PUBLISHED["conll2012.conll"][0].splitlines(keepends=True)[1:4]
    path = put(tmp_path, "a.conll", "".join(lines))
    read = read_tagged(path, reading=Reading(token_column="4", tag_column="11"))
    assert read[0].tags == ("B-PERSON", "I-PERSON", "O")
    path = put(tmp_path, "b.conll", PUBLISHED["conll2002.txt"][0].replace("Fpa", "("))
    assert read_tagged(path, reading=Reading(tag_column="2"))[0].tags == ("NP", "(", "NP", "Fpt")


def test_columns_where_they_usually_are_need_no_word(tmp_path, caplog):
    read_tagged(put(tmp_path, "a.conll", PUBLISHED["header.tsv"][0]))
    assert not caplog.text


def test_what_nothing_tells_is_asked(tmp_path):
    message = refusal(read_tagged, put(tmp_path, "a.conll", "houses NNS house\nare VBP be\n\nit PRP it\n"))
    assert "3 columns, none of which holds tags such as O and B-LOC (1: 'houses'" in message
    assert "give `tag_column`" in message


def test_one_word_lines_without_blank_lines_that_go_on_are_no_sentences(tmp_path):
    path = put(tmp_path, "a.tsv", "New\tB-LOC\nYork\tI-LOC\n" * 1500)
    assert "no blank line parts its 3,000 tokens into sentences" in refusal(read_tagged, path)
