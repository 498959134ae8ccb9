"""What fine-tuning a teacher and distilling a student share; begin with `loop`, the training of one phase.

`batches` (unpadded features, batch plans) and `pipeline` (tf.data) feed it; `stage` is the inner step (`train_step`),
`losses` the losses, `optimizers` the optimizer and learning-rate schedules, `distribution` several devices and
machines.
"""
