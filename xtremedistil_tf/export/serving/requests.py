"""From examples to the inputs of a signature that takes texts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from xtremedistil_tf.corpus.example import AnyExample, Example, QuestionExample

#: Name of the model where none is given, and most texts of one request: what the exported folder is set to.
DEFAULT_MODEL = "xtremedistil"
MAX_BATCH = 256


def text_inputs(examples: Sequence[AnyExample], names: Sequence[str]) -> dict[str, list[Any]]:
    """The texts of examples under the names of the signature's inputs.

    Args:
        examples: examples of one kind of task.
        names: `texts`; `texts` and `pairs`; `questions` and `contexts`; or `words`, which is padded with "".
    """
    if "words" in names:
        words = [example.words for example in examples if isinstance(example, Example)]
        longest = max(map(len, words), default=0)
        return {"words": [[*row, *[""] * (longest - len(row))] for row in words]}
    texts = [_texts(example) for example in examples]
    return {name: [found[name] for found in texts] for name in names}


def _texts(example: AnyExample) -> dict[str, str]:
    if isinstance(example, Example):
        return {"texts": " ".join(example.words)}
    if isinstance(example, QuestionExample):
        return {"questions": example.question, "contexts": example.context}
    return {"texts": example.text, "pairs": example.pair or ""}
