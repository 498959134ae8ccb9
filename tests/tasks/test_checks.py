"""Places of faulty examples."""

from __future__ import annotations

import pytest

from xtremedistil_tf.corpus.example import TextExample
from xtremedistil_tf.errors import DataError
from xtremedistil_tf.tasks.task import check_examples


def test_faults_are_listed_by_file():
    examples = [TextExample(str(line), source=name, line=line) for line in range(1, 31) for name in ("a", "b")]
    check_examples(examples, lambda example: None)
    with pytest.raises(DataError) as caught:
        check_examples(examples, lambda e: f"found {e.text}" if e.source == "b" and e.line > 5 else None)
    message = str(caught.value)
    assert "b: 25 faults, the first 10 of them" in message and "b:6: found 6" in message and "a:" not in message
