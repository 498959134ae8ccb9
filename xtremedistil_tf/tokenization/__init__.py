"""Encoding text, and aligning words with subwords; begin with `words` (pre-split) and `texts`.

`trimming` and `own_vocabulary` make a student's own tokenizer, `alignment` maps its subwords to the teacher's,
`light` reads tokenizers without transformers. `graph` has the same tokenizers inside a TensorFlow graph.
"""
