"""Tasks and text that benchmarks build out of the real data sets: 40 languages, classes with few labels each, questions
with sentences."""

from __future__ import annotations

import itertools
import pathlib
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from xtremedistil_tf.atomic import atomic_directory, atomic_file, read_json
from xtremedistil_tf.corpus import TextExample, read_text
from xtremedistil_tf.corpus.squad import read_squad
from xtremedistil_tf.errors import DataError
from xtremedistil_tf.tasks.opening import load_task

#: Where a language's labels are taken from: the first of these that has it. WikiANN's small sets leave no text of their
#: kind to distil on.
_LABELLED = ("ner-wikiann", "ner-gold", "ner-wikiann-mini")

# Up to a mark after which a blank and a capital follow.
_SENTENCE = re.compile(r".+?(?:[.!?][\"')\]]*(?=\s+[A-Z])|$)", re.DOTALL)


def sources(data: pathlib.Path) -> dict[str, list[str]]:
    """Language -> its folders below `data`, that of its labels first; languages without any are left out.

    Raises:
        DataError: `data` has no ner41.json.
    """
    listed = data / "ner41.json"
    if not listed.exists():
        raise DataError(f"{listed}: no such file; expected a map from each language to its folders.")
    found = {}
    for language, folders in read_json(listed).items():
        labelled = [folder for name in _LABELLED for folder in folders
                    if folder.split("/")[0] == name and any((data / folder).glob("train.*"))]
        if labelled:
            found[language] = [labelled[0], *(folder for folder in folders if folder != labelled[0])]
    return found


def build_languages(data: pathlib.Path, folder: pathlib.Path, languages: Mapping[str, Sequence[str]]) -> None:
    """A folder `task` with train, dev and test of each language, and `unlabeled` with the text of its other folders.

    Args:
        data: the folder of real data sets.
        folder: to build, unless it is there.
        languages: see `sources`.
    """
    if folder.exists():
        return
    with atomic_directory(folder) as part:
        for language, (labelled, *others) in languages.items():
            corpus = load_task(data / labelled)
            for split in ("train", "dev", "test"):
                _write(part / "task" / language / f"{split}.tsv",
                       (f"{' '.join(e.words)}\t{' '.join(e.tags)}" for e in getattr(corpus, split)))
            files = [file for other in others for file in sorted((data / other).glob("train.*"))]
            lines = dict.fromkeys(" ".join(example.words) for file in files for example in read_text(file))
            if lines:
                _write(part / "unlabeled" / f"{language}.txt", lines)


def build_classes(source: pathlib.Path, folder: pathlib.Path, per_class: int, dev: int) -> None:
    """A task folder whose training file begins with `per_class` examples of each class; the others follow.

    A task without a test set gets its dev set as test set, and a dev set out of the end of its training set.

    Args:
        source: the task.
        folder: to build, unless it is there.
        per_class: examples of each class at the beginning.
        dev: most dev examples.

    Raises:
        DataError: a class has fewer than `per_class` examples.
    """
    if folder.exists():
        return
    corpus = load_task(source, kind="classification")
    train, held_out, test = corpus.train, corpus.dev, corpus.test
    if not test:
        train, held_out, test = train[:-dev], train[-dev:], held_out
    first, rest = balanced(train, per_class)
    count = Counter(example.label for example in first)
    if few := [f"{label} ({count[label]})" for label in corpus.labels if count[label] < per_class]:
        raise DataError(f"{source}: too few training examples of {', '.join(few)}; expected {per_class} of each class.")
    with atomic_directory(folder) as part:
        for name, examples in (("train", first + rest), ("dev", held_out[:dev]), ("test", test)):
            _write(part / f"{name}.tsv", (f"{e.text}\t{e.label}" for e in examples))
        _write(part / "labels.tsv", (f"{index}\t{label}" for index, label in enumerate(corpus.labels)))


def balanced(examples: Iterable[TextExample], per_class: int) -> tuple[list[TextExample], list[TextExample]]:
    """The first `per_class` examples of each class, and the others, both in their order."""
    first: list[TextExample] = []
    rest: list[TextExample] = []
    count: Counter[object] = Counter()
    for example in examples:
        count[example.label] += 1
        (first if count[example.label] <= per_class else rest).append(example)
    return first, rest


def build_question_pairs(files: Iterable[pathlib.Path], out: pathlib.Path) -> None:
    """Unlabelled pairs as QNLI has them: a question, and a sentence of its context; one with the answer, and another.

    Args:
        files: questions in SQuAD's format.
        out: to build, unless it is there.
    """
    if out.exists():
        return
    pairs: dict[tuple[str, str], None] = {}
    for example in (example for file in files for example in read_squad(file)):
        sentences = _SENTENCE.findall(example.context)
        ends = list(itertools.accumulate(map(len, sentences)))
        place = next((i for i, end in enumerate(ends) if end > example.answers[0].start), 0) if example.answers else 0
        # Which of the others is by the question's length: the same in every run, and not always a neighbour.
        other = (place + 1 + len(example.question) % max(1, len(sentences) - 1)) % len(sentences)
        for number in (place, other):
            pairs[" ".join(example.question.split()), " ".join(sentences[number].split())] = None
    with atomic_file(out) as part:
        pathlib.Path(part).write_text("".join(f"{question}\t{sentence}\n" for question, sentence in pairs if sentence),
                                      encoding="utf-8")


def _write(file: pathlib.Path, lines: Iterable[str]) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("".join(line + "\n" for line in lines), encoding="utf-8")
