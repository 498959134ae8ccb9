"""Tag schemes: the same entities in IOB2, whatever they were written in; checked against seqeval's own reading."""

from __future__ import annotations

import pytest
from conformance.readers import put, refusal
from hypothesis import given
from hypothesis import strategies as st
from seqeval import scheme as seqeval

from xtremedistil_tf.corpus.reading import Reading
from xtremedistil_tf.corpus.tag_schemes import iob2_of, labels_in_iob2, to_iob2
from xtremedistil_tf.corpus.tagged import read_tagged

# Two persons side by side, a place of two words, and one of one word.
WORDS = "Ann Lee Bob met in New York and Oslo".split()
IN_IOB2 = "B-PER I-PER B-PER O O B-LOC I-LOC O B-LOC".split()
SCHEMES = {
    "IOB1": "I-PER I-PER B-PER O O I-LOC I-LOC O I-LOC",
    "BIOES": "B-PER E-PER S-PER O O B-LOC E-LOC O S-LOC",
    "BILOU": "B-PER L-PER U-PER O O B-LOC L-LOC O U-LOC",
    "BMEWO": "B-PER E-PER W-PER O O B-LOC E-LOC O W-LOC",
    "BMES": "B-PER E-PER S-PER O O B-LOC M-LOC O S-LOC",
}


def write(folder, tags, words=WORDS, name="train.conll"):
    return put(folder, name, "".join(f"{word} {tag}\n" for word, tag in zip(words, tags, strict=True)))


def tags_of(path, **reading):
    example, = read_tagged(path, reading=Reading(**reading))
    return list(example.tags)


@pytest.mark.parametrize("scheme", SCHEMES)
def test_every_scheme_becomes_iob2_and_is_named(tmp_path, scheme, caplog):
    path = write(tmp_path, SCHEMES[scheme].split())
    assert tags_of(path) == IN_IOB2
    end = ", of which 3 began with I-" if scheme == "IOB1" else ""
    assert caplog.messages == [f"{path}: tags are {scheme}; converted to IOB2: 4 entities{end}"]
    assert tags_of(path, tag_scheme=scheme) == IN_IOB2


def test_iob2_is_left_alone(tmp_path, caplog):
    assert tags_of(write(tmp_path, IN_IOB2)) == IN_IOB2
    assert not caplog.text


def test_types_without_letters_are_io_where_o_is_the_commonest(tmp_path, caplog):
    path = write(tmp_path, "PER PER PER O O LOC O O LOC".split())
    assert tags_of(path) == "B-PER I-PER I-PER O O B-LOC O O B-LOC".split()
    assert "(IO); converted to IOB2: 3 entities" in caplog.text and "`tag_scheme=none`" in caplog.text
    assert tags_of(path, tag_scheme="none") == "PER PER PER O O LOC O O LOC".split()


@pytest.mark.parametrize("tags", ["PROPN PROPN PROPN VERB ADP PROPN PROPN CCONJ PROPN", "^ ^ ^ V P O O & O"])
def test_parts_of_speech_stay(tmp_path, tags, caplog):
    assert tags_of(write(tmp_path, tags.split())) == tags.split()
    assert not caplog.text


def test_an_entity_that_begins_with_i_gets_its_b(tmp_path, caplog):
    path = write(tmp_path, "B-PER I-LOC I-LOC O O B-LOC I-LOC O I-LOC".split())
    assert tags_of(path) == "B-PER B-LOC I-LOC O O B-LOC I-LOC O B-LOC".split()
    assert "tags are IOB2, but 2 of 4 entities begin with I-" in caplog.text
    assert tags_of(path, tag_scheme="IOB2")[1] == "I-LOC"


def test_tags_without_types(tmp_path):
    assert tags_of(write(tmp_path, "B I B O O B I O B".split())) == [
        tag if tag == "O" else f"{tag}-ENTITY" for tag in "B I B O O B I O B".split()]


@pytest.mark.parametrize("spell", ["{0}_{1}", "{1}-{0}", "{1}_{0}", "{0:l}-{1}"])
def test_unusual_spellings(tmp_path, spell, caplog):
    def spelt(tag):
        if tag == "O":
            return "o" if ":l" in spell else "O"
        letter, kind = tag.split("-")
        return spell.replace("{0:l}", letter.lower()).format(letter, kind)

    tags = [spelt(tag) for tag in IN_IOB2]
    assert tags_of(write(tmp_path, tags)) == IN_IOB2
    assert f"tags such as {tags[0]} are read as B-PER" in caplog.text


