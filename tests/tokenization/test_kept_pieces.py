"""What a trimmed vocabulary keeps beside the pieces of the text."""

from __future__ import annotations

import numpy as np
import pytest
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast

from xtremedistil_tf.tokenization.trimming import LACKING, kept_pieces, piece_counts, trim_tokenizer

SEEN = ["haus", "maus", "##ung"]
DEV = ["laus", "##ungs", "haus"]
REST = ["zyx", "кот", "the", "##qq", "42"]


@pytest.fixture
def tokenizer():
    letters = sorted({c for piece in SEEN + DEV + REST for c in piece if c != "#"})
    pieces = ["[UNK]", "[PAD]", *letters, *("##" + c for c in letters), *dict.fromkeys(SEEN + REST + DEV)]
    backend = Tokenizer(models.WordPiece({piece: i for i, piece in enumerate(pieces)}, unk_token="[UNK]"))
    backend.pre_tokenizer = pre_tokenizers.Whitespace()
    return PreTrainedTokenizerFast(tokenizer_object=backend, unk_token="[UNK]", pad_token="[PAD]")


def counts(tokenizer, pieces):
    return piece_counts(len(tokenizer), [np.array(tokenizer.convert_tokens_to_ids(pieces), np.int32)])


def further(tokenizer, kept):
    beside = set(tokenizer.convert_tokens_to_ids(SEEN + DEV))
    return {tokenizer.convert_ids_to_tokens(int(i)) for i in np.flatnonzero(kept.mask) if i not in beside}


def test_pieces_are_counted():
    assert piece_counts(5, [np.array([1, 1, 4]), np.array([4])]).tolist() == [0, 2, 0, 0, 2]
    assert piece_counts(2, []).tolist() == [0, 0]


def test_without_further_pieces_those_of_text_and_dev_are_kept(tokenizer):
    kept = kept_pieces(tokenizer, counts(tokenizer, SEEN * 9), counts(tokenizer, [*DEV, "haus"]), 0)
    assert np.flatnonzero(kept.mask).tolist() == sorted(tokenizer.convert_tokens_to_ids([*SEEN, *DEV[:2]]))
    assert (kept.seen, kept.further) == (5, 0) and kept.lacking == kept.lacking_alone == 0.5


def test_likely_pieces_of_the_texts_scripts_are_added_until_dev_lacks_few(tokenizer):
    text, dev = counts(tokenizer, SEEN * 9), counts(tokenizer, [*DEV, "haus"])
    kept = kept_pieces(tokenizer, text, dev, 100)
    assert (kept.lacking_alone, kept.lacking) == (0.5, 0.0)
    # "laus" and "##ungs" look like the text, though they stand last in the vocabulary; "кот" is of another script.
    assert not {"кот", "zyx", "##qq"} & further(tokenizer, kept)
    one = kept_pieces(tokenizer, text, dev, 1)
    assert one.lacking == 0.25 and one.mask.sum() - one.further == kept.mask.sum() - kept.further


def test_single_characters_are_never_lacking_and_enough_is_enough(tokenizer):
    text = counts(tokenizer, SEEN)
    assert kept_pieces(tokenizer, text, counts(tokenizer, ["x", "##y", "[UNK]", "haus"]), 100).lacking_alone == 0
    many = [*["haus"] * int(2 / LACKING), "laus"]
    kept = kept_pieces(tokenizer, text, counts(tokenizer, many), 100)
    assert kept.further == 0 and kept.lacking == pytest.approx(1 / len(many))


def test_new_text_is_split_as_before_where_its_pieces_were_likely(tokenizer):
    dev = counts(tokenizer, DEV)
    dev_only_measures = kept_pieces(tokenizer, counts(tokenizer, SEEN * 9), dev, 100)
    trimmed = trim_tokenizer(tokenizer, dev_only_measures.mask).tokenizer
    assert trimmed.tokenize("laus hausungs") == tokenizer.tokenize("laus hausungs") == ["laus", "haus", "##ungs"]
    assert len(trimmed) < len(tokenizer)
