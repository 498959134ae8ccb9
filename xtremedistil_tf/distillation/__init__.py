"""Staged distillation: losses, stages, the schedule of phases, and the runner that executes them."""
