"""What of the teacher's inner workings a student imitates, layer by layer, and how far it is from it.

A layer map says which of the student's states imitates which of the teacher's. State 0 is the embedding output, state i
the output of layer i.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from typing import Any

import tensorflow as tf

from xtremedistil_tf.errors import ConfigError
from xtremedistil_tf.training.losses import ATTENTION_LOSSES, REPRESENTATION_LOSSES, distribution_kl

UNIFORM, LAST = "uniform", "last"

LayerMap = tuple[tuple[int, int], ...]


def layer_map(spec: str, student_layers: int, teacher_layers: int) -> LayerMap:
    """Pairs (student state, teacher state), from the bottom up.

    Args:
        spec: one of
            `uniform`: state i of L against the teacher's state i/L of the way up (embeddings against
            embeddings, top against top);
            `last`: the student's L + 1 states against the teacher's last L + 1 (XtremeDistilTransformers);
            pairs such as `0:0,2:1,4:2`, student before teacher;
            numbers such as `2,4,6`: the teacher's states for the student's topmost states, top last.
        student_layers, teacher_layers: numbers of layers.

    Raises:
        ConfigError: the specification cannot be read, or names a state that does not exist.
    """
    spec = spec.strip()
    if spec == UNIFORM:
        return _uniform(student_layers, teacher_layers)
    if spec == LAST:
        if student_layers > teacher_layers:
            raise ConfigError(f"`layer_map=last`: the student has {student_layers} layers and the teacher "
                              f"only {teacher_layers}. Use `layer_map=uniform`, or a student with fewer "
                              "layers.")
        return tuple((i, teacher_layers - student_layers + i) for i in range(student_layers + 1))
    pairs = _pairs(spec, student_layers)
    for which, position, layers in (("student", 0, student_layers), ("teacher", 1, teacher_layers)):
        wrong = [pair[position] for pair in pairs if not 0 <= pair[position] <= layers]
        if wrong:
            raise ConfigError(f"`layer_map={spec}`: the {which} has no state {wrong[0]}. Expected 0 (the "
                              f"embedding output) to {layers}.")
    return pairs


def top_pair(teacher_layer: int, student_layers: int, teacher_layers: int) -> LayerMap:
    """The map without `distil_multi_hidden_states`: the student's top state against one of the teacher's.

    Args:
        teacher_layer: 1 to the number of layers; 0: the top one.
    """
    if teacher_layer > teacher_layers:
        raise ConfigError(f"`teacher_layer={teacher_layer}`: the teacher has {teacher_layers} layers. "
                          f"Expected 1 to {teacher_layers}, or 0 for its top layer.")
    return ((student_layers, teacher_layer or teacher_layers),)


def _uniform(student_layers: int, teacher_layers: int) -> LayerMap:
    steps = min(student_layers, teacher_layers)
    if not steps:
        raise ConfigError("`layer_map=uniform`: expected at least one layer on both sides.")

    def at(step: int, layers: int) -> int:
        return (2 * step * layers + steps) // (2 * steps)

    return tuple((at(step, student_layers), at(step, teacher_layers)) for step in range(steps + 1))


def _pairs(spec: str, student_layers: int) -> LayerMap:
    parts = [part.strip() for part in spec.split(",")]
    try:
        if any(":" in part for part in parts):
            pairs = [tuple(int(number) for number in part.split(":")) for part in parts]
        else:
            lowest = student_layers + 1 - len(parts)
            pairs = [(lowest + i, int(part)) for i, part in enumerate(parts)]
        if any(len(pair) != 2 for pair in pairs):
            raise ValueError
    except ValueError:
        raise ConfigError(f"`layer_map={spec}`: expected uniform, last, pairs of student and teacher state "
                          "such as 0:0,2:1,4:2, or teacher states such as 2,4,6.") from None
    if len(parts) > student_layers + 1 and ":" not in spec:
        raise ConfigError(f"`layer_map={spec}`: lists {len(parts)} teacher states, but the student has "
                          f"{student_layers + 1} (0 to {student_layers}). List at most that many.")
    if len({student for student, _ in pairs}) < len(pairs):
        raise ConfigError(f"`layer_map={spec}`: a state of the student occurs twice. Expected each at most "
                          "once.")
    return tuple(sorted((student, teacher) for student, teacher in pairs))


@dataclasses.dataclass(frozen=True)
class RepresentationSignal:
    """Hidden states and attention maps, layer by layer, and relations of the top layer.

    What batches have of the teacher and outputs of the student, for each signal of weight above 0:

        hidden     teacher_hidden [batch, time, layers, width]
                   representations: as many tensors [batch, time, width]
        attention  teacher_attention [batch, time, layers, heads, seq_len], without the embeddings' state
                   attentions: as many tensors [batch, heads, time, time]
        relations  teacher_relations [batch, time, kinds, heads, seq_len]
                   relations [batch, time, kinds, heads, time]

    in the same order. Columns beyond the batch's pieces are cut off; padding never counts.

    Attributes:
        loss: of hidden states, `kl` or `mse`.
        hidden_weight, attention_weight, relation_weight: of the three parts in the sum.
        attention_loss: `mse` or `kl`.
        layers: indices of the `representations` that count (with their attention maps; relations belong
            to the last one); empty: all.
    """

    loss: str = "kl"
    hidden_weight: float = 1.0
    attention_weight: float = 0.0
    relation_weight: float = 0.0
    attention_loss: str = "mse"
    layers: tuple[int, ...] = ()

    def losses(self, batch: Mapping[str, tf.Tensor], outputs: Mapping[str, Any]) -> dict[str, tf.Tensor]:
        """float32 scalars: `loss`, the weighted sum of the parts, each a mean over its layers; and, where
        there are several, `hidden_loss`, `attention_loss` and `relation_loss`."""
        total = len(outputs["representations"])
        chosen = self.layers or range(total)
        # State 0 is the embedding output, which has no attention.
        attended = [i - total + len(outputs.get("attentions", ())) for i in chosen]
        mask = signal_mask(batch)
        parts = {}
        if self.hidden_weight:
            parts["hidden_loss"] = self.hidden_weight, self._hidden(batch, outputs, mask, chosen)
        if self.attention_weight and max(attended) >= 0:
            parts["attention_loss"] = self.attention_weight, self._attention(
                batch, outputs, mask, [i for i in attended if i >= 0])
        if self.relation_weight and (not total or total - 1 in chosen):
            teacher = _cut(batch["teacher_relations"], mask)
            distance = distribution_kl(teacher, outputs["relations"], mask)
            parts["relation_loss"] = self.relation_weight, distance
        loss = tf.add_n([weight * value for weight, value in parts.values()])
        shown = {name: value for name, (_, value) in parts.items()} if len(parts) > 1 else {}
        return {"loss": loss} | shown

    def _hidden(self, batch: Mapping[str, tf.Tensor], outputs: Mapping[str, Any], mask: tf.Tensor,
                chosen: Iterable[int]) -> tf.Tensor:
        distance = REPRESENTATION_LOSSES[self.loss]
        return _average([distance(batch["teacher_hidden"][:, :, i], outputs["representations"][i], mask)
                         for i in chosen])

    def _attention(self, batch: Mapping[str, tf.Tensor], outputs: Mapping[str, Any], mask: tf.Tensor,
                   chosen: Iterable[int]) -> tf.Tensor:
        distance = ATTENTION_LOSSES[self.attention_loss]
        teacher = _cut(batch["teacher_attention"], mask)
        maps = [(teacher[:, :, i], tf.transpose(outputs["attentions"][i], [0, 2, 1, 3])) for i in chosen]
        # Rows of pieces that the store has no attention of are 0, those that it has sum to 1.
        rows = mask * tf.cast(tf.reduce_sum(tf.cast(teacher[:, :, 0, 0], tf.float32), -1) > 0, tf.float32)
        return _average([distance(group_heads(theirs, ours.shape[2]), ours, mask, rows) for theirs, ours in maps])


def signal_mask(batch: Mapping[str, tf.Tensor]) -> tf.Tensor:
    """float32 [batch, time]: 1 at pieces for which the teacher has something to imitate."""
    return tf.cast(batch.get("teacher_mask", batch["attention_mask"]), tf.float32)


def group_heads(maps: tf.Tensor, heads: int) -> tf.Tensor:
    """Averages neighbouring heads of attention maps until there are `heads`.

    Args:
        maps: [batch, time, teacher heads, time].
        heads: of the student.

    Returns:
        float32 [batch, time, heads, time].

    Raises:
        ConfigError: see `check_attention_heads`.
    """
    check_attention_heads(heads, maps.shape[2])
    batch, time, columns = tf.shape(maps)[0], tf.shape(maps)[1], tf.shape(maps)[3]
    groups = tf.reshape(tf.cast(maps, tf.float32), [batch, time, heads, maps.shape[2] // heads, columns])
    return tf.reduce_mean(groups, axis=3)


def check_attention_heads(student_heads: int, teacher_heads: int) -> None:
    """Raises ConfigError where the teacher's attention heads cannot be shared out among the student's."""
    if teacher_heads % student_heads:
        fitting = ", ".join(str(n) for n in range(1, teacher_heads + 1) if teacher_heads % n == 0)
        raise ConfigError(
            f"`distil_attention`: the student has {student_heads} attention heads and the teacher "
            f"{teacher_heads}, which is not a multiple. Use `distil_relations=qkv`, which works with any number of "
            f"heads, or a student with one of {fitting} heads.")


def _cut(stored: tf.Tensor, mask: tf.Tensor) -> tf.Tensor:
    return stored[..., : tf.shape(mask)[1]]


def _average(values: list[tf.Tensor]) -> tf.Tensor:
    return tf.add_n(values) / len(values)
