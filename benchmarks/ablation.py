"""Strategies and signals, one at a time, on a tagging task and on a pair task.

  XTREMEDISTIL_DATA=... python benchmarks/ablation.py --teacher=all-MiniLM-L6-v2 --work=DIR --out=benchmarks/results/ablation.md

Every row is one run of run_xtreme_distil.py with benchmarks/settings/ablation.cfg; the runs of a task share the
teacher. Strategies are compared with a BiLSTM student on the tagging task and with a transformer of three of the
teacher's layers on the pair task, signals with such a transformer on both.
"""

from __future__ import annotations

import logging
import pathlib

from absl import app, flags

import runs
from pages import commands, environment, percent, picture, public_command, table, write_page
from plots import bars, require_matplotlib
from xtremedistil_tf.fingerprint import fingerprint

_TEACHER = flags.DEFINE_string("teacher", "sentence-transformers/all-MiniLM-L6-v2", "Checkpoint of the teacher.")
_WORK = flags.DEFINE_string("work", None, "Folder of the runs.", required=True)
_OUT = flags.DEFINE_string("out", "benchmarks/results/ablation.md", "The Markdown file to write.")

STRATEGIES = ("D0S", "D1", "D2", "D3.1", "D3.2", "D4.1", "D4.2")
_HIDDEN = {"distil_multi_hidden_states": "true", "representation_loss": "mse"}
SIGNALS = {
    "top state, KL": {},
    "top state, MSE": {"representation_loss": "mse"},
    "all states, uniform map": _HIDDEN,
    "all states, last layers": _HIDDEN | {"layer_map": "last"},
    "all states and attentions": _HIDDEN | {"distil_attention": "true"},
    "top state and relations qkv": {"representation_loss": "mse", "distil_relations": "qkv"},
    "all states, one layer after another": _HIDDEN | {"progressive_transfer": "true"},
}
_BILSTM = {"embedding_size": 128, "lstm_units": 128, "learning_rate": 5e-3, "ft_epochs": 8}
_TRANSFORMER = {"num_hidden_layers": 3, "learning_rate": 3e-4, "distil_epochs": 2}
_SIGNAL_TEXT = {"tagging": {"max_transfer": 2500}, "pairs": {}}


def _tasks(data):
    ner, snli = data / "peer-ner", data / "snli"
    return {"tagging": {"task": ner, "transfer_file": ner / "unlabeled.txt.xz", "do_NER": "true", "seq_len": 32},
            "pairs": {"task": snli, "transfer_file": snli / "train.tsv.xz", "do_pairwise": "true", "seq_len": 48,
                      "max_train_per_language": 3000, "max_dev_per_language": 500, "max_transfer": 3000}}


def main(argv):
    del argv
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    require_matplotlib()
    data, work = runs.data_folder(), pathlib.Path(_WORK.value).resolve()
    tasks, figures, teachers, versions = _tasks(data), {}, {}, {}
    transformer = _TRANSFORMER | {"pt_student_checkpoint": _TEACHER.value}

    def measure(task, name, settings):
        key = f"{task}: {name}"
        values = {"pt_teacher_checkpoint": _TEACHER.value, "teacher_model_dir": work / task / "teacher",
                  "transfer_store_dir": work / task / "transfer", **tasks[task], **settings}
        # By its settings, for the first signal is also a strategy on the pair task.
        folder = work / task / f"{settings['strategy']}-{fingerprint({k: str(v) for k, v in settings.items()})[:8]}"
        m = runs.distil(folder, values, ["benchmarks/settings/ablation.cfg"])
        if "teacher" in m:  # labels alone need none
            teachers[task] = m["teacher"][m["main_score"]]
        versions.update(m["versions"])
        figures[key] = {"score": m["main_score"], "student": m["student"][m["main_score"]],
                        "command": public_command(m["command"])}
        return figures[key]["student"]

    strategies = [[name, percent(measure("tagging", name, _BILSTM | {"strategy": name})),
                   percent(measure("pairs", name, transformer | {"strategy": name}))] for name in STRATEGIES]
    signals = [[name, *[percent(measure(task, name, transformer | {"strategy": "D4.1"} | _SIGNAL_TEXT[task] | settings))
                        for task in tasks]] for name, settings in SIGNALS.items()]
    out = pathlib.Path(_OUT.value)
    rows = [*STRATEGIES, *SIGNALS]
    bars(out.with_suffix(".svg"), rows, {task: [100 * figures[f"{task}: {name}"]["student"] for name in rows]
                                         for task in tasks}, "F1 or accuracy")
    parts = ["# Strategies and signals, one at a time", environment(versions),
             f"F1 (tagging) and accuracy (pairs) on the test set. Teachers: tagging {percent(teachers['tagging'])}, "
             f"pairs {percent(teachers['pairs'])}. Tagging: 2,000 labelled and 5,000 transfer sentences (2,500 for the "
             "signals); pairs: SNLI with 3,000 labelled and 3,000 transfer pairs. One run each, one seed.",
             "## Strategies (signal: top state, KL)",
             table(["strategy", "tagging, BiLSTM", "pairs, transformer"], strategies),
             "## Signals (strategy D4.1, transformer)", table(["signal", "tagging", "pairs"], signals),
             picture(out, "Score with each strategy and each signal on a tagging and a pair task"),
             commands([f["command"] for f in figures.values()])]
    write_page(out, parts, {"teachers": teachers} | figures)


if __name__ == "__main__":
    app.run(main)
