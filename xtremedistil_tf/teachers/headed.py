"""A head of our own on an encoder for which transformers has none for the task (GPT-2 for tagging, T5)."""

from __future__ import annotations

import os
import pathlib
from typing import Any

import tensorflow as tf
import tf_keras
from safetensors import safe_open
from safetensors.numpy import save_file

from xtremedistil_tf.errors import ModelLoadError
from xtremedistil_tf.tasks.task import Task
from xtremedistil_tf.teachers.families import Family
from xtremedistil_tf.teachers.task_config import HEAD_FILE

_DROPOUT = 0.1


class HeadedEncoder(tf_keras.Model):
    """Dropout and one dense layer on the encoder's last states, called like a model of transformers.

    One answer per piece, or one for the input: from its first piece, or from its last one where the
    encoder is causal.

    Args:
        model: built `TFPreTrainedModel`; of an encoder-decoder, the encoder alone is used.
        task: what is answered.
    """

    def __init__(self, model, task: Task):
        super().__init__(name="headed_encoder")
        self.pretrained, self.config = model, model.config
        self.auto_class, self.per_piece = task.auto_class, task.per_piece
        self.causal = Family.of(model.config).causal
        self.drop = tf_keras.layers.Dropout(_DROPOUT)
        initial = tf_keras.initializers.TruncatedNormal(stddev=0.02)
        self.head = tf_keras.layers.Dense(task.num_outputs, kernel_initializer=initial, name="head",
                                          dtype="float32")
        self.head.build((None, self.config.hidden_size))

    @property
    def encoder(self):
        """What is called: an encoder-decoder's encoder, else the whole model."""
        return self.pretrained.get_encoder() if self.config.is_encoder_decoder else self.pretrained

    def call(self, input_ids, attention_mask, training=False, **options) -> dict[str, Any]:
        """Returns `logits`, float32 [batch, time, outputs] or [batch, outputs], and, where asked for by
        `output_hidden_states` and `output_attentions`, the encoder's `hidden_states` and `attentions`."""
        outputs = self.encoder(input_ids=input_ids, attention_mask=attention_mask, training=training,
                               **options)
        states = outputs.last_hidden_state
        if not self.per_piece:
            states = tf.gather(states, self._summary(attention_mask), batch_dims=1)
        kept = {name: outputs[name] for name in ("hidden_states", "attentions") if name in outputs}
        return {"logits": self.head(self.drop(states, training=training))} | kept

    def _summary(self, mask: tf.Tensor) -> tf.Tensor:
        """int32 [batch], the position that stands for the input."""
        if not self.causal:
            return tf.argmax(mask, axis=1, output_type=tf.int32)
        return tf.reduce_max(tf.range(tf.shape(mask)[1]) * tf.cast(mask, tf.int32), axis=1)

    def get_input_embeddings(self):
        return self.pretrained.get_input_embeddings()

    def save_pretrained(self, folder: str | os.PathLike[str], **options) -> None:
        """Writes the encoder as a Hugging Face directory, and the head beside it."""
        self.pretrained.save_pretrained(folder, **options)
        kernel, bias = (weight.numpy() for weight in self.head.weights)
        save_file({"kernel": kernel, "bias": bias}, pathlib.Path(folder) / HEAD_FILE,
                  metadata={"auto_class": self.auto_class})

    def load_head(self, folder: str | os.PathLike[str]) -> bool:
        """Takes the head that `save_pretrained` wrote, if one is there for the same kind of answer and of the
        same shape; tells whether it was."""
        file = pathlib.Path(folder) / HEAD_FILE
        if not file.is_file():
            return False
        with safe_open(str(file), "numpy") as archive:
            fits = (archive.metadata() or {}).get("auto_class") == self.auto_class
            values = [archive.get_tensor("kernel"), archive.get_tensor("bias")]
        if values[0].shape[0] != self.config.hidden_size:
            raise ModelLoadError(f"{file}: the head is for an encoder of width {values[0].shape[0]}, but the encoder "
                                 f"has width {self.config.hidden_size}. Take both from the same directory.")
        fits = fits and values[0].shape[1] == self.head.units
        if fits:
            self.head.set_weights(values)
        return fits
