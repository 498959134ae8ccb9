"""The rule for words in every form, compared with Python: TensorFlow graph, TensorFlow Lite, JavaScript in Node.js."""

from __future__ import annotations

import itertools
import json
import pathlib
import subprocess
import tempfile
from collections.abc import Iterator, Sequence

import numpy as np

from xtremedistil_tf.corpus.files import open_lines
from xtremedistil_tf.export.words import write_words
from xtremedistil_tf.tasks.tagging import TaggingTask
from xtremedistil_tf.tokenization.raw_words import RawWords, Word

_BATCH = 256
_NODE = """
const fs = require("fs"), { wordSplitter } = require("./words.js");
const split = wordSplitter(JSON.parse(fs.readFileSync("words.json", "utf8")));
const lines = JSON.parse(fs.readFileSync("texts.json", "utf8")).map((text) =>
  JSON.stringify(split(text).map((word) => [word.text, word.start, word.end])));
fs.writeFileSync("found.jsonl", lines.join("\\n"));
"""


def sentences(folder: pathlib.Path, split: str, most: int) -> Iterator[tuple[str, ...]]:
    """The words of the first lines of a file."""
    file = next(path for path in sorted(folder.glob(f"{split}.tsv*")))
    for _, line in itertools.islice(open_lines(file), most):
        if words := tuple(line.split("\t")[0].split()):
            yield words


def different_in_graph(rule: RawWords, texts: Sequence[str], wanted: Sequence[Sequence[Word]]) -> list[str]:
    """Texts on which the rule in a TensorFlow graph differs from the wanted words."""
    import tensorflow as tf

    from xtremedistil_tf.tokenization.graph.raw_words import GraphRawWords

    split = tf.function(GraphRawWords(rule).split, input_signature=[tf.TensorSpec([None], tf.string)])
    different = []
    for begin in range(0, len(texts), _BATCH):
        batch = texts[begin: begin + _BATCH]
        found = split(tf.constant([text.encode() for text in batch]))
        rows = [[[*map(bytes.decode, row)] for row in found["words"].to_list()],
                found["starts"].to_list(), found["ends"].to_list()]
        different += [text for text, words, *columns in zip(batch, wanted[begin: begin + _BATCH], *rows)
                      if words != [*zip(*columns)]]
    return different


def different_in_lite(rule: RawWords, texts: Sequence[str], wanted: Sequence[Sequence[Word]]) -> list[str]:
    """Texts on which the rule in a TensorFlow Lite file differs from the wanted words."""
    import tensorflow as tf
    from ai_edge_litert.interpreter import InterpreterWithCustomOps
    from tensorflow_text import tflite_registrar

    from xtremedistil_tf.export.tflite import write_tflite
    from xtremedistil_tf.export.tflite_words import LiteWords

    graph = LiteWords(rule)
    function = tf.function(lambda texts: graph.split(texts)._asdict())
    with tempfile.TemporaryDirectory() as folder:
        path = write_tflite(pathlib.Path(folder) / "words.tflite", graph, "words",
                            function.get_concrete_function(texts=tf.TensorSpec([1], tf.string)), "dynamic", custom_ops=True)
        run = InterpreterWithCustomOps(
            model_path=str(path), custom_op_registerers=tflite_registrar.SELECT_TFTEXT_OPS).get_signature_runner("words")
    different = []
    for text, words in zip(texts, wanted):
        found = run(texts=np.array([text.encode()], object))
        rows = [*zip(map(bytes.decode, found["strings"]), found["starts"].tolist(), found["ends"].tolist())]
        if rows != [(word.text, len(text[:word.start].encode()), len(text[:word.end].encode())) for word in words]:
            different.append(text)
    return different


def different_in_node(rule: RawWords, texts: Sequence[str], wanted: Sequence[Sequence[Word]]) -> list[str]:
    """Texts on which words.js differs from the wanted words."""
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        write_words(folder, TaggingTask(["O"], raw_words=rule.facts()))
        (folder / "texts.json").write_text(json.dumps([*texts]), "utf-8")
        subprocess.run(["node", "-e", _NODE], cwd=folder, check=True)
        rows = [json.loads(line) for line in (folder / "found.jsonl").read_text("utf-8").split("\n")]
    return [text for text, words, row in zip(texts, wanted, rows, strict=True)
            if row != [[word.text, _utf16(text[:word.start]), _utf16(text[:word.end])] for word in words]]


def _utf16(text: str) -> int:
    return len(text.encode("utf-16-le")) // 2


FORMS = {"TensorFlow graph": different_in_graph, "TensorFlow Lite": different_in_lite, "words.js in Node.js": different_in_node}
