"""Bucketed teacher inference against `model.predict` on padded arrays, side by side in one run.

  python benchmarks/teacher_inference.py --checkpoint=DIR --text=FILE [--sentences=2000] [--seq_len=128]

Prints sentences per second of (a) Keras `predict` on arrays padded to seq_len, (b) Keras `predict` on arrays
padded to the longest sentence of each batch, in file order, (c) the project's predictor: sorted by length,
one traced graph, (d) the same by way of each of --paths. The logits of (a) and (c) are compared; how far (d) is
from (c), the log says. With a checkpoint that was not fine-tuned the head is random, and the likeliest label
changes more easily than that of a trained one.
"""

from __future__ import annotations

import logging
import time

import numpy as np
from absl import app, flags
from absl import logging as absl_logging

_CHECKPOINT = flags.DEFINE_string("checkpoint", None, "Hugging Face directory or package:<module>.", required=True)
_TEXT = flags.DEFINE_string("text", None, "One sentence a line.", required=True)
_SENTENCES = flags.DEFINE_integer("sentences", 2000, "Sentences to run over, spread over the text.")
_SEQ_LEN = flags.DEFINE_integer("seq_len", 128, "Most pieces of a sentence.")
_BATCH = flags.DEFINE_integer("batch_size", 128, "Sentences in a batch.")
_PATHS = flags.DEFINE_list("paths", ["bfloat16", "openvino", "onnx_int8"], "Accelerated paths to run, too.")


def main(_):
    from xtremedistil_tf.checkpoints.finding import resolve_checkpoint
    from xtremedistil_tf.checkpoints.tokenizers import load_tokenizer
    from xtremedistil_tf.corpus import read_text
    from xtremedistil_tf.corpus.sampling import evenly
    from xtremedistil_tf.tasks.tagging import TaggingTask
    from xtremedistil_tf.teachers.acceleration import SAMPLE, accelerated
    from xtremedistil_tf.teachers.loading import load_classifier
    from xtremedistil_tf.teachers.model import Teacher
    from xtremedistil_tf.teachers.protocol import TeacherPredictor, TeacherSignals
    from xtremedistil_tf.training.batches import pad_batch
    from xtremedistil_tf.transfer.text import TransferText

    absl_logging.set_verbosity(absl_logging.ERROR)  # what TensorFlow says of SavedModels
    logging.getLogger("xtremedistil_tf").setLevel(logging.INFO)
    checkpoint = resolve_checkpoint(_CHECKPOINT.value)
    tokenizer = load_tokenizer(checkpoint)
    task = TaggingTask(list("ABCDEFG"))
    classifier = load_classifier(checkpoint, task, seed=0)
    text = TransferText(lambda: read_text(_TEXT.value), _TEXT.value, most=_SENTENCES.value)
    features = task.text_features(tokenizer, text, _SEQ_LEN.value).features
    count, lengths = len(features), features.lengths
    print(f"{count} sentences, pieces: mean {lengths.mean():.1f}, median {np.median(lengths):.0f}, max {lengths.max()}")

    def padded(indices, length):
        batch = pad_batch(features, indices, tokenizer.pad_token_id, 1)
        extra = length - batch["input_ids"].shape[1]
        ids = np.pad(batch["input_ids"], ((0, 0), (0, extra)), constant_values=tokenizer.pad_token_id)
        return {"input_ids": ids, "attention_mask": np.pad(batch["attention_mask"], ((0, 0), (0, extra)))}

    def static_predict():
        return classifier.predict(padded(np.arange(count), _SEQ_LEN.value), batch_size=_BATCH.value, verbose=0).logits

    def dynamic_predict():
        for begin in range(0, count, _BATCH.value):
            indices = np.arange(begin, min(count, begin + _BATCH.value))
            classifier.predict_on_batch(padded(indices, lengths[indices].max()))

    teacher = Teacher(classifier, task)
    predictor = TeacherPredictor(teacher, (), tokenizer.pad_token_id, _BATCH.value)
    small = padded(np.arange(2), _SEQ_LEN.value)
    classifier.predict(small, verbose=0), next(predictor.predict(features))  # tracing is not what is measured
    seconds, answers = {}, {}

    def measure(name, job):
        began, cpu = time.perf_counter(), time.process_time()
        answers[name] = job()
        seconds[name] = time.perf_counter() - began
        print(f"{name:<26} {count / seconds[name]:8.1f} sentences/s   {time.process_time() - cpu:7.1f} CPU s", flush=True)

    measure("static predict", static_predict)
    measure("dynamic predict_on_batch", dynamic_predict)
    measure("bucketed", lambda: predictor.logits(features))
    sample = task.text_features(tokenizer, evenly(text, count, SAMPLE), _SEQ_LEN.value).features
    for path in _PATHS.value:
        began = time.perf_counter()
        fast = accelerated(teacher, path, np.inf, sample, tokenizer.pad_token_id, _BATCH.value,
                           TeacherSignals())
        print(f"{path}: converted and compared in {time.perf_counter() - began:.0f} s", flush=True)
        fast_predictor = TeacherPredictor(fast, (), tokenizer.pad_token_id, _BATCH.value)
        measure(path, lambda fast_predictor=fast_predictor: fast_predictor.logits(features))
    for name in list(seconds)[2:]:
        print(f"{name} is {seconds['static predict'] / seconds[name]:.2f}x static predict, "
              f"{seconds['dynamic predict_on_batch'] / seconds[name]:.2f}x dynamic predict_on_batch")
    worst = max(np.abs(answers["static predict"][i, :n] - answers["bucketed"][i]).max() for i, n in enumerate(lengths))
    print(f"largest difference of logits: {worst:.1e}")


if __name__ == "__main__":
    app.run(main)
