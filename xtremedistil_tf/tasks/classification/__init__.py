"""Classification: one class for a text or a pair of texts."""

from __future__ import annotations

from xtremedistil_tf.tasks.classification.task import ClassificationTask

__all__ = ["ClassificationTask"]
