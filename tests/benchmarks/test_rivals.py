"""The parts of benchmarks/rivals that need neither a trained model nor a clock."""

from __future__ import annotations

import json
import pathlib
import types

import numpy as np
import pytest

import runs
from rivals import bench, pieces, preparing, results, spacy_ner, static_embeddings, stored_answers, timing
from rivals.regression import best_regression
from rivals.task_folder import TaskFolder, read_answered, write_answered
from xtremedistil_tf.corpus import Example, TaskCorpus, TextExample
from xtremedistil_tf.tasks.opening import load_task
from xtremedistil_tf.tasks.tagging.decoding import transitions

LABELS = ["O", "B-LOC", "I-LOC"]


def texts_of(*texts):
    return [TextExample(text, None, label) for text, label in texts]


@pytest.fixture
def ner_folder(tmp_path):
    folder = tmp_path / "task"
    folder.mkdir()
    (folder / "labels.tsv").write_text("\n".join(LABELS) + "\n")
    write_answered(folder / "train.tsv", ["in New York", "no"], [["O", "B-LOC", "I-LOC"], ["O"]])
    write_answered(folder / "dev.tsv", ["Oslo"], [["B-LOC"]])
    write_answered(folder / "test.tsv", ["Rome", "it is Rome"], [["B-LOC"], ["O", "O", "B-LOC"]])
    (folder / "unlabeled.txt").write_text("in New York\nno\nto Paris\nvery very long\n")
    return TaskFolder(folder)


# Data


def test_answered_files_keep_what_unicode_calls_line_ends(tmp_path):
    texts, answers = ["one\u2028two \"quoted\"", "three\x85"], ["a", "b"]
    write_answered(tmp_path / "train.tsv", texts, answers)
    assert read_answered(tmp_path / "train.tsv", tagging=False) == (texts, answers)


def test_the_package_reads_what_was_prepared_as_the_rivals_do(ner_folder):
    corpus = load_task(ner_folder.path)
    texts, tags = ner_folder.read("test")
    assert [" ".join(e.words) for e in corpus.test] == texts
    assert [list(e.tags) for e in corpus.test] == tags
    assert corpus.labels == ner_folder.labels and ner_folder.tagging


def test_prepared_examples_are_apart_from_dev_and_test(tmp_path):
    source = tmp_path / "source"
    source.mkdir()
    rows = [f"text {i}" for i in range(30)] + ["dev 1", "test 1", "text 3"]
    write_answered(source / "train.tsv", rows, ["no", "yes"] * 16 + ["no"])
    write_answered(source / "dev.tsv", ["dev 1", "dev 2"], ["no", "yes"])
    write_answered(source / "test.tsv", ["test 1", "test 2", "test 3"], ["no", "yes", "no"])
    more = tmp_path / "more.txt"
    more.write_text("test 2\nnew\ttext\nanother\n")
    wanted = preparing.Wanted(source, "classification", 10, 100, 2, 3, (more,))
    task = TaskFolder(preparing.prepare(wanted, tmp_path / "work"))
    train, transfer = task.read("train")[0], task.transfer()
    held = {"dev 1", "dev 2", "test 1", "test 2", "test 3"}
    assert len(train) == 10 and not held & set(train)
    assert sorted(task.read("dev")[0] + task.read("test")[0]) == sorted(held)
    assert transfer[:10] == train and not held & set(transfer)
    assert set(transfer) == {f"text {i}" for i in range(30)} | {"new text", "another"}
    assert len(transfer[10:]) == len(set(transfer[10:]))
    assert task.labels == ["no", "yes"]


def test_without_a_test_set_dev_is_measured_and_dev_comes_from_train():
    train, dev = texts_of(*((f"t{i}", "a") for i in range(8))), texts_of(("d1", "a"), ("d2", "b"))
    corpus = TaskCorpus(train, dev, [], ["a", "b"], [])
    splits = preparing.split(corpus, preparing.Wanted(pathlib.Path("s"), "classification", 3, 9, 4, 5))
    assert {e.text for e in splits["test"]} == {"d1", "d2"}
    assert len(splits["dev"]) == 4 and len(splits["train"]) == 3
    assert not {e.text for e in splits["dev"]} & {e.text for e in splits["train"]}


def test_too_few_examples_are_refused():
    corpus = TaskCorpus(texts_of(("t", "a")), texts_of(("d", "a")), texts_of(("e", "a")), ["a", "b"], [])
    with pytest.raises(SystemExit, match="1 training examples, --labelled=2"):
        preparing.split(corpus, preparing.Wanted(pathlib.Path("s"), "classification", 2, 9, 4, 5))


