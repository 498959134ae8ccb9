"""Multi-label classification: scores against scikit-learn, thresholds against a search, readers, losses."""

from __future__ import annotations

import itertools
import json
import warnings

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st
from sklearn import metrics

from xtremedistil_tf.corpus.example import TextExample
from xtremedistil_tf.errors import ConfigError, DataError
from xtremedistil_tf.tasks.multi_label import MultiLabelTask
from xtremedistil_tf.tasks.multi_label.task import best_thresholds, cutoffs, indicators, multi_label_scores
from xtremedistil_tf.tasks.opening import load_task, read_unlabeled

LABELS = ["art", "law", "war"]
rows = st.lists(st.tuples(*[st.lists(st.sampled_from(LABELS), unique=True)] * 2), min_size=1, max_size=12)


@given(rows)
def test_scores_are_those_of_scikit_learn(pairs):
    gold, found = zip(*pairs)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        scores = multi_label_scores(gold, found, LABELS)
    right, given_ = (np.array([[label in row for label in LABELS] for row in part], int) for part in (gold, found))
    assert scores["support"] == len(pairs)
    assert scores["subset_accuracy"] == metrics.accuracy_score(right, given_)
    for number, label in enumerate(LABELS):
        own = metrics.f1_score(right[:, number], given_[:, number], zero_division=0)
        assert scores["per_type"][label]["f1"] == pytest.approx(own)
        assert scores["per_type"][label]["support"] == right[:, number].sum()
    occurring = [number for number in range(3) if right[:, number].any() or given_[:, number].any()]
    if not occurring:
        assert (scores["micro_f1"], scores["macro_f1"]) == (1.0, 1.0)
        return
    assert scores["micro_f1"] == pytest.approx(metrics.f1_score(right.ravel(), given_.ravel(), zero_division=0))
    assert scores["macro_f1"] == pytest.approx(metrics.f1_score(right, given_, labels=occurring, average="macro",
                                                                zero_division=0))


def f1_at(right, values, cut):
    return metrics.f1_score(right, values >= cut, zero_division=0)


@given(st.integers(0, 10_000))
def test_no_other_threshold_is_better(seed):
    rng = np.random.default_rng(seed)
    right = (rng.random((40, 2)) < 0.4).astype(int)
    values = np.round(rng.normal(size=(40, 2)) + right, 1).astype(np.float32)
    cuts = cutoffs(best_thresholds(right, values), 2)
    for number in range(2):
        if right[:, number].sum() < 5:
            assert cuts[number] == 0
            continue
        candidates = np.append(np.unique(values[:, number]), 9)
        best = max(f1_at(right[:, number], values[:, number], cut) for cut in candidates)
        assert f1_at(right[:, number], values[:, number], cuts[number]) == pytest.approx(best)


def test_a_rare_label_and_a_good_half_keep_one_half():
    right = np.zeros((20, 2), int)
    right[:4, 0] = right[:10, 1] = 1
    values = np.where(right, 2.0, -1.0).astype(np.float32)
    assert best_thresholds(right, values) == (0.5, 0.5)


def test_all_equal_logits_are_no_reason_to_fail():
    thresholds = best_thresholds(np.ones((6, 1), int), np.zeros((6, 1), np.float32))
    assert (np.zeros(1, np.float32) >= cutoffs(thresholds, 1)).all()


def test_thresholds_belong_to_the_task_and_its_options():
    task = MultiLabelTask(LABELS)
    dev = [TextExample("t", label=("art",) if i < 8 else ()) for i in range(16)]
    logits = np.full((16, 3), -5, np.float32)
    logits[:8, 0] = -2  # never above one half
    assert task.decode(None, logits)[0].labels == ()
    calibrated = task.calibrated(dev, lambda: list(logits))
    assert [answer.labels for answer in calibrated.decode(None, logits)] == [("art",)] * 8 + [()] * 8
    again = MultiLabelTask(LABELS, **json.loads(json.dumps(calibrated.options)))
    assert (again.cutoffs == calibrated.cutoffs).all() and again.decode(None, logits)[0].labels == ("art",)
    assert (task.scored_by, calibrated.scored_by) == ({}, {})


