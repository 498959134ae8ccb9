"""Encoding text, and aligning words with subwords; begin with `words` (pre-split) and `texts`.

`raw_words` splits raw text into words by a rule that `word_habits` finds from labelled data (`word_vectors`: strings to
check other implementations with); `sentences` parts long texts.

`trimming` and `own_vocabulary` make a student's own tokenizer, `alignment` maps its subwords to the teacher's,
`light` reads tokenizers without transformers. `graph` has the same tokenizers inside a TensorFlow graph.
"""
