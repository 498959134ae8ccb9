"""A pre-trained TensorFlow model with a task's head, as a Keras model on our batches."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
import tensorflow as tf
import tf_keras

from xtremedistil_tf.checkpoints.reading import Family, check_layers, find_word_embeddings, num_layers
from xtremedistil_tf.tasks.task import Task
from xtremedistil_tf.teachers.own_labels import groups_of, merged_tensor
from xtremedistil_tf.teachers.protocol import Forward, Relations
from xtremedistil_tf.training.losses import encoder_layers, query_key_value
from xtremedistil_tf.training.losses import relations as make_relations
from xtremedistil_tf.training.pipeline import traced_once
from xtremedistil_tf.training.stage import Stage


class Teacher(tf_keras.Model):
    """A `TF...For<task>` of transformers, or a `HeadedEncoder`, whatever its family wants of its input.

    Args:
        classifier: built model, as `load_classifier` gives it.
        task: what its head answers.

    Inputs of `call`: dict with `input_ids` and `attention_mask`, int32 [batch, time], and where the task
    has them `token_type_ids`; padded on the right, with whatever id. Output: dict with `logits` float32
    [batch, time, outputs] or [batch, outputs], in the order of the task's labels; `hidden_states`, a tuple
    of (layers + 1) tensors [batch, time, width], of which the first is the embedding output; and where
    asked for `attentions`, a tuple of tensors [batch, heads, time, time].
    """

    def __init__(self, classifier, task: Task):
        super().__init__(name="teacher")
        self.classifier, self.task = classifier, task
        self._family = Family.of(classifier.config)
        self._groups = groups_of(classifier.config, task)

    @property
    def num_layers(self) -> int:
        return num_layers(self.classifier.config)

    @property
    def width(self) -> int:
        return self.classifier.config.hidden_size

    @property
    def parameters(self) -> int:
        return int(sum(np.prod(weight.shape) for weight in self.weights if weight.dtype.is_floating))

    def word_embeddings(self) -> np.ndarray:
        """float32 [vocab, width of the embeddings]."""
        return find_word_embeddings(self.classifier).numpy()

    def save_pretrained(self, folder) -> None:
        """Writes a Hugging Face directory."""
        self.classifier.save_pretrained(folder, safe_serialization=True)

    def forward(self, layers: tuple[int, ...] = (), attentions: tuple[int, ...] = (),
                relations: Relations | None = None) -> Forward:
        """See `LoadedTeacher`; one traced graph for all shapes, and of the logits alone one for all callers."""
        check_layers(self.classifier.config, layers, attentions)
        if layers or attentions or relations:
            return self._new_forward(layers, attentions, relations)
        return self._logits_alone

    @functools.cached_property
    def _logits_alone(self) -> Forward:
        return self._new_forward((), (), None)

    def _new_forward(self, layers: tuple[int, ...], attentions: tuple[int, ...],
                     relations: Relations | None) -> Forward:
        def run(batch):
            outputs = self(batch, training=False, attentions=bool(attentions))
            answers = {"logits": tf.cast(outputs["logits"], tf.float32)}
            if layers:
                states = [tf.cast(outputs["hidden_states"][layer], tf.float32) for layer in layers]
                answers["hidden"] = tf.stack(states, axis=2)
            if attentions:
                maps = [outputs["attentions"][layer - (layer > 0)] for layer in attentions]
                # [batch, heads, query, key] each -> [batch, query, layers, heads, key]
                answers["attentions"] = tf.stack([tf.transpose(m, [0, 2, 1, 3]) for m in maps], axis=2)
            if relations:
                below = tf.cast(outputs["hidden_states"][relations.layer - 1], tf.float32)
                answers["relations"] = make_relations(*query_key_value(layer, below), relations.heads,
                                                      batch["attention_mask"], relations.kinds)
            return answers

        layer = encoder_layers(self.classifier)[relations.layer - 1] if relations else None
        return traced_once(run)

    def call(self, inputs, training=False, attentions=False):
        mask = inputs["attention_mask"]
        arguments = {"input_ids": self._padded(inputs["input_ids"], mask), "attention_mask": mask}
        if self._family.token_types and "token_type_ids" in inputs:
            arguments["token_type_ids"] = inputs["token_type_ids"]
        if self._family.rows_alone and not training:
            return self._rows_alone(arguments, attentions)
        return self._answers(arguments, training, attentions)

    def _padded(self, ids: tf.Tensor, mask: tf.Tensor) -> tf.Tensor:
        """The model's own padding id where there is no piece: some heads and positions look for it."""
        pad = self.classifier.config.pad_token_id
        return ids if pad is None else tf.where(tf.cast(mask, tf.bool), ids, tf.cast(pad, ids.dtype))

    def _answers(self, arguments: dict[str, tf.Tensor], training: bool, attentions: bool) -> dict[str, Any]:
        family, mask = self._family, arguments["attention_mask"]
        lengths = tf.reduce_sum(mask, axis=1)
        if family.left_padded:
            arguments = {name: _to_the_end(values, lengths) for name, values in arguments.items()}
        if family.blanks_padding:
            arguments = self._blanked(arguments)
        outputs = self.classifier(**arguments, output_hidden_states=True, output_attentions=attentions,
                                  training=training)
        if "start_logits" in outputs:
            logits = tf.stack([outputs["start_logits"], outputs["end_logits"]], axis=-1)
        else:
            logits = outputs["logits"]
        states = tuple(outputs["hidden_states"])
        answers = {"logits": logits, "hidden_states": states[:1] if family.pooled else states}
        if attentions:
            answers["attentions"] = tuple(outputs["attentions"])
        if family.left_padded:
            answers = self._back(answers, lengths)
        if self._groups is not None:
            answers["logits"] = merged_tensor(answers["logits"], self._groups)
        return answers

    def _blanked(self, arguments: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        table, rest = find_word_embeddings(self.classifier), dict(arguments)
        words = tf.gather(table, rest["input_ids"])
        real = tf.cast(rest["attention_mask"], words.dtype)[..., None]
        return rest | {"input_ids": None, "inputs_embeds": words * real}

    def _back(self, answers: dict[str, Any], lengths: tf.Tensor) -> dict[str, Any]:
        """Answers of a batch that was padded on the left, as if it had been on the right."""
        back = dict(answers, hidden_states=tuple(_to_the_start(s, lengths) for s in answers["hidden_states"]))
        if self.task.per_piece:
            back["logits"] = _to_the_start(answers["logits"], lengths)
        if "attentions" in answers:
            back["attentions"] = tuple(_to_the_start(_to_the_start(m, lengths, axis=2), lengths, axis=3)
                                       for m in answers["attentions"])
        return back

    def _rows_alone(self, arguments: dict[str, tf.Tensor], attentions: bool) -> dict[str, Any]:
        """Every row without its padding, one after the other: slower, and exact."""
        time = tf.shape(arguments["input_ids"])[1]

        def answer(row):
            length = tf.maximum(tf.reduce_sum(row["attention_mask"]), 1)
            cut = {name: values[None, :length] for name, values in row.items()}
            alone, rest = self._answers(cut, False, attentions), time - length
            states = tuple(tf.pad(s[0], [[0, rest], [0, 0]]) for s in alone["hidden_states"])
            padded = {"logits": alone["logits"][0], "hidden_states": states}
            if self.task.per_piece:
                padded["logits"] = tf.pad(alone["logits"][0], [[0, rest], [0, 0]])
            if attentions:
                padded["attentions"] = tuple(tf.pad(m[0], [[0, 0], [0, rest], [0, rest]])
                                             for m in alone["attentions"])
            return padded

        signature = {"logits": tf.float32, "hidden_states": (tf.float32,) * (self.num_layers + 1)}
        if attentions:
            signature["attentions"] = (tf.float32,) * self.num_layers
        return tf.map_fn(answer, arguments, fn_output_signature=signature)


class TeacherStage(Stage):
    """Fine-tuning: the task's loss against the gold labels.

    Batches: the task's `text_columns` and `label_columns`, and `attention_mask`.
    """

    def __init__(self, teacher: Teacher):
        super().__init__(teacher, teacher.task, "teacher_stage")

    def losses_of(self, batch, training):
        return {"loss": self.task.label_loss(batch, self(batch, training=training)["logits"])}


def _to_the_end(values: tf.Tensor, lengths: tf.Tensor) -> tf.Tensor:
    """[batch, time, ...] with the padding on the right -> on the left."""
    return tf.reverse(tf.reverse_sequence(values, lengths, seq_axis=1), [1])


def _to_the_start(values: tf.Tensor, lengths: tf.Tensor, axis: int = 1) -> tf.Tensor:
    """Padding on the left of an axis -> on the right."""
    return tf.reverse_sequence(tf.reverse(values, [axis]), lengths, seq_axis=axis)
