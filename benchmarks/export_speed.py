"""What a student saves in production: an mBERT-shaped teacher beside three students in every form, in one run.

  XTREMEDISTIL_DATA=... python benchmarks/export_speed.py --work=DIR --out=benchmarks/results/export_speed.md

The weights are random: speed and bytes do not depend on them (benchmarks/results/export_quality.md has the quality
of a trained student after quantization). The vocabulary of 119,547 WordPieces is trained on the text of
XTREMEDISTIL_DATA/unlabeled-wiki, in nine languages; "trimmed" is the same student with the pieces that text in six of
them uses, as --trim_vocabulary leaves them (the paper's student of 5.1 M parameters is trimmed, too). Each form is
measured in a process of its own, with one thread and with two, at 32 pieces, batch 1 and 32; and from raw text to tags
on Wikipedia sentences. Forms that are there already are not written again.
"""

from __future__ import annotations

import json
import logging
import os
import pathlib
import subprocess
import sys
import time
from collections.abc import Sequence

import numpy as np
from absl import app, flags

import runs
from pages import environment, table, write_page

_WORK = flags.DEFINE_string("work", None, "Folder of the models.", required=True)
_OUT = flags.DEFINE_string("out", "benchmarks/results/export_speed.md", "The Markdown file to write.")
_SECONDS = flags.DEFINE_float("seconds", 3.0, "Seconds for each latency.")
_SENTENCES = flags.DEFINE_integer("sentences", 1000, "Wikipedia sentences from raw text to tags.")
_VOCAB = flags.DEFINE_integer("vocab", 119_547, "WordPieces.")

LABELS = ["O", "B-PER", "I-PER", "B-ORG", "I-ORG", "B-LOC", "I-LOC"]
TEACHER = "teacher 12 x 768"
TRIMMED = "BiLSTM E=50 H=200 trimmed"
TRIMMED_TO = ("de", "en", "es", "fr", "it", "nl")
STUDENTS = ("BiLSTM E=50 H=200", TRIMMED, "BiLSTM E=300 H=600", "transformer 6 x 256")
FORMS = (("keras", "none"), ("saved_model", "none"), ("tflite", "none"), ("tflite", "float16"), ("tflite", "dynamic"),
         ("tflite", "int8"), ("onnx", "none"), ("onnx", "int8"))
TEACHER_FORMS = (("keras", "none"), ("saved_model", "none"), ("onnx", "none"))
SEQ_LEN = 32


def main(argv):
    del argv
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    work = pathlib.Path(_WORK.value)
    texts = _sentences(_SENTENCES.value)
    rows, figures = [], {}
    for name in (TEACHER, *STUDENTS):
        folder = work / name.replace(" ", "_").replace("=", "")
        forms = TEACHER_FORMS if name == TEACHER else FORMS
        parameters, tokenizer = _write(folder, name), _tokenizer(work, name)
        for form, quantization in forms:
            figures[f"{name} / {form} {quantization}"] = _figures(folder, form, quantization, tokenizer, texts,
                                                                  parameters)
    rows = [_row(name, facts) for name, facts in figures.items()]
    parts = ["# Exported forms: size and speed", environment(_versions()), __doc__.split("\n\n", 2)[2].strip(),
             f"```sh\npython benchmarks/export_speed.py --work=DIR --sentences={_SENTENCES.value}\n```", _table(rows), _summary(figures)]
    write_page(pathlib.Path(_OUT.value), parts, figures)


