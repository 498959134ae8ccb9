"""The official GLUE layouts, written here by hand from their description."""

from __future__ import annotations

import pytest

from xtremedistil_tf.corpus import read_glue
from xtremedistil_tf.errors import ConfigError, DataError

MNLI = "index\tpromptID\tpairID\tgenre\ts1b\ts2b\ts1p\ts2p\tsentence1\tsentence2\tlabel1\tgold_label\n"
FILES = {
    "CoLA": {"train": "gj04\t1\t\tA good one.\ngj04\t0\t*\tBad one a.\n", "dev": "gj04\t1\t\tFine.\n"},
    "SST-2": {"train": "sentence\tlabel\nnice \"film\t1\n", "dev": "sentence\tlabel\ndull\t0\n"},
    "MRPC": {"train": "\ufeffQuality\t#1 ID\t#2 ID\t#1 String\t#2 String\n1\t7\t8\tone\ttwo\n",
             "dev": "Quality\t#1 ID\t#2 ID\t#1 String\t#2 String\n0\t7\t8\tone\ttwo\n"},
    "QQP": {"train": "id\tqid1\tqid2\tquestion1\tquestion2\tis_duplicate\n1\t2\t3\ta?\tb?\t1\n4\tbroken\n",
            "dev": "id\tqid1\tqid2\tquestion1\tquestion2\tis_duplicate\n1\t2\t3\ta?\tb?\t0\n"},
    "STS-B": dict.fromkeys(
        ("train", "dev"), "index\tgenre\tfilename\tyear\told_index\tsource1\tsource2\tsentence1\tsentence2\tscore\n"
                          "0\tg\tf\ty\t1\ts\ts\tone\ttwo\t2.500\n"),
    "MNLI": {"train": MNLI + "0\t1\t2\tg\t-\t-\t-\t-\tp\th\tneutral\tneutral\n",
             "dev_matched": MNLI + "0\t1\t2\tg\t-\t-\t-\t-\tp\tm\tentailment\tentailment\n",
             "dev_mismatched": MNLI + "0\t1\t2\tg\t-\t-\t-\t-\tp\tmm\tcontradiction\tcontradiction\n"},
    "QNLI": dict.fromkeys(("train", "dev"), "index\tquestion\tsentence\tlabel\n0\tq?\ts\tnot_entailment\n"),
    "RTE": dict.fromkeys(("train", "dev"), "index\tsentence1\tsentence2\tlabel\n0\ta\tb\tentailment\n"),
    "WNLI": dict.fromkeys(("train", "dev"), "index\tsentence1\tsentence2\tlabel\n0\ta\tb\t1\n"),
}
EXPECTED = {
    "CoLA": ("A good one.", None, "acceptable"), "SST-2": ('nice "film', None, "positive"),
    "MRPC": ("one", "two", "equivalent"), "QQP": ("a?", "b?", "duplicate"), "STS-B": ("one", "two", 2.5),
    "MNLI": ("p", "h", "neutral"), "QNLI": ("q?", "s", "not_entailment"), "RTE": ("a", "b", "entailment"),
    "WNLI": ("a", "b", "entailment"),
}


@pytest.fixture
def glue(tmp_path):
    def glue(name, **changed):
        for stem, content in (FILES[name] | changed).items():
            (tmp_path / f"{stem}.tsv").write_text(content, encoding="utf-8")
        return read_glue(tmp_path, name)
    return glue


@pytest.mark.parametrize("name", FILES)
def test_columns_and_labels(glue, name):
    task = glue(name)
    first = task.train[0]
    assert (first.text, first.pair, first.label) == EXPECTED[name]
    assert len(task.dev) == 1 and task.test == []
    assert first.label in task.labels or task.labels == ["score"]


def test_mnli_has_two_dev_sets(glue):
    task = glue("MNLI")
    assert task.labels == ["entailment", "neutral", "contradiction"]
    assert [e.pair for e in task.dev] == ["m"] and [e.pair for e in task.extra_dev["mismatched"]] == ["mm"]


def test_damaged_lines_are_passed_over_in_qqp_alone(glue):
    assert len(glue("QQP").train) == 1
    with pytest.raises(DataError, match="train.tsv:2: 2 columns, expected 4"):
        glue("RTE", train="index\tsentence1\tsentence2\tlabel\n4\tbroken\n")


def test_other_files_and_names_are_refused(glue, tmp_path):
    with pytest.raises(DataError, match="train.tsv:1: no column sentence1, sentence2, label .*omit `task_name`"):
        glue("RTE", train="a\tb\tentailment\n")
    with pytest.raises(ConfigError, match="`task_name=mnlii`: expected one of cola"):
        read_glue(tmp_path, "mnlii")
    with pytest.raises(DataError, match="no dev_matched.tsv"):
        (tmp_path / "train.tsv").write_text(FILES["MNLI"]["train"])
        read_glue(tmp_path, "mnli")


def test_blank_lines_are_skipped(glue):
    assert len(glue("RTE", train=FILES["RTE"]["train"] + "\n \n").train) == 1
