"""The same weights give the same answers in TensorFlow, torch and ONNX Runtime."""

from __future__ import annotations

import numpy as np
import pytest
import transformers

from xtremedistil_tf.errors import ConfigError, MissingExtraError, ModelLoadError
from xtremedistil_tf.tasks.registry import make_task
from xtremedistil_tf.teachers.protocol import AveragedTeacher, backend_named

torch = pytest.importorskip("torch", reason="needs the extra torch")

SIZES = dict(vocab_size=37, hidden_size=16, num_hidden_layers=2, num_attention_heads=2, intermediate_size=24,
             max_position_embeddings=40)
LABELS = {"tagging": ["O", "B-X", "I-X"], "classification": ["no", "yes", "so"], "regression": ["score"],
          "question_answering": ["start", "end"]}
LENGTHS = np.array([8, 5, 2])
MASK = (np.arange(8) < LENGTHS[:, None]).astype(np.int32)
RNG = np.random.default_rng(0)
BATCH = {"input_ids": np.where(MASK, RNG.integers(3, 37, (3, 8)), 33).astype(np.int32),
         "attention_mask": MASK, "token_type_ids": (MASK * (np.arange(8) > 3)).astype(np.int32)}


def save_torch(folder, kind, config):
    """A random fine-tuned torch model, its labels in reverse order."""
    labels = LABELS[kind][::-1] if kind in ("tagging", "classification") else LABELS[kind]
    config.update(dict(id2label=dict(enumerate(labels)), label2id={name: i for i, name in enumerate(labels)}))
    torch.manual_seed(1)
    auto = getattr(transformers, f"AutoModelFor{make_task(kind, LABELS[kind]).auto_class}")
    model = auto.from_config(config, attn_implementation="eager").eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.normal_(0, 0.3)
    model.save_pretrained(folder)
    return model


