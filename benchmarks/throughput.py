"""From raw text to entities: words a processor second of our ways and of others', side by side.

  python benchmarks/throughput.py --work=DIR [--lines=20000] [--rounds=3] [--python=PYTHON] [--others=PYTHON] [--out=...]

Students of the true shapes have random weights, an own vocabulary of 30,000 subwords and a bias for `O`, so that about
as many entities are found as trained ones find; speed does not depend on more. Each way runs in a process of its own,
one thread, in turn, `--rounds` times; the best round counts. `--python` has spaCy, `--others` has gliner, flair,
scikit-learn and fastText.
"""

from __future__ import annotations

import json
import lzma
import os
import pathlib
import resource
import subprocess
import sys
from typing import Any

from absl import app, flags

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

from pages import environment, public_command, table, write_page
from runs import data_folder

ROOT = pathlib.Path(__file__).resolve().parents[1]
_WORK = flags.DEFINE_string("work", None, "Folder for students and text.", required=True)
_LINES = flags.DEFINE_integer("lines", 20_000, "Sentences of English Wikipedia to answer.")
_ROUNDS = flags.DEFINE_integer("rounds", 3, "Rounds; the best of each way counts.")
_PYTHON = flags.DEFINE_string("python", "", "Python that has spaCy; empty: without it.")
_OTHERS = flags.DEFINE_string("others", "", "Python that has the packages of throughput_taggers.py; empty: without.")
_OUT = flags.DEFINE_string("out", None, "The Markdown file to write.")
_LABELS = ["O", "B-PER", "I-PER", "B-LOC", "I-LOC", "B-ORG", "I-ORG"]
_VOCABULARY = 30_000
#: Name -> E and H of a BiLSTM.
_SIZES = {"E=50 H=200": (50, 200), "E=128 H=128": (128, 128), "E=50 H=100": (50, 100)}

#: Row -> a function of rivals/throughput_taggers.py.
_SHAPES = {"GLiNER small's shape, random weights": "gliner", "flair's ner-english-fast, random weights": "flair",
           "the layers of Stanza's NER in PyTorch, random weights": "stanza_shape",
           "TF-IDF of word characters, linear, random weights": "tfidf",
           "fastText, one class a text": "fasttext"}


def work(name: str) -> pathlib.Path:
    """A file or folder of the benchmark."""
    return pathlib.Path(_WORK.value) / name


def text_file() -> pathlib.Path:
    """The sentences as people write them, one a line."""
    file = work("text.txt")
    if not file.exists():
        with lzma.open(data_folder() / "unlabeled-wiki" / "en.txt.xz", "rt", encoding="utf-8") as source:
            lines = [line.strip().replace(" ,", ",").replace(" .", ".") for line, _ in zip(source, range(_LINES.value))]
        file.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return file


def make_students() -> None:
    """Model directories with an int8 ONNX file."""
    if all(work(name).exists() for name in _SIZES):
        return
    import tensorflow as tf
    import tf_keras

    from xtremedistil_tf.config import DistillationConfig
    from xtremedistil_tf.export.onnx import export_onnx
    from xtremedistil_tf.export.onnx_files import write_onnx_files
    from xtremedistil_tf.students.bilstm import BiLSTMShape
    from xtremedistil_tf.students.metadata import exported_path
    from xtremedistil_tf.students.model_directory import save_student
    from xtremedistil_tf.students.registry import new_student
    from xtremedistil_tf.tasks.tagging import TaggingTask
    from xtremedistil_tf.tokenization.own_vocabulary import train_tokenizer
    from xtremedistil_tf.tokenization.raw_words import PUNCTUATION, RawWords

    task = TaggingTask(_LABELS, raw_words=RawWords(PUNCTUATION).facts())
    tokenizer = train_tokenizer(text_file().read_text("utf-8").splitlines(), _VOCABULARY, "wordpiece", at_most=True)
    for name, (width, units) in _SIZES.items():
        tf_keras.utils.set_random_seed(1)
        student = new_student(BiLSTMShape(len(tokenizer), width, units, 128, task.num_outputs))
        student.head.bias.assign(tf.constant([3.0] + [0.0] * (len(_LABELS) - 1)))
        settings = DistillationConfig(model_dir=str(work(name))).to_json()
        save_student(work(name), student, tokenizer, task, settings)
        path = exported_path(work(name), "onnx", "int8")
        path.parent.mkdir(parents=True, exist_ok=True)
        export_onnx(path, student, tokenizer, task, "int8")
        write_onnx_files(path, student, tokenizer, task)


