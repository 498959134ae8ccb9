"""The BiLSTM student of XtremeDistil (system A), and LSTMs that are traced and trained faster than Keras's."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import tensorflow as tf
import tf_keras

from xtremedistil_tf.students.projected import EMBEDDING, HEAD, PROJECTION, ProjectedShape, ProjectedStudent
from xtremedistil_tf.training.losses import ANSWERED

BILSTM = "bilstm"


class LSTM(tf_keras.layers.LSTM):
    """`tf_keras.layers.LSTM`, with its weights and answers, without states or dropout of its own.

    Keras puts an LSTM for GPUs beside the one for processors into every graph, with the gradients of both, and lets
    the runtime choose: more than a third of a small run's time on a processor went into that. Without a GPU there is
    one of them here. It computes what Keras's does, as fast.
    """

    def call(self, inputs: tf.Tensor, mask: tf.Tensor | None = None, training: bool | None = None,
             initial_state: None = None) -> tf.Tensor:
        """float [batch, time, width] -> [batch, time, units], or [batch, units] unless `return_sequences`."""
        if tf.config.list_logical_devices("GPU"):
            return super().call(inputs, mask, training, initial_state)
        # In mixed precision they would be cast in every step.
        kernel, recurrent, bias = (tf.cast(v, inputs.dtype) for v in
                                   (self.cell.kernel, self.cell.recurrent_kernel, self.cell.bias))
        zeros = tf.zeros([tf.shape(inputs)[0], self.units], inputs.dtype)

        def step(entry: tf.Tensor, states: list[tf.Tensor]) -> tuple[tf.Tensor, list[tf.Tensor]]:
            hidden, memory = states
            gates = tf.nn.bias_add(tf.matmul(entry, kernel) + tf.matmul(hidden, recurrent), bias)
            write, keep, new, show = tf.split(gates, 4, axis=1)
            memory = tf.sigmoid(keep) * memory + tf.sigmoid(write) * tf.tanh(new)
            hidden = tf.sigmoid(show) * tf.tanh(memory)
            return hidden, [hidden, memory]

        last, states, _ = tf_keras.backend.rnn(step, inputs, [zeros, zeros], go_backwards=self.go_backwards, mask=mask,
                                               zero_output_for_mask=self.zero_output_for_mask)
        return states if self.return_sequences else last


class FusedBidirectional(tf_keras.layers.Bidirectional):
    """`tf_keras.layers.Bidirectional` over an LSTM with `return_sequences`, with its weights and answers.

    Keras multiplies each step's inputs and weight gradients on their own, and runs one loop for each direction and
    again for each gradient. In training on a processor the products with the inputs and the gradients of all weights
    are one matrix product each here; what has to be done step by step is done for both directions in the same loop.
    In mixed precision the memory of the cells stays in float32.

    Otherwise (no training, no mask, or a GPU, for which Keras has cuDNN's) the layers that it holds answer: what is
    exported has the form that converters know.
    """

    def call(self, inputs: tf.Tensor, training: bool | None = None, mask: tf.Tensor | None = None,
             initial_state: None = None, constants: None = None) -> tf.Tensor:
        """float [batch, time, width], mask bool [batch, time] with padding on the right -> [batch, time, 2 units]."""
        if training is not True or mask is None or tf.config.list_logical_devices("GPU"):
            return super().call(inputs, training, mask, initial_state, constants)
        weights = [tf.cast(v, inputs.dtype) for layer in (self.forward_layer, self.backward_layer)
                   for v in (layer.cell.kernel, layer.cell.recurrent_kernel, layer.cell.bias)]
        return bidirectional_lstm(inputs, tf.reduce_sum(tf.cast(mask, tf.int32), 1), *weights,
                                  weight_gradients=self.trainable)


def bidirectional_lstm(inputs: tf.Tensor, lengths: tf.Tensor, *weights: tf.Tensor,
                       weight_gradients: bool = True) -> tf.Tensor:
    """The states of an LSTM over each text and of another one over its reverse (Hochreiter and Schmidhuber, 1997).

    Args:
        inputs: float [batch, time, width], float32 or bfloat16, in which matrices are multiplied.
        lengths: int32 [batch], steps of each text; the rest is padding.
        *weights: of the forward and then of the backward direction, in the dtype of the inputs and in Keras's
            order of gates (input, forget, cell, output): kernel [width, 4 units], recurrent kernel
            [units, 4 units], bias [4 units].
        weight_gradients: whether gradients of the weights are wanted; those of the inputs always are.

    Returns:
        [batch, time, 2 units] in the dtype of the inputs, zero at padding.
    """
    batch, time = tf.unstack(tf.shape(inputs)[:2])
    orders = _orders(lengths, batch, time)
    present = tf.cast(tf.sequence_mask(lengths, time), inputs.dtype)[..., None]
    units = weights[1].shape[0]

    @tf.custom_gradient
    def run(inputs: tf.Tensor, *weights: tf.Tensor) -> Any:
        rows = tf.reshape(inputs, [-1, inputs.shape[-1]])
        entries = [tf.gather(rows, order.steps) for order in orders]
        (kernel, recurrent, bias), (kernel_back, recurrent_back, bias_back) = weights[:3], weights[3:]
        gates = [tf.reshape(tf.nn.bias_add(tf.matmul(entry, k), b), [time, batch, 4 * units])
                 for entry, k, b in zip(entries, (kernel, kernel_back), (bias, bias_back))]
        recurrents = (recurrent, recurrent_back)
        traces = _forward(gates, recurrents)
        hidden = [tf.reshape(trace.hidden.stack(), [-1, units]) for trace in traces]
        states = tf.concat([tf.gather(h[batch:], order.texts) for h, order in zip(hidden, orders)], -1)

        def gradients(upstream: tf.Tensor) -> list[tf.Tensor | None]:
            upstream *= present
            upstreams = [tf.reshape(tf.gather(tf.reshape(half, [-1, units]), order.steps), [time, batch, units])
                         for half, order in zip(tf.split(upstream, 2, -1), orders)]
            changes = _backward(traces, upstreams, recurrents)
            of_rows = [tf.gather(tf.matmul(change, k, transpose_b=True), order.texts)
                       for change, k, order in zip(changes, (kernel, kernel_back), orders)]
            of_weights: list[tf.Tensor | None] = []
            for change, entry, h in zip(changes, entries, hidden):
                if weight_gradients:
                    # A product sums in float32, whatever it is of.
                    ones = tf.ones([1, time * batch], change.dtype)
                    of_weights += [tf.matmul(entry, change, transpose_a=True),
                                   tf.matmul(h[:-batch], change, transpose_a=True), tf.matmul(ones, change)[0]]
                else:
                    of_weights += [None] * 3
            return [tf.add_n(of_rows), *of_weights]

        return states * present, gradients

    return run(inputs, *weights)


class _Order(NamedTuple):
    """Where the steps of a direction are: `steps` int32 [time * batch] are rows of [batch, time] in the order in
    which the loop takes them, `texts` int32 [batch, time] are rows of [time, batch] in the order of the text."""

    steps: tf.Tensor
    texts: tf.Tensor


def _orders(lengths: tf.Tensor, batch: tf.Tensor, time: tf.Tensor) -> tuple[_Order, _Order]:
    step, text = tf.range(time)[:, None], tf.range(batch)[None]
    # Padding stays at the end of the reverse, where it changes nothing before it.
    reverse = tf.where(step < lengths, lengths - 1 - step, step)
    forward, backward = (_Order(tf.reshape(text * time + position, [-1]), tf.transpose(position * batch + text))
                         for position in (step, reverse))
    return forward, backward


class _Trace(NamedTuple):
    """What the gradient of a direction needs: `hidden` and `memory` [units] before the first step and after each,
    and of each step the four gates and the squashed memory, float32 but for `hidden`."""

    hidden: tf.TensorArray
    memory: tf.TensorArray
    write: tf.TensorArray
    keep: tf.TensorArray
    new: tf.TensorArray
    show: tf.TensorArray
    squashed: tf.TensorArray


def _forward(gates: list[tf.Tensor], recurrents: tuple[tf.Tensor, ...]) -> list[_Trace]:
    """Runs the cells over [time, batch, 4 units], what the inputs give to the gates of each direction."""
    time, batch = tf.unstack(tf.shape(gates[0])[:2])
    dtype, units = gates[0].dtype, recurrents[0].shape[0]
    hidden, memory = tf.zeros([batch, units], dtype), tf.zeros([batch, units])

    def array(first: tf.Tensor | None = None, kind: tf.DType = tf.float32) -> tf.TensorArray:
        size = time if first is None else time + 1
        values = tf.TensorArray(kind, size, element_shape=[None, units], clear_after_read=False)
        return values if first is None else values.write(0, first)

    def step(number: tf.Tensor, states: Any, traces: Any) -> tuple[tf.Tensor, Any, Any]:
        after, written = [], []
        for given, recurrent, (hidden, memory), trace in zip(gates, recurrents, states, traces):
            total = tf.cast(given[number], tf.float32) + tf.cast(tf.matmul(hidden, recurrent), tf.float32)
            write, keep, new, show = tf.split(total, 4, axis=1)
            write, keep, new, show = tf.sigmoid(write), tf.sigmoid(keep), tf.tanh(new), tf.sigmoid(show)
            memory = keep * memory + write * new
            squashed = tf.tanh(memory)
            hidden = tf.cast(show * squashed, dtype)
            after.append((hidden, memory))
            written.append(_Trace(trace.hidden.write(number + 1, hidden), trace.memory.write(number + 1, memory),
                                  *(values.write(number, value) for values, value in
                                    zip(trace[2:], (write, keep, new, show, squashed)))))
        return number + 1, after, written

    start = [_Trace(array(hidden, dtype), array(memory), *(array() for _ in range(5))) for _ in gates]
    _, _, traces = tf.while_loop(lambda number, *_: number < time, step, (0, [(hidden, memory)] * 2, start),
                                 maximum_iterations=time)
    return traces


def _backward(traces: list[_Trace], upstreams: list[tf.Tensor], recurrents: tuple[tf.Tensor, ...]) -> list[tf.Tensor]:
    """The gradients of what goes into the gates, [time * batch, 4 units] for each direction; `upstreams`, those of
    the states, are [time, batch, units]."""
    time, batch = tf.unstack(tf.shape(upstreams[0])[:2])
    dtype, units = upstreams[0].dtype, recurrents[0].shape[0]
    # Turned once: a product with a transposed matrix takes a fifth longer.
    turned = [tf.transpose(recurrent) for recurrent in recurrents]

    def step(number: tf.Tensor, states: Any, changes: Any) -> tuple[tf.Tensor, Any, Any]:
        after, written = [], []
        for trace, upstream, recurrent, (of_hidden, of_memory), change in zip(
                traces, upstreams, turned, states, changes):
            write, keep, new, show, squashed = (values.read(number) for values in trace[2:])
            of_hidden = tf.cast(of_hidden, tf.float32) + tf.cast(upstream[number], tf.float32)
            of_memory += of_hidden * show * (1 - tf.square(squashed))
            gates = tf.concat([of_memory * new * write * (1 - write),
                               of_memory * trace.memory.read(number) * keep * (1 - keep),
                               of_memory * write * (1 - tf.square(new)),
                               of_hidden * squashed * show * (1 - show)], 1)
            gates = tf.cast(gates, dtype)
            after.append((tf.matmul(gates, recurrent), of_memory * keep))
            written.append(change.write(number, gates))
        return number - 1, after, written

    start = [tf.TensorArray(dtype, time, element_shape=[None, 4 * units]) for _ in traces]
    nothing = tf.zeros([batch, units], dtype), tf.zeros([batch, units])
    _, _, changes = tf.while_loop(lambda number, *_: number >= 0, step, (time - 1, [nothing] * 2, start),
                                  maximum_iterations=time)
    return [tf.reshape(change.stack(), [-1, 4 * units]) for change in changes]


@dataclasses.dataclass(frozen=True)
class BiLSTMShape(ProjectedShape):
    """Sizes of a BiLSTM student.

    Attributes:
        vocab_size: pieces of the tokenizer (rows of the embedding table).
        embedding_size: E.
        lstm_units: H, each direction.
        teacher_width: width of the teacher's hidden states, which stage 1 compares with; 0 in a deployed
            student whose projection has another width.
        num_outputs: width of the logits.

    The others are those of `ProjectedShape`.
    """

    vocab_size: int
    embedding_size: int
    lstm_units: int
    teacher_width: int
    num_outputs: int

    @property
    def groups(self) -> tuple[str, ...]:
        """Layer groups from the top down: the order of gradual unfreezing."""
        return (HEAD, PROJECTION, BILSTM, *([EMBEDDING] * (not self.freeze_word_embedding)))

    @property
    def blocks(self) -> tuple[tuple[str, ...], ...]:
        """The groups for unfreezing in coarser steps; there are none here."""
        return tuple((group,) for group in self.groups)


class BiLSTMStudent(ProjectedStudent):
    """A `ProjectedStudent` whose body is one bidirectional LSTM.

    The LSTMs skip padded steps, so an answer does not depend on how much padding a batch holds. Where one answer is
    wanted for the whole input, the first piece has the last states of both directions (XtremeDistil,
    classification), so that it corresponds to the teacher's first piece.
    """

    kind = "bilstm"
    Shape = BiLSTMShape

    def __init__(self, shape: BiLSTMShape):
        super().__init__(shape, "bilstm_student")
        self.bilstm = FusedBidirectional(
            LSTM(shape.lstm_units, return_sequences=True, name="lstm"), name=BILSTM)
        self._add_head()

    @property
    def _body_groups(self) -> Mapping[str, Sequence[tf_keras.layers.Layer]]:
        return {BILSTM: [self.bilstm]}

    def call(self, inputs: Mapping[str, tf.Tensor], training: bool = False) -> dict[str, Any]:
        mask = tf.cast(inputs["attention_mask"], tf.bool)
        states = self._embedded(inputs["input_ids"], training)
        states = self.bilstm(states, mask=mask, training=training)
        if not self.shape.per_piece:
            states = _summary_first(states, mask)
        return self._answers(states, training, inputs.get(ANSWERED))


def _summary_first(states: tf.Tensor, mask: tf.Tensor) -> tf.Tensor:
    """Gives the first step the forward LSTM's state at the last real step; the backward one's is there."""
    width = states.shape[-1] // 2
    last = tf.maximum(tf.reduce_sum(tf.cast(mask, tf.int32), 1) - 1, 0)
    forward = tf.gather(states[:, :, :width], last, batch_dims=1)
    first = tf.concat([forward, states[:, 0, width:]], -1)
    return tf.concat([first[:, None], states[:, 1:]], 1)
