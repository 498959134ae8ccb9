"""What fine-tuning a teacher and distilling a student share: optimizers, the training loop, its checkpoints."""