def test_folder_names_differ_with_the_settings():
    names = {preparing.Wanted(pathlib.Path(source), "tagging", labelled, 9, 4, 5).folder_name
             for source in ("a/en", "b/en") for labelled in (1, 2)}
    assert len(names) == 4


def test_tagged_and_whole_texts_become_one_line():
    assert preparing.text_of(Example(("a", "b"), ("O", "O"))) == "a b"
    assert preparing.text_of(TextExample(" a\t b\n", None, "x")) == "a b"


# Timing


def test_batches_are_spread_over_the_texts():
    texts = [str(i) for i in range(100)]
    assert timing.spread_batches(texts, 10, 3) == [texts[0:10], texts[30:40], texts[60:70]]
    assert timing.spread_batches(texts[:5], 10, 3) == [texts[:5]]


def test_answers_come_back_in_order_whatever_the_batches():
    texts = ["c c c", "a", "b b", "d d d d", "e"]
    seen = []
    model = timing.Opened(lambda rows: [row.upper() for row in rows],
                          lambda rows: seen.append(len(rows)) or rows, bulk=2)
    assert timing.answer_all(model, texts) == [text.upper() for text in texts]
    assert seen == [2, 2, 1]
    assert timing.batches_by_length(texts, 3) == [["d d d d", "c c c", "b b"], ["a", "e"]]


def test_every_figure_covers_whole_rounds_over_the_same_texts():
    counted = {"encoded": 0, "answered": 0}

    def encode(rows):
        counted["encoded"] += len(rows)
        return rows

    def answer(rows):
        counted["answered"] += len(rows)
        return rows

    texts = [f"text {i}" for i in range(64)]
    found = timing.measure(timing.Opened(encode, answer), texts, seconds=0)
    assert found["batch_1"]["runs"] == 64 and found["batch_32"]["runs"] == 2
    assert found["words_per_second"] > 0 and found["words_per_second_tokenized"] > 0
    # Two warm-up calls before each latency, then one round; three rounds for each rate.
    assert counted["answered"] == counted["encoded"] == (2 + 64) + (64 + 64) + 3 * 64 + 3 * 64
    assert "words_per_second_tokenized" not in timing.measure(timing.Opened(None, answer), texts, seconds=0)


# Networks of pieces


def test_the_first_piece_of_a_word_answers_and_a_word_without_pieces_is_outside():
    word_ids, found = [None, 0, 0, 2, None], [1, 1, 2, 2, 1, 0, 0]
    logits = np.eye(3, dtype=np.float32)[[found, found]]
    tags = {name: pieces.tags_of([4, 3], [word_ids] * 2, logits, LABELS, transitions(tuple(LABELS), name))
            for name in ("argmax", "legal")}
    assert tags["argmax"] == [["B-LOC", "O", "I-LOC", "O"], ["B-LOC", "O", "I-LOC"]]
    assert tags["legal"] == [["B-LOC", "O", "O", "O"], ["B-LOC", "O", "O"]]


def test_padding_and_its_mask():
    batch = pieces.padded([[5, 6, 7], [8]], pad=9)
    assert batch["input_ids"].tolist() == [[5, 6, 7], [8, 9, 9]]
    assert batch["attention_mask"].tolist() == [[1, 1, 1], [1, 0, 0]]
    assert batch["input_ids"].dtype == np.int32


@pytest.mark.parametrize("tagging", [True, False])
def test_raw_text_is_answered_as_by_the_package(tiny_tokenizer, tmp_path, tagging):
    from xtremedistil_tf.tasks.registry import make_task
    from xtremedistil_tf.training.batches import pad_batch

    tiny_tokenizer.save_pretrained(tmp_path)
    outputs = np.random.default_rng(0).normal(size=(len(tiny_tokenizer), 3)).astype(np.float32)

    def forward(batch):
        states = outputs[batch["input_ids"]] * batch["attention_mask"][..., None]
        return states if tagging else states.sum(1)

    texts = ["Anna lives in Berlin .", "xyzzy", "in in Paris"]
    model = pieces.opened(tmp_path, LABELS, tagging, forward)
    if tagging:
        task, examples = make_task("tagging", LABELS), [Example(tuple(text.split())) for text in texts]
    else:
        task, examples = make_task("classification", LABELS), [TextExample(text) for text in texts]
    features = task.prediction_features(tiny_tokenizer, examples, None)
    logits = [forward(pad_batch(features.features, np.array([i]), tiny_tokenizer.pad_token_id, 1))[0]
              for i in range(len(texts))]
    expected = task.decode(features, logits)
    assert model(texts) == (expected if tagging else [found.label for found in expected])


