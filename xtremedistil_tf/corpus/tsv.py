"""The layout `tokens separated by spaces<TAB>tags separated by spaces`, one sentence a line."""

from __future__ import annotations

import os
from collections.abc import Iterator

from xtremedistil_tf.corpus.example import Example
from xtremedistil_tf.corpus.faults import Faults, counts_problem
from xtremedistil_tf.corpus.lines import open_lines


def read_tsv(path: str | os.PathLike[str], faults: Faults, tagged: bool = True) -> Iterator[Example]:
    """Yields the sentences of a TSV file, tags as written; lines of white space only are skipped.

    Args:
        path: the file.
        faults: receives the lines that do not have the layout; they are not yielded.
        tagged: False: tags are not needed, and neither their absence nor their number is a fault.

    Raises:
        DataError: see `open_lines`.
    """
    source = os.fspath(path)
    for number, text in open_lines(path):
        columns = text.split("\t")
        words = tuple(columns[0].split())
        tags = tuple(columns[1].split()) if len(columns) == 2 else None
        if tagged:
            if not text.strip():
                continue
            if problem := _problem(columns, words, tags):
                faults.add(number, problem)
                continue
        if words:
            yield Example(words, tags, None, source, number)


def _problem(columns: list[str], words: tuple[str, ...], tags: tuple[str, ...] | None) -> str | None:
    if tags is None:
        found = "no tab" if len(columns) == 1 else f"{len(columns) - 1} tabs"
        return f"{found}, expected tokens, one tab, tags"
    problem = counts_problem(words, tags)
    if problem and len(columns[0].split(" ")) == len(tags):
        # Looks right on the screen: say why it is not.
        special = next((c for c in columns[0] if c.isspace() and c != " "), None)
        if special:
            problem += f" (U+{ord(special):04X} inside a token is white space too)"
    return problem
