"""Model directories of the original: made here from their description, then read, measured and trained on."""

from __future__ import annotations

import json
import pathlib
import random
import shutil
import subprocess

import h5py
import numpy as np
import pytest
import tensorflow as tf
import tf_keras
from tf_keras.layers import Dense, Input
from transformers import AutoTokenizer, BertConfig, RobertaTokenizerFast, TFBertModel

from xtremedistil_tf.corpus.example import Example, TextExample
from xtremedistil_tf.errors import ModelLoadError
from xtremedistil_tf.export.onnx import export_onnx
from xtremedistil_tf.inference.predictor import StudentPredictor, needs_tensorflow, open_predictor
from xtremedistil_tf.students.metadata import exported_path
from xtremedistil_tf.students.model_directory import load_student

ROOT = pathlib.Path(__file__).resolve().parents[2]
SEQ_LEN = 24
# labels.tsv may list X itself; the original then adds the classes of special tokens, and X once more.
TAGS = ["O", "X", "B-LOC", "I-LOC", "B-PER", "I-PER", "[PAD]", "X", "[SEP]", "[CLS]"]
REAL = [0, 2, 3, 4, 5]
WORDS = "anna boris chen göran paris oslo москва lima met in saw the old house yesterday and left .".split()


def original_model(classes: int, per_piece: bool, teacher_width: int = 0, table=None, vocab_size: int = 30522):
    """The Keras model whose weights the original saves: a functional one with its names and sizes.

    `table` replaces the word embeddings: an array is frozen and no weight, a variable is a weight.
    """
    tf_keras.utils.set_random_seed(6)
    tf_keras.backend.reset_uids()  # as in a new process: the head is called `dense`
    inputs = {name: Input((SEQ_LEN,), dtype=tf.int32, name=name)
              for name in ("input_ids", "attention_mask", "token_type_ids")}
    sizes = {} if vocab_size == 30522 else {"intermediate_size": 40}
    config = BertConfig(hidden_size=16, num_hidden_layers=2, num_attention_heads=2, vocab_size=vocab_size,
                        **sizes)
    bert = TFBertModel(config, name="student_2")
    bert.build_in_name_scope()
    if table is not None:
        bert.bert.embeddings.weight = table
    states = bert(**inputs).last_hidden_state
    states = states if per_piece else states[:, 0]
    if teacher_width:
        states = Dense(teacher_width, name="dense_2")(states)
    model = tf_keras.Model([inputs["input_ids"], inputs["token_type_ids"], inputs["attention_mask"]],
                           Dense(classes)(states))
    rng = np.random.default_rng(5)
    for variable in model.variables:  # far from BERT's start near zero, so that differences show
        size = 2.0 if "word_embeddings" in variable.name else 1.2 / variable.shape[0] ** 0.5
        variable.assign(variable + rng.normal(0, size, variable.shape))
    return model


def write_directory(folder, model, label_list, teacher, table=None, **arguments):
    """What the original leaves, without its intermediate checkpoints."""
    folder.mkdir(parents=True, exist_ok=True)
    model.save_weights(folder / "xtremedistil.h5")
    if table is not None:
        np.save(folder / "word_embedding.npy", np.asarray(table))
    facts = {"task": "../datasets/NER", "model_dir": "../out", "seq_len": SEQ_LEN,
             "transfer_file": "../unlabeled.txt", "teacher_model_dir": "../out",
             "do_NER": False, "do_pairwise": False, "hidden_size": 16,
             "num_attention_heads": 2, "num_hidden_layers": 2, "pt_student_checkpoint": False,
             "distil_attention": False, "distil_multi_hidden_states": True, "compress_word_embedding": False,
             "freeze_word_embedding": False, "pt_teacher": "TFBertModel", "pt_teacher_checkpoint": str(teacher),
             "opt_policy": False, "student_distil_batch_size": 128, "student_ft_batch_size": 32,
             "teacher_batch_size": 128, "ft_epochs": 100, "distil_epochs": 500, "distil_chunk_size": 100000,
             "patience": 5, "teacher_hidden_size": 32, "label_list": label_list}
    (folder / "xtremedistil-config.json").write_text(json.dumps(facts | arguments))
    return folder


def names_in(folder) -> tuple[list[str], list[str]]:
    """The layers with weights, and the names of the student's, as they are in the file."""
    with h5py.File(folder / "xtremedistil.h5") as file:
        layers = [name for name in file if len(file[name].attrs.get("weight_names", []))]
        return sorted(layers), [name.decode() if isinstance(name, bytes) else name
                                for name in file["student_2"].attrs["weight_names"]]


def sentences(count: int) -> list[Example]:
    rng = random.Random(3)
    return [Example(tuple(rng.choices(WORDS, k=rng.randint(1, 4)))) for _ in range(count)]


