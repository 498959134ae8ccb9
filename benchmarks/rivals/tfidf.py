"""TF-IDF of words and pairs of words with logistic regression (scikit-learn); C is chosen on the dev set."""

from __future__ import annotations

import argparse
import pathlib
import pickle
import time
from typing import Any

from rivals.command import Flags, run
from rivals.regression import best_regression
from rivals.task_folder import TaskFolder, read_answered
from rivals.timing import Opened

_MODEL = "model.pickle"
_BULK = 1000


def train(task: TaskFolder, flags: Flags) -> dict[str, Any]:
    from sklearn.feature_extraction.text import TfidfVectorizer

    from xtremedistil_tf.atomic import atomic_file

    texts, answers = read_answered(flags.examples, False) if flags.examples else task.read("train")
    dev_texts, dev_answers = task.read("dev")
    began = time.monotonic()
    vectorizer = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True)
    model, chosen = best_regression(vectorizer.fit_transform(texts), answers, vectorizer.transform(dev_texts),
                                    dev_answers)
    seconds = time.monotonic() - began
    with atomic_file(flags.folder / _MODEL) as part:
        part.write_bytes(pickle.dumps((vectorizer, model)))
    return {"train_seconds": seconds, "parameters": int(model.coef_.size + vectorizer.idf_.size), "C": chosen,
            "bytes": (flags.folder / _MODEL).stat().st_size, "examples": len(answers)}


def open_model(task: TaskFolder, flags: Flags) -> Opened:
    vectorizer, model = pickle.loads((flags.folder / _MODEL).read_bytes())
    return Opened(vectorizer.transform, lambda vectors: model.predict(vectors).tolist(), _BULK)


def _flags(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--examples", type=pathlib.Path, help="Train on this file, not on train.tsv.")


if __name__ == "__main__":
    run(__doc__, train, open_model, ("scikit-learn",), _flags)
