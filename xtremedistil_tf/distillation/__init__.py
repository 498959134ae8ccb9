"""Staged distillation; begin with `schedule`, which turns a strategy into phases, and `runner`, which executes them.

`stages` are the Keras models whose `train_step` runs, with the batches of each; `signals` says what of the teacher's
inner states is imitated. The losses and the loop are in `training`, which the fine-tuning of teachers shares.
"""
