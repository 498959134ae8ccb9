"""Answers where a loss reads them: a tagger's loss reads those of first pieces of words, about half of all pieces."""

from __future__ import annotations

from collections.abc import Callable

import tensorflow as tf

#: Key of a student's inputs, in training: [batch, time], above 0 where the loss reads an answer. It computes no others.
ANSWERED = "answered"


def answers_where(answered: tf.Tensor, states: tf.Tensor, answer: Callable[[tf.Tensor], tf.Tensor]) -> tf.Tensor:
    """The answers of some pieces, in the places that they have in the batch.

    Args:
        answered: [batch, time], above 0 where an answer is wanted.
        states: [batch, time, width].
        answer: [pieces, width] -> [pieces, outputs].

    Returns:
        [batch, time, outputs], zero where none is wanted.
    """
    places = tf.where(answered > 0)
    answers = answer(tf.gather_nd(states, places))
    shape = tf.concat([tf.shape(answered, places.dtype), [answers.shape[-1]]], 0)
    return tf.scatter_nd(places, answers, shape)
