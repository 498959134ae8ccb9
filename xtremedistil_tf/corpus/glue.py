"""The official TSV files of GLUE, read as they are (Wang et al. 2018, gluebenchmark.com)."""

from __future__ import annotations

import logging
import os
import pathlib
from collections.abc import Sequence
from dataclasses import dataclass

from xtremedistil_tf.corpus.classified import LabelRules
from xtremedistil_tf.corpus.example import AnyExample, TextExample
from xtremedistil_tf.corpus.faults import Faults, quoted
from xtremedistil_tf.corpus.folder import TaskCorpus, limited
from xtremedistil_tf.corpus.lines import open_lines
from xtremedistil_tf.corpus.listing import listing
from xtremedistil_tf.errors import ConfigError, DataError

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class GlueTask:
    """Where a task has its columns.

    Attributes:
        texts: names of the text columns.
        label: name of the label column.
        labels: classes in GLUE's order; None for a regression.
        header: names of the columns where the files have no header line.
        values: how the files write the classes, where not by name.
        train, dev: stems that the files may have.
        extra_dev: further dev sets, (name, stem).
        test: stems that a test file with labels may have.
        skips: whether damaged lines of the official files are passed over, as everybody does.
    """

    texts: tuple[str, ...]
    label: str
    labels: tuple[str, ...] | None
    header: tuple[str, ...] | None = None
    values: tuple[str, ...] | None = None
    train: tuple[str, ...] = ("train",)
    dev: tuple[str, ...] = ("dev",)
    extra_dev: tuple[tuple[str, str], ...] = ()
    test: tuple[str, ...] = ()
    skips: bool = False


_ENTAILMENT = ("entailment", "not_entailment")
_BINARY = ("0", "1")
TASKS = {
    "cola": GlueTask(("sentence",), "label", ("unacceptable", "acceptable"),
                     ("source", "label", "star", "sentence"), _BINARY),
    "sst2": GlueTask(("sentence",), "label", ("negative", "positive"), None, _BINARY),
    "mrpc": GlueTask(("#1 String", "#2 String"), "Quality", ("not_equivalent", "equivalent"), None, _BINARY,
                     ("train", "msr_paraphrase_train"), test=("msr_paraphrase_test",)),
    "qqp": GlueTask(("question1", "question2"), "is_duplicate", ("not_duplicate", "duplicate"), None, _BINARY,
                    skips=True),
    "stsb": GlueTask(("sentence1", "sentence2"), "score", None),
    "mnli": GlueTask(("sentence1", "sentence2"), "gold_label", ("entailment", "neutral", "contradiction"),
                     dev=("dev_matched",), extra_dev=(("mismatched", "dev_mismatched"),)),
    "qnli": GlueTask(("question", "sentence"), "label", _ENTAILMENT),
    "rte": GlueTask(("sentence1", "sentence2"), "label", _ENTAILMENT),
    "wnli": GlueTask(("sentence1", "sentence2"), "label", ("not_entailment", "entailment"), None, _BINARY),
}
_SUFFIXES = (".tsv", ".txt", ".tsv.gz", ".tsv.xz")


def glue_task(name: str) -> str:
    """The task's key in TASKS: `sst2` of "SST-2".

    Raises:
        ConfigError: there is no such task.
    """
    key = name.lower().replace("-", "").replace("_", "")
    if key not in TASKS:
        raise ConfigError(f"`task_name={name}`: expected one of {', '.join(TASKS)}.")
    return key


def read_glue(folder: str | os.PathLike[str], name: str, *, max_train: int | None = None, max_dev: int | None = None,
              max_test: int | None = None, decontaminate: bool = False) -> TaskCorpus:
    """Reads `train.tsv` and `dev.tsv` of a GLUE task (of MNLI `dev_matched.tsv`, and `dev_mismatched.tsv` as the
    extra dev set `mismatched`). The official test files have no labels, so `test` is empty, but for
    MRPC's `msr_paraphrase_test`.

    Args:
        folder: holds the official files.
        name: cola, sst2, mrpc, qqp, stsb, mnli, qnli, rte or wnli; also written SST-2, STS-B.
        max_train, max_dev, max_test: keep the first so many examples.
        decontaminate: leave out training examples whose text stands in dev or test, see `MeasuredTexts`.

    Raises:
        ConfigError: there is no such task.
        DataError: a file is missing or has not the official columns.
    """
    task, folder = TASKS[glue_task(name)], pathlib.Path(folder)
    train, dev = (_read(_find(folder, stems), task) for stems in (task.train, task.dev))
    extra = {label: _read(_find(folder, (stem,)), task) for label, stem in task.extra_dev}
    labelled_test = next((path for stem in task.test if (path := _file(folder, stem))), None)
    test = _read(labelled_test, task) if labelled_test else []
    corpus = TaskCorpus(train, dev, test, list(task.labels or ("score",)), [], extra_dev=extra)
    return limited(corpus, max_train, max_dev, max_test, decontaminate)


def _find(folder: pathlib.Path, stems: Sequence[str]) -> pathlib.Path:
    for stem in stems:
        if path := _file(folder, stem):
            return path
    raise DataError(f"{folder}: no {stems[0]}.tsv, expected the official GLUE files there; {listing(folder)}.")


def _file(folder: pathlib.Path, stem: str) -> pathlib.Path | None:
    return next((path for suffix in _SUFFIXES if (path := folder / f"{stem}{suffix}").is_file()), None)


def _read(path: pathlib.Path, task: GlueTask) -> list[AnyExample]:
    faults, skipped = Faults(path), 0
    examples: list[AnyExample] = []
    names, rules = task.header, LabelRules(task.values or task.labels, task.labels is None)
    for number, line in open_lines(path):
        if not line.strip():
            continue
        columns = line.split("\t")
        if names is None:
            names = tuple(columns)
            _check_header(path, names, task)
            continue
        example, problem = _example(columns, names, task, rules, os.fspath(path), number)
        if example:
            examples.append(example)
        elif task.skips:
            skipped += 1
        else:
            faults.add(number, problem)
    faults.raise_if_any()
    if skipped:
        log.warning("%s: %d damaged lines of the official file are skipped", path, skipped)
    if not examples:
        raise DataError(f"{path}: no examples, expected the official GLUE file.")
    return examples


def _check_header(path: pathlib.Path, names: Sequence[str], task: GlueTask) -> None:
    missing = [name for name in (*task.texts, task.label) if name not in names]
    if missing:
        raise DataError(f"{path}:1: no column {', '.join(missing)} among {quoted(', '.join(names))}. Expected the "
                        "official GLUE file; omit `task_name` for files of the form `text<TAB>label`.")


def _example(columns: Sequence[str], names: Sequence[str], task: GlueTask, rules: LabelRules, source: str,
             number: int) -> tuple[TextExample | None, str]:
    if len(columns) != len(names):
        return None, f"{len(columns)} columns, expected {len(names)}"
    texts = [columns[names.index(name)] for name in task.texts]
    if not all(text.strip() for text in texts):
        return None, "empty text, expected some"
    label, problem = rules.resolve(columns[names.index(task.label)])
    if problem:
        return None, problem
    if task.values and task.labels:
        label = task.labels[task.values.index(label)]
    return TextExample(texts[0], texts[1] if len(texts) > 1 else None, label, None, source, number), ""
