"""`pt_teacher` beside the checkpoint's own config."""

from __future__ import annotations

import pytest
import transformers

from xtremedistil_tf.errors import ConfigError
from xtremedistil_tf.teachers.loading import check_teacher_class


@pytest.mark.parametrize("name", ["TFAutoModel", "TFBertModel"])
def test_agreement(name, tiny_teacher_dir):
    check_teacher_class(name, str(tiny_teacher_dir))


@pytest.mark.parametrize("name, config", [
    ("TFBertModel", "Bert"), ("TFElectraModel", "Electra"), ("TFRobertaModel", "Roberta"),
    ("TFXLMRobertaModel", "XLMRoberta"), ("TFDistilBertModel", "DistilBert"), ("TFAlbertModel", "Albert"),
    ("TFXLNetModel", "XLNet"), ("TFOpenAIGPTModel", "OpenAIGPT"), ("TFGPT2Model", "GPT2"),
    ("TFCTRLModel", "CTRL"), ("TFXLMModel", "XLM"), ("TFFunnelBaseModel", "Funnel"), ("TFT5Model", "T5"),
    ("TFT5EncoderModel", "T5")])
def test_every_class(name, config, tmp_path):
    getattr(transformers, f"{config}Config")().save_pretrained(tmp_path)
    check_teacher_class(name, str(tmp_path))


@pytest.mark.parametrize("name, message", [
    ("TFElectraModel", "is a bert model. Expected `pt_teacher=TFBertModel`"),
    ("BertModel", "no TensorFlow model class of that name"),
])
def test_contradiction(name, message, tiny_teacher_dir):
    with pytest.raises(ConfigError, match=message):
        check_teacher_class(name, str(tiny_teacher_dir))
