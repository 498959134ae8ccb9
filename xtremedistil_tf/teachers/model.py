"""A token classifier of transformers as a Keras model on our batches."""

from __future__ import annotations

import tf_keras

from xtremedistil_tf.training.losses import label_loss
from xtremedistil_tf.training.stage import Stage


class Teacher(tf_keras.Model):
    """Wraps a `TF...ForTokenClassification`.

    Args:
        classifier: built model of transformers.

    Inputs of `call`: dict with `input_ids` and `attention_mask`, int32 [batch, time]. Output: the
    classifier's output with `logits` float32 [batch, time, labels] and `hidden_states`, a tuple of
    (layers + 1) tensors [batch, time, width]; element 0 is the embedding output.
    """

    def __init__(self, classifier):
        super().__init__(name="teacher")
        self.classifier = classifier

    @property
    def num_layers(self) -> int:
        return self.classifier.config.num_hidden_layers

    @property
    def width(self) -> int:
        return self.classifier.config.hidden_size

    def call(self, inputs, training=False):
        return self.classifier(input_ids=inputs["input_ids"], attention_mask=inputs["attention_mask"],
                               output_hidden_states=True, training=training)


class TeacherStage(Stage):
    """Fine-tuning: cross-entropy at the first piece of each word.

    Batches: `input_ids`, `attention_mask`, `word_starts`, `labels`, each [batch, time].
    """

    def __init__(self, teacher: Teacher):
        super().__init__(teacher, "teacher_stage")

    def losses_of(self, batch, training):
        logits = self(batch, training=training).logits
        return {"loss": label_loss(batch["labels"], logits, batch["word_starts"])}