def _sentences(count: int, languages: Sequence[str] = ()) -> list[str]:
    """Every so many-th line of the Wikipedia files, of all nine or of some languages."""
    from xtremedistil_tf.corpus import open_lines

    lines: list[str] = []
    folder = runs.data_folder() / "unlabeled-wiki"
    files = [file for file in sorted(folder.glob("*.txt.xz")) if not languages or file.name[:2] in languages]
    share = count // len(files) + 1
    for file in files:
        found = [line for _, line in open_lines(str(file)) if line.strip()]
        lines += found[::max(1, len(found) // share)][:share]
    return lines[:count]


def _tokenizer(work: pathlib.Path, name: str):
    from transformers import BertTokenizerFast

    from xtremedistil_tf.tokenization.trimming import trim_tokenizer

    folder = work / "tokenizer"
    if not (folder / "vocab.txt").exists():
        from tokenizers import BertWordPieceTokenizer

        trainer = BertWordPieceTokenizer(lowercase=False)
        trainer.train_from_iterator(_sentences(200_000), vocab_size=_VOCAB.value, min_frequency=1, show_progress=False)
        vocabulary = sorted(trainer.get_vocab(), key=trainer.get_vocab().get)
        # Text of this size yields fewer pieces; the rest are rows that no text uses, as most of mBERT's are.
        vocabulary += [f"[unused{i}]" for i in range(_VOCAB.value - len(vocabulary))]
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "vocab.txt").write_text("\n".join(vocabulary), encoding="utf-8")
    tokenizer, trimmed = BertTokenizerFast(str(folder / "vocab.txt"), do_lower_case=False), work / "tokenizer-trimmed"
    if name != TRIMMED:
        return tokenizer
    if not trimmed.exists():
        seen = np.zeros(len(tokenizer), bool)
        for text in _sentences(len(TRIMMED_TO) * 30_000, TRIMMED_TO):
            seen[tokenizer(text)["input_ids"]] = True
        trim_tokenizer(tokenizer, seen).tokenizer.save_pretrained(trimmed)
    return BertTokenizerFast.from_pretrained(str(trimmed))


def _student(name: str, vocab: int):
    from xtremedistil_tf.students.bilstm import BiLSTMShape
    from xtremedistil_tf.students.encoders import new_encoder
    from xtremedistil_tf.students.registry import new_student
    from xtremedistil_tf.students.transformer import TransformerShape

    sizes = [int(word.lstrip("EH=")) for word in name.split() if word.lstrip("EH=").isdigit()]
    if name.startswith("BiLSTM"):
        return new_student(BiLSTMShape(vocab, *sizes, 768, len(LABELS)))
    layers, width = sizes
    encoder = new_encoder(vocab, width, layers, width // 32 if width < 768 else 12, max_position_embeddings=512)
    return new_student(TransformerShape(encoder, len(LABELS), per_piece=True))


def _write(folder: pathlib.Path, name: str) -> int:
    """Writes the forms that are missing, in a process of its own; the number of parameters."""
    facts = folder / "benchmark.json"
    if not facts.exists():
        subprocess.run([sys.executable, __file__, f"--work={_WORK.value}", f"--write={name}",
                        f"--vocab={_VOCAB.value}"], check=True)
    return json.loads(facts.read_text())["parameters"]


def _write_forms(name: str) -> None:
    import tf_keras

    from xtremedistil_tf.corpus.example import Example
    from xtremedistil_tf.evaluation.footprint import count_parameters
    from xtremedistil_tf.export.onnx import export_onnx
    from xtremedistil_tf.export.saved_model import export_saved_model
    from xtremedistil_tf.export.tflite import export_tflite
    from xtremedistil_tf.students.metadata import exported_path
    from xtremedistil_tf.students.model_directory import save_student
    from xtremedistil_tf.tasks.tagging import TaggingTask
    from xtremedistil_tf.training.batches import pad_batch

    work, task = pathlib.Path(_WORK.value), TaggingTask(LABELS)
    folder, tokenizer = work / name.replace(" ", "_").replace("=", ""), _tokenizer(work, name)
    tf_keras.utils.set_random_seed(0)
    student = _student(name, len(tokenizer))
    save_student(folder, student, tokenizer, task, {"seq_len": SEQ_LEN})
    examples = [Example(tuple(text.split()), None, None, "", 0) for text in _sentences(100)]
    features = task.text_features(tokenizer, examples, SEQ_LEN).features

    def calibration():
        return (pad_batch(features, np.array([i]), tokenizer.pad_token_id) for i in range(len(features)))

    for form, quantization in TEACHER_FORMS if name == TEACHER else FORMS:
        if form == "keras":
            continue
        began, path = time.time(), exported_path(folder, form, quantization)
        if form == "saved_model":
            export_saved_model(path, student, tokenizer, task)
        elif form == "tflite":
            export_tflite(path.parent, student, tokenizer, task, quantization, calibration)
        elif form == "onnx":
            export_onnx(path, student, tokenizer, task, quantization)
        logging.info("%s: %s %s written in %.0f s", name, form, quantization, time.time() - began)
    (folder / "benchmark.json").write_text(json.dumps({"parameters": count_parameters(student)}))


def _figures(folder, form, quantization, tokenizer, texts, parameters) -> dict:
    from xtremedistil_tf.corpus.example import Example
    from xtremedistil_tf.evaluation.footprint import measure_footprint
    from xtremedistil_tf.students.metadata import exported_path, size_of
    from xtremedistil_tf.tasks.tagging import TaggingTask

    examples = [Example(tuple(text.split()), None, None, "", 0) for text in texts]
    features = TaggingTask(LABELS).prediction_features(tokenizer, examples, 512).features
    path = folder / "xtremedistil.weights.h5" if form == "keras" else exported_path(folder, form, quantization)
    facts = {"parameters": parameters, "bytes": size_of(path)}
    for threads in (1, 2):
        measured = measure_footprint(form, folder, quantization, features, len(tokenizer), tokenizer.pad_token_id,
                                     SEQ_LEN, threads, _SECONDS.value)
        facts[f"threads_{threads}"] = measured
        logging.info("%s %s %s, %d threads: %s", folder.name, form, quantization, threads, measured)
    if form == "saved_model":
        facts["raw_strings"] = _raw_strings(path, texts, tokenizer)
    return facts


_RAW = """
import json, sys, time
import tensorflow as tf, tensorflow_text
import numpy as np
path, texts = sys.argv[1], json.load(sys.stdin)
signatures = tf.saved_model.load(path).signatures
raw, ids = signatures["raw_strings"], signatures["token_ids"]
def median(run, count):
    run(); run(); times = []
    for _ in range(count):
        began = time.perf_counter(); run(); times.append(1000 * (time.perf_counter() - began))
    return float(np.median(times))
found = {}
for size, count in ((1, 60), (32, 20)):
    batch = tf.constant((texts * 2)[:size])
    seen = []
    def whole(): return raw(texts=batch)["tags"].numpy()
    pieces = json.loads(sys.argv[2])[str(size)]
    inputs = {name: tf.constant(values, tf.int32) for name, values in pieces.items()}
    def inner(): return ids(**inputs)["label_ids"].numpy()
    found[f"batch_{size}"] = {"raw_strings_ms": median(whole, count), "token_ids_ms": median(inner, count)}
began = time.perf_counter()
for i in range(0, len(texts), 32):
    raw(texts=tf.constant(texts[i:i + 32]))["tags"].numpy()
found["texts_per_second"] = len(texts) / (time.perf_counter() - began)
print(json.dumps(found))
"""


def _raw_strings(path, texts, tokenizer) -> dict:
    pieces = {}
    for size in (1, 32):
        encoded = tokenizer([text.split() for text in (texts * 2)[:size]], is_split_into_words=True, padding=True)
        pieces[size] = {name: encoded[name] for name in ("input_ids", "attention_mask")}
    done = subprocess.run([sys.executable, "-c", _RAW, str(path), json.dumps(pieces)], input=json.dumps(texts),
                          capture_output=True, text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1])


def _versions() -> dict[str, str]:
    import importlib.metadata as metadata

    return {name: metadata.version(name) for name in ("tensorflow", "onnxruntime", "ai-edge-litert")}


def _row(name: str, facts: dict) -> list:
    one, two = facts["threads_1"], facts["threads_2"]
    latencies = [m["latency"][size]["median_ms"] for m in (one, two) for size in ("batch_1", "batch_32")]
    return [name, f"{facts['parameters'] / 1e6:.2f}", f"{facts['bytes'] / 1e6:.1f}",
            *[f"{value:.2f}" for value in latencies], one["examples_per_second"], two["examples_per_second"],
            one["cold_start_s"], one["peak_memory_mb"]]


def _table(rows) -> str:
    return table(["model / form", "parameters M", "MB", "1 thread b1 ms", "b32 ms", "2 threads b1 ms", "b32 ms",
                  "sentences/s, 1 thread", "2 threads", "cold start s", "memory MB"], rows)


def _summary(figures: dict) -> str:
    """The teacher's fastest path against each student's."""
    def best(prefix: str, threads: int, size: str) -> tuple[float, str]:
        return min((facts[f"threads_{threads}"]["latency"][size]["median_ms"], name.split(" / ")[1])
                   for name, facts in figures.items() if name.startswith(f"{prefix} /"))

    rows = []
    for student in STUDENTS:
        for threads in (1, 2):
            row = [student, threads]
            for size in ("batch_1", "batch_32"):
                (slow, slow_form), (fast, fast_form) = (best(TEACHER, threads, size), best(student, threads, size))
                row += [f"{slow / fast:.1f}x ({slow_form} {slow:.1f} / {fast_form} {fast:.2f} ms)"]
            rows.append(row)
    teacher = next(facts for name, facts in figures.items() if name.startswith(TEACHER))
    smallest = {student: min(f["bytes"] for name, f in figures.items() if name.startswith(f"{student} /"))
                for student in STUDENTS}
    sizes = [[student, f"{teacher['parameters'] / figures[f'{student} / keras none']['parameters']:.1f}x",
              f"{4 * teacher['parameters'] / smallest[student]:.0f}x"] for student in STUDENTS]
    raw = [[name.split(" / ")[0], *_raw_row(facts["raw_strings"])] for name, facts in figures.items()
           if "raw_strings" in facts]
    return "\n\n".join([
        "## Fastest form against the teacher's fastest", table(["student", "threads", "batch 1", "batch 32"], rows),
        "## Smaller", table(["student", "parameters", "bytes, smallest file against float32 teacher"], sizes),
        "## From raw text to tags, SavedModel, 2 threads",
        table(["model", "b1 raw ms", "b1 token ids ms", "tokenizing", "b32 raw ms", "b32 token ids ms", "tokenizing",
               "texts/s in batches of 32"], raw)])


def _raw_row(facts: dict) -> list[str]:
    """Latencies, and the share of the whole that is not the student."""
    cells = []
    for size in ("batch_1", "batch_32"):
        whole, inner = (facts[size][name] for name in ("raw_strings_ms", "token_ids_ms"))
        cells += [f"{whole:.2f}", f"{inner:.2f}", f"{100 * (1 - inner / whole):.0f} %"]
    return [*cells, f"{facts['texts_per_second']:.0f}"]


_WRITE = flags.DEFINE_string("write", "", "Internal: writes the forms of this model and stops.")


def run(argv):
    if _WRITE.value:
        logging.basicConfig(level=logging.INFO, format="%(message)s")
        return _write_forms(_WRITE.value)
    return main(argv)


if __name__ == "__main__":
    app.run(run)
