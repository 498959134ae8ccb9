"""Texts of examples as inputs."""

from __future__ import annotations

import pytest

from xtremedistil_tf.corpus.example import Example, QuestionExample, TextExample
from xtremedistil_tf.inference.serving.client import text_inputs


@pytest.mark.parametrize(["examples", "names", "wanted"], [
    ([Example(("a", "b")), Example(("c",))], ["texts"], {"texts": ["a b", "c"]}),
    ([Example(("a", "b")), Example(("c",))], ["words"], {"words": [["a", "b"], ["c", ""]]}),
    ([TextExample("a", "b"), TextExample("c")], ["texts"], {"texts": ["a", "c"]}),
    ([TextExample("a", "b"), TextExample("c")], ["pairs", "texts"], {"texts": ["a", "c"], "pairs": ["b", ""]}),
    ([QuestionExample("1", "q", "c")], ["contexts", "questions"], {"contexts": ["c"], "questions": ["q"]}),
    ([], ["texts", "pairs"], {"texts": [], "pairs": []}),
    ([], ["words"], {"words": []}),
])
def test_inputs(examples, names, wanted):
    assert text_inputs(examples, names) == wanted
