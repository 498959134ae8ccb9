"""Lines of plain text, without what extractors put around it."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator

from xtremedistil_tf.corpus.encodings import say_once
from xtremedistil_tf.corpus.files import open_lines

#: A line of a text file may be a whole document, which is split.
MAX_DOCUMENT_CHARS = 10_000_000
_MARKS = re.compile(r"<doc id=.*>|</doc>")


def plain_lines(path: str | os.PathLike[str], max_chars: int = MAX_DOCUMENT_CHARS) -> Iterator[tuple[int, str]]:
    """(number, text) of the lines of a text file, without blank ones and without the `<doc>` lines of Wikipedia
    extractors and the title that follows each, which are counted in one line of the log.

    Raises:
        DataError: see `open_lines`.
    """
    marks, after_mark = 0, False
    for number, text in open_lines(path, max_chars):
        if text.startswith("<") and _MARKS.fullmatch(text.strip()):
            marks += 1
            after_mark = text.startswith("<doc")
        elif text.strip():
            # The title stands alone above a blank line; it is no sentence of the text.
            if not after_mark:
                yield number, text
            marks += after_mark
            after_mark = False
    if marks:
        say_once(os.fspath(path), f"{marks:,} lines of <doc> and their titles are left out")
