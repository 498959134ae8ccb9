"""Measuring a student and its teacher, and showing it; begin with `measuring`, the only reader of the test set.

`footprint` measures latency and size, `report` has the HTML report, the model card and the tables.
"""