# What the teacher answered


@pytest.fixture
def store(tmp_path):
    """Four sentences in two shards; the third has a piece that starts no word, the last was cut."""
    folder = tmp_path / "stores" / "one"
    columns = {name: {"dtype": "float32", "shape": shape, "per_piece": True}
               for name, shape in (("word_starts", []), ("teacher_logits", [3]))}
    sentences = [([0, 1, 1, 1, 0], [0, 0, 1, 2, 0]), ([0, 1, 0], [1, 0, 1]),
                 ([0, 1, 1, 0, 0], [0, 0, 1, 2, 0]), ([0, 1, 1, 0], [0, 0, 0, 0])]
    for number, shard in enumerate((sentences[:3], sentences[3:])):
        path = folder / f"shard-{number:05d}"
        path.mkdir(parents=True)
        np.save(path / "offsets.npy", np.cumsum([0, *(len(starts) for starts, _ in shard)]))
        np.save(path / "word_starts.npy", np.concatenate([starts for starts, _ in shard]).astype(np.float32))
        best = np.concatenate([best for _, best in shard])
        np.save(path / "teacher_logits.npy", np.eye(3, dtype=np.float32)[best])
    manifest = {"complete": True, "sentences": 4, "columns": columns}
    (folder / "manifest.json").write_text(json.dumps(manifest))
    return folder


def test_the_teachers_tags_and_none_for_a_sentence_that_was_cut(store, ner_folder):
    found = stored_answers.answers(store, ner_folder.transfer(), LABELS, tagging=True)
    assert found == [["O", "B-LOC", "I-LOC"], ["O"], ["O", "B-LOC"], None]


def test_examples_have_their_own_answers_and_the_rest_the_teachers(store, ner_folder, tmp_path):
    count = stored_answers.write_examples(tmp_path / "all.tsv", ner_folder, store)
    assert read_answered(tmp_path / "all.tsv", tagging=True) == (
        ["in New York", "no", "to Paris"], [["O", "B-LOC", "I-LOC"], ["O"], ["O", "B-LOC"]])
    assert count == 3


def test_one_answer_a_text(tmp_path):
    folder = tmp_path / "store" / "shard-00000"
    folder.mkdir(parents=True)
    np.save(folder / "offsets.npy", np.array([0, 1, 2]))  # as many pieces as texts
    np.save(folder / "teacher_logits.npy", np.array([[0, 1], [1, 0]], np.float32))
    columns = {"teacher_logits": {"dtype": "float32", "shape": [2], "per_piece": False}}
    (folder.parent / "manifest.json").write_text(json.dumps({"columns": columns}))
    assert stored_answers.answers(folder.parent, ["x", "y"], ["no", "yes"], tagging=False) == ["yes", "no"]


def test_only_a_finished_store_of_all_sentences_is_taken(store):
    assert stored_answers.find_store(store.parent, 4) == store
    with pytest.raises(SystemExit, match="no finished transfer store of 5 sentences"):
        stored_answers.find_store(store.parent, 5)


# Rivals


def test_tags_that_spacy_would_refuse_open_their_entity():
    assert spacy_ner.iob2(["I-LOC", "I-LOC", "O", "I-PER", "I-LOC", "B-LOC", "I-LOC"]) == [
        "B-LOC", "I-LOC", "O", "B-PER", "B-LOC", "B-LOC", "I-LOC"]


def test_principal_components_are_scikit_learns_up_to_sign():
    from sklearn.decomposition import PCA

    vectors = np.random.default_rng(1).normal(size=(40, 6)) * [5, 4, 3, 2, 1, 0.5] + 7
    found, expected = static_embeddings.principal_components(vectors, 3), PCA(3).fit_transform(vectors)
    assert np.allclose(np.abs(found), np.abs(expected), atol=1e-4)


def test_rare_pieces_weigh_more():
    # Zipf over two rows: 1/2 and 1/3 of 5/6.
    found = static_embeddings.sif_weighted(np.ones((2, 1)))[:, 0]
    assert np.allclose(found, [1e-4 / (1e-4 + 0.6), 1e-4 / (1e-4 + 0.4)])


def test_the_mean_of_a_text_has_length_one_and_no_pieces_give_zeros():
    table = np.array([[3, 4], [0, 2], [9, 9]], np.float32)
    found = static_embeddings.mean_vectors(table, [[], [0], [0, 1, 1], []])
    mean = np.array([3, 8]) / np.hypot(3, 8)
    assert np.allclose(found, [[0, 0], [0.6, 0.8], mean, [0, 0]])
    assert static_embeddings.mean_vectors(table, [[]]).tolist() == [[0, 0]]


