"""Reading corpora: labelled examples, plain text, label files, task folders, GLUE, data sets of the hub."""

from __future__ import annotations

from xtremedistil_tf.corpus.classified import read_classified
from xtremedistil_tf.corpus.example import Answer, AnyExample, Example, QuestionExample, TextExample
from xtremedistil_tf.corpus.folder import TaskCorpus, load_task
from xtremedistil_tf.corpus.glue import read_glue
from xtremedistil_tf.corpus.hub import load_hub
from xtremedistil_tf.corpus.kinds import read_labelled, read_unlabeled
from xtremedistil_tf.corpus.labels import infer_labels, read_class_names, read_labels
from xtremedistil_tf.corpus.lines import MAX_LINE_CHARS, open_lines
from xtremedistil_tf.corpus.squad import read_squad
from xtremedistil_tf.corpus.tagged import read_tagged
from xtremedistil_tf.corpus.text import read_text, text_files

__all__ = [
    "MAX_LINE_CHARS",
    "Answer",
    "AnyExample",
    "Example",
    "QuestionExample",
    "TaskCorpus",
    "TextExample",
    "infer_labels",
    "load_hub",
    "load_task",
    "open_lines",
    "read_class_names",
    "read_classified",
    "read_glue",
    "read_labelled",
    "read_labels",
    "read_squad",
    "read_tagged",
    "read_text",
    "read_unlabeled",
    "text_files",
]
