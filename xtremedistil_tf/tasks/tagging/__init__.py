"""Token tagging: one label for every word, such as the entities of a text."""

from __future__ import annotations

from xtremedistil_tf.tasks.tagging.task import TaggingTask

__all__ = ["TaggingTask"]