def test_the_loss_is_the_mean_binary_cross_entropy():
    rng = np.random.default_rng(0)
    logits, gold = rng.normal(size=(5, 3)).astype(np.float32), rng.integers(0, 2, (5, 3)).astype(np.float32)
    batch = {"labels": tf.constant(gold), "input_ids": tf.zeros((5, 2), tf.int32)}
    found = MultiLabelTask(LABELS).label_loss(batch, tf.constant(logits))
    shares = 1 / (1 + np.exp(-logits))
    expected = -np.mean(gold * np.log(shares) + (1 - gold) * np.log(1 - shares))
    assert float(found) == pytest.approx(expected, rel=1e-5)


def test_the_head_starts_from_the_frequencies():
    examples = [TextExample("t", label=("art", "law")), TextExample("t", label=("art",)), TextExample("t", label=())]
    assert MultiLabelTask(LABELS).head_bias(examples) == pytest.approx(np.log([3 / 2, 2 / 3, 1 / 4]))


def test_comparing_answers():
    task = MultiLabelTask(LABELS)
    one, other = task.decode(None, np.array([[1, -1, -3], [1, 2, -3]], np.float32))
    assert (task.same(one, one), task.same(one, other), task.agreement([one, other], [one, one])) == (True, False, 0.5)
    assert task.lines.show(None, other) == "art,law\t0.7311,0.8808"
    assert task.disagreement(TextExample("x", label=("war",)), one, task.decode(None, [-np.ones(3)])[0]) == {
        "text": "x", "gold": "war", "teacher": "art", "student": "(no label)"}
    np.testing.assert_allclose(task.confidence([np.array([1.0, -1, -3])]), [1 / (1 + np.exp(-1))], rtol=1e-6)
    assert task.same_logits([np.array([1, -1, 1])], [np.array([2, -3, 0.5])], 0).tolist() == [True]


def write(folder, **files):
    for name, text in files.items():
        (folder / name.replace("_", ".")).write_text(text, encoding="utf-8")
    return folder


def test_files(tmp_path):
    folder = write(tmp_path, train_tsv="one\tlaw,art\ntwo\t\nthree\t war \n", dev_jsonl=json.dumps(
        {"text": "four", "labels": ["war", "law"]}) + "\n" + json.dumps({"text": "five", "labels": []}) + "\n")
    corpus = load_task(folder, kind="multi_label")
    assert corpus.labels == LABELS
    assert [e.label for e in corpus.train] == [("law", "art"), (), ("war",)]
    assert [e.label for e in corpus.dev] == [("war", "law"), ()]
    assert [e.text for e in read_unlabeled(str(folder / "train.tsv"), "multi_label")] == ["one", "two", "three"]


def test_pairs_and_label_files(tmp_path):
    folder = write(tmp_path, train_tsv="a\tb\t1,zoo\n", labels_tsv="zoo\nart\n", dev_jsonl=json.dumps(
        {"text_a": "a", "text_b": "b", "labels": ["art"]}))
    corpus = load_task(folder, kind="multi_label", pairs=True)
    assert corpus.labels == ["zoo", "art"] and corpus.has_pairs
    assert [e.label for e in corpus.train + corpus.dev] == [("art", "zoo"), ("art",)]


@pytest.mark.parametrize("line, message", [
    ("text\tart,art\n", "label 'art' for the second time"), ("text\tart,,law\n", "empty label"),
    ("text\n", "1 column, expected"), ("text\tfoo\n", "unknown label 'foo'")])
def test_faulty_lines(tmp_path, line, message):
    folder = write(tmp_path, train_tsv="a\tart\n" + line, dev_tsv="a\tlaw\n", labels_tsv="art\nlaw\n")
    with pytest.raises(DataError, match=message):
        load_task(folder, kind="multi_label")


def test_commas_in_labels_are_refused(tmp_path):
    lines = json.dumps({"text": "a", "labels": ["arts, crafts", "law"]})
    folder = write(tmp_path, train_jsonl=lines, dev_tsv="a\tlaw\n")
    with pytest.raises(DataError, match="contains a comma"):
        load_task(folder, kind="multi_label")
    write(folder, train_jsonl=json.dumps({"text": "a", "labels": [0]}), labels_tsv="arts, crafts\nlaw\n")
    with pytest.raises(DataError, match="contains a comma"):
        load_task(folder, kind="multi_label")
    with pytest.raises(ConfigError, match="contains a comma, which separates labels"):
        MultiLabelTask(["a,b", "c"])


