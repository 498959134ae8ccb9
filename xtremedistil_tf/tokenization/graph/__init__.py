"""Parts of the tokenizers that run inside a TensorFlow graph."""
