"""What people would use instead of a distilled student, one module each, measured on the same data and core.

Every rival is a program of two steps, which benchmarks/rivals_tagging.py and rivals_classification.py start,
and which runs alone too, in any environment that has what it imports:

  PYTHONPATH=.:benchmarks python -m rivals.tfidf train --task=FOLDER --folder=DIR
  PYTHONPATH=.:benchmarks python -m rivals.tfidf speed --task=FOLDER --folder=DIR

`train` writes the model to --folder; `speed` opens what is there, on one core, and times it from raw text.
Each leaves its figures in <folder>/<step>.json. FOLDER is one that `preparing.prepare` wrote.
"""
