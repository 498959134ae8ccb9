"""The main job for every kind of task and student, in one process and at toy size."""

from __future__ import annotations

import dataclasses
import json
import random
import shutil

import numpy as np
import pytest

from xtremedistil_tf.config import DistillationConfig
from xtremedistil_tf.corpus import Example, QuestionExample, TextExample
from xtremedistil_tf.errors import ConfigError
from xtremedistil_tf.inference.predictor import StudentPredictor
from xtremedistil_tf.runs.distil import distil, prepare, train
from xtremedistil_tf.runs.run import Run
from xtremedistil_tf.runs.store import StoreStep
from xtremedistil_tf.runs.student_plan import plan_student
from xtremedistil_tf.students.model_directory import load_student
from xtremedistil_tf.tasks.opening import load_task
from xtremedistil_tf.tasks.regression import RegressionTask

NAMES = ["anna", "boris", "chen", "dora", "emil"]
PLACES = ["paris", "oslo", "lima", "cairo", "wien"]
FILLERS = ["met", "in", "saw", "the", "old", "house", "near", "and", "left"]


def text(rng, words):
    return " ".join(rng.choice(FILLERS) if rng.random() < 0.6 else rng.choice(words) for _ in range(rng.randint(4, 9)))


def write_pairs(folder, rng):
    folder.mkdir()
    for split, count in (("train", 40), ("dev", 16), ("test", 16)):
        rows = []
        for _ in range(count):
            same = rng.random() < 0.5
            rows.append(f"{text(rng, NAMES)}\t{text(rng, NAMES if same else PLACES)}\t{'same' if same else 'other'}\n")
        (folder / f"{split}.tsv").write_text("".join(rows), encoding="utf-8")
    lines = (f"{text(rng, NAMES)}\t{text(rng, PLACES)}\n" for _ in range(60))
    (folder / "unlabeled.txt").write_text("".join(lines), encoding="utf-8")
    return folder


def write_scores(folder, rng):
    folder.mkdir()
    for split, count in (("train", 40), ("dev", 16)):
        rows = []
        for _ in range(count):
            line = text(rng, NAMES)
            rows.append(f"{line}\t{sum(word in NAMES for word in line.split())}\n")
        (folder / f"{split}.tsv").write_text("".join(rows), encoding="utf-8")
    (folder / "unlabeled.txt").write_text("".join(text(rng, NAMES) + "\n" for _ in range(60)), encoding="utf-8")
    return folder


