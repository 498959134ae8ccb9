from __future__ import annotations

import pytest
import tensorflow as tf

from xtremedistil_tf.tokenization.graph.text import Text


@pytest.fixture(scope="session")
def run_step():
    """Makes of a step of the graph a function of texts; it is traced once."""

    def make(step):
        @tf.function(input_signature=[tf.TensorSpec([None], tf.string)], autograph=False)
        def run(texts):
            return step(Text.decode(texts))

        def apply(*texts: str) -> list[tuple[str, list[tuple[int, int]]]]:
            """The new texts, and what each character is aligned to."""
            found = run(tf.constant([text.encode() for text in texts]))
            found = Text(*(values.numpy().tolist() for values in found))
            rows = [("", []) for _ in texts]
            for character, start, end, row in zip(found.characters, found.starts, found.ends, found.row):
                text, offsets = rows[row]
                rows[row] = text + chr(character), [*offsets, (start, end)]
            return rows

        return apply

    return make
