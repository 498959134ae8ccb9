"""Classes and tags that are hardly meant: too many, several in one, in two spellings, or unknown to train."""

from __future__ import annotations

import logging
import re
from collections import Counter
from collections.abc import Iterable, Sequence

from xtremedistil_tf.corpus.example import Example, TextExample
from xtremedistil_tf.corpus.files import quoted
from xtremedistil_tf.errors import DataError

log = logging.getLogger(__name__)
_COMMA = ","
#: A file of so many examples with fewer than two of a class, in the mean, has no classes in that column.
_FEWEST_EXAMPLES, _FEWEST_OF_CLASS = 20, 2


def check_classes(train: Sequence[TextExample]) -> None:
    """Refuses classes that are combinations of labels, or almost as many as examples; warns of spellings.

    Args:
        train: the training examples.

    Raises:
        DataError: see above.
    """
    counts = Counter(str(example.label) for example in train)
    source = train[0].source
    several = [label for label in counts if _COMMA in label]
    parts = {part.strip() for label in several for part in label.split(_COMMA)}
    if several and parts - {""} <= set(counts) | {""} and all(len(label.split(_COMMA)) > 1 for label in several):
        raise DataError(f"{source}: {len(counts)} classes, of which {len(several)} are several of the others, such as "
                        f"{quoted(several[0])}. Give `task_kind=multi_label`; if they are classes of their own, name "
                        "all classes in labels.tsv.")
    if len(train) >= _FEWEST_EXAMPLES and _FEWEST_OF_CLASS * len(counts) > len(train):
        shown = ", ".join(quoted(label) for label, _ in counts.most_common(3))
        texts = len({example.text for example in train})
        swapped = f"; the texts are only {texts} different ones: perhaps the columns are the other way round, which " \
                  "`text_column` and `label_column` say" if texts < len(counts) else ""
        raise DataError(f"{source}: {len(counts):,} classes for {len(train):,} examples, such as {shown}{swapped}. "
                        "Expected several examples of a class: `label_column` names the column; for numbers give "
                        "`task_kind=regression`; if these are the classes, name them in labels.tsv.")
    warn_of_spellings(counts)


def class_order(label: str) -> tuple[bool, int, str]:
    """The key by which classes are sorted: numbers in their order, before names in theirs."""
    is_number = re.fullmatch("-?[0-9]{1,9}", label) is not None
    return not is_number, int(label) if is_number else 0, label


def warn_of_spellings(labels: Iterable[str]) -> None:
    """Warns of labels that differ in case or white space only."""
    spellings: dict[str, list[str]] = {}
    for label in labels:
        spellings.setdefault("".join(label.lower().split()), []).append(label)
    alike = [" and ".join(map(quoted, sorted(names))) for names in spellings.values() if len(names) > 1]
    if alike:
        log.warning("labels that differ in case or white space only are different ones: %s", "; ".join(alike[:5]))


def warn_of_unknown_tags(train: Iterable[Example], others: dict[str, Iterable[Example]]) -> None:
    """Warns of tags that another split has and train has not: no model can learn them."""
    known = {tag for example in train for tag in example.tags or ()}
    for split, examples in others.items():
        counts = Counter(tag for example in examples for tag in example.tags or () if tag not in known)
        types = Counter(tag[2:] if tag[:2] in ("B-", "I-") else tag for tag in counts.elements())
        types = Counter({kind: count for kind, count in types.items() if not {f"B-{kind}", kind} & known})
        if types:
            shown = ", ".join(f"{kind} ({count} words)" for kind, count in types.most_common(5))
            log.warning("%s has labels that train has not: %s", split, shown)
