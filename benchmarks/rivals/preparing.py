"""Takes the same examples for all rivals out of a data set, once."""

from __future__ import annotations

import dataclasses
import pathlib
import random
from collections.abc import Iterable, Sequence
from typing import Any

from rivals.task_folder import LABELS, TRANSFER, write_answered
from xtremedistil_tf.atomic import atomic_directory, write_json
from xtremedistil_tf.corpus import AnyExample, TaskCorpus
from xtremedistil_tf.fingerprint import fingerprint
from xtremedistil_tf.tasks.opening import load_task, read_unlabeled

_SEED = 0


@dataclasses.dataclass(frozen=True)
class Wanted:
    """What is taken out of a data set.

    Attributes:
        source: task folder of real data.
        kind: `tagging` or `classification`.
        labelled: training examples whose answers are seen.
        transfer: texts for distillation, those of the training examples among them.
        dev: examples that weights and settings are chosen on.
        test: examples that are measured.
        more: files of further text for distillation.
    """

    source: pathlib.Path
    kind: str
    labelled: int
    transfer: int
    dev: int
    test: int
    more: tuple[pathlib.Path, ...] = ()

    @property
    def folder_name(self) -> str:
        """Another for other examples, so that no model of these is taken for one of theirs."""
        return f"{self.source.name}-{fingerprint(self.to_json())[:8]}"

    def to_json(self) -> dict[str, Any]:
        more = [str(file) for file in self.more]
        return dataclasses.asdict(self) | {"source": str(self.source), "more": more}


def prepare(wanted: Wanted, work: pathlib.Path) -> pathlib.Path:
    """Writes the folder (see `TaskFolder`) below `work` unless it is there, and returns it.

    Examples are drawn by a fixed seed. A training or transfer text that is also a dev or test text is left
    out. Where the data set has no test set, its dev set is the test set, and dev examples come from its
    training set.

    Raises:
        DataError: the data set cannot be read.
        SystemExit: it has fewer training examples than are wanted.
    """
    folder = work / wanted.folder_name
    if not folder.exists():
        corpus = load_task(wanted.source, kind=wanted.kind)
        splits = split(corpus, wanted)
        texts = transfer_texts(corpus, splits, wanted)
        with atomic_directory(folder) as part:
            for name, examples in splits.items():
                write_answered(part / f"{name}.tsv", [text_of(example) for example in examples],
                               [answer_of(example) for example in examples])
            (part / LABELS).write_text("\n".join(corpus.labels) + "\n", encoding="utf-8", newline="\n")
            (part / TRANSFER).write_text("\n".join(texts) + "\n", encoding="utf-8", newline="\n")
            write_json(part / "wanted.json", wanted.to_json())
    return folder


def split(corpus: TaskCorpus, wanted: Wanted) -> dict[str, list[AnyExample]]:
    """`train`, `dev` and `test`, each shuffled and cut to what is wanted."""
    train, dev, test = (shuffled(examples) for examples in (corpus.train, corpus.dev, corpus.test))
    if not test:
        test, dev, train = dev, train[:wanted.dev], train[wanted.dev:]
    dev, test = dev[:wanted.dev], test[:wanted.test]
    held = {text_of(example) for example in (*dev, *test)}
    train = [example for example in train if text_of(example) not in held]
    if len(train) < wanted.labelled:
        raise SystemExit(f"{wanted.source}: {len(train)} training examples, --labelled={wanted.labelled}.")
    return {"train": train[:wanted.labelled], "dev": dev, "test": test}


def transfer_texts(corpus: TaskCorpus, splits: dict[str, list[AnyExample]], wanted: Wanted) -> list[str]:
    """The texts of train, in its order, then other texts of the data set, then those of `more`."""
    taken = {text_of(example) for examples in splits.values() for example in examples}
    more = (example for file in wanted.more for example in read_unlabeled(str(file), wanted.kind))
    first = [text_of(example) for example in splits["train"]]
    rest = dict.fromkeys(map(text_of, (*shuffled(corpus.train), *more)))
    # Training texts that occur twice stay: line i is example i of train.tsv.
    return (first + [text for text in rest if text not in taken])[:wanted.transfer]


def shuffled(examples: Iterable[AnyExample]) -> list[AnyExample]:
    """In an order that depends on their number alone."""
    found = list(examples)
    random.Random(_SEED).shuffle(found)
    return found


def text_of(example: AnyExample) -> str:
    """One line of text."""
    return " ".join(example.words) if hasattr(example, "words") else " ".join(example.text.split())


def answer_of(example: AnyExample) -> str | Sequence[str]:
    """A class, or one tag a word."""
    return example.tags if hasattr(example, "words") else example.label
