"""The command line; begin with `verbs`, which lists the commands.

A command is a function whose docstring is the head of its `--help`: `training_commands`, `answering_commands`, `store`,
`new_task`. `flags` makes flags from the configuration classes, `main` is what every command does around its job.
"""
