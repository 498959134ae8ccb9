"""Pipelines of transformers.js on Node.js and of Python's optimum on hub folders, against the Keras student.

  python benchmarks/hub_parity.py --vocabulary=DIR --text=FILE[,...] [--texts=1000] [--out=benchmarks/results/hub_parity.md]
  python benchmarks/hub_parity.py --model_dir=DIR --text=FILE[,...] ...

Needs Node.js and: npm ci --ignore-scripts --prefix tests/javascript; for Python's pipelines optimum-onnx, else they are left
out. The second is for a trained tagger. Others have random weights, so that answers are close and of all kinds: what is right by chance is rare. Texts are
lines of the files, cut at 300 characters; pairs are two of them; a question is the first five words of a line.
"""

from __future__ import annotations

import importlib.util
import itertools
import json
import os
import pathlib
import subprocess
import sys
import tempfile
from typing import Any

from absl import app, flags

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

from hub_answers import Expected, python_answers
from pages import environment, public_command, table, write_page
from tokenizer_parity import read_strings

_VOCABULARY = flags.DEFINE_string("vocabulary", None, "Folder with a tokenizer, for students of random weights.")
_MODEL = flags.DEFINE_string("model_dir", None, "Folder of a trained tagger.")
_TEXTS = flags.DEFINE_integer("texts", 1000, "Texts for each student.")
_KINDS = flags.DEFINE_list("kinds", ["tagging", "classification", "multi_label", "pairs", "question_answering"], "Kinds.")
FLAGS = flags.FLAGS
RUNNER = pathlib.Path(__file__).parents[1] / "tests" / "javascript"
LABELS = ["O", "B-PER", "I-PER", "B-ORG", "I-ORG", "B-LOC", "I-LOC"]
FAMILIES = ("bilstm", "cnn", "transformer")


def new_student(family: str, task: Any, size: int) -> Any:
    """With random weights; the embeddings are wide enough for answers of all kinds."""
    import tensorflow as tf
    import tf_keras

    from xtremedistil_tf.students import registry
    from xtremedistil_tf.students.bilstm import BiLSTMShape
    from xtremedistil_tf.students.cnn import CNNShape
    from xtremedistil_tf.students.encoders import new_encoder
    from xtremedistil_tf.students.transformer import TransformerShape

    tf_keras.utils.set_random_seed(5)
    outputs, each = task.num_outputs, task.per_piece
    shape = {"bilstm": lambda: BiLSTMShape(size, 50, 100, 32, outputs, per_piece=each),
             "cnn": lambda: CNNShape(size, 50, 64, 3, 32, outputs, per_piece=each),
             "transformer": lambda: TransformerShape(new_encoder(size, 64, 2, 4), outputs, per_piece=each)}[family]()
    student = registry.new_student(shape)
    for variable in student.variables:
        if variable.dtype == tf.float32:
            variable.assign(variable + tf.random.normal(variable.shape, stddev=0.1))
    return student


def new_task(kind: str) -> Any:
    from xtremedistil_tf.tasks.classification import ClassificationTask
    from xtremedistil_tf.tasks.multi_label import MultiLabelTask
    from xtremedistil_tf.tasks.question_answering import QuestionAnsweringTask
    from xtremedistil_tf.tasks.tagging import TaggingTask

    return {"tagging": lambda: TaggingTask(LABELS), "multi_label": lambda: MultiLabelTask(["a", "b", "c"]),
            "question_answering": QuestionAnsweringTask}.get(kind, lambda: ClassificationTask(["bad", "fair", "good"]))()


def inputs_of(kind: str, lines: list[str]) -> list[tuple[str, ...]]:
    """A text, or two."""
    if kind == "question_answering":
        return [(" ".join(line.split()[:5]), line) for line in lines]
    return list(zip(lines, [*lines[1:], lines[0]])) if kind == "pairs" else [(line,) for line in lines]


def in_node(folder: pathlib.Path, kind: str, inputs: list[tuple[str, ...]]) -> list[Any]:
    """What transformers.js answers to each."""
    task = {"tagging": "token-classification", "pairs": "model", "question_answering": "question-answering"}.get(
        kind, "text-classification")
    option = {"tagging": [{"ignore_labels": []}], "classification": [{"top_k": None}],
              "multi_label": [{"top_k": None}]}.get(kind, [])
    file = folder / "requests.json"
    file.write_text(json.dumps([{"folder": str(folder), "task": task, "dtype": "fp32",
                                 "calls": [[*texts, *option] for texts in inputs]}]), "utf-8")
    run = subprocess.run(["node", RUNNER / "pipelines.mjs", file], capture_output=True, text=True, encoding="utf-8",
                         check=True)
    return json.loads(run.stdout)[0]


