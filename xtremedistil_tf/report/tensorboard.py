"""TensorBoard logs of the epochs of all phases."""

from __future__ import annotations

import pathlib
from collections.abc import Mapping
from typing import Any

import tensorflow as tf


class EpochLog:
    """Writes a scalar per metric and epoch, one TensorBoard run per phase.

    Args:
        folder: what `tensorboard --logdir` is given.
    """

    def __init__(self, folder: pathlib.Path):
        self._folder = folder
        self._writers: dict[str, tf.summary.SummaryWriter] = {}

    def epoch(self, phase: str, record: Mapping[str, Any]) -> None:
        """Logs the floats of an epoch's record at step `record["epoch"]`."""
        if phase not in self._writers:
            self._writers[phase] = tf.summary.create_file_writer(str(self._folder / phase))
        with self._writers[phase].as_default(step=record["epoch"]):
            for name, value in record.items():
                if isinstance(value, float):
                    tf.summary.write(name, tf.constant(value), metadata=_scalar_metadata())
        self._writers[phase].flush()


def _scalar_metadata() -> tf.compat.v1.SummaryMetadata:
    # What tf.summary.scalar writes; that function wants the tensorboard package installed to write at all.
    metadata = tf.compat.v1.SummaryMetadata(data_class=1)
    metadata.plugin_data.plugin_name = "scalars"
    return metadata
