import dataclasses
import pickle

import pytest

from xtremedistil_tf.corpus.example import Example


def test_examples_are_values():
    example = Example(("a", "b"), ("O", "O"), "de", "x.tsv", 3)
    assert pickle.loads(pickle.dumps(example)) == example
    assert len({example, Example(("a", "b"), ("O", "O"), "de", "x.tsv", 3)}) == 1
    with pytest.raises(dataclasses.FrozenInstanceError):
        example.line = 4
