"""spaCy's small NER: `spacy init config --lang en --pipeline ner` and `spacy train`, on the same labels.

It is trained and scored on the words of the data, as the others are; its tokenizer is part of what is timed.
"""

from __future__ import annotations

import argparse
import pathlib
import time
from collections.abc import Sequence
from typing import Any

from rivals.command import Flags, run
from rivals.task_folder import TaskFolder, read_answered
from rivals.timing import Opened
from xtremedistil_tf.students.metadata import size_of

# What nlp.pipe is good at, and does by default in still larger batches.
_BULK = 256


def train(task: TaskFolder, flags: Flags) -> dict[str, Any]:
    import spacy
    from spacy.cli.init_config import init_config
    from spacy.cli.train import train as spacy_train

    texts, answers = read_answered(flags.examples, True) if flags.examples else task.read("train")
    _write_docs(flags.folder / "train.spacy", texts, answers)
    _write_docs(flags.folder / "dev.spacy", *task.read("dev"))
    config = init_config(lang=flags.lang, pipeline=["ner"], silent=True)
    config.to_disk(flags.folder / "config.cfg")
    began = time.monotonic()
    spacy_train(flags.folder / "config.cfg", flags.folder / "model", overrides={
        "paths.train": str(flags.folder / "train.spacy"), "paths.dev": str(flags.folder / "dev.spacy"),
        **({"training.max_steps": flags.max_steps} if flags.max_steps else {})})
    seconds = time.monotonic() - began
    best = flags.folder / "model" / "model-best"
    nlp = spacy.load(best)
    texts, _ = task.read("test")
    docs = nlp.pipe([spacy.tokens.Doc(nlp.vocab, words=text.split(" ")) for text in texts])
    return {"train_seconds": seconds, "parameters": _parameters(nlp), "bytes": size_of(best),
            "examples": len(answers), "answers": [tags_of(doc) for doc in docs]}


def open_model(task: TaskFolder, flags: Flags) -> Opened:
    import spacy

    nlp = spacy.load(flags.folder / "model" / "model-best")

    def answer(docs: Sequence[Any]) -> list[list[tuple[str, str]]]:
        found = [nlp(docs[0])] if len(docs) == 1 else nlp.pipe(docs, batch_size=_BULK)
        return [[(entity.text, entity.label_) for entity in doc.ents] for doc in found]

    return Opened(lambda texts: [nlp.make_doc(text) for text in texts], answer, _BULK, scored=False)


def tags_of(doc) -> list[str]:
    """IOB2 tags of the words of a Doc."""
    return [f"{word.ent_iob_}-{word.ent_type_}" if word.ent_type_ else "O" for word in doc]


def iob2(tags: Sequence[str]) -> list[str]:
    """The same tags, but an `I-` without its entity before it is a `B-`: spaCy takes no other."""
    found, before = [], "O"
    for tag in tags:
        opens = tag.startswith("I-") and before[2:] != tag[2:]
        found.append(f"B-{tag[2:]}" if opens else tag)
        before = tag
    return found


def _write_docs(path: pathlib.Path, texts: Sequence[str], answers: Sequence[Sequence[str]]) -> None:
    import spacy
    from spacy.tokens import Doc, DocBin

    from xtremedistil_tf.atomic import atomic_file

    vocab = spacy.blank("en").vocab
    docs = DocBin(docs=[Doc(vocab, words=text.split(" "), ents=iob2(tags))
                        for text, tags in zip(texts, answers)])
    with atomic_file(path) as part:
        docs.to_disk(part)


def _parameters(nlp) -> int:
    """Numbers in the weights of all components; one that two share counts once."""
    models = [pipe.model for _, pipe in nlp.pipeline if hasattr(pipe, "model")]
    nodes = {id(node): node for model in models for node in model.walk()}
    return int(sum(node.get_param(name).size for node in nodes.values() for name in node.param_names
                   if node.has_param(name)))


def _flags(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--lang", default="en", help="Language of spaCy's tokenizer.")
    parser.add_argument("--examples", type=pathlib.Path, help="Train on this file, not on train.tsv.")
    parser.add_argument("--max_steps", type=int, default=0, help="0: as spaCy's config says.")


if __name__ == "__main__":
    run(__doc__, train, open_model, ("spacy", "thinc"), _flags)
