"""How much of a teacher a student of half its layers keeps on eight English tasks, with and without distillation.

  XTREMEDISTIL_DATA=... python benchmarks/english_tasks.py --teacher=all-MiniLM-L6-v2 --work=DIR --out=benchmarks/results/english_tasks.md

Each task is one run of run_xtreme_distil.py with benchmarks/settings/english_tasks.cfg under --work; the same command
goes on where an interrupted one stopped.
"""

from __future__ import annotations

import logging
import pathlib

from absl import app, flags

import runs
from pages import commands, environment, percent, picture, public_command, table, write_page
from paper_tasks import build_question_pairs
from plots import bars, require_matplotlib

_TEACHER = flags.DEFINE_string("teacher", "sentence-transformers/all-MiniLM-L6-v2", "Checkpoint of the teacher.")
_WORK = flags.DEFINE_string("work", None, "Folder of the runs.", required=True)
_OUT = flags.DEFINE_string("out", "benchmarks/results/english_tasks.md", "The Markdown file to write.")
_ONLY = flags.DEFINE_list("only", [], "Tasks to run; empty: all.")

_MODELS = {"teacher": "teacher", "direct_baseline": "labels alone", "student": "distilled"}
_PAIRS = {"do_pairwise": "true"}
_NLI = ("snli/train.tsv.xz", "xnli/en/unlabeled.tsv.xz")
_QUESTIONS = ("qa-squadshifts/new_wiki/train.json.xz", "qa-squadshifts/amazon_reviews/test.json.xz",
              "qa-squadshifts/reddit/test.json.xz")
#: Task -> (folder, files of text like the task's beside its own training text, flags).
TASKS: dict[str, tuple[str, tuple[str, ...], dict[str, object]]] = {
    "SST-2": ("glue-sst2", (), {"max_train_per_language": 4000, "transfer_surplus": "true", "distil_epochs": 3}),
    "CoLA": ("glue-cola", (), {"metric": "matthews", "distil_epochs": 12}),
    "MRPC": ("glue-mrpc", ("qqp/train.tsv.xz", "glue-stsb/train.tsv.xz"), _PAIRS | {"metric": "f1", "distil_epochs": 6}),
    "STS-B": ("glue-stsb", ("glue-mrpc/train.tsv.xz", *_NLI), _PAIRS | {"task_kind": "regression", "distil_epochs": 6}),
    "RTE": ("glue-rte", _NLI, _PAIRS | {"distil_epochs": 6}),
    "QNLI": ("glue-qnli", ("questions",), _PAIRS | {"distil_epochs": 3}),
    "XNLI-en": ("xnli", _NLI, _PAIRS | {"languages": "en", "distil_epochs": 6}),
    "SQuADShifts": ("qa-squadshifts/new_wiki", _QUESTIONS[1:], {"seq_len": 160, "distil_epochs": 3}),
}


def run_task(name: str, data: pathlib.Path, work: pathlib.Path) -> dict:
    """The metrics of one task, teacher, student and the student on labels alone."""
    folder, more, settings = TASKS[name]
    train = data / folder
    train = train / "en" if name == "XNLI-en" else train
    own = next(train.glob("train.*"))
    files = [work / "questions.tsv" if file == "questions" else data / file for file in more]
    if "questions" in more:
        build_question_pairs([data / file for file in _QUESTIONS], work / "questions.tsv")
    values = {"task": data / folder, "transfer_file": ",".join(map(str, [own, *files])),
              "pt_teacher_checkpoint": _TEACHER.value, **settings}
    return runs.distil(work / name, values, ["benchmarks/settings/english_tasks.cfg"])


def main(argv):
    del argv
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    require_matplotlib()
    data, work = runs.data_folder(), pathlib.Path(_WORK.value).resolve()
    results = {name: run_task(name, data, work) for name in TASKS if not _ONLY.value or name in _ONLY.value}
    rows, kept, alone = [], [], []
    for name, m in results.items():
        main_score = m["main_score"]
        teacher, direct, student = (m[key][main_score] for key in _MODELS)
        kept.append(student / teacher)
        alone.append(direct / teacher)
        rows.append([name, main_score, m["sentences"], *map(percent, (teacher, direct, student)),
                     percent(direct / teacher), percent(student / teacher)])
    count = len(rows)
    rows.append(["mean", "", "", *[percent(sum(m[key][m["main_score"]] for m in results.values()) / count)
                                   for key in _MODELS],
                 percent(sum(alone) / count), percent(sum(kept) / count)])
    first = next(iter(results.values()))
    out = pathlib.Path(_OUT.value)
    bars(out.with_suffix(".svg"), list(results),
         {label: [100 * m[model][m["main_score"]] for m in results.values()] for model, label in _MODELS.items()}, "score")
    parts = ["# Eight English tasks: a student with half the teacher's layers", environment(first["versions"]),
             table(["task", "score", "test examples", "teacher", "labels alone", "distilled", "labels alone kept %",
                    "distilled kept %"], rows),
             "Where a task has no public test set its dev set is measured, which also chose the best weights of "
             "all three models.",
             picture(out, "Scores of teacher, student on labels alone and distilled student"),
             commands([m["command"] for m in results.values()])]
    write_page(out, parts, {name: {key: m[key] for key in (*_MODELS, "retention", "main_score", "seconds")}
                            | {"command": public_command(m["command"])} for name, m in results.items()})


if __name__ == "__main__":
    app.run(main)
