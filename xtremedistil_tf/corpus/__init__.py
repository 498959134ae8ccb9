"""Reading corpora: labelled sentences, plain text, label files, task folders."""

from __future__ import annotations

from xtremedistil_tf.corpus.example import Example
from xtremedistil_tf.corpus.folder import TaskCorpus, load_task
from xtremedistil_tf.corpus.labels import infer_labels, read_labels
from xtremedistil_tf.corpus.lines import MAX_LINE_CHARS, open_lines
from xtremedistil_tf.corpus.tagged import read_tagged
from xtremedistil_tf.corpus.text import read_text, text_files

__all__ = [
    "MAX_LINE_CHARS",
    "Example",
    "TaskCorpus",
    "infer_labels",
    "load_task",
    "open_lines",
    "read_labels",
    "read_tagged",
    "read_text",
    "text_files",
]
