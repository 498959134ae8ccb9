"""Data sets as they are published: the official TSV files of GLUE, and data sets of the Hugging Face hub."""

from __future__ import annotations

import dataclasses
import logging
import os
import pathlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from xtremedistil_tf.corpus.classified import LabelRules
from xtremedistil_tf.corpus.encodings import COMPRESSED
from xtremedistil_tf.corpus.example import AnyExample, TextExample
from xtremedistil_tf.corpus.files import Faults, listing, open_lines, quoted
from xtremedistil_tf.corpus.folder import TaskCorpus, limited
from xtremedistil_tf.corpus.text_columns import PAIR_KEYS, TEXT_KEYS
from xtremedistil_tf.errors import ConfigError, DataError, MissingExtraError, reason_of

log = logging.getLogger(__name__)
_ENTAILMENT = ("entailment", "not_entailment")
_BINARY = ("0", "1")
_GLUE_SUFFIXES = (".tsv", ".txt", *(f".tsv{suffix}" for suffix in COMPRESSED))
_HUB_SPLITS = {"train": ("train",), "dev": ("validation", "dev", "valid", "validation_matched"), "test": ("test",)}
#: What stands for a label in a row without one.
UNLABELED = -1
_FILE_READERS = {".json": "json", ".jsonl": "json", ".csv": "csv", ".parquet": "parquet"}
ReadRow = Callable[[dict[str, Any], str, int], "AnyExample | None"]


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