def export(model, folder, states=True):
    """Writes model.onnx with Optimum's names."""
    class Flat(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.model = model

        def forward(self, input_ids, attention_mask, token_type_ids):
            found = self.model(input_ids=input_ids, attention_mask=attention_mask,
                               token_type_ids=token_type_ids, output_hidden_states=states,
                               output_attentions=states)
            heads = (found.logits,) if "logits" in found else (found.start_logits, found.end_logits)
            return heads + (found.hidden_states + found.attentions if states else ())

    inputs = {name: torch.tensor(values, dtype=torch.long) for name, values in BATCH.items()}
    names = ["start_logits", "end_logits"] if "QuestionAnswering" in type(model).__name__ else ["logits"]
    if states:
        names += [f"hidden_states.{i}" for i in range(3)] + [f"attentions.{i}" for i in range(2)]
    axes = {name: {0: "batch", 1: "time"} for name in [*inputs, *names] if "attentions" not in name}
    axes |= {name: {0: "batch", 2: "time", 3: "time"} for name in names if "attentions" in name}
    if "SequenceClassification" in type(model).__name__:
        axes["logits"] = {0: "batch"}
    torch.onnx.export(Flat().eval(), tuple(inputs.values()), str(folder / "model.onnx"),
                      input_names=list(inputs), output_names=names, dynamic_axes=axes, opset_version=17,
                      dynamo=False)


def same(found, expected, per_piece):
    for name in expected:
        for row, length in enumerate(LENGTHS):
            pieces = length if per_piece or name != "logits" else None
            np.testing.assert_allclose(np.asarray(found[name])[row, :pieces],
                                       np.asarray(expected[name])[row, :pieces], atol=1e-4, err_msg=name)


@pytest.mark.parametrize("kind", LABELS)
def test_three_backends_agree(kind, tmp_path):
    pytest.importorskip("onnxruntime", reason="needs the extra onnx")
    config = transformers.BertConfig(**SIZES)
    model = save_torch(tmp_path, kind, config)
    export(model, tmp_path)
    task = make_task(kind, LABELS[kind])
    with torch.no_grad():
        whole = model(**{name: torch.tensor(values, dtype=torch.long) for name, values in BATCH.items()},
                      output_hidden_states=True, output_attentions=True)
    spans = kind == "question_answering"
    logits = torch.stack([whole.start_logits, whole.end_logits], -1) if spans else whole.logits
    order = [model.config.label2id[name] for name in task.labels] if task.names_outputs else slice(None)
    expected = {"logits": logits[..., order].numpy(),
                "hidden": torch.stack([whole.hidden_states[i] for i in (0, 1, 2)], 2).numpy(),
                "attentions": torch.stack([m.transpose(1, 2) for m in whole.attentions], 2).numpy()}
    table = model.get_input_embeddings().weight.detach().numpy()
    for name in ("tf", "torch", "onnx"):
        teacher = backend_named(name).load(str(tmp_path), task)
        same(teacher.forward((0, 1, -1), (1, -1))(BATCH), expected, task.per_piece)
        np.testing.assert_array_equal(teacher.word_embeddings(), table)
        assert (teacher.num_layers, teacher.width, teacher.task) == (2, 16, task)
        parameters = sum(parameter.numel() for parameter in model.parameters())
        assert teacher.parameters == pytest.approx(parameters, rel=0.05 if name == "onnx" else 0)


CAREFUL = {"XLNet": dict(vocab_size=37, d_model=16, n_layer=2, n_head=2, d_inner=24),
           "ConvBert": dict(SIZES, embedding_size=16),
           "MobileBert": dict(SIZES, embedding_size=16, intra_bottleneck_size=8),
           "GPT2": dict(vocab_size=37, n_embd=16, n_layer=2, n_head=2, n_positions=40, pad_token_id=0)}


# TensorFlow has no tagger of GPT-2.
@pytest.mark.parametrize("name, kind", [(name, kind) for name in CAREFUL for kind in ("tagging", "classification")
                                        if (name, kind) != ("GPT2", "tagging")])
def test_torch_and_tensorflow_agree_on_families_that_need_care(name, kind, tmp_path):
    save_torch(tmp_path, kind, getattr(transformers, f"{name}Config")(**CAREFUL[name]))
    task = make_task(kind, LABELS[kind])
    found, expected = (backend_named(backend).load(str(tmp_path), task).forward((0, 1, 2), (1, 2))(BATCH)
                       for backend in ("torch", "tf"))
    same(found, expected, task.per_piece)


@pytest.mark.parametrize("name, config", [
    ("ModernBert", dict(SIZES, pad_token_id=0, global_attn_every_n_layers=2, local_attention=4,
                        cls_token_id=1, sep_token_id=2, bos_token_id=1, eos_token_id=2)),
    ("DebertaV2", dict(SIZES, relative_attention=True, position_buckets=8, pos_att_type=["p2c", "c2p"],
                       norm_rel_ebd="layer_norm", share_att_key=True)),
    ("GPT2", dict(vocab_size=37, n_embd=16, n_layer=2, n_head=2, n_positions=40, pad_token_id=0))])
def test_torch_answers_do_not_depend_on_padding(name, config, tmp_path):
    model = save_torch(tmp_path, "tagging", getattr(transformers, f"{name}Config")(**config))
    task = make_task("tagging", LABELS["tagging"])
    found = backend_named("torch").load(str(tmp_path), task).forward((0, 1, 2))(BATCH)
    for row, length in enumerate(LENGTHS):
        ids = torch.tensor(BATCH["input_ids"][row: row + 1, :length], dtype=torch.long)
        with torch.no_grad():
            alone = model(input_ids=ids, attention_mask=torch.ones_like(ids), output_hidden_states=True)
        np.testing.assert_allclose(found["logits"][row, :length], alone.logits[0].numpy()[:, ::-1], atol=1e-5)
        states = torch.stack(alone.hidden_states, 2)[0].numpy()
        np.testing.assert_allclose(found["hidden"][row, :length], states, atol=1e-5)


def test_average_of_teachers(tmp_path):
    task = make_task("tagging", LABELS["tagging"])
    for number, name in enumerate(("first", "second")):
        model = save_torch(tmp_path / name, "tagging", transformers.BertConfig(**SIZES))
        with torch.no_grad():
            model.classifier.bias += number
        model.save_pretrained(tmp_path / name)
    first, second = (backend_named(backend).load(str(tmp_path / name), task)
                     for backend, name in (("tf", "first"), ("torch", "second")))
    average = AveragedTeacher([first, second])
    found, one = (teacher.forward((1,), (1,))(BATCH) for teacher in (average, first))
    logits, other = one["logits"].numpy(), second.forward()(BATCH)["logits"]
    np.testing.assert_allclose(found["logits"], (logits + other) / 2, atol=1e-6)
    np.testing.assert_allclose(found["logits"][MASK > 0], logits[MASK > 0] + 0.5, atol=1e-4)
    for name in ("hidden", "attentions"):
        np.testing.assert_array_equal(found[name], one[name])
    np.testing.assert_array_equal(average.word_embeddings(), first.word_embeddings())
    assert average.parameters == first.parameters + second.parameters
    assert (average.num_layers, average.width) == (2, 16)


def test_onnx_without_what_is_asked_for(tmp_path):
    pytest.importorskip("onnxruntime", reason="needs the extra onnx")
    export(save_torch(tmp_path, "tagging", transformers.BertConfig(**SIZES)), tmp_path, states=False)
    task = make_task("tagging", LABELS["tagging"])
    backend = backend_named("onnx")
    teacher = backend.load(str(tmp_path), task)
    assert backend.fine_tune is None and teacher.forward()(BATCH)["logits"].shape == (3, 8, 3)
    with pytest.raises(ConfigError, match=r"without the output hidden_states\.1 .*output_hidden_states=True"):
        teacher.forward((1,))
    with pytest.raises(ConfigError, match=r"without the output attentions\.0"):
        teacher.forward((), (1,))
    (tmp_path / "model.onnx").write_bytes(b"not a graph")
    with pytest.raises(ModelLoadError, match="Cannot load the model"):
        backend.load(str(tmp_path), task)
    (tmp_path / "model.onnx").unlink()
    with pytest.raises(ModelLoadError, match="has no model.onnx.*optimum-cli"):
        backend.load(str(tmp_path), task)


@pytest.mark.parametrize("name, package", [("torch", "torch"), ("onnx", "onnxruntime")])
def test_missing_packages(name, package, monkeypatch, tmp_path):
    monkeypatch.setattr("importlib.util.find_spec", lambda wanted: None if wanted == package else object())
    with pytest.raises(MissingExtraError, match=rf"xtremedistil-tf\[{name}\]"):
        backend_named(name).load(str(tmp_path), make_task("tagging", LABELS["tagging"]))


def test_torch_refuses_what_it_cannot_load(tmp_path):
    task = make_task("tagging", LABELS["tagging"])
    transformers.T5Config().save_pretrained(tmp_path / "t5")
    with pytest.raises(ModelLoadError, match="'t5'.*`teacher_backend=tf`"):
        backend_named("torch").load(str(tmp_path / "t5"), task)
    transformers.BertModel(transformers.BertConfig(**SIZES)).save_pretrained(tmp_path / "bare")
    with pytest.raises(ModelLoadError, match="no head for tagging that BertForTokenClassification can read"):
        backend_named("torch").load(str(tmp_path / "bare"), task)
    transformers.ElectraConfig(**SIZES).save_pretrained(tmp_path / "bare")
    with pytest.raises(ModelLoadError, match=r"lacks \d+ weights of the encoder"):
        backend_named("torch").load(str(tmp_path / "bare"), task)
