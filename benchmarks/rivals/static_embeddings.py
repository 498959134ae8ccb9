"""Static embeddings in the manner of model2vec, with logistic regression.

Each piece of the vocabulary goes through the encoder alone, between its special tokens; the mean of the
states is its vector. PCA reduces the vectors, which are then weighted by rarity (SIF, with probabilities from
Zipf's law, as the vocabulary lists frequent pieces first). A text is the normalised mean of its pieces. The
labels train only the regression.
"""

from __future__ import annotations

import argparse
import pathlib
import time
from collections.abc import Sequence
from typing import Any

import numpy as np

from rivals.command import Flags, run
from rivals.pieces import TOKENIZER_FILE, copy_tokenizer
from rivals.regression import best_regression
from rivals.task_folder import TaskFolder, read_answered
from rivals.timing import Opened

_MODEL = "model.npz"
_SIF = 1e-4
_BULK = 1000


def train(task: TaskFolder, flags: Flags) -> dict[str, Any]:
    from xtremedistil_tf.atomic import atomic_file

    texts, answers = read_answered(flags.examples, False) if flags.examples else task.read("train")
    dev_texts, dev_answers = task.read("dev")
    began = time.monotonic()
    table = sif_weighted(principal_components(_piece_vectors(flags.checkpoint), flags.components))
    distilled = time.monotonic() - began
    copy_tokenizer(flags.checkpoint, flags.folder)
    encode = _encoder(flags.folder)
    model, chosen = best_regression(mean_vectors(table, encode(texts)), answers,
                                    mean_vectors(table, encode(dev_texts)), dev_answers)
    seconds = time.monotonic() - began
    with atomic_file(flags.folder / _MODEL) as part:
        np.savez(part, table=table, weights=model.coef_.astype(np.float32),
                 bias=model.intercept_.astype(np.float32), classes=np.array(model.classes_))
    return {"train_seconds": seconds, "vector_seconds": distilled, "C": chosen, "examples": len(answers),
            "parameters": int(table.size + model.coef_.size), "bytes": (flags.folder / _MODEL).stat().st_size}


def open_model(task: TaskFolder, flags: Flags) -> Opened:
    arrays = np.load(flags.folder / _MODEL)
    table, weights, bias, classes = (arrays[name] for name in ("table", "weights", "bias", "classes"))

    def answer(ids: list[list[int]]) -> list[str]:
        scores = mean_vectors(table, ids) @ weights.T + bias
        # Of two classes, scikit-learn keeps one row of weights.
        found = scores.argmax(-1) if len(classes) > 2 else (scores[:, 0] > 0).astype(int)
        return classes[found].tolist()

    return Opened(_encoder(flags.folder), answer, _BULK)


def principal_components(vectors: np.ndarray, count: int) -> np.ndarray:
    """float32 [rows, count]: the centred vectors in the directions in which they differ most."""
    centred = (vectors - vectors.mean(0)).astype(np.float64)
    _, directions = np.linalg.eigh(centred.T @ centred)
    return (centred @ directions[:, ::-1][:, :count]).astype(np.float32)


def sif_weighted(vectors: np.ndarray) -> np.ndarray:
    """Each row times a / (a + p), p being its probability by Zipf's law, if frequent ones come first."""
    inverse_ranks = 1 / np.arange(2, len(vectors) + 2)
    probabilities = inverse_ranks / inverse_ranks.sum()
    return (vectors * (_SIF / (_SIF + probabilities))[:, None]).astype(np.float32)


def mean_vectors(table: np.ndarray, ids: Sequence[Sequence[int]]) -> np.ndarray:
    """float32 [texts, width]: the mean of each text's rows, of length 1; zeros for a text without pieces."""
    vectors = np.zeros((len(ids), table.shape[1]), np.float32)
    filled = [row for row, pieces in enumerate(ids) if len(pieces)]
    if filled:
        lengths = [len(ids[row]) for row in filled]
        rows = table[np.concatenate([np.asarray(ids[row]) for row in filled])]
        sums = np.add.reduceat(rows, np.cumsum([0, *lengths[:-1]]), axis=0)
        vectors[filled] = sums / np.maximum(np.linalg.norm(sums, axis=1, keepdims=True), 1e-12)
    return vectors


def _encoder(folder: pathlib.Path):
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(folder / TOKENIZER_FILE))
    tokenizer.no_padding(), tokenizer.no_truncation()
    return lambda texts: [found.ids for found in tokenizer.encode_batch(texts, add_special_tokens=False)]


def _piece_vectors(checkpoint: pathlib.Path, batch: int = 1024) -> np.ndarray:
    """float32 [vocabulary, width]: the mean state of each piece between the special tokens."""
    import tensorflow as tf

    from xtremedistil_tf.augmentation.pretrained import load_encoder
    from xtremedistil_tf.tokenization.words import SpecialTokens

    encoder, tokenizer = load_encoder(str(checkpoint))
    special = SpecialTokens.of(tokenizer)

    @tf.function(input_signature=[tf.TensorSpec([None, None], tf.int32)])
    def mean_states(ids):
        return tf.reduce_mean(encoder(input_ids=ids, training=False).last_hidden_state, 1)

    pieces = np.arange(len(tokenizer), dtype=np.int32)
    return np.concatenate([
        mean_states(np.stack([special.wrap(np.array([piece])) for piece in pieces[start:start + batch]]))
        .numpy() for start in range(0, len(pieces), batch)])


def _flags(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--checkpoint", type=pathlib.Path, default=pathlib.Path(),
                        help=f"train: local Hugging Face directory of the encoder, with {TOKENIZER_FILE}.")
    parser.add_argument("--components", type=int, default=256, help="Width of the vectors.")
    parser.add_argument("--examples", type=pathlib.Path, help="Train on this file, not on train.tsv.")


if __name__ == "__main__":
    run(__doc__, train, open_model, ("tensorflow", "tokenizers", "scikit-learn"), _flags)
