"""Unpadded features, length-bucketed batch plans and the tf.data pipelines over them."""