def compiled(student: Any) -> Any:
    """Tokens of one input, int64 [1, time] by name -> the logits of the student."""
    import tensorflow as tf

    names = ("input_ids", "attention_mask", "token_type_ids")
    return tf.function(lambda batch: student(batch, training=False)["logits"], input_signature=[
        {name: tf.TensorSpec([1, None], tf.int32) for name in names}])


def measure(name: str, kind: str, student: Any, task: Any, tokenizer: Any, lines: list[str]) -> list[list[Any]]:
    """A row for each pipeline: texts, how many are answered otherwise, greatest difference of a score."""
    from transformers import AutoTokenizer

    from xtremedistil_tf.export.hub import export_hub

    rows: list[list[Any]] = []
    with tempfile.TemporaryDirectory() as scratch:
        folder = pathlib.Path(scratch)
        export_hub(folder, student, tokenizer, task, "none")
        inputs, plain = inputs_of(kind, lines), AutoTokenizer.from_pretrained(folder)
        forward = compiled(student)
        expected = [Expected(forward, plain, kind, texts, task.labels) for texts in inputs]
        answers = {"transformers.js": in_node(folder, kind, inputs)}
        if importlib.util.find_spec("optimum"):
            answers |= python_answers(folder, kind, inputs)
        for pipeline, found in answers.items():
            same = [one.compare(pipeline, answer) for one, answer in zip(expected, found, strict=True)]
            rows.append([name, kind.replace("_", " "), pipeline, len(same), sum(not right for right, _ in same),
                         f"{max((score for right, score in same if right), default=0):.1e}"])
            print(*rows[-1], flush=True)
    return rows


def main(argv):
    del argv
    from xtremedistil_tf.checkpoints.tokenizers import load_tokenizer
    from xtremedistil_tf.students.model_directory import load_student

    each = -(-_TEXTS.value // len(FLAGS.text))
    lines = [line[:300].strip() for name in FLAGS.text for line in itertools.islice(
        (line for line in read_strings(pathlib.Path(name)) if len(line.split()) > 8), each)][:_TEXTS.value]
    if _MODEL.value:
        saved = load_student(pathlib.Path(_MODEL.value))
        rows = measure(f"trained {saved.student.kind}", "tagging", saved.student, saved.task, saved.tokenizer, lines)
    else:
        tokenizer = load_tokenizer(_VOCABULARY.value)
        rows = [row for family, kind in itertools.product(FAMILIES, _KINDS.value) for task in [new_task(kind)]
                for row in measure(family, kind, new_student(family, task, len(tokenizer)), task, tokenizer, lines)]
    header = ["student", "kind", "pipeline", "texts", "other answers", "greatest difference of a score"]
    print(table(header, rows))
    if FLAGS.out:
        write_page(pathlib.Path(FLAGS.out), page(table(header, rows)), {" ".join(row[:3]): row[3:] for row in rows})


def page(measured: str) -> list[str]:
    """The parts of the result page."""
    import onnxruntime
    import transformers

    node = subprocess.run(["node", "--version"], capture_output=True, text=True, check=True).stdout.strip()
    package = json.loads((RUNNER / "package.json").read_text("utf-8"))["dependencies"]
    command = public_command("python benchmarks/hub_parity.py " + " ".join(sys.argv[1:]))
    return ["# Hub folders in other people's pipelines",
            environment({"transformers": transformers.__version__, "onnxruntime": onnxruntime.__version__, "node": node,
                         "@huggingface/transformers": package["@huggingface/transformers"]}),
            f"```sh\n{command}\n```", measured,
            "Pipelines of transformers.js on Node.js and of Python with optimum's models, each on the float32 file, against "
            "the Keras student with random weights: labels and entities with their offsets, answers, and scores of every "
            "label. `none`, `simple` and `first` are aggregation strategies. transformers.js has no pipeline for pairs: its "
            "tokenizer and its model are used."]


if __name__ == "__main__":
    app.run(main)