def write_questions(folder, rng):
    folder.mkdir()
    for split, count in (("train", 30), ("dev", 12), ("unlabeled", 40)):
        paragraphs = []
        for number in range(count):
            place = rng.choice(PLACES)
            context = f"{text(rng, NAMES)} {place} {text(rng, NAMES)}"
            answer = {"text": place, "answer_start": context.index(place)}
            paragraphs.append({"context": context, "qas": [
                {"id": f"{split}{number}", "question": "near the house", "answers": [answer]}]})
        (folder / f"{split}.json").write_text(json.dumps({"data": [{"paragraphs": paragraphs}]}), encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def pairs(tmp_path_factory):
    return write_pairs(tmp_path_factory.mktemp("pairs") / "task", random.Random(1))


@pytest.fixture(scope="module")
def scores(tmp_path_factory):
    return write_scores(tmp_path_factory.mktemp("scores") / "task", random.Random(5))


@pytest.fixture(scope="module")
def teachers(tmp_path_factory):
    """Where the first run of a task leaves its teacher for the next ones."""
    return tmp_path_factory.mktemp("teachers")


@pytest.fixture
def run(tmp_path, flat_teacher_dir, teachers):
    def run(task, whole=True, until=lambda prepared: train(prepared).student, **options):
        """All of it, or `until` the student and its records, without measurements and export.

        By default one phase learns all: graphs are what takes time.
        """
        settings = dict(task=str(task), transfer_file=str(task / "unlabeled.txt"), model_dir=str(tmp_path / "out"),
                        pt_teacher_checkpoint=str(flat_teacher_dir), teacher_model_dir=str(teachers / task.parent.name),
                        seq_len=32, teacher_epochs=1, distil_epochs=1, ft_epochs=1, embedding_size=8, lstm_units=6,
                        strategy="D2", student_distil_batch_size=32,
                        accept_weak_teacher=True) | options
        config = DistillationConfig(**settings)
        config.validate()
        return distil(config) if whole else until(prepare(Run.of(config)))
    return run


def make_store(prepared):
    """Of a run: no student is trained from it."""
    p = prepared
    plan = plan_student(p.run.config, p.labelled, p.teachers, p.text, p.vocabulary, p.checkpoint)
    return StoreStep(p.run, p.labelled, p.teachers, p.text, p.vocabulary, plan).make()


def predict(tmp_path, examples):
    saved = load_student(tmp_path / "out")
    return saved, StudentPredictor(saved.student, saved.tokenizer, saved.task).predict(examples)


def test_pairs_with_a_transformer_that_imitates_attentions_and_hidden_states(tmp_path, run, pairs):
    metrics = run(pairs, do_pairwise=True, hidden_size=16, num_hidden_layers=1, num_attention_heads=2,
                  distil_attention=True, attention_sample=5, trim_vocabulary=True, strategy="D3.1")
    test = load_task(pairs, kind="classification", pairs=True).test
    found = [answer.label for answer in predict(tmp_path, test)[1]]
    assert metrics["main_score"] == "accuracy"
    right = [example.label == label for example, label in zip(test, found, strict=True)]
    assert metrics["student"]["accuracy"] == pytest.approx(np.mean(right))
    assert {"hidden_loss", "attention_loss"} <= set(metrics["phases"][0]["history"][0])
    saved, answers = predict(tmp_path, [TextExample("anna met boris", "the old house")])
    assert answers[0].label in ("same", "other") and saved.task.labels == ["other", "same"]
    assert saved.student.word_embeddings.shape[0] == len(saved.tokenizer)
    # On text whose pieces were all kept, trimming changes nothing.
    assert metrics["untrimmed"]["accuracy"] == metrics["student"]["accuracy"]
    assert metrics["untrimmed"]["parameters"] > metrics["student"]["parameters"]


def test_scores_with_relations_and_what_a_second_run_does(tmp_path, run, scores, monkeypatch):
    from xtremedistil_tf.runs import outcome

    options = dict(task_kind="regression", hidden_size=16, num_hidden_layers=1, num_attention_heads=2,
                   distil_relations="qkv", hidden_weight=0.0)
    metrics = run(scores, **options)
    dev = load_task(scores, kind="regression").dev
    _, answers = predict(tmp_path, dev)
    pearson = np.corrcoef([e.label for e in dev], answers)[0, 1]
    assert metrics["split"] == "dev" and metrics["student"]["pearson"] == pytest.approx(pearson, abs=1e-4)
    # Nothing is measured a second time, and a lost export is written again.
    monkeypatch.setattr(outcome, "measure", None)
    assert run(scores, **options) == json.loads(json.dumps(metrics))
    monkeypatch.setattr(outcome, "measure", lambda *args: metrics)
    shutil.rmtree(tmp_path / "out" / "export")
    run(scores, **options)
    assert (tmp_path / "out" / "export" / "saved_model" / "saved_model.pb").exists()


def test_questions_with_a_bilstm_of_its_own_vocabulary(tmp_path, run):
    task = write_questions(tmp_path / "task", random.Random(3))
    metrics = run(task, transfer_file=str(task / "unlabeled.json"), student_vocab_size=60, projection_size=5)
    assert metrics["main_score"] == "f1" and "exact_match" in metrics["student"]
    saved, answers = predict(tmp_path, [QuestionExample("1", "near the house", "anna left oslo")])
    assert 50 <= len(saved.tokenizer) <= 60
    assert saved.student.projection.units == 5 and not saved.student.shape.maps_to_teacher
    assert answers[0].text == "anna left oslo"[answers[0].start:answers[0].end]


@pytest.mark.without_saved_model
@pytest.mark.eager_runs
def test_pairs_with_a_convolutional_student_unfrozen_block_by_block(tmp_path, run, pairs):
    metrics = run(pairs, do_pairwise=True, cnn_channels=8, cnn_blocks=2, projection_size=6, strategy="D4.2",
                  unfreeze="layer", trim_vocabulary=True)
    unfrozen = [tuple(phase["unfrozen"]) for phase in metrics["phases"] if phase["stage"] == "logits"]
    assert unfrozen[2:] == [("head", "projection", "block_2"), ("head", "projection", "block_2", "block_1"),
                            ("head", "projection", "block_2", "block_1", "embedding")]
    saved, answers = predict(tmp_path, [TextExample("anna met boris", "the old house")])
    assert answers[0].label in ("same", "other") and saved.student.kind == "cnn"
    assert metrics["untrimmed"]["accuracy"] == metrics["student"]["accuracy"]
    assert not any("to_teacher" in v.name for v in saved.student.variables)


@pytest.mark.eager_runs
def test_a_student_starts_from_the_fine_tuned_teacher_and_one_on_labels_alone_from_the_checkpoint(run, pairs,
                                                                                                  flat_teacher_dir):
    """Encoder weights against those that transformers reads from the folders."""
    from transformers import TFBertModel

    trained = run(pairs, False, do_pairwise=True, pt_student_checkpoint="teacher", num_hidden_layers=1,
                  strategy="logits", until=lambda prepared: train(prepared))
    step = trained.step
    folders = (step.teachers.fine_tuned.path, flat_teacher_dir)
    for phases, folder in zip((trained.phases("logits"), trained.phases("D0S")), folders):
        student = step.start_of(phases).student(step.data.shape)
        kernel = student.encoder.bert.encoder.layer[0].intermediate.dense.kernel
        expected = TFBertModel.from_pretrained(folder).bert.encoder.layer[-1].intermediate.dense.kernel
        np.testing.assert_array_equal(kernel, expected)
    assert step.start_of(trained.phases("logits")).identity != step.start_of(trained.phases("D0S")).identity


@pytest.mark.without_saved_model
@pytest.mark.eager_runs
def test_tagging_with_a_checkpoint_of_another_vocabulary(tmp_path, run, tiny_task, tiny_tagger_dir):
    import tf_keras
    from transformers import BertConfig, BertTokenizerFast, TFBertModel

    folder = tmp_path / "student"
    folder.mkdir()
    letters = sorted({c for word in NAMES + PLACES + FILLERS for c in word})
    vocab = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *FILLERS, *letters, *("##" + c for c in letters)]
    (folder / "vocab.txt").write_text("\n".join(vocab), encoding="utf-8")
    BertTokenizerFast(str(folder / "vocab.txt")).save_pretrained(folder)
    tf_keras.utils.set_random_seed(1)
    model = TFBertModel(BertConfig(len(vocab), 16, 2, 2, 32, max_position_embeddings=40))
    model.build_in_name_scope()
    model.save_pretrained(folder, safe_serialization=True)
    metrics = run(tiny_task, do_NER=True, pt_student_checkpoint=str(folder), distil_multi_hidden_states=True,
                  layer_map="1:1,2:2", seq_len=24, teacher_model_dir=str(tiny_tagger_dir))
    assert set(metrics["student"]["per_language"]) == {"xx", "yy"}
    saved, answers = predict(tmp_path, [Example(("anna", "met", "boris") * 30)])
    assert len(saved.tokenizer) == len(vocab) and len(answers[0]) == 90