def test_refusals():
    with pytest.raises(ConfigError, match="at least two labels, found 1"):
        MultiLabelTask(["a"])
    for thresholds in ([0.5], [0.5, 0.5, 1.0]):
        with pytest.raises(ConfigError, match="between 0 and 1 for each"):
            MultiLabelTask(LABELS, thresholds=thresholds)


def test_data_sets_of_the_hub(tmp_path):
    datasets = pytest.importorskip("datasets")
    from xtremedistil_tf.tasks.opening import load_hub

    features = datasets.Features({"text": datasets.Value("string"), "labels": datasets.Sequence(
        datasets.ClassLabel(names=LABELS))})
    split = datasets.Dataset.from_dict({"text": ["a", "b", "c"], "labels": [[0, 2], [], None]}, features=features)
    datasets.DatasetDict(train=split, validation=split).save_to_disk(str(tmp_path / "set"))
    corpus = load_hub(str(tmp_path / "set"), "multi_label")
    assert corpus.labels == LABELS and [e.label for e in corpus.train] == [("art", "war"), ()]


def test_features_hold_a_row_of_labels(tiny_tokenizer):
    examples = [TextExample("anna met boris", label=("war", "art")), TextExample("paris", label=())]
    features = MultiLabelTask(LABELS).training_features(tiny_tokenizer, examples, 16).features
    assert features.data["labels"].tolist() == [[1, 0, 1], [0, 0, 0]]
    assert indicators([e.label for e in examples], LABELS).tolist() == [[1, 0, 1], [0, 0, 0]]
    with pytest.raises(DataError, match="label 'foo'"):
        MultiLabelTask(LABELS).training_features(tiny_tokenizer, [TextExample("a", label=("foo",), source="f")], 16)


@pytest.mark.parametrize("own, taken", [("multi_label_classification", True), (None, False)])
def test_a_checkpoint_answers_only_if_it_is_multi_label(tmp_path, own, taken):
    from transformers import BertConfig

    from xtremedistil_tf.teachers.protocol import task_config, why_not_fine_tuned

    config = BertConfig(id2label=dict(enumerate(reversed(LABELS))), problem_type=own,
                        architectures=["BertForSequenceClassification"])
    config.save_pretrained(tmp_path)
    assert (why_not_fine_tuned(str(tmp_path), MultiLabelTask(LABELS)) is None) == taken
    read = task_config(str(tmp_path), MultiLabelTask(LABELS))
    assert read.problem_type == "multi_label_classification"
    assert list(itertools.islice(read.id2label.values(), 3)) == LABELS[::-1]


@pytest.mark.parametrize(("positives", "threshold"), [(4, 0.5), (5, 1 / (1 + np.exp(-3.5)))])
def test_five_examples_are_enough_for_a_threshold_of_their_own(positives, threshold):
    """Right are those above 3.5, halfway between 4 and 3."""
    right = np.array([[1]] * positives + [[0]] * 8)
    values = np.array([[4.0]] * positives + [[3.0]] * 8, np.float32)
    assert best_thresholds(right, values) == (pytest.approx(threshold),)


def test_where_all_have_the_label_the_cut_is_one_below_the_lowest_logit():
    values = np.array([[-1.5], [-2.5], [-4.0], [-3.0], [-3.5]], np.float32)
    assert best_thresholds(np.ones((5, 1), int), values) == (pytest.approx(1 / (1 + np.exp(4.5))),)


def test_a_cut_between_zero_and_below_is_zero():
    right = np.array([[1]] * 5 + [[0]] * 5)
    values = np.array([[0.0]] * 5 + [[-3.0]] * 5, np.float32)
    assert best_thresholds(right, values) == (0.5,)
    np.testing.assert_array_equal(best_thresholds(right, values.astype(np.float64)), best_thresholds(right, values))


def test_choices_are_yes_and_no_of_each_label():
    found = MultiLabelTask(["a", "b"]).choices(np.array([0.0, 2.0], np.float32))
    np.testing.assert_allclose(found, [[0.5, 0.5], [1 / (1 + np.exp(-2)), 1 / (1 + np.exp(2))]], rtol=1e-6)


def test_a_logit_at_the_cut_has_the_label():
    task, at = MultiLabelTask(["a", "b"]), np.zeros(2, np.float32)
    assert task.same_logits([at, at], [at + 1, at - 1], 0.0).tolist() == [True, False]
    assert task.same_logits([at + 1, at - 1], [at, at], 0.0).tolist() == [True, False]
