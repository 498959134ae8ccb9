"""Mutation testing of what decides the science and the data: does a test fail where a line is changed?

  pip install mutmut
  python benchmarks/mutation.py                              # tries all modules and writes results/mutation.md
  python benchmarks/mutation.py --only=losses,schedule       # some of them; the others stay as they are on the page
  python benchmarks/mutation.py --only=losses --survivors    # tries again those that no test found last time

A mutant is a module with one change: + for -, < for <=, None for an argument, an argument left out. Those of messages,
docstrings and annotations are left out. A mutant is killed where a test fails or takes too long. Every mutant is tried by the
tests that reach its line. Why a survivor may live stands in settings/mutation.json, under the module and the change.
"""

from __future__ import annotations

import datetime
import json
import logging
import pathlib
import tempfile
from typing import Any

from absl import app, flags

from mutant_runs import ROOT, import_packages, try_mutants
from mutants import Mutant, mutants_of
from pages import percent, table, write_page

_OUT = flags.DEFINE_string("out", "benchmarks/results/mutation.md", "The Markdown file to write.")
_ONLY = flags.DEFINE_list("only", None, "Names of modules; default: all.")
_MOST = flags.DEFINE_integer("most", 80, "Mutants of a module; a sample where it has more.")
_SEED = flags.DEFINE_integer("random_seed", 0, "Seed of the sample.")
_SURVIVORS = flags.DEFINE_boolean("survivors", False, "Try only those that survived last time.")

REASONS = ROOT / "benchmarks" / "settings" / "mutation.json"
# What every kind of task does for evaluation, augmentation and the store.
_CONTRACT = ["tasks/test_agreement.py", "tasks/test_conformance.py", "tasks/test_contract.py",
             "augmentation/test_quality.py", "evaluation/test_confusion.py", "evaluation/test_disagreements.py",
             "distillation/test_stages.py"]
#: Name -> module in xtremedistil_tf, and the tests of it.
MODULES = {
    "losses": ("training/losses.py", ["training/test_losses.py", "training/test_relations.py",
                                      "distillation/test_signals.py"]),
    "schedule": ("distillation/schedule.py", ["distillation/test_schedule.py"]),
    "decoding": ("tasks/tagging/decoding.py", ["tasks/test_decoding.py", "tasks/test_spans.py"]),
    "words": ("tokenization/words.py", ["tokenization/test_words.py"]),
    "alignment": ("tokenization/alignment.py", ["tokenization/test_alignment.py"]),
    "stages": ("distillation/stages.py", ["distillation/test_held_out.py", "distillation/test_stages.py",
                                          "distillation/test_runner_phases.py", "training/test_batches.py"]),
    "signals": ("distillation/signals.py", ["distillation/test_layer_map.py", "distillation/test_signals.py"]),
    "conll": ("corpus/conll.py", ["corpus/test_conll.py", "corpus/test_tags.py"]),
    "shards": ("transfer/shards.py", ["transfer/test_shards.py"]),
    "reader": ("transfer/reader.py", ["transfer/test_reader.py", "transfer/test_shards.py", "transfer/test_store.py",
                                      "api/test_own_loop.py"]),
    "answers": ("tasks/question_answering/answers.py", ["tasks/test_spans.py", "tasks/test_answer_scores.py"]),
    "scores": ("tasks/scores.py", ["tasks/test_class_scores.py", "tasks/test_regression.py"]),
    "classification": ("tasks/classification/task.py", ["tasks/test_class_scores.py",
                                                        "tasks/test_classification.py"]),
    "regression": ("tasks/regression/task.py", ["tasks/test_regression_scores.py", "tasks/test_regression.py"]),
    "tagged": ("corpus/tagged.py", ["corpus/test_tagged.py", "corpus/test_tsv.py", "corpus/test_jsonl.py"]),
    "classified": ("corpus/classified.py", ["corpus/test_classified.py", "corpus/test_labels.py"]),
    "format": ("transfer/format.py", ["transfer/test_store.py", "transfer/test_shards.py",
                                      "transfer/test_sampled_attention.py", "transfer/test_quantization.py",
                                      "transfer/test_provenance.py"]),
    "tagging": ("tasks/tagging/task.py", ["tasks/test_tagging.py", "tasks/test_tag_decoding.py", *_CONTRACT]),
    "multi_label": ("tasks/multi_label/task.py", ["tasks/test_multi_label.py", *_CONTRACT]),
    "entity_scores": ("tasks/tagging/entity_scores.py", ["tasks/test_entity_scores.py"]),
    "question_answering": ("tasks/question_answering/task.py", ["tasks/test_question_answering.py",
                                                                "tasks/test_answer_scores.py", *_CONTRACT]),
    "onnx_rewriting": ("onnx_rewriting.py", ["export/onnx/test_rewriting.py"]),
    "onnx_graphs": ("onnx_graphs.py", ["export/onnx/test_quantized.py", "export/onnx/test_export.py"]),
}
#: Modules whose tests are slow: fewer mutants.
FEWER = {"onnx_rewriting": 25, "onnx_graphs": 25}


