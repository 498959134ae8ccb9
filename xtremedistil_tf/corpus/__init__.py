"""Reading corpora: labelled examples, plain text, label files, task folders, GLUE, data sets of the hub.

Begin with `example` and `folder`. `tagged` and `text_columns` recognise what a labelled file is, `text` does so for
transfer text; `kinds` is what a kind of task tells the readers, `reading` what a user does.
"""

from __future__ import annotations

from xtremedistil_tf.corpus.classified import read_classified
from xtremedistil_tf.corpus.example import Answer, AnyExample, Example, QuestionExample, TextExample
from xtremedistil_tf.corpus.files import MAX_LINE_CHARS, open_lines
from xtremedistil_tf.corpus.folder import TaskCorpus, read_folder
from xtremedistil_tf.corpus.label_files import infer_labels, read_class_names, read_labels
from xtremedistil_tf.corpus.published import read_glue, read_hub
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
    "open_lines",
    "read_class_names",
    "read_classified",
    "read_folder",
    "read_glue",
    "read_hub",
    "read_labels",
    "read_squad",
    "read_tagged",
    "read_text",
    "text_files",
]
