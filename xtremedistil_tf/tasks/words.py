"""What the report, the model card and the local page say about a kind of task."""

from __future__ import annotations

import dataclasses
import types
from collections.abc import Mapping

#: What scores are called where the kind of task is not known.
SCORES: Mapping[str, str] = types.MappingProxyType({
    "f1": "F1", "precision": "precision", "recall": "recall", "exact_match": "exact match", "accuracy": "accuracy",
    "macro_f1": "macro F1", "matthews": "Matthews correlation", "pearson": "Pearson correlation",
    "spearman": "Spearman correlation"})


def scores_named(*keys: str, **others: str) -> dict[str, str]:
    """Names of scores by key, in the order of tables: those of `keys` as everywhere, `others` with names of their
    own."""
    return others | {key: SCORES[key] for key in keys}


@dataclasses.dataclass(frozen=True)
class KindWords:
    """Attributes:
        name: of the kind, in the model card.
        pipeline_tag: of the Hugging Face hub.
        does: what a model does, as the title of the local page.
        example: a Python expression of `xd` that makes an example.
        scores: names of the scores that are shares, in the order of tables.
        other_scores: names of those that are no shares.
        items: what examples are called, in the plural.
        agreed: what a share of agreement is of.
        confused: what a confusion matrix counts.
        part, parts: what scores of `per_type` are for, and the title of their section.
        counted: what `support` counts there.
        long_texts: what happens to inputs that are longer than in training.
        chosen: which of the disagreements are shown.
        decoded: what is chosen from logits.
        note: below the scores; `{support}` stands for the student's support.
        decoding_notes: what follows it, by `decoding` of the metrics.
        shows_labels: whether the labels are named in the model card.
        line, line_example: what a line of a labelled file holds, and such a line, with `<TAB>`.
        transfer_line: what a line of transfer text holds.
        seq_len: subwords that texts of this kind often need.
    """

    name: str = ""
    pipeline_tag: str = "text-classification"
    does: str = ""
    example: str = 'TextExample("a fine film")'
    scores: Mapping[str, str] = dataclasses.field(default_factory=lambda: SCORES)
    other_scores: Mapping[str, str] = dataclasses.field(default_factory=dict)
    items: str = "examples"
    agreed: str = "examples answered"
    confused: str = "examples by class"
    part: str = "class"
    parts: str = "Classes"
    counted: str = "examples"
    long_texts: str = "longer ones are cut where the student has a maximum"
    chosen: str = "spread evenly over them"
    decoded: str = "answers"
    note: str = ""
    decoding_notes: Mapping[str, str] = dataclasses.field(default_factory=dict)
    shows_labels: bool = False
    line: str = ""
    line_example: str = ""
    transfer_line: str = "a text a line"
    seq_len: int = 64
