"""GLiNER as a teacher: the real library on a small random model in its own format, against its own `inference`."""

from __future__ import annotations

import types
import warnings

import pytest
from todays_encoders import save_encoder

from xtremedistil_tf.errors import ConfigError, MissingExtraError, ModelLoadError
from xtremedistil_tf.teachers.answering import is_answering, name_of
from xtremedistil_tf.teachers.gliner import GlinerTeacher, gliner_teacher

TEXTS = ["Ada Lovelace met Bo in Wien.", "", " \n", "Boris 🙂 works at Acme in Oslo!", "Bo"]
LABELS = ["person", "place", "company"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A model of two layers that takes twelve words, with weights that make its scores differ."""
    gliner = pytest.importorskip("gliner", reason="needs the extra gliner")
    torch = pytest.importorskip("torch", reason="needs the extra torch")
    root = tmp_path_factory.mktemp("gliner")
    save_encoder("mDeBERTa", root / "encoder", [*TEXTS, "The river Seine flows through Paris."] * 20)
    model = gliner.GLiNER.from_config(gliner.GLiNERConfig(
        model_name=str(root / "encoder"), hidden_size=16, max_width=3, dropout=0.0, max_len=12))
    torch.manual_seed(3)
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.dim() > 1:
                parameter.normal_(0, 0.2)
    model.save_pretrained(root / "model")
    return root / "model"


@pytest.fixture(scope="module")
def own(folder):
    import gliner

    model = gliner.GLiNER.from_pretrained(str(folder), local_files_only=True)

    def own(text, labels=LABELS, threshold=0.2):
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # that a text is cut
            return model.inference([text], labels, threshold=threshold)[0]
    return own


def test_answers_are_glinerss_own(folder, own):
    rows = gliner_teacher(str(folder), LABELS, threshold=0.2, batch_size=2)(TEXTS)
    assert [row["text"] for row in rows] == TEXTS
    for row in rows:
        expected = own(row["text"]) if row["text"].strip() else []
        assert [(e["start"], e["end"], e["label"], e["text"]) for e in row["entities"]] == [
            (e["start"], e["end"], e["label"], e["text"]) for e in expected]
        assert [e["score"] for e in row["entities"]] == pytest.approx([e["score"] for e in expected], abs=1e-5)
        assert all(row["text"][e["start"]:e["end"]] == e["text"] and e["score"] >= 0.2 for e in row["entities"])
    scores = [e["score"] for row in rows for e in row["entities"]]
    assert len(scores) > 5 and max(scores) - min(scores) > 0.05
    sure = gliner_teacher(str(folder), LABELS, threshold=max(scores) - 1e-6)(TEXTS)
    assert 0 < sum(len(row["entities"]) for row in sure) < len(scores)


def test_descriptions_are_asked_for_and_labels_answered(folder, own):
    described = {"person": "people by their names", "place": "", "company": "firms and clubs"}
    (row,) = gliner_teacher(str(folder), described, threshold=0.2)(TEXTS[:1])
    asked = {name: text or name for name, text in described.items()}
    expected = own(TEXTS[0], list(asked.values()))
    assert [(e["text"], asked[e["label"]]) for e in row["entities"]] == [(e["text"], e["label"]) for e in expected]
    assert {e["label"] for e in row["entities"]} <= set(LABELS) and expected != own(TEXTS[0])


def test_long_texts_are_parted_not_cut(folder, own):
    text = "Ada met Bo in Wien. " * 4 + "Boris works at Acme in Oslo with Ada and Bo and all of the others there"
    teacher = gliner_teacher(str(folder), LABELS, threshold=0.2)
    parts = list(teacher._parts(text))
    pieces = [text[start:end] for start, end in parts]
    assert pieces[:2] == ["Ada met Bo in Wien. Ada met Bo in Wien."] * 2 and len(pieces) == 4
    assert " ".join(pieces) == text
    (row,) = teacher([text])
    assert [(e["start"], e["end"], e["label"]) for e in row["entities"]] == [
        (begin + e["start"], begin + e["end"], e["label"]) for begin, end in parts for e in own(text[begin:end])]
    assert row["entities"][-1]["end"] > parts[-1][0]
    assert all(text[e["start"]:e["end"]] == e["text"] for e in row["entities"])


def test_identity_is_all_that_decides(folder, tmp_path):
    teachers = [gliner_teacher(str(folder), *options) for options in (
        (LABELS,), (LABELS, 0.5, 1), (LABELS, 0.3), (LABELS[:2],))]
    first, same, sure, fewer = (teacher.identity for teacher in teachers)
    assert first == same and first != sure and first != fewer
    assert is_answering(teachers[0]) and len(set(map(name_of, teachers))) == 3
    (copy := tmp_path / "model").mkdir()
    for file in folder.iterdir():
        (copy / file.name).write_bytes(file.read_bytes())
    assert gliner_teacher(str(copy), LABELS).identity == first
    (copy / "pytorch_model.bin").write_bytes(b"other")
    model = types.SimpleNamespace(config=types.SimpleNamespace(max_len=9))
    assert GlinerTeacher(model, str(copy), first["labels"], 0.5, 1).identity != first


def test_what_cannot_be_loaded(folder, tmp_path):
    with pytest.raises(ModelLoadError, match="has no gliner_config.json; expected"):
        gliner_teacher(str(tmp_path), LABELS)
    (tmp_path / "gliner_config.json").write_text("{}")
    with pytest.raises(ModelLoadError, match="Cannot load the GLiNER model"):
        gliner_teacher(str(tmp_path), LABELS)


def test_refused_before_anything_is_loaded(monkeypatch):
    with pytest.raises(ConfigError, match="`labels=`: expected the kinds"):
        gliner_teacher("no-one/none", [])
    with pytest.raises(ConfigError, match="each once"):
        gliner_teacher("no-one/none", ["a", "a"])
    with pytest.raises(ConfigError, match="labels a and b are both described as 'x'"):
        gliner_teacher("no-one/none", {"a": "x", "b": "x"})
    with pytest.raises(ConfigError, match="`threshold=1`"):
        gliner_teacher("no-one/none", ["a"], threshold=1)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(MissingExtraError, match=r"A GLiNER teacher needs .*xtremedistil-tf\[gliner\]"):
        gliner_teacher("no-one/none", "person")