def test_the_strength_with_the_best_dev_accuracy_is_taken():
    from sklearn.linear_model import LogisticRegression

    vectors = np.random.default_rng(2).normal(size=(90, 20))
    answers = np.where(vectors[:, 0] + vectors[:, 1:].sum(1) / 4 > 0, "yes", "no")
    parts = vectors[:30], answers[:30], vectors[30:], answers[30:]
    model, strength = best_regression(*parts)
    accuracies = [LogisticRegression(C=c, max_iter=2000).fit(*parts[:2]).score(*parts[2:])
                  for c in (0.3, 3.0, 300.0)]
    assert strength == model.C
    assert model.score(*parts[2:]) >= max(accuracies)


def test_answers_are_scored_by_entities(ner_folder, tmp_path):
    found = bench.Bench(ner_folder.path, tmp_path, 1, 1)
    assert found.score([["B-LOC"], ["O", "O", "O"]]) == pytest.approx(2 / 3)
    assert found.score([["B-LOC"], ["O", "O", "B-LOC"]]) == 1


def test_a_step_is_run_again_only_with_another_command(ner_folder, tmp_path, monkeypatch):
    commands = []

    def run(command, **options):
        commands.append(command)
        out = next(word for word in command if word.startswith("--out=")).removeprefix("--out=")
        pathlib.Path(out).write_text(json.dumps({
            "parameters": 5, "bytes": 7, "train_seconds": 1.5, "answers": [["B-LOC"], ["O", "O", "B-LOC"]],
            "words_per_second": 9.0, "versions": {"spacy": "3"}}))
        return types.SimpleNamespace(returncode=0)

    monkeypatch.setattr(runs.subprocess, "run", run)
    for steps, expected in ((1, 2), (1, 2), (2, 4)):
        found = bench.Bench(ner_folder.path, tmp_path / "work", 1, 1, python="other")
        found.rival("a rival", "form", "spacy_ner", outside=True, max_steps=steps)
        assert len(commands) == expected
    assert found.rows == [bench.Row("a rival", "form", 1.0, 5, 7, {
        "parameters": 5, "bytes": 7, "train_seconds": 1.5, "words_per_second": 9.0}, 1.5)]
    assert {command[0] for command in commands} == {"other"} and found.versions == {"spacy": "3"}


def test_rows_without_speed_or_score_show_dashes():
    speed = {"batch_1": {"median_ms": 1.234}, "words_per_second": 4321.0}
    row = bench.Row("a", "b", 0.5, 1_500_000, 2_000_000, speed, 7)
    assert results.row_of(row, "50.00") == ["a", "b", "50.00", "1.50", "2.0", "1.23", "-", "4321", "-", "7"]
    assert results.row_of(bench.Row("a", "b"), "-") == ["a", "b", *"--------"]
    assert len(results.row_of(row, "")) == len(results.HEADER) + 1


def test_the_page_has_a_picture_of_every_row_with_a_score(tmp_path):
    speed = {"batch_1": {"median_ms": 2.0}, "batch_32": {"median_ms": 20.0}, "words_per_second": 10_000.0}
    rows = [bench.Row("small", "ONNX", 0.7, 1_000_000, 2_000_000, speed, 5.0),
            bench.Row("teacher", "TensorFlow", 0.8, 9_000_000, 8_000_000, speed | {"words_per_second": 500.0}),
            bench.Row("shape", "ONNX", None, 1, 1, speed), bench.Row("alone", "ONNX", 0.5, train_seconds=3.0)]
    assert results.families(rows, lambda row: row.bytes) == {"small": {"ONNX": (2_000_000, 70.0)},
                                                             "teacher": {"TensorFlow": (8_000_000, 80.0)}}
    task = types.SimpleNamespace(read=lambda split: (["text"] * 4, None), transfer=lambda: ["text"] * 9)
    done = types.SimpleNamespace(rows=rows, versions={"spacy": "3"}, commands=["a.py --x=1", "a.py --x=1"],
                                 seconds={"transfer store": 3.0}, task=task)
    results.write_results(tmp_path / "page.md", "Rivals", [("some/data", "accuracy", done)], 1000, "b.py")
    page, drawing = (tmp_path / "page.md").read_text(), (tmp_path / "page_some_data.svg").read_text()
    assert "(page_some_data.svg)" in page and page.count("python a.py --x=1") == 1 and "9 texts" in page
    assert "microseconds a word" in drawing and ">small<" in drawing and ">shape<" not in drawing