def of_arm(kind: str, folder: pathlib.Path, python: str = sys.executable) -> dict[str, float]:
    """Figures of one way."""
    done = subprocess.run([python, str(ROOT / "benchmarks" / "rivals" / "throughput_arm.py"), kind, str(folder),
                           str(text_file())], check=True, capture_output=True, text=True,
                          env=os.environ | {"PYTHONPATH": str(ROOT)})
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def of_command(folder: pathlib.Path, output_format: str, workers: int) -> dict[str, float]:
    """Figures of the command, its start included."""
    words = sum(len(line.split()) for line in text_file().read_text("utf-8").splitlines())
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    began = os.times().elapsed
    subprocess.run([sys.executable, str(ROOT / "run_xtreme_distil_predict.py"), f"--model_dir={folder}", "--do_predict",
                    "--format=onnx", "--quantize=int8", f"--pred_file={text_file()}", f"--workers={workers}",
                    f"--output_format={output_format}", f"--output_file={work('answers')}"], check=True,
                   capture_output=True, env=os.environ | {"OMP_NUM_THREADS": "1", "RAYON_NUM_THREADS": "1"})
    after, elapsed = resource.getrusage(resource.RUSAGE_CHILDREN), os.times().elapsed - began
    return {"words_per_second": words / (after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime),
            "wall_words_per_second": words / elapsed}


def main(argv):
    del argv
    pathlib.Path(_WORK.value).mkdir(parents=True, exist_ok=True)
    make_students()
    arms: dict[str, Any] = {}
    for name in _SIZES:
        arms[f"{name} int8, Python interface"] = lambda name=name: of_arm("package", work(name))
    fast = next(iter(_SIZES))
    arms[f"{fast} int8, ONNX Runtime and tokenizers alone"] = lambda: of_arm("bare", work(fast))
    for output_format in ("tsv", "jsonl"):
        arms[f"{fast} int8, command, {output_format}"] = lambda one=output_format: of_command(work(fast), one, 1)
    arms[f"{fast} int8, command, tsv, --workers=2"] = lambda: of_command(work(fast), "tsv", 2)
    if _PYTHON.value:
        arms["spaCy, its default NER, untrained"] = lambda: of_arm("spacy", work(fast), _PYTHON.value)
    if _OTHERS.value:
        arms |= {name: lambda kind=kind: of_arm(kind, work(fast), _OTHERS.value) for name, kind in _SHAPES.items()}
    figures: dict[str, list[dict[str, float]]] = {name: [] for name in arms}
    for _ in range(_ROUNDS.value):
        for name, arm in arms.items():
            figures[name].append(arm())
            print(name, figures[name][-1], flush=True)
    rows = []
    for name, rounds in figures.items():
        best = max(rounds, key=lambda one: one["words_per_second"])
        least = min(one["words_per_second"] for one in rounds)
        rows.append([name, f"{best['words_per_second']:,.0f}", f"{least:,.0f}", *(
            f"{best[key]:,.{digits}f}" if key in best else "" for key, digits in (
                ("wall_words_per_second", 0), ("alone_ms", 2), ("started_s", 2), ("peak_mb", 0)))])
    if _OUT.value:
        import onnxruntime
        import tokenizers

        write_page(pathlib.Path(_OUT.value), [
            "# From raw text to entities", table(["way", "words a CPU second", "worst round", "words a second, by the clock",
                                                  "one sentence, ms", "start, s", "peak MB"], rows),
            environment({"onnxruntime": onnxruntime.__version__, "tokenizers": tokenizers.__version__}),
            f"## Commands\n\n```sh\n{public_command('python benchmarks/throughput.py ' + ' '.join(sys.argv[1:]))}\n```"],
            figures)


if __name__ == "__main__":
    app.run(main)
