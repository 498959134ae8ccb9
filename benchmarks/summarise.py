"""Turns the metrics of finished runs into a page of benchmarks/results.

  python benchmarks/summarise.py --title="..." --out=benchmarks/results/NAME.md MODEL_DIR [MODEL_DIR ...]

Writes NAME.md and, beside it, NAME.json with the metrics that the tables come from. Paths of this machine
are replaced by the names of the flags that they were given to.
"""

from __future__ import annotations

import json
import pathlib

from absl import app, flags

from pages import environment, percent, public_command, table, write_page
from xtremedistil_tf.tasks.registry import score_name

_TITLE = flags.DEFINE_string("title", None, "Title of the page.", required=True)
_OUT = flags.DEFINE_string("out", None, "The Markdown file to write.", required=True)
_MODELS = (("teacher", "teacher"), ("student", "student"), ("direct_baseline", "labels alone"),
           ("untrimmed", "all pieces"))


def _main(metrics):
    return metrics.get("main_score", "f1")


def _quality(metrics):
    shown = [(key, name) for key, name in _MODELS if key in metrics]
    kept, main = metrics["retention"], _main(metrics)
    rows = [["all", *[percent(metrics[k][main]) for k, _ in shown], percent(kept[main])]]
    if "per_language" in metrics["teacher"]:
        rows.append(["mean (standard deviation) over languages",
                     *[f"{percent(metrics[k][f'mean_{main}'])} ({percent(metrics[k][f'std_{main}'])})"
                       for k, _ in shown], percent(kept[f"mean_{main}"])])
        rows += [[language, *[percent(metrics[k]["per_language"][language][main]) for k, _ in shown],
                  percent(kept["per_language"][language])] for language in metrics["teacher"]["per_language"]]
    title = score_name(main, metrics.get("kind", "tagging"))
    return table([title, *[name for _, name in shown], "retention %"], rows)


def _size(metrics):
    kept = metrics["retention"]
    rows = [["parameters, M", *[f"{metrics[k]['parameters'] / 1e6:.2f}" for k in ("teacher", "student")],
             f"{kept['compression']:.1f}x"],
            ["without pieces never seen, M", *[f"{metrics[k]['parameters_seen_pieces'] / 1e6:.2f}"
                                                for k in ("teacher", "student")],
             f"{kept['compression_seen_pieces']:.1f}x"],
            ["float32 MB", *[f"{metrics[k]['bytes'] / 1e6:.1f}" for k in ("teacher", "student")], ""]]
    for size in ("batch_1", "batch_32"):
        rows.append([f"latency {size.replace('_', ' ')}, median ms",
                     *[f"{metrics[k]['latency'][size]['median_ms']:.1f}" for k in ("teacher", "student")],
                     f"{kept['speedup_' + size]:.1f}x"])
    return table(["", "teacher", "student", "ratio"], rows)


def _phases(metrics):
    cpu, main = metrics.get("cpu_seconds", {}), _main(metrics)
    rows = [["teacher fine-tuning", len(metrics["teacher_history"]), metrics["seconds"]["teacher fine-tuning"],
             cpu.get("teacher fine-tuning", "-"), "-"]]
    if "transfer store" in metrics["seconds"]:
        rows.append(["transfer store", "", metrics["seconds"]["transfer store"], "-", "-"])
    for prefix, key in (("", "phases"), ("labels alone: ", "baseline_phases")):
        for phase in metrics.get(key, []):
            name = prefix + phase["name"]
            spent = phase.get("cpu_seconds")
            rows.append([name, len(phase["history"]), f"{phase['seconds']:.1f}",
                         "-" if spent is None else f"{spent:.1f}", percent(phase["scores"].get(main))])
    return table(["phase", "epochs", "wall s", "CPU s", f"dev {main} after it"], rows)


def _student(config):
    shape = config.get("num_hidden_layers") or config.get("hidden_size")
    if shape or config.get("pt_student_checkpoint"):
        return f"transformer, {config['num_hidden_layers']} x {config['hidden_size']}"
    if config.get("student_type") == "cnn" or config.get("cnn_channels") or config.get("cnn_blocks"):
        return f"CNN, E={config['embedding_size']}, C={config['cnn_channels'] or 128}, L={config['cnn_blocks'] or 4}"
    return f"BiLSTM, E={config['embedding_size']}, H={config['lstm_units']}"


def main(argv):
    runs = [json.loads((pathlib.Path(folder) / "metrics.json").read_text(encoding="utf-8")) for folder in argv[1:]]
    parts = [f"# {_TITLE.value}", environment(runs[0]["versions"])]
    for metrics in runs:
        c = metrics["config"]
        parts += [f"## {_student(c)}, {metrics['strategy']}",
                  f"```sh\npython {public_command(metrics['command'])}\n```",
                  f"{metrics['sentences']} {metrics['split']} examples; {metrics['seen_pieces']} pieces occur in "
                  f"training and transfer text"
                  + (f"; the reduced table keeps {100 * metrics['embedding_energy']:.1f} % of the teacher's embedding energy."
                     if metrics["embedding_energy"] else "."),
                  _quality(metrics), _size(metrics), _phases(metrics)]
    kept = [{key: value for key, value in m.items() if key not in ("config", "command", "task")}
            | {"command": public_command(m["command"])} for m in runs]
    write_page(pathlib.Path(_OUT.value), parts, kept)


if __name__ == "__main__":
    app.run(main)
