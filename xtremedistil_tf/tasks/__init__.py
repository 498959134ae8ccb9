"""Kinds of tasks, one folder each; begin with `task`, the interface of a kind, and `registry`.

`text_task` is what the kinds share that answer whole texts, `raw_text` the contract of strings in and answers out,
`signatures` its TensorFlow graphs, `scores` what figures and words they share, `opening` goes from names to data and
task.
"""