def laid_out(tokenizer, examples) -> tuple[list[np.ndarray], list[list[int]]]:
    """The original's inputs for sentences, and where the first piece of each word is."""
    ids, starts = np.zeros((len(examples), SEQ_LEN), np.int32), []
    for row, example in zip(ids, examples):
        pieces, first = ["[CLS]"], []
        for word in example.words:
            first.append(len(pieces))
            pieces += tokenizer.tokenize(word)
        pieces.append("[SEP]")
        assert len(pieces) <= SEQ_LEN
        row[:len(pieces)] = tokenizer.convert_tokens_to_ids(pieces)
        starts.append(first)
    return [ids, np.zeros_like(ids), (ids != tokenizer.pad_token_id).astype(np.int32)], starts


def balance(model, inputs) -> np.ndarray:
    """Logits, after the head's bias is set so that no class has all answers."""
    logits = model.predict(inputs, verbose=0)
    model.layers[-1].bias.assign_sub((logits[inputs[2] > 0] if logits.ndim == 3 else logits).mean(0))
    return model.predict(inputs, verbose=0)


@pytest.mark.parametrize("teacher_width", [0, 32])
def test_a_tagger_from_scratch(tmp_path, tiny_teacher_dir, tiny_tokenizer, teacher_width):
    model, examples = original_model(len(TAGS), True, teacher_width), sentences(40)
    inputs, starts = laid_out(tiny_tokenizer, examples)
    logits = balance(model, inputs)
    folder = write_directory(tmp_path, model, TAGS, tiny_teacher_dir, do_NER=True)
    layers, names = names_in(folder)
    assert layers == (["dense", "dense_2", "student_2"] if teacher_width else ["dense", "student_2"])
    assert "student_2/bert/embeddings/word_embeddings/weight:0" in names
    saved = load_student(folder)
    assert saved.task.labels == [TAGS[row] for row in REAL] and saved.task.kind == "tagging"
    assert saved.student.max_length == SEQ_LEN and saved.config["student_type"] == "transformer"
    predictor = StudentPredictor(saved.student, saved.tokenizer, saved.task)
    predicted = predictor.predict(examples)
    expected = [[TAGS[REAL[np.argmax(row[at][REAL])]] for at in first] for row, first in zip(logits, starts)]
    assert predicted == expected and {tag for tags in expected for tag in tags} == {TAGS[row] for row in REAL}
    assert {TAGS[row] for row in logits[inputs[2] > 0].argmax(-1)} - {TAGS[row] for row in REAL}
    long = [Example(tuple(WORDS * 5))]
    assert [len(tags) for tags in predictor.predict(long)] == [len(long[0].words)]


@pytest.mark.parametrize("frozen", [True, False])
def test_a_pair_classifier_with_the_teachers_table(tmp_path, tiny_teacher_dir, tiny_tokenizer, frozen):
    table = np.random.default_rng(1).normal(0, 2, (len(tiny_tokenizer), 16)).astype(np.float32)
    placed = table if frozen else tf.Variable(table)
    model = original_model(3, False, 32, placed, len(tiny_tokenizer))
    rng = random.Random(4)
    pairs = [[" ".join(rng.choices(WORDS, k=rng.randint(1, 9))) for _ in range(2)] for _ in range(40)]
    encoded = tiny_tokenizer([a for a, _ in pairs], [b for _, b in pairs], truncation=True,
                             padding="max_length", max_length=SEQ_LEN, return_tensors="np")
    inputs = [encoded[name].astype(np.int32) for name in ("input_ids", "token_type_ids", "attention_mask")]
    logits = balance(model, inputs)
    assert encoded["attention_mask"][:, -1].any() and len(set(logits.argmax(-1))) == 3
    folder = write_directory(tmp_path, model, ["2", "0", "1"], tiny_teacher_dir, np.asarray(placed),
                             do_pairwise=True, compress_word_embedding=True, freeze_word_embedding=frozen,
                             pt_student_checkpoint="no/longer-there")
    assert not any("word_embeddings" in name for name in names_in(folder)[1])
    if not frozen:
        (folder / "word_embedding.npy").unlink()  # written there, but not read again
    saved = load_student(folder)
    assert saved.task.labels == ["0", "1", "2"] and saved.config["do_pairwise"] is True
    assert saved.student.shape.freeze_word_embedding == frozen and saved.config["pt_student_checkpoint"]
    predictor = StudentPredictor(saved.student, saved.tokenizer, saved.task)
    predicted = predictor.predict([TextExample(a, b) for a, b in pairs])
    assert [p.label for p in predicted] == [str(number) for number in logits.argmax(-1)]
    np.testing.assert_allclose([p.probabilities for p in predicted], tf.nn.softmax(logits), atol=1e-5)


@pytest.fixture(scope="module")
def tagger(tmp_path_factory, tiny_teacher_dir):
    """A directory of the original, for damage."""
    folder = tmp_path_factory.mktemp("original") / "out"
    model = original_model(len(TAGS), True, vocab_size=70)
    return write_directory(folder, model, TAGS, tiny_teacher_dir, do_NER=True)


