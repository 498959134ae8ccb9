"""Multi-label classification: none, one or several labels for a text or a pair of texts."""

from __future__ import annotations

from xtremedistil_tf.tasks.multi_label.task import MultiLabelTask

__all__ = ["MultiLabelTask"]
