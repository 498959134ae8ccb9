"""Tokenizers that mark words by the space before them, given words, against their own encoding of the whole text."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from todays_encoders import FAMILIES
from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers
from transformers import PreTrainedTokenizerFast

from xtremedistil_tf.checkpoints.tokenizers import load_tokenizer
from xtremedistil_tf.corpus.example import Example
from xtremedistil_tf.errors import NoGraphFormError
from xtremedistil_tf.tasks.tagging import TaggingTask
from xtremedistil_tf.tokenization.alignment import row_spans
from xtremedistil_tf.tokenization.light import light_tokenizer
from xtremedistil_tf.tokenization.words import encode_words, needs_spaces, spaced_words

WORDS = st.lists(st.one_of(st.sampled_from(["anna", "москва", "北京", ".", "göran", "2026", "x-y"]),
                           st.text("annaparis.,-1éж北", min_size=1, max_size=5)), max_size=8)
# Also what the vocabulary lacks, which is written in bytes; "▁" itself could be taken for a space.
ANY_WORDS = st.lists(st.text(st.characters(exclude_categories=["Cs", "Z", "Cc"], exclude_characters="▁"),
                             min_size=1, max_size=5), max_size=6)


@pytest.fixture(scope="module")
def folders(tmp_path_factory, tiny_task):
    texts = (tiny_task / "unlabeled.txt").read_text(encoding="utf-8").splitlines()
    made = {}
    for family, (make, _, _) in FAMILIES.items():
        made[family] = tmp_path_factory.mktemp(family)
        make(made[family] / "source", texts).save_pretrained(made[family])
    return made


@pytest.fixture(scope="module")
def gemma(folders):
    return load_tokenizer(str(folders["mmBERT"]))


def word_of_each_piece(tokenizer, words):
    """The ids of the joined text, and the word that holds the last character of each piece."""
    encoding = tokenizer(" ".join(words), add_special_tokens=False).encodings[0]
    of_character = [number for number, word in enumerate(words) for _ in f" {word}"][1:]
    # The offsets of a mark may be those of a space or of what follows it.
    places = [stop - 1 if " ".join(words)[start:stop] != " " else start + 1 for start, stop in encoding.offsets]
    return encoding.ids, [of_character[place] for place in places]


@pytest.mark.parametrize("family", [*FAMILIES])
def test_words_are_encoded_as_in_their_text(folders, family):
    tokenizer = load_tokenizer(str(folders[family]))

    @settings(max_examples=40)
    @given(WORDS if family != "mmBERT" else st.one_of(WORDS, ANY_WORDS))
    def check(words):
        (encoded,) = encode_words(tokenizer, [words])
        ids, word_ids = word_of_each_piece(tokenizer, words)
        assert encoded.ids.tolist() == ids
        assert encoded.word_ids.tolist() == word_ids
        assert encoded.num_words == len(words)

    check()


def test_given_apart_words_lose_their_marks(folders, gemma):
    assert gemma("anna met").tokens()[1:-1] == ["anna", "▁met"]
    assert gemma(["anna", "met"], is_split_into_words=True).tokens()[1:-1] == ["anna", "met"]
    assert {family for family, folder in folders.items() if needs_spaces(load_tokenizer(str(folder)))} == {"mmBERT"}


def built(model, normalizer=None, pre_tokenizer=None):
    backend = Tokenizer(model)
    if normalizer:
        backend.normalizer = normalizer
    if pre_tokenizer:
        backend.pre_tokenizer = pre_tokenizer
    return PreTrainedTokenizerFast(tokenizer_object=backend, unk_token="<unk>", pad_token="<pad>")


def pieces_of(letters, marked):
    return {piece: i for i, piece in enumerate(["<pad>", "<unk>", *letters, *(marked + c for c in letters), marked])}


def merged(mark):
    return models.BPE(pieces_of("abthеиофв", mark), [(mark, c) for c in "abthеиофв"], unk_token="<unk>")


UNIGRAM = models.Unigram([("<pad>", 0.0), ("<unk>", 0.0), ("▁", -3.0), *((c, -3.0) for c in "abtheof")], 1)
MARKED = normalizers.Replace(" ", "▁")
BYTES = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)


@pytest.mark.parametrize(("tokenizer", "wanted"), [
    (built(merged("▁"), MARKED, pre_tokenizers.Split(" ", "merged_with_previous")), True),
    (built(merged("▁"), normalizers.Sequence([normalizers.Prepend("▁"), MARKED])), False),  # the first Llama
    (built(UNIGRAM, None, pre_tokenizers.Metaspace(prepend_scheme="never")), True),
    (built(UNIGRAM, None, pre_tokenizers.Metaspace(prepend_scheme="first")), False),
    (built(merged("Ġ"), None, pre_tokenizers.Sequence([pre_tokenizers.Split(Regex(r" ?\S+"), "isolated"), BYTES])),
     True),
    (built(models.WordLevel(pieces_of("ab", "▁"), "<unk>"), None, pre_tokenizers.Whitespace()), False),
], ids=["gemma", "llama", "never", "first", "bytes after another split", "words"])
def test_decided_by_behaviour(tokenizer, wanted):
    assert needs_spaces(tokenizer) is wanted


def test_words_as_they_stand_in_their_text():
    assert spaced_words(["a", "", "b", "."]) == ["a", "", " b", " ."] and spaced_words([]) == []


def test_spans_are_those_of_the_words(gemma):
    task = TaggingTask(["O", "B-X", "I-X"])
    words = ("anna", "met", "🙂", "москваn", ".")
    example = Example(words)
    (spans,) = row_spans(gemma, [example], task.text_features(gemma, [example], 64).features)
    inside = spans.units >= 0
    pieces = gemma.convert_ids_to_tokens(next(encode_words(gemma, [words])).ids.tolist())
    found = [words[unit][start:end] for unit, start, end in zip(
        spans.units[inside], spans.starts[inside], spans.ends[inside])]
    for piece, text in zip(pieces, found, strict=True):
        assert text == ("🙂" if piece.startswith("<0x") else piece.replace("▁", ""))
    assert (spans.starts[inside] >= 0).all() and np.flatnonzero(spans.units == 1).size


def test_no_words_in_a_graph(gemma):
    from xtremedistil_tf.tokenization.graph.inputs import graph_tokenizer

    with pytest.raises(NoGraphFormError, match="BPE instead of WordPiece or Unigram"):
        graph_tokenizer(gemma)
    never = built(UNIGRAM, None, pre_tokenizers.Metaspace(prepend_scheme="never"))
    with pytest.raises(NoGraphFormError, match="marks words by the space before them"):
        graph_tokenizer(never)


def test_read_without_transformers(gemma, tmp_path):
    options = {f"{name}_token": getattr(gemma, f"{name}_token") for name in ("pad", "unk", "bos", "eos", "mask")}
    PreTrainedTokenizerFast(tokenizer_object=gemma.backend_tokenizer, **options).save_pretrained(tmp_path)
    light, words = light_tokenizer(tmp_path), ["anna", "met", "北京x", "."]
    (found,), (wanted,) = encode_words(light, [words]), encode_words(gemma, [words])
    assert found.ids.tolist() == wanted.ids.tolist() and found.word_ids.tolist() == wanted.word_ids.tolist()
