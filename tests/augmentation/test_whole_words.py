from todays_encoders import gemma_tokenizer

from xtremedistil_tf.augmentation.editing import WholeWords


def test_words_of_a_word_piece_vocabulary(word_tokenizer, words):
    found = WholeWords.of(word_tokenizer)
    # "a" is a letter; 北 and 京 are words of one character.
    assert set(found.words) == set(words) - {"a"}
    assert [word_tokenizer.convert_tokens_to_ids(word) for word in found.words] == found.ids.tolist()
    assert found.cased and found.find("house") >= 0 and found.find("House") == -1
    assert found.words[found.find("Paris")] == "Paris"


def test_words_of_a_byte_level_vocabulary(tmp_path):
    from tokenizers import ByteLevelBPETokenizer
    from transformers import RobertaTokenizerFast

    trained = ByteLevelBPETokenizer(add_prefix_space=True)
    special = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
    trained.train_from_iterator(["the House über the House über"] * 20, vocab_size=330, special_tokens=special)
    trained.save_model(str(tmp_path))
    tokenizer = RobertaTokenizerFast(str(tmp_path / "vocab.json"), str(tmp_path / "merges.txt"),
                                     add_prefix_space=True)
    assert {"the", "House", "über"} <= set(WholeWords.of(tokenizer).words)
    assert not {"ouse", "ber", "mask", "he"} & set(WholeWords.of(tokenizer).words)


def test_words_that_are_marked_by_the_space_before_them(tmp_path):
    tokenizer = gemma_tokenizer(tmp_path, ["the House über the House über"] * 20)
    found = WholeWords.of(tokenizer)
    assert {"the", "House", "über"} <= set(found.words)
    assert all(piece.startswith("▁") for piece in tokenizer.convert_ids_to_tokens(found.ids.tolist()))


def test_an_uncased_vocabulary_finds_words_in_any_case(tmp_path):
    from transformers import BertTokenizerFast

    (tmp_path / "vocab.txt").write_text("\n".join(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "house", "##s"]))
    found = WholeWords.of(BertTokenizerFast(str(tmp_path / "vocab.txt")))
    assert not found.cased and found.words == ["house"] and found.find("HOUSE") == 0
