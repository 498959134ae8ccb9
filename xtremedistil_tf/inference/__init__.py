"""Answering examples with a distilled student; begin with `opening.open_predictor`.

`predictor` is the same for every form of the student and imports no framework; `keras` answers with the student itself.
"""