def test_other_forms_of_it(tagger, tmp_path):
    folder = tmp_path / "out"
    shutil.copytree(tagger, folder)
    saved = load_student(folder)
    export_onnx(exported_path(folder, "onnx"), saved.student, saved.tokenizer, saved.task, "none")
    assert needs_tensorflow(folder, "onnx")
    examples = [*sentences(9), Example(tuple(WORDS * 5))]
    found = open_predictor(folder, "onnx", decoding="legal")
    assert found.config == load_student(folder, "legal").config and found.task.decoding == "legal"
    assert found.predictor.predict(examples) == open_predictor(folder, decoding="legal").predictor.predict(examples)


def change(**facts):
    def damage(folder):
        file = folder / "xtremedistil-config.json"
        file.write_text(json.dumps(json.loads(file.read_text()) | facts))
    return damage


def cut_short(folder):
    file = folder / "xtremedistil.h5"
    file.write_bytes(file.read_bytes()[:20000])


def without(path):
    def damage(folder):
        with h5py.File(folder / "xtremedistil.h5", "a") as file:
            del file[path]
    return damage


@pytest.mark.parametrize("damage, message", [
    (lambda folder: (folder / "xtremedistil.h5").unlink(), "xtremedistil.h5: not found"),
    (cut_short, "xtremedistil.h5: cannot be read"),
    (without("student_2"), "Expected the layers student_2"),
    (without("student_2/student_2/bert/embeddings/word_embeddings"), "word_embedding.npy: not found"),
    (without("student_2/student_2/bert/encoder/layer_._1/output"), "layer_._1/output/.* is missing"),
    (change(label_list=["O", "B-LOC"]), r"the head is \(16, 10\), but the labels .* ask for \(16, 2\)"),
    (change(pt_teacher_checkpoint="/no/such/teacher"), "only the name of the teacher's, '/no/such/teacher'"),
])
def test_what_is_wrong_is_said(tagger, tmp_path, damage, message):
    folder = tmp_path / "out"
    shutil.copytree(tagger, folder)
    damage(folder)
    with pytest.raises(ModelLoadError, match=message):
        load_student(folder)


def test_pieces_without_a_row_are_zeros(tagger, tmp_path, tiny_tokenizer):
    """As on a GPU, where the original trains with larger vocabularies than its student's."""
    folder = tmp_path / "out"
    shutil.copytree(tagger, folder)
    with h5py.File(folder / "xtremedistil.h5", "a") as file:
        group = file["student_2/student_2/bert/embeddings/word_embeddings"]
        rows = group["weight:0"][:50]
        del group["weight:0"]
        group["weight:0"] = rows
    table = load_student(folder).student.word_embeddings.numpy()
    assert table.shape == (len(tiny_tokenizer), 16) and len(tiny_tokenizer) > 50
    np.testing.assert_array_equal(table[:50], rows)
    assert not table[50:].any()


def test_whole_texts_of_byte_level_tokenizers_get_no_space_in_front(tmp_path):
    from tokenizers import ByteLevelBPETokenizer

    teacher = tmp_path / "teacher"
    teacher.mkdir()
    trained = ByteLevelBPETokenizer()
    trained.train_from_iterator([" ".join(WORDS)] * 3, 300,
                                special_tokens=["<s>", "<pad>", "</s>", "<unk>", "<mask>"])
    trained.save_model(str(teacher))
    tokenizer = RobertaTokenizerFast(str(teacher / "vocab.json"), str(teacher / "merges.txt"))
    tokenizer.save_pretrained(teacher)
    model = original_model(2, False, vocab_size=len(tokenizer))
    folder = write_directory(tmp_path / "out", model, ["0", "1"], teacher, pt_teacher="TFRobertaModel")
    assert load_student(folder).tokenizer("anna met").input_ids == tokenizer("anna met").input_ids
    assert tokenizer("anna met").input_ids != tokenizer(" anna met").input_ids


def test_the_commands_work_on_it(tagger, tmp_path, tiny_task, python):
    folder = tmp_path / "out"
    shutil.copytree(tagger, folder)
    change(task=str(tiny_task))(folder)

    def run(*words):
        done = subprocess.run([python, *map(str, words)], cwd=ROOT, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return done

    text = tiny_task / "unlabeled.txt"
    answered = run("run_xtreme_distil_predict.py", "--do_eval", "--model_dir", folder, "--do_predict",
                   "--pred_file", text)
    lines = (folder / "predictions.txt").read_text(encoding="utf-8").splitlines()
    assert [line.split("\t")[0] for line in lines] == text.read_text(encoding="utf-8").splitlines()
    assert "entity F1" in answered.stderr
    run("run_xtreme_distil_ft.py", "--model_dir", folder, "--batch_size", 8, "--ft_epochs", 10,
        "--learning_rate", "1e-2")
    scores = json.loads((folder / "fine-tuned" / "scores.json").read_text())
    assert scores["after"]["f1"] > scores["before"]["f1"]
    tuned = load_student(folder / "fine-tuned")
    assert tuned.student.max_length == SEQ_LEN
    assert AutoTokenizer.from_pretrained(folder / "fine-tuned").get_vocab() == tuned.tokenizer.get_vocab()
