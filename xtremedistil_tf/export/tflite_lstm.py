"""A BiLSTM in a loop over the windows of a text: TensorFlow Lite has no lists of tensors, as Keras's loops have, in a
loop within a loop (its converter: "failed to legalize operation 'tf.TensorListGetItem'")."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import tensorflow as tf

from xtremedistil_tf.students.bilstm import BiLSTMStudent


@contextlib.contextmanager
def without_lists(student: Any) -> Iterator[None]:
    """Within it a BiLSTM student answers one text without padding, and without lists; others as ever."""
    if not isinstance(student, BiLSTMStudent):
        yield
        return
    layer = student.bilstm

    def call(inputs: tf.Tensor, **unused: Any) -> tf.Tensor:
        halves = [_states(inputs[0], half.cell, backwards=half.go_backwards)
                  for half in (layer.forward_layer, layer.backward_layer)]
        return tf.concat(halves, -1)[None]

    object.__setattr__(layer, "call", call)
    try:
        yield
    finally:
        object.__delattr__(layer, "call")


def _states(inputs: tf.Tensor, cell: Any, backwards: bool) -> tf.Tensor:
    """float32 [time, width] -> [time, units]: the states of an LSTM, from the last step on where it goes backwards."""
    gates, place = tf.nn.bias_add(tf.matmul(inputs, cell.kernel), cell.bias), tf.range(tf.shape(inputs)[0])
    time, zeros = tf.size(place), tf.zeros([1, cell.units])

    def step(number: tf.Tensor, hidden: tf.Tensor, memory: tf.Tensor, states: tf.Tensor) -> tuple[tf.Tensor, ...]:
        here = time - 1 - number if backwards else number
        total = tf.gather(gates, tf.reshape(here, [1])) + tf.matmul(hidden, cell.recurrent_kernel)
        write, keep, new, show = tf.split(total, 4, axis=1)
        memory = tf.sigmoid(keep) * memory + tf.sigmoid(write) * tf.tanh(new)
        hidden = tf.sigmoid(show) * tf.tanh(memory)
        return number + 1, hidden, memory, tf.where((place == here)[:, None], hidden, states)

    start = 0, zeros, zeros, tf.zeros(tf.stack([time, cell.units]))
    return tf.while_loop(lambda number, *_: number < time, step, start)[3]
