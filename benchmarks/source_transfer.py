"""Does a student that was distilled on one task help on others? Its encoder against the same one from scratch.

  XTREMEDISTIL_DATA=... python benchmarks/source_transfer.py --teacher=all-MiniLM-L6-v2 --work=DIR \\
    --teachers=<--work of english_tasks.py> --out=benchmarks/results/source_transfer.md

The source is SNLI, with pairs of SNLI, XNLI and QQP as transfer text (benchmarks/settings/source_transfer.cfg). On each
target the student is trained on labels alone, once from that encoder and once from random weights, with the same
settings.
"""

from __future__ import annotations

import json
import logging
import pathlib

from absl import app, flags

import runs
from pages import commands, environment, percent, picture, table, write_page
from plots import bars, require_matplotlib

_TEACHER = flags.DEFINE_string("teacher", "sentence-transformers/all-MiniLM-L6-v2", "Checkpoint of the teacher.")
_TEACHERS = flags.DEFINE_string("teachers", None, "Finished runs of english_tasks.py, whose fine-tuned teachers "
                                "give the targets' upper bound.", required=True)
_WORK = flags.DEFINE_string("work", None, "Folder of the runs.", required=True)
_OUT = flags.DEFINE_string("out", "benchmarks/results/source_transfer.md", "The Markdown file to write.")

_PAIRS = {"do_pairwise": "true"}
#: Target -> (folder, flags).
TARGETS = {"SST-2": ("glue-sst2", {}), "MRPC": ("glue-mrpc", _PAIRS),
           "STS-B": ("glue-stsb", _PAIRS | {"task_kind": "regression"})}
_SHAPE = {"hidden_size": 192, "num_hidden_layers": 4, "num_attention_heads": 6, "embedding_init": "random"}
_FINE_TUNING = {"strategy": "D0S", "seq_len": 64, "max_train_per_language": 3000, "ft_epochs": 8, "patience": 3,
                "learning_rate": 3e-4, "student_ft_batch_size": 32, "opt_policy": "mixed_bfloat16"}


def main(argv):
    del argv
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    require_matplotlib()
    data, work = runs.data_folder(), pathlib.Path(_WORK.value).resolve()
    text = ",".join(str(data / file) for file in ("snli/train.tsv.xz", "xnli/en/unlabeled.tsv.xz", "qqp/train.tsv.xz"))
    source = runs.distil(work / "source", {"task": data / "snli", "transfer_file": text,
                                           "pt_teacher_checkpoint": _TEACHER.value},
                         ["benchmarks/settings/source_transfer.cfg"])
    teachers = pathlib.Path(_TEACHERS.value).resolve()
    scores: dict[str, list[float]] = {"teacher": [], "from scratch": [], "from the distilled encoder": []}
    rows, figures, called = [], {"source": _kept(source)}, [source["command"]]
    for name, (folder, settings) in TARGETS.items():
        common = {"task": data / folder, "pt_teacher_checkpoint": _TEACHER.value,
                  **_FINE_TUNING, **settings}
        # Nothing is distilled here; the report wants a teacher, and there is one.
        given = next((teachers / name / "teacher").glob("*/config.json")).parent
        scratch = runs.distil(work / f"{name}-scratch", common | _SHAPE | {"teacher_model_dir": given})
        distilled = runs.distil(work / f"{name}-distilled",
                                common | {"pt_student_checkpoint": work / "source" / "export" / "encoder"})
        score = scratch["main_score"]
        teacher = json.loads((teachers / name / "metrics.json").read_text(encoding="utf-8"))["teacher"]
        before, after = scratch["student"][score], distilled["student"][score]
        rows.append([name, score, scratch["sentences"], percent(teacher[score]), percent(before),
                     percent(after), f"{100 * (after - before):+.2f}"])
        for values, value in zip(scores.values(), (teacher[score], before, after)):
            values.append(100 * value)
        figures[name] = {"teacher": teacher, "scratch": _kept(scratch), "distilled": _kept(distilled)}
        called += [scratch["command"], distilled["command"]]
    score, shape = source["main_score"], source["config"]
    out = pathlib.Path(_OUT.value)
    bars(out.with_suffix(".svg"), list(TARGETS), scores, "score")
    parts = ["# Distilled on one task, fine-tuned on others", environment(source["versions"]),
             f"Source task SNLI ({source['sentences']} test examples): teacher {percent(source['teacher'][score])}, "
             f"student {percent(source['student'][score])} {score}; "
             f"{source['student']['parameters'] / 1e6:.1f} M parameters ({shape['num_hidden_layers']} x "
             f"{shape['hidden_size']}). Source: {shape['max_train_per_language']:,} labelled, "
             f"{shape['max_transfer']:,} transfer pairs; targets: at most "
             f"{_FINE_TUNING['max_train_per_language']:,} labelled examples. One run each, one seed.",
             table(["target", "score", "test examples", "teacher", "from scratch", "from the distilled encoder",
                    "gain"], rows),
             picture(out, "Scores of teacher, student from scratch and student from the distilled encoder"),
             commands(called)]
    write_page(out, parts, figures)


def _kept(metrics):
    return {key: metrics[key] for key in ("teacher", "student", "main_score", "seconds") if key in metrics}


if __name__ == "__main__":
    app.run(main)