def test_the_best_weights_are_those_of_the_highest_dev_score(run, scores, tiny_tokenizer):
    distilled = run(scores, False, task_kind="regression", ft_epochs=4, learning_rate=0.03, select_by="score",
                    strategy="logits_labels")
    logits, labels = map(dataclasses.asdict, distilled.records)
    assert "val_pearson" not in logits["history"][0]
    scored = [epoch["val_pearson"] for epoch in labels["history"]]
    assert max([logits["scores"]["pearson"], *scored]) == pytest.approx(labels["scores"]["pearson"])
    dev = load_task(scores, kind="regression").dev
    answers = StudentPredictor(distilled.student, tiny_tokenizer, RegressionTask()).predict(dev)
    pearson = np.corrcoef([e.label for e in dev], answers)[0, 1]
    assert pearson == pytest.approx(labels["scores"]["pearson"], abs=1e-4)


@pytest.mark.eager_runs
def test_a_regression_starts_at_the_mean_target(run, scores):
    student = run(scores, False, task_kind="regression", strategy="D0S", learning_rate=1e-6).student
    mean = np.mean([float(line.split("\t")[-1]) for line in (scores / "train.tsv").read_text().splitlines()])
    assert student.head.bias.numpy() == pytest.approx([mean], abs=1e-3)


