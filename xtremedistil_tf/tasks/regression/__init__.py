"""Regression: one number for a text or a pair of texts."""

from __future__ import annotations

from xtremedistil_tf.tasks.regression.task import RegressionTask

__all__ = ["RegressionTask"]
