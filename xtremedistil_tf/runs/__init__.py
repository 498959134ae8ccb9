"""A run as typed steps; begin with `distil`, which composes them in order.

`labelled_data` (and tokenizers), `teachers`, `transfer_text`, `student_shape`, `student_plan` and `phase_settings`,
`store` (the teacher's outputs, and what the student trains on), `starting_weights`, `student` (the phases), `outcome`
(measuring, exports). `run` is what they share. `planning` (dry run, budget) and `sweep` compose the same steps;
`fine_tuning`, `export` and `predict` are the jobs of the commands with these names.
"""