def test_tags_of_several_schemes_at_once_are_refused(tmp_path):
    message = refusal(read_tagged, write(tmp_path, "B-PER L-PER S-PER O O B-LOC I-LOC O O".split()))
    assert "train.conll:2: malformed tag 'L-PER'" in message and "train.conll:3: malformed tag 'S-PER'" in message


def test_letters_of_another_scheme_than_the_given_one_are_refused(tmp_path):
    path = write(tmp_path, "I-PER E-PER".split(), ["Ann", "Lee"])
    assert "train.conll:2: malformed tag 'E-PER'" in refusal(read_tagged, path, reading=Reading(tag_scheme="IOB1"))


def test_entities_without_their_beginning_are_counted(tmp_path, caplog):
    assert tags_of(write(tmp_path, "E-PER O S-LOC".split(), ["Lee", "in", "Oslo"])) == ["B-PER", "O", "B-LOC"]
    assert "2 entities; 1 of them lack their beginning" in caplog.text


@pytest.mark.parametrize(("scheme", "label", "meant"), [
    ("BIOES", "S-PER", "B-PER"), ("BIOES", "E-PER", "I-PER"), ("BILOU", "U-PER", "B-PER"), ("IO", "PER", "I-PER"),
    ("IOB2", "I-PER", "I-PER"), ("BIOES", "O", "O"), ("IOB2", "PAD", "PAD")])
def test_a_label_by_itself(scheme, label, meant):
    assert iob2_of(label, scheme) == meant


def test_many_different_tags_of_many_tokens_are_tags(tmp_path):
    tags = [f"t{number % 60}" for number in range(600)]
    assert tags_of(write(tmp_path, tags, tags)) == tags


def test_many_different_tags_are_words(tmp_path):
    words = [f"w{number}" for number in range(80)]
    assert "80 different tags for 80 tokens" in refusal(read_tagged, write(tmp_path, words, words))


def test_known_labels_say_what_tags_without_letters_are(tmp_path):
    path = write(tmp_path, "LOC LOC LOC PER PER LOC LOC O LOC".split())
    assert read_tagged(path, ["O", "B-LOC", "I-LOC", "B-PER", "I-PER"])[0].tags[:2] == ("B-LOC", "I-LOC")
    assert read_tagged(path, ["LOC", "O", "PER"])[0].tags[:2] == ("LOC", "LOC")
    assert "unknown label 'PER', expected one of O, B-LOC" in refusal(read_tagged, path, ["O", "B-LOC", "I-LOC"])


@pytest.mark.parametrize(("labels", "expected"), [
    (["O", "B-A", "I-A"], ["O", "B-A", "I-A"]), (["I-A", "O"], ["B-A", "I-A", "O"]),
    (["O", "S-A", "B-A", "I-A", "E-A"], ["O", "B-A", "I-A"]), (["O", "PER"], ["O", "B-PER", "I-PER"]),
    (["DET", "NOUN"], ["DET", "NOUN"]), (["O", "B", "I"], ["O", "B-ENTITY", "I-ENTITY"])])
def test_lists_of_labels(labels, expected):
    assert labels_in_iob2(labels) == expected


_ENTITIES = st.lists(st.tuples(st.sampled_from(["A", "B-x", "O"]), st.integers(1, 3)), min_size=1, max_size=6)


def spelt(entities, begin, inside, end, single):
    tags = []
    for kind, length in entities:
        middle = [f"{begin}-{kind}", *[f"{inside}-{kind}"] * (length - 2), f"{end}-{kind}"]
        tags += ["O"] * length if kind == "O" else [f"{single}-{kind}"] if length == 1 else middle
    return tags


@given(_ENTITIES)
def test_conversion_keeps_the_entities_that_seqeval_finds(entities):
    for name, letters, theirs in (("BIOES", "BIES", seqeval.IOBES), ("BILOU", "BILU", seqeval.BILOU)):
        tags = spelt(entities, *letters)
        assert spans(to_iob2(tags, name).tags, seqeval.IOB2) == spans(tags, theirs)
    tags = spelt(entities, "B", "I", "I", "B")
    assert to_iob2(tags, "IOB2").tags == tuple(tags)


def spans(tags, scheme):
    return [(entity.start, entity.end, entity.tag) for row in seqeval.Entities([list(tags)], scheme).entities
            for entity in row]
