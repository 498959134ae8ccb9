"""Counts the texts that a file of `--formats=onnx_text` parts, or tags, otherwise than Python does.

  python benchmarks/onnx_text_parity.py --tokenizers=DIR,... --model_dirs=DIR,... --text=FILE,... [--lines=1000] [--out=...]

Of tokenizers a student with random weights is exported, and only subwords are compared: of the whole text, and with those
of the words that our taggers are given. Of model directories tags are compared, too: those of the first subwords, which
the file takes one by one, with those that Python decodes to the best legal sequence. Lines are parted at no mark.
"""

from __future__ import annotations

import itertools
import lzma
import os
import pathlib
import sys
import tempfile

from absl import app, flags

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

from pages import environment, public_command, table, write_page

_TOKENIZERS = flags.DEFINE_list("tokenizers", [], "Folders with a tokenizer.")
_MODELS = flags.DEFINE_list("model_dirs", [], "Folders of taggers.")
_TEXT = flags.DEFINE_list("text", None, "Files of one text a line, plain or .xz.", required=True)
_LINES = flags.DEFINE_integer("lines", 1000, "The first lines of each file.")
_OUT = flags.DEFINE_string("out", None, "The Markdown file to write.")
_LABELS = ["O", "B-PER", "I-PER", "B-LOC", "I-LOC", "B-ORG", "I-ORG"]


def texts_of(name: str) -> list[str]:
    """The first lines as people write them: without the spaces before marks."""
    path = pathlib.Path(name)
    with (lzma.open if path.suffix == ".xz" else open)(path, "rt", encoding="utf-8") as source:
        lines = (line.strip().replace(" ,", ",").replace(" .", ".") for line in source)
        return list(itertools.islice(filter(None, lines), _LINES.value))


def random_tagger(folder: str):
    """A small student with the tokenizer of a folder."""
    from xtremedistil_tf.checkpoints.tokenizers import load_tokenizer
    from xtremedistil_tf.students.bilstm import BiLSTMShape
    from xtremedistil_tf.students.registry import new_student
    from xtremedistil_tf.tasks.tagging import TaggingTask
    from xtremedistil_tf.tokenization.raw_words import PUNCTUATION, RawWords

    tokenizer, task = load_tokenizer(folder), TaggingTask(_LABELS, raw_words=RawWords(PUNCTUATION).facts())
    return new_student(BiLSTMShape(len(tokenizer), 8, 8, 8, task.num_outputs)), tokenizer, task


def differences(student, tokenizer, task, texts: list[str], tags: bool) -> list[str]:
    """How many texts have other subwords, other subwords of words, and other tags; for the table."""
    from xtremedistil_tf.export.onnx_text import export_onnx_text
    from xtremedistil_tf.export.onnx_text_run import answers_of
    from xtremedistil_tf.inference.predictor import StudentPredictor
    from xtremedistil_tf.tasks.raw_text import asked
    from xtremedistil_tf.tokenization.words import few_pieces

    with tempfile.TemporaryDirectory() as folder:
        found = answers_of(export_onnx_text(pathlib.Path(folder) / "text.onnx", student, tokenizer, task, "none"), texts)
    questions = [asked(task, text) for text in texts]
    apart = [few_pieces(tokenizer, one.example.words) for one in questions]
    whole = tokenizer(texts, add_special_tokens=False)["input_ids"]
    counts = [sum(answer["ids"] != ids for answer, ids in zip(found, whole)),
              sum(answer["ids"] != ids for answer, (ids, _) in zip(found, apart))]
    if not tags:
        return [*map(str, counts), ""]
    other = 0
    for answer, (ids, pieces), right in zip(found, apart, StudentPredictor(student, tokenizer, task).answers(questions)):
        places = [0, *itertools.accumulate(pieces)][:-1]
        other += answer["ids"] != ids or [answer["tags"][place] for place in places] != right.tags
    return [*map(str, counts), str(other)]


def main(argv):
    del argv
    from xtremedistil_tf.students.model_directory import load_student

    models = [(pathlib.Path(name).name, random_tagger(name), False) for name in _TOKENIZERS.value]
    for name in _MODELS.value:
        saved = load_student(name)
        models.append((pathlib.Path(name).name, (saved.student, saved.tokenizer, saved.task), True))
    rows = []
    for file in _TEXT.value:
        texts = texts_of(file)
        for name, parts, tags in models:
            rows.append([name, pathlib.Path(file).name.split(".")[0], f"{len(texts):,}", *differences(*parts, texts, tags)])
            print(rows[-1], flush=True)
    if _OUT.value:
        import onnxruntime
        import onnxruntime_extensions

        head = ["tokenizer or student", "text", "texts", "other subwords", "other subwords of words", "other tags"]
        write_page(pathlib.Path(_OUT.value), [
            "# Texts in a file of onnx_text and in Python", table(head, rows),
            environment({"onnxruntime": onnxruntime.__version__,
                         "onnxruntime-extensions": onnxruntime_extensions.__version__}),
            f"## Commands\n\n```sh\n{public_command('python benchmarks/onnx_text_parity.py ' + ' '.join(sys.argv[1:]))}\n```"],
            {"rows": rows})


if __name__ == "__main__":
    app.run(main)
