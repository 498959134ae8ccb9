"""Classification with few labels a class: a BiLSTM alone, distilled, and its teacher.

  XTREMEDISTIL_DATA=... python benchmarks/paper_classification.py --teacher=all-MiniLM-L6-v2 --shared=DIR

Transfer text is the rest of the training text. The tasks, with as many labels of each class, are built under
--shared. CLINC150 (150 intents and out of scope) is not in the paper and has a hundred examples a class at most.
"""

from __future__ import annotations

import dataclasses
import pathlib

from pages import percent, table
from paper_figures import CLASSIFICATION, SOURCE
from paper_setup import Bench, Settings, start
from paper_tasks import build_classes
from plots import bars

_DEV = 500
_RUNS = {"direct_baseline": "labels alone", "student": "distilled", "teacher": "teacher"}


@dataclasses.dataclass(frozen=True)
class Task:
    """Where a task is, its classes, its labelled examples of each, and the length of its texts."""

    folder: str
    classes: int
    per_class: int
    seq_len: int


TASKS = {"AG News": Task("agnews", 4, 500, 64), "SST-2": Task("glue-sst2", 2, 500, 32),
         "CLINC150": Task("clinc150", 151, 20, 32)}


def task_folder(bench: Bench, task: Task) -> pathlib.Path:
    return bench.shared / "tasks" / f"{task.folder}-{bench.sentences(task.per_class)}"


def settings(bench: Bench) -> dict[str, Settings]:
    """The flags of each run by task."""
    return {name: bench.flags({"task": task_folder(bench, TASKS[name]), "seq_len": TASKS[name].seq_len,
                               "max_train_per_language": TASKS[name].classes * bench.sentences(TASKS[name].per_class)})
            for name in bench.chosen(TASKS)}


def main(bench: Bench) -> None:
    runs = settings(bench)
    for name in runs:
        task = TASKS[name]
        build_classes(bench.data / task.folder, task_folder(bench, task), bench.sentences(task.per_class), _DEV)
    found = bench.run_all(runs)
    rows = []
    for name, m in found.items():
        alone, distilled, teacher = CLASSIFICATION.get(name, (None,) * 3)
        rows.append([name, bench.sentences(TASKS[name].per_class), m["sentences"],
                     *[percent(m[model]["accuracy"]) for model in _RUNS], percent(m["retention"]["accuracy"]),
                     *[value or "-" for value in (alone, distilled, teacher)],
                     percent(distilled / teacher) if distilled and teacher else "-"])
    bars(bench.drawing, list(found), {label: [100 * m[model]["accuracy"] for m in found.values()]
                                      for model, label in _RUNS.items()}, "accuracy")
    c = next(iter(found.values()))["config"]
    scale = (f"BiLSTM, E={c['embedding_size']}, H={c['lstm_units']}, strategy {c['strategy']}, at most "
             f"{c['max_transfer']:,} transfer texts, {c['distil_epochs']} epochs a phase on them. One run each, one "
             "seed. SST-2 has no public test set: its dev set is measured, and the best weights are chosen on "
             f"{_DEV} examples taken out of its training set.")
    bench.page("Classification with few labels", scale, [
        f"Accuracy. The paper's figures are those of {SOURCE}, tables of classification: AG News with 500 labels a "
        "class, teacher BERT Large; SST-2 with all labels, teacher BERT Base, sentences of IMDB as transfer text.",
        table(["task", "labels a class", "test examples", *_RUNS.values(), "retention %", "paper: labels alone",
               "distilled", "teacher", "retention %"], rows)], found,
        "Accuracy of the student on labels alone, of the distilled one and of the teacher")


if __name__ == "__main__":
    start(main, __file__)