def try_module(name: str, before: dict[str, Any] | None, folder: pathlib.Path) -> dict[str, Any]:
    """The record of a module: how many mutants there are, and what became of each that was tried."""
    file, tests = f"xtremedistil_tf/{MODULES[name][0]}", [f"tests/{test}" for test in MODULES[name][1]]
    mutants, existing = mutants_of(ROOT / file, FEWER.get(name, _MOST.value), _SEED.value)
    known = before["mutants"] if before and _SURVIVORS.value else {}
    named: dict[str, Mutant] = {}
    for mutant in mutants:
        place = mutant.name
        while place in named:  # two changes may read the same
            place += " (again)"
        named[place] = mutant
    tried = [place for place in named if known.get(place, "survived") == "survived"]
    found = {place: known.get(place) for place in named}
    found |= zip(tried, try_mutants(file, tests, [named[place] for place in tried], folder))
    killed = sum(status != "survived" for status in found.values())
    logging.info("%s: %d of %d mutants killed, %.1f %%", name, killed, len(found), 100 * killed / len(found))
    return {"module": file, "tests": tests, "existing": existing, "day": f"{datetime.date.today()}", "mutants": found}


def page(records: dict[str, Any]) -> list[str]:
    """The parts of the page."""
    reasons = json.loads(REASONS.read_text(encoding="utf-8")) if REASONS.exists() else {}
    rows, survivors = [], []
    for name, record in records.items():
        alive = [change for change, status in record["mutants"].items() if status == "survived"]
        tried = len(record["mutants"])
        rows.append([f"`{record['module']}`", record["existing"], tried, tried - len(alive),
                     percent((tried - len(alive)) / tried)])
        if alive:
            lines = [f"- `{change.replace('`', '')}`: {reasons.get(name, {}).get(change, 'not looked at')}"
                     for change in alive]
            survivors.append(f"### {record['module']}\n\n" + "\n".join(lines))
    day = max(record["day"] for record in records.values())
    return ["# Mutation testing", f"mutmut's changes, seed {_SEED.value}. {day}.",
            table(["module", "mutants", "tried", "killed", "%"], rows), "## Survivors", *survivors,
            "## Commands\n\n```sh\npython benchmarks/mutation.py\n```"]


def main(argv: list[str]) -> None:
    logging.basicConfig(level=logging.INFO, format="%(message)s", force=True)
    out = ROOT / _OUT.value
    figures = out.with_suffix(".json")
    records = json.loads(figures.read_text(encoding="utf-8")) if figures.exists() else {}
    import_packages()
    with tempfile.TemporaryDirectory(prefix="mutants-") as folder:
        for name in _ONLY.value or MODULES:
            records[name] = try_module(name, records.get(name), pathlib.Path(folder))
            records = {known: records[known] for known in MODULES if known in records}
            write_page(out, page(records), records)


if __name__ == "__main__":
    app.run(main)
