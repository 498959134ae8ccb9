"""Encoding and word alignment for training, and the same tokenizer inside a TensorFlow graph for serving."""
