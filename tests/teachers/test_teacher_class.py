"""--pt_teacher beside the checkpoint's own config."""

from __future__ import annotations

import pytest

from xtremedistil_tf.errors import ConfigError
from xtremedistil_tf.teachers.loading import check_teacher_class


@pytest.mark.parametrize("name", ["TFAutoModel", "TFBertModel"])
def test_agreement(name, tiny_teacher_dir):
    check_teacher_class(name, str(tiny_teacher_dir))


@pytest.mark.parametrize("name, message", [
    ("TFElectraModel", "is a bert model. Expected --pt_teacher=TFBertModel"),
    ("BertModel", "no TensorFlow model class of that name"),
])
def test_contradiction(name, message, tiny_teacher_dir):
    with pytest.raises(ConfigError, match=message):
        check_teacher_class(name, str(tiny_teacher_dir))
