"""A small tagger trained on labels alone, for measurements of text in languages of which there is no student.

  python benchmarks/label_student.py --data=FOLDER --languages=es,fr,zh --model_dir=DIR [--epochs=8] [--train=3000]
      [--split_words] [--seed=1]

The folder has a folder for each language with train.tsv. Languages with less than a fifth of `--train` sentences are seen
four times an epoch. The rule for words is that of the training words. With `--split_words` the training words are split by
it once more (`Bonn,` is `Bonn` and `,`), with the tag of the word continued.
"""

from __future__ import annotations

import dataclasses
import os
import pathlib

from absl import app, flags

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np

from xtremedistil_tf.corpus.example import Example
from xtremedistil_tf.tasks.opening import load_task
from xtremedistil_tf.tasks.tagging import TaggingTask
from xtremedistil_tf.tokenization.own_vocabulary import train_tokenizer
from xtremedistil_tf.tokenization.raw_words import RawWords
from xtremedistil_tf.tokenization.word_habits import described, rule_of
from xtremedistil_tf.training.batches import pad_batch

_DATA = flags.DEFINE_string("data", None, "Folder of labelled data.", required=True)
_LANGUAGES = flags.DEFINE_list("languages", None, "Languages to train on.", required=True)
_MODEL = flags.DEFINE_string("model_dir", None, "Folder to write.", required=True)
_EPOCHS = flags.DEFINE_integer("epochs", 8, "Epochs.")
_TRAIN = flags.DEFINE_integer("train", 3000, "Training sentences of each language.")

_SPLIT = flags.DEFINE_boolean("split_words", False, "Whether training words are split by the rule.")
_SEED = flags.DEFINE_integer("seed", 1, "Seed of the weights.")

_PIECES, _BATCH, _SEQ_LEN = 12000, 32, 64


def split(example: Example, rule: RawWords) -> Example:
    """The example with its words split by the rule."""
    words: list[str] = []
    tags: list[str] = []
    for word, tag in zip(example.words, example.tags or ()):
        parts = rule.words(word) or (word,)
        words += parts
        tags += [tag, *[tag.replace("B-", "I-", 1)] * (len(parts) - 1)]
    return dataclasses.replace(example, words=tuple(words), tags=tuple(tags))


def train(student, task, features, pad_id: int) -> None:
    """Trains a student on batches of like lengths."""
    import tensorflow as tf
    import tf_keras

    optimizer, draw = tf_keras.optimizers.Adam(2e-3), np.random.default_rng(0)

    @tf.function(reduce_retracing=True)
    def step(batch):
        with tf.GradientTape() as tape:
            logits = student({name: batch[name] for name in ("input_ids", "attention_mask")}, training=True)["logits"]
            loss = tf.reduce_mean(task.label_loss(batch, logits))
        gradients = tape.gradient(loss, student.trainable_variables)
        optimizer.apply_gradients(zip(gradients, student.trainable_variables))
        return loss

    batches = np.array_split(np.argsort(features.lengths, kind="stable"), max(1, len(features) // _BATCH))
    for epoch in range(_EPOCHS.value):
        losses = []
        for number in draw.permutation(len(batches)):
            batch = pad_batch(features, batches[number], pad_id, 8)
            losses.append(float(step({name: tf.constant(values) for name, values in batch.items()})))
        print(f"epoch {epoch + 1}: loss {np.mean(losses):.4f}", flush=True)


def main(argv):
    del argv
    import tf_keras

    from xtremedistil_tf.students.bilstm import BiLSTMShape
    from xtremedistil_tf.students.model_directory import save_student
    from xtremedistil_tf.students.registry import new_student

    tf_keras.utils.set_random_seed(_SEED.value)
    examples, labels = [], []
    for language in _LANGUAGES.value:
        corpus = load_task(_DATA.value, [language])
        labels, own = corpus.labels, corpus.train[: _TRAIN.value]
        examples += own * (4 if 5 * len(own) < _TRAIN.value else 1)
    rule = rule_of(examples)
    print(described(rule), flush=True)
    if _SPLIT.value:
        examples = [split(example, rule) for example in examples]
    task = TaggingTask(labels, raw_words=rule.facts())
    tokenizer = train_tokenizer((" ".join(example.words) for example in examples), _PIECES, "wordpiece")
    student = new_student(BiLSTMShape(len(tokenizer), 64, 96, 64, task.num_outputs))
    train(student, task, task.training_features(tokenizer, examples, _SEQ_LEN).features, tokenizer.pad_token_id)
    save_student(pathlib.Path(_MODEL.value), student, tokenizer, task,
                 {"task": _DATA.value, "seq_len": _SEQ_LEN, "do_NER": True})


if __name__ == "__main__":
    app.run(main)
