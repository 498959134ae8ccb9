"""Characters and their neighbours as flat tensors, by ops that TensorFlow Lite has built in: no slice may be empty."""

from __future__ import annotations

import tensorflow as tf


def one_before(values: tf.Tensor, fill) -> tf.Tensor:
    """[n] -> [n], each the one before."""
    return tf.concat([tf.fill([1], tf.cast(fill, values.dtype)), values], 0)[:tf.size(values)]


def one_after(values: tf.Tensor, fill) -> tf.Tensor:
    """[n] -> [n], each the one after."""
    return tf.concat([values, tf.fill([1], tf.cast(fill, values.dtype))], 0)[1:]


def places_of(values: tf.Tensor) -> tf.Tensor:
    """[n] -> int32 [n]: 0, 1, ..."""
    return tf.range(tf.size(values))


def spells(part: str, characters: tf.Tensor, begin: tf.Tensor) -> tf.Tensor:
    """bool [places]: whether the characters from each place on are those of the part; anything where some are not
    there."""
    last = tf.maximum(tf.size(characters) - 1, 0)
    found = tf.ones_like(begin, tf.bool)
    for offset, character in enumerate(part):
        here = tf.minimum(tf.maximum(begin + offset, 0), last)
        found &= tf.gather(characters, here) == ord(character)
    return found