GLUE_TASKS = {
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


def glue_task(name: str) -> str:
    """The task's key in GLUE_TASKS: `sst2` of "SST-2".

    Raises:
        ConfigError: there is no such task.
    """
    key = name.lower().replace("-", "").replace("_", "")
    if key not in GLUE_TASKS:
        raise ConfigError(f"`task_name={name}`: expected one of {', '.join(GLUE_TASKS)}.")
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
    task, folder = GLUE_TASKS[glue_task(name)], pathlib.Path(folder)
    train, dev = (_read_glue_file(_glue_file(folder, stems), task) for stems in (task.train, task.dev))
    extra = {label: _read_glue_file(_glue_file(folder, (stem,)), task) for label, stem in task.extra_dev}
    labelled_test = next((path for stem in task.test if (path := _glue_file_if_any(folder, stem))), None)
    test = _read_glue_file(labelled_test, task) if labelled_test else []
    corpus = TaskCorpus(train, dev, test, list(task.labels or ("score",)), [], extra_dev=extra)
    return limited(corpus, max_train, max_dev, max_test, decontaminate)


def _glue_file(folder: pathlib.Path, stems: Sequence[str]) -> pathlib.Path:
    for stem in stems:
        if path := _glue_file_if_any(folder, stem):
            return path
    raise DataError(f"{folder}: no {stems[0]}.tsv, expected the official GLUE files there; {listing(folder)}.")


def _glue_file_if_any(folder: pathlib.Path, stem: str) -> pathlib.Path | None:
    return next((path for suffix in _GLUE_SUFFIXES if (path := folder / f"{stem}{suffix}").is_file()), None)


def _read_glue_file(path: pathlib.Path, task: GlueTask) -> list[AnyExample]:
    faults, skipped = Faults(path), 0
    examples: list[AnyExample] = []
    names, rules = task.header, LabelRules(task.values or task.labels, task.labels is None)
    for number, line in open_lines(path):
        if not line.strip():
            continue
        columns = line.split("\t")
        if names is None:
            names = tuple(columns)
            _check_glue_header(path, names, task)
            continue
        example, problem = _glue_example(columns, names, task, rules, os.fspath(path), number)
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


def _check_glue_header(path: pathlib.Path, names: Sequence[str], task: GlueTask) -> None:
    missing = [name for name in (*task.texts, task.label) if name not in names]
    if missing:
        raise DataError(f"{path}:1: no column {', '.join(missing)} among {quoted(', '.join(names))}. Expected the "
                        "official GLUE file; omit `task_name` for files of the form `text<TAB>label`.")


def _glue_example(columns: Sequence[str], names: Sequence[str], task: GlueTask, rules: LabelRules, source: str,
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


@dataclasses.dataclass(frozen=True)
class HubRows:
    """How a kind of task reads the rows of a data set.

    Attributes:
        labels: examples by split -> labels.
        read: (row, source, number) -> example, None where the row has no label, no text or an answer that is not in
            its context.
        unlabeled: split -> whether none of its rows has a label.
    """

    labels: Callable[[dict[str, Any]], list[str]]
    read: ReadRow
    unlabeled: Callable[[Any], bool]


def read_hub(name: str, rows_of: Callable[[Any], HubRows], *, max_train: int | None = None, max_dev: int | None = None,
             max_test: int | None = None, decontaminate: bool = False) -> TaskCorpus:
    """Loads a data set and finds its columns by their types.

    tagging: `tokens` or `words`, and `ner_tags` or `tags`; classification: `label`, and the string columns with
    the names of JSON lines (see `read_classified`), else the first ones (one, of pairs two); regression: the same
    with a number as label; question answering: `question`, `context`, `answers`. Splits: train, validation (dev,
    valid, validation_matched), test; a test set whose labels are all -1 counts as unlabelled and is left out.
    Nobody can mend a data set of the hub: rows without a label (-1) or text, and answers that their context does
    not hold, are passed over and counted in a warning.

    Args:
        name: `<name>` or `<name>:<config>`; a name on the hub, or a folder that `datasets` can load or has saved.
        rows_of: training split -> how its rows are read, see `Task.hub_rows`.
        max_train, max_dev, max_test: keep the first so many examples.
        decontaminate: leave out training examples whose text stands in dev or test, see `MeasuredTexts`.

    Raises:
        MissingExtraError: `datasets` is not installed.
        DataError: the data set cannot be loaded, or lacks a split or column.
    """
    path, _, config = name.partition(":") if not os.path.exists(name) else (name, "", "")
    splits = _load_hub(path, config)
    found = {ours: next((splits[theirs] for theirs in names if theirs in splits), None)
             for ours, names in _HUB_SPLITS.items()}
    for split in ("train", "dev"):
        if found[split] is None:
            raise DataError(f"hf:{name}: no split {' or '.join(_HUB_SPLITS[split])} among {', '.join(splits)}. "
                            "Expected train and validation.")
    rows = rows_of(found["train"])
    if found["test"] is not None and rows.unlabeled(found["test"]):
        found["test"] = None
    examples = {split: _hub_examples(data, rows.read, f"hf:{name}:{split}") if data is not None else []
                for split, data in found.items()}
    for split in ("train", "dev"):
        if not examples[split]:
            raise DataError(f"hf:{name}: no usable example in {split}, expected labelled ones.")
    corpus = TaskCorpus(examples["train"], examples["dev"], examples["test"], rows.labels(examples), [])
    return limited(corpus, max_train, max_dev, max_test, decontaminate)


def _load_hub(path: str, config: str) -> dict[str, Any]:
    try:
        import datasets
    except ImportError as error:
        raise MissingExtraError("datasets", "datasets", f"`task=hf:{path}`") from error
    quiet = logging.getLogger("datasets")
    quiet.setLevel(logging.ERROR)
    try:
        if any(os.path.exists(os.path.join(path, mark)) for mark in ("dataset_dict.json", "state.json")):
            saved = datasets.load_from_disk(path)
            return dict(saved) if isinstance(saved, dict) else {"train": saved}
        reader = _FILE_READERS.get(os.path.splitext(path)[1])
        if reader and os.path.isfile(path):
            return dict(datasets.load_dataset(reader, data_files=path))
        return dict(datasets.load_dataset(path, config or None))
    except Exception as error:  # the library raises from a dozen families of its own and others' errors
        raise DataError(f"hf:{path}{':' * bool(config)}{config}: cannot be loaded ({reason_of(error)}). Expected a "
                        "data set of the Hugging Face hub (which needs a network) or a local folder of parquet, "
                        "JSON or CSV files.") from error


def text_columns(data: Any, label: str, pairs: bool, name: str) -> list[str]:
    """The columns of the texts. Raises DataError where there are too few."""
    strings = [column for column, feature in data.features.items()
               if getattr(feature, "dtype", "") in ("string", "large_string") and column not in (label, "id", "idx")]
    named: list[str] = []
    for keys in (TEXT_KEYS, PAIR_KEYS)[:1 + pairs]:
        named += [key for key in keys if key in strings and key not in named][:1]
    texts = named if len(named) == 1 + pairs else strings[:1 + pairs]
    if len(texts) < 1 + pairs:
        raise DataError(f"hf:{name}: {len(texts)} text columns among {', '.join(data.features)}, expected {1 + pairs}.")
    return texts


def all_unlabeled(data: Any, columns: Sequence[str],
                  values: Callable[[Any], Iterable[Any]] = lambda column: column) -> bool:
    """Whether no row of a split has a label.

    Args:
        data: the split.
        columns: those that may hold labels, the first that is there counting.
        values: column -> the labels in it.
    """
    column = next((column for column in columns if column in data.features), None)
    return column is None or all(value is None or value == UNLABELED for value in values(data[column]))


def _hub_examples(data: Any, read: ReadRow, source: str) -> list[AnyExample]:
    examples = [example for number, row in enumerate(data, 1) if (example := read(row, source, number))]
    if missing := len(data) - len(examples):
        log.warning("%s: %d of %d rows are skipped: no label, no text, or an answer not in its context",
                    source, missing, len(data))
    return examples


def column_of(data: Any, candidates: Sequence[str], name: str) -> str:
    """The first of the candidates that a data set has. Raises DataError where it has none."""
    found = next((column for column in candidates if column in data.features), None)
    if found is None:
        raise DataError(f"hf:{name}: no column {' or '.join(candidates)} among {', '.join(data.features)}.")
    return found
