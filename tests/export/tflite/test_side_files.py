"""The files beside a TensorFlow Lite model."""

from __future__ import annotations

import json

import pytest
import tokenizers
from tokenizers import models, normalizers, pre_tokenizers, processors
from transformers import PreTrainedTokenizerFast

from xtremedistil_tf.export.tflite import write_side_files
from xtremedistil_tf.tasks.classification import ClassificationTask
from xtremedistil_tf.tasks.tagging import TaggingTask

TAGGING = TaggingTask(["O", "B-LOC", "I-LOC"])


@pytest.fixture(scope="module")
def unigram():
    pieces = [("<s>", 0.0), ("<pad>", 0.0), ("</s>", 0.0), ("<unk>", 0.0), ("\u2581a", -1.0), ("b", -2.0)]
    backend = tokenizers.Tokenizer(models.Unigram(pieces, unk_id=3))
    backend.normalizer = normalizers.Sequence([normalizers.Nmt(), normalizers.NFKC()])
    backend.pre_tokenizer = pre_tokenizers.Metaspace()
    backend.post_processor = processors.TemplateProcessing(
        "<s> $A </s>", "<s> $A </s> </s> $B </s>", special_tokens=[("<s>", 0), ("</s>", 2)])
    return PreTrainedTokenizerFast(tokenizer_object=backend, cls_token="<s>", sep_token="</s>",
                                   pad_token="<pad>", unk_token="<unk>",
                                   model_input_names=["input_ids", "attention_mask"])


def model_json(folder) -> dict:
    return json.loads((folder / "model.json").read_text(encoding="utf-8"))


def test_labels_and_vocabulary_of_wordpiece(tmp_path, tiny_tokenizer):
    write_side_files(tmp_path, tiny_tokenizer, TAGGING)
    assert (tmp_path / "labels.txt").read_text(encoding="utf-8").splitlines() == TAGGING.labels
    pieces = (tmp_path / "vocab.txt").read_text(encoding="utf-8").split("\n")[:-1]
    assert {piece: i for i, piece in enumerate(pieces)} == tiny_tokenizer.get_vocab()
    assert sorted(file.name for file in tmp_path.iterdir()) == [
        "labels.txt", "model.json", "vocab.txt", "words.json"]


def test_facts_for_wordpiece(tmp_path, tiny_tokenizer):
    write_side_files(tmp_path, tiny_tokenizer, ClassificationTask(["bad", "good"]), max_length=128)
    facts = model_json(tmp_path)
    assert facts["task"]["kind"] == "classification" and facts["task"]["labels"] == ["bad", "good"]
    assert facts["signature"] == {"name": "token_ids", "outputs": ["logits"],
                                  "inputs": ["input_ids", "attention_mask", "token_type_ids"]}
    assert facts["max_length"] == 128
    assert facts["special_token_ids"] == {"pad": 0, "unk": 1, "cls": 2, "sep": 3, "mask": 4}
    assert facts["tokenizer"]["normalizer"]["lowercase"] is False
    assert facts["tokenizer"]["max_characters_per_word"] == 100
    assert facts["input_of_pair"] == {"special_ids": [[2], [3], [3]], "special_types": [[0], [0], [1]],
                                      "text_types": [0, 1]}
    assert "tensorflow" in facts["versions"]


def test_words_that_begin_with_a_space(tmp_path, unigram, tiny_tokenizer):
    spaced = PreTrainedTokenizerFast.from_pretrained(_saved(unigram, tmp_path))
    spaced.backend_tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="never")
    for tokenizer, task, wanted in ((spaced, TAGGING, True), (spaced, ClassificationTask(["bad", "good"]), None),
                                    (unigram, TAGGING, None), (tiny_tokenizer, TAGGING, None)):
        write_side_files(tmp_path, tokenizer, task)
        assert model_json(tmp_path)["tokenizer"].get("spaced_words") is wanted


def _saved(tokenizer, folder):
    tokenizer.save_pretrained(folder)
    return folder


def test_inputs_are_put_together_as_model_json_says(tmp_path, tiny_tokenizer, unigram):
    for tokenizer in (tiny_tokenizer, unigram):
        write_side_files(tmp_path, tokenizer, TAGGING)
        for texts, key in ((["ab"], "input_of_text"), (["ab", "a b"], "input_of_pair")):
            frame = model_json(tmp_path)[key]
            ids = list(frame["special_ids"][0])
            for text, special in zip(texts, frame["special_ids"][1:]):
                ids += tokenizer(text, add_special_tokens=False)["input_ids"] + special
            assert ids == tokenizer(*texts)["input_ids"]


def test_other_vocabularies_get_the_tokenizers_own_file(tmp_path, unigram):
    write_side_files(tmp_path, unigram, TAGGING)
    loaded = tokenizers.Tokenizer.from_file(str(tmp_path / "tokenizer.json"))
    assert loaded.encode("ab a c").ids == unigram("ab a c")["input_ids"]
    facts = model_json(tmp_path)
    assert facts["tokenizer"]["file"] == "tokenizer.json"
    assert facts["tokenizer"]["normalizer"]["normalizers"] == [{"type": "Nmt"}, {"type": "NFKC"}]
    assert facts["signature"]["inputs"] == ["input_ids", "attention_mask"] and facts["max_length"] is None
    assert not (tmp_path / "vocab.txt").exists()