def test_augmented_text_and_small_hidden_states_reach_the_student(run, tmp_path, tiny_task, tiny_tagger_dir, caplog):
    caplog.set_level("INFO", "xtremedistil_tf")
    options = dict(do_NER=True, seq_len=24, augment="entities,neighbours,mixing", augment_factor=2.0,
                   hidden_components=8, hidden_dtype="int8", teacher_model_dir=str(tiny_tagger_dir))
    run(tiny_task, False, **options)
    originals = len((tiny_task / "unlabeled.txt").read_text(encoding="utf-8").splitlines())
    (store,) = (path.parent for path in (tmp_path / "out" / "transfer").glob("*/manifest.json"))
    manifest = json.loads((store / "manifest.json").read_text())
    codes = np.load(store / "provenance.npy")
    assert manifest["encodings"]["teacher_hidden"] == {"components": 8, "dtype": "int8"}
    assert len(codes) == manifest["sentences"] > originals and (codes == 0).sum() == originals
    facts = json.loads((store / "provenance.json").read_text())
    assert set(facts["augmenters"]) == {"entities", "neighbours", "mixing"}
    for augmenter in facts["augmenters"].values():
        assert augmenter["counts"]["kept"] == (codes == augmenter["code"]).sum()
    (store / "provenance.npy").unlink()  # as if killed before it was written
    caplog.clear()
    run(tiny_task, False, **options)
    assert np.array_equal(np.load(store / "provenance.npy"), codes)
    assert "the teacher is not run" in caplog.text and "epoch" not in caplog.text


@pytest.mark.eager_runs
def test_the_teacher_judges_new_examples(run, tmp_path, tiny_task, tiny_tagger_dir):
    run(tiny_task, False, make_store, do_NER=True, seq_len=24, augment="neighbours", augment_confidence=0.999,
        teacher_model_dir=str(tiny_tagger_dir))
    facts = json.loads(next((tmp_path / "out" / "transfer").glob("*/provenance.json")).read_text())
    counts = facts["augmenters"]["neighbours"]["counts"]
    assert counts["refused"] > 0 == counts["kept"]  # a teacher of one epoch is that sure of nothing


@pytest.mark.parametrize("options, message", [
    ({"augment": "masked"}, "`augment=masked` needs a masked language model"),
    ({"augment": "nothing"}, "expected one or several of masked, neighbours"),
    ({"augment": "external"}, "`augment_file="),
])
def test_augmenters_are_refused_before_the_teacher_is_trained(run, tmp_path, tiny_task, options, message):
    with pytest.raises(ConfigError, match=message):
        run(tiny_task, do_NER=True, teacher_model_dir="", **options)
    assert not (tmp_path / "out" / "teacher").exists()


@pytest.mark.eager_runs
def test_a_faster_teacher_writes_a_store_of_its_own(run, tmp_path, tiny_task, tiny_tagger_dir, caplog):
    caplog.set_level("INFO", "xtremedistil_tf")
    stores = []
    for path in ("exact", "openvino"):
        run(tiny_task, False, make_store, do_NER=True, seq_len=24, teacher_path=path, teacher_tolerance=0.2,
            teacher_model_dir=str(tiny_tagger_dir))
        found = [p.parent for p in (tmp_path / "out" / "transfer").glob("*/manifest.json")]
        stores.append({store.name: np.concatenate([np.load(f) for f in sorted(store.glob("*/teacher_logits.npy"))])
                       for store in found})
    (name, exact), = stores[0].items()
    assert len(stores[1]) == 2
    (fast,) = (logits for other, logits in stores[1].items() if other != name)
    assert not np.array_equal(fast, exact) and np.abs(fast - exact).max() < 0.1 * np.abs(exact).max()


def test_a_faster_teacher_on_a_cluster_is_refused():
    with pytest.raises(ConfigError, match="`teacher_path=openvino` runs in one process"):
        DistillationConfig(task="t", model_dir="m", transfer_file="f", teacher_path="openvino",
                           ray_address="auto").validate()


def test_augmenting_a_given_store_is_refused():
    with pytest.raises(ConfigError, match="`augment` makes more of `transfer_file`"):
        DistillationConfig(task="t", model_dir="m", transfer_store="s", augment="mixing").validate()
