"""Extractive question answering: the answer as a part of a context."""

from __future__ import annotations

from xtremedistil_tf.tasks.question_answering.task import QuestionAnsweringTask

__all__ = ["QuestionAnsweringTask"]
