"""Keras 3's own `keras.distillation.Distiller` with `LogitsDistillation`, on the same BiLSTM.

Its teacher looks the logits up that the transfer store holds, so that both ways of distilling learn from the
same answers, and the teacher runs once for both. --how says what it learns from:

  labelled   as Keras documents it: labels and logits of the labelled examples, half and half.
  transfer   first the logits of the whole transfer text (student_loss_weight=0), then as `labelled`.

--loss=default is `LogitsDistillation()` as it comes. Keras 3.15.1 looks its "kl_divergence" up as a function,
which it then applies to the logits themselves, without a softmax; --loss=kl gives it `KLDivergence()`, with
which it computes what its documentation says.

--start=svd begins with the SVD of the teacher's word embeddings, as our student does, instead of random ones.
Weights are chosen by accuracy on the dev set, after every epoch.
"""

from __future__ import annotations

import argparse
import json
import pathlib
import time
from collections.abc import Sequence
from typing import Any

import numpy as np

from rivals.command import Flags, run
from rivals.pieces import TOKENIZER_FILE, copy_tokenizer, opened, padding_id
from rivals.stored_answers import rows
from rivals.task_folder import TaskFolder
from rivals.timing import Opened
from xtremedistil_tf.students.metadata import size_of

_MODEL = "student.keras"


def train(task: TaskFolder, flags: Flags) -> dict[str, Any]:
    import keras

    from xtremedistil_tf.atomic import atomic_file

    copy_tokenizer(flags.checkpoint, flags.folder)
    keras.utils.set_random_seed(flags.seed)
    stored = list(rows(flags.store, "input_ids", "teacher_logits"))
    ids = _padded([row for row, _ in stored], _pad(flags.folder))
    table = np.stack([logits for _, logits in stored])
    _, answers = task.read("train")
    dev = _dev(task, flags.folder, ids.shape[1])
    core = _student(keras, flags, len(task.labels))
    if flags.start == "svd":
        core.get_layer("embedding").set_weights([_reduced_embeddings(flags.checkpoint, flags.embedding_size)])
    # Example i of train.tsv is row i of the store, whose text begins with them.
    labels = np.array([task.labels.index(answer) for answer in answers], np.int32)
    began, best = time.monotonic(), {}
    if flags.how == "transfer":
        best["transfer"] = _fit(keras, core, table, ids, np.zeros(len(ids), np.int32), dev, flags, 0.0,
                                flags.distil_epochs, flags.distil_batch_size)
    best["labelled"] = _fit(keras, core, table, ids[:len(labels)], labels, dev, flags, 0.5, flags.ft_epochs,
                            flags.ft_batch_size)
    seconds = time.monotonic() - began
    with atomic_file(flags.folder / _MODEL) as part:
        core.save(part)
    return {"train_seconds": seconds, "parameters": core.count_params(),
            "bytes": size_of(flags.folder / _MODEL), "dev_accuracy": best, "examples": len(labels)}


def open_model(task: TaskFolder, flags: Flags) -> Opened:
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    import keras

    core = keras.saving.load_model(flags.folder / _MODEL, compile=False)
    forward = tf.function(lambda ids: core(ids, training=False),
                          input_signature=[tf.TensorSpec([None, None], tf.int32)])
    return opened(flags.folder, task.labels, False, lambda batch: forward(batch["input_ids"]).numpy())


def _student(keras, flags: Flags, classes: int):
    """Embedding, dropout, BiLSTM, dropout, GELU projection, head: our BiLSTM student; ids -> logits."""
    from tokenizers import Tokenizer

    width = json.loads((flags.checkpoint / "config.json").read_text(encoding="utf-8"))["hidden_size"]
    vocabulary = Tokenizer.from_file(str(flags.folder / TOKENIZER_FILE)).get_vocab_size()
    if _pad(flags.folder):
        raise SystemExit(f"{flags.checkpoint}: its padding piece is not piece 0, which Keras masks.")
    layers = keras.layers
    ids = keras.Input([None], dtype="int32")
    states = layers.Embedding(vocabulary, flags.embedding_size, mask_zero=True, name="embedding")(ids)
    states = layers.Bidirectional(layers.LSTM(flags.lstm_units))(layers.Dropout(flags.dropout)(states))
    states = layers.Dense(width, activation="gelu")(layers.Dropout(flags.dropout)(states))
    return keras.Model(ids, layers.Dense(classes)(states))


