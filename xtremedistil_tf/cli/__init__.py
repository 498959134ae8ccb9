"""The command line; begin with `verbs`, which lists the commands.

`flags` makes flags from the configuration classes, `main` is what every command does around its job. A file for each
command, whose docstring is the head of its `--help`.
"""
