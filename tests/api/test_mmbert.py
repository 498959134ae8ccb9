"""A whole run with an mmBERT as teacher, whose tokenizer the student takes over, trimmed."""

from __future__ import annotations

import pytest
from todays_encoders import save_encoder

import xtremedistil_tf as xd
from xtremedistil_tf.checkpoints.tokenizers import load_tokenizer
from xtremedistil_tf.tokenization.words import needs_spaces

pytest.importorskip("torch", reason="needs the extra torch")
onnxruntime = pytest.importorskip("onnxruntime", reason="needs the extra onnx")


def test_mmbert_to_onnx(tiny_task, tmp_path):
    texts = (tiny_task / "unlabeled.txt").read_text(encoding="utf-8").splitlines()
    save_encoder("mmBERT", tmp_path / "mmbert", [*texts, *["quick zebras jump"] * 50])
    student = xd.distil(tiny_task, iter(texts[:60]), kind="tagging", teacher=tmp_path / "mmbert",
                        teacher_backend="torch", out=tmp_path / "out", seq_len=24, embedding_size=6, lstm_units=4,
                        teacher_epochs=1, distil_epochs=1, strategy="logits", student_distil_batch_size=32,
                        trim_vocabulary=True, trim_keep=10, accept_weak_teacher=True)
    tokenizer, teachers = (load_tokenizer(str(tmp_path / name)) for name in ("out", "mmbert"))
    assert needs_spaces(tokenizer) and len(tokenizer) < len(teachers)
    assert tokenizer(texts[0]).tokens() == teachers(texts[0]).tokens()
    student.export("onnx", measure=False, max_f1_drop=1.0)
    session = onnxruntime.InferenceSession(str(tmp_path / "out/export/onnx/model_none.onnx"))
    assert session.get_modelmeta().custom_metadata_map["spaced_words"] == "true"
    words = ["anna", "met", "boris", "in", "москва", "."]
    keras, onnx = (one.predict([" ".join(words), words]) for one in (student, xd.load(tmp_path / "out", form="onnx")))
    for one, other in zip(keras, onnx, strict=True):
        assert one.tags == other.tags and len(one.tags) == len(words)
        assert [w.score for w in one.words] == pytest.approx([w.score for w in other.words], abs=1e-5)