def _fit(keras, core, table: np.ndarray, ids: np.ndarray, labels: np.ndarray, dev, flags: Flags,
         student_loss_weight: float, epochs: int, batch_size: int) -> float:
    """Trains the student; returns its best accuracy on the dev set, whose weights it then has."""
    # A Distiller gives both models the same input: the row of the example's logits, then its pieces.
    row_and_ids = keras.Input([None], dtype="int32")
    lookup = keras.layers.Embedding(*table.shape, name="stored_logits")
    teacher = keras.Model(row_and_ids, lookup(row_and_ids[:, 0]))
    lookup.set_weights([table])
    student = keras.Model(row_and_ids, core(row_and_ids[:, 1:]))
    loss = {"loss": keras.losses.KLDivergence()} if flags.loss == "kl" else {}
    imitation = keras.distillation.LogitsDistillation(temperature=flags.temperature, **loss)
    distiller = keras.distillation.Distiller(teacher, student, imitation,
                                             student_loss_weight=student_loss_weight)
    # XLA, which Keras may choose by itself, makes an LSTM several times slower on a processor.
    distiller.compile(optimizer=keras.optimizers.Adam(flags.learning_rate),
                      loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
                      metrics=[keras.metrics.SparseCategoricalAccuracy(name="accuracy")], jit_compile=False)
    stop = keras.callbacks.EarlyStopping("val_accuracy", mode="max", patience=flags.patience,
                                         restore_best_weights=True)
    numbers = np.arange(len(ids), dtype=np.int32)[:, None]
    history = distiller.fit(np.concatenate([numbers, ids], 1), labels, batch_size, epochs, verbose=2,
                            validation_data=dev, callbacks=[stop])
    return float(max(history.history["val_accuracy"]))


def _dev(task: TaskFolder, folder: pathlib.Path, longest: int) -> tuple[np.ndarray, np.ndarray]:
    """Inputs and labels of the dev set. Their rows are another example's: accuracy does not need them."""
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(folder / TOKENIZER_FILE))
    tokenizer.no_padding()
    tokenizer.enable_truncation(longest)
    texts, answers = task.read("dev")
    ids = _padded([found.ids for found in tokenizer.encode_batch(texts)], padding_id(tokenizer))
    labels = np.array([task.labels.index(answer) for answer in answers], np.int32)
    return np.concatenate([np.zeros([len(ids), 1], np.int32), ids], 1), labels


def _padded(rows_of_ids: Sequence[Sequence[int]], pad: int) -> np.ndarray:
    ids = np.full((len(rows_of_ids), max(map(len, rows_of_ids))), pad, np.int32)
    for row, values in enumerate(rows_of_ids):
        ids[row, :len(values)] = values
    return ids


def _pad(folder: pathlib.Path) -> int:
    from tokenizers import Tokenizer

    return padding_id(Tokenizer.from_file(str(folder / TOKENIZER_FILE)))


def _reduced_embeddings(checkpoint: pathlib.Path, size: int) -> np.ndarray:
    """float32 [vocabulary, size]: truncated SVD of the word embeddings in a checkpoint of any BERT."""
    from safetensors import safe_open

    with safe_open(str(checkpoint / "model.safetensors"), framework="np") as file:
        name = next(key for key in file.keys() if "word_embeddings" in key)  # noqa: SIM118  not a mapping
        table = file.get_tensor(name).astype(np.float64)
    _, vectors = np.linalg.eigh(table.T @ table)
    return (table @ vectors[:, ::-1][:, :size]).astype(np.float32)


def _flags(parser: argparse.ArgumentParser) -> None:
    path = pathlib.Path
    parser.add_argument("--store", type=path, default=path(), help="train: the transfer store.")
    parser.add_argument("--checkpoint", type=path, default=path(), help="train: the fine-tuned teacher.")
    parser.add_argument("--how", choices=("labelled", "transfer"), default="labelled")
    parser.add_argument("--loss", choices=("default", "kl"), default="kl")
    parser.add_argument("--start", choices=("random", "svd"), default="random")
    for name, value in (("embedding_size", 50), ("lstm_units", 200), ("distil_epochs", 10), ("ft_epochs", 10),
                        ("patience", 3), ("distil_batch_size", 128), ("ft_batch_size", 32), ("seed", 42)):
        parser.add_argument(f"--{name}", type=int, default=value)
    for name, value in (("dropout", 0.2), ("temperature", 3.0), ("learning_rate", 1e-3)):
        parser.add_argument(f"--{name}", type=float, default=value)


if __name__ == "__main__":
    run(__doc__, train, open_model, ("keras", "tensorflow", "tokenizers"), _flags)
