"""A fine-tuned encoder as a teacher of answers, against transformers' own model."""

import numpy as np
import pytest

from xtremedistil_tf.errors import ConfigError
from xtremedistil_tf.teachers.encoder_answers import EncoderTeacher

TEXTS = ["anna met the paris , москва.", "", "the in the " * 30]


def test_probabilities_of_words_are_those_of_transformers(tiny_tagger_dir, tiny_tokenizer):
    from transformers import TFAutoModelForTokenClassification

    teacher = EncoderTeacher(str(tiny_tagger_dir))
    first, empty, long = teacher(TEXTS)
    words = [TEXTS[0][start:end] for start, end in first["offsets"]]
    assert words == ["anna", "met", "the", "paris", ",", "москва", "."]
    assert empty == {"text": "", "offsets": [], "scores": []}
    assert len(long["scores"]) == 90  # of more subwords than the encoder has positions

    model = TFAutoModelForTokenClassification.from_pretrained(tiny_tagger_dir)
    encoded = tiny_tokenizer([words], is_split_into_words=True, return_tensors="tf")
    logits = np.asarray(model(**encoded).logits[0], np.float64)
    ids = encoded.word_ids(0)
    for word, scores in enumerate(first["scores"]):
        powers = np.exp(logits[ids.index(word)])
        expected = {model.config.id2label[place]: value for place, value in enumerate(powers / powers.sum())}
        assert {name: pytest.approx(expected[name], abs=2e-5) for name in scores} == scores
        assert sum(scores.values()) == pytest.approx(1, abs=1e-3)


@pytest.mark.parametrize("problem, labels, pair", [
    (None, ["bad", "good"], False), (None, ["no", "yes", "maybe"], True),
    ("multi_label_classification", ["a", "b"], False), ("regression", ["number"], False)])
def test_classifiers_answer_as_transformers_does(tmp_path, tiny_teacher_dir, tiny_tokenizer, problem, labels, pair):
    from transformers import TFAutoModelForSequenceClassification

    model = TFAutoModelForSequenceClassification.from_pretrained(
        tiny_teacher_dir, id2label=dict(enumerate(labels)), label2id={n: i for i, n in enumerate(labels)},
        num_labels=len(labels), problem_type=problem)
    model.save_pretrained(tmp_path, safe_serialization=True)
    tiny_tokenizer.save_pretrained(tmp_path)
    texts = [("anna met", "the paris"), ("the", "in")] if pair else ["anna met the paris", "the"]
    answers = EncoderTeacher(str(tmp_path))(texts)
    for text, answer in zip(texts, answers):
        logits = np.asarray(model(**tiny_tokenizer(*(text if pair else [text]), return_tensors="tf")).logits[0], float)
        if problem == "regression":
            assert answer == {"score": pytest.approx(logits[0], abs=1e-4)}
        elif problem:
            assert answer["scores"] == pytest.approx(dict(zip(labels, 1 / (1 + np.exp(-logits)))), abs=1e-4)
        else:
            powers = np.exp(logits)
            assert answer["scores"] == pytest.approx(dict(zip(labels, powers / powers.sum())), abs=1e-4)


def test_a_checkpoint_that_is_not_fine_tuned_is_refused(tiny_teacher_dir):
    with pytest.raises(ConfigError, match="it is BertModel. Beside other teachers, expected a checkpoint that"):
        EncoderTeacher(str(tiny_teacher_dir))


def test_answers_of_another_checkpoint_are_not_taken_for_its_own(tiny_tagger_dir, tmp_path):
    import shutil

    copied = shutil.copytree(tiny_tagger_dir, tmp_path / "copy")
    same = EncoderTeacher(str(copied)).identity
    assert same == EncoderTeacher(str(tiny_tagger_dir)).identity
    weights = copied / "model.safetensors"
    raw = bytearray(weights.read_bytes())
    raw[-1] ^= 1
    weights.write_bytes(raw)
    assert EncoderTeacher(str(copied)).identity != same
