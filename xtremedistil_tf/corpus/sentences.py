"""Long lines of text as sentences."""

from __future__ import annotations

import re
from collections.abc import Iterator

#: A line with more characters is a page, not a sentence.
PAGE_CHARS = 3000
# What ends a sentence, with the quotation marks and brackets that close after it, and white space.
_ENDS = re.compile(r"[.!?…]+[\"'”’»)\]]*\s+|[。！？।॥؟۔]+[”’」』)]*\s*")
_ABBREVIATIONS = frozenset((
     "mr mrs ms dr prof st no nr vs etc ca cf al fig vol pp bzw usw vgl inc ltd co corp jr sr gen col rev hon sen "
     "rep gov capt lt sgt jan feb mar apr jun jul aug sep sept oct nov dec approx dept est str sig sra dra mme "
     "mlle art abs bd ed eds rd ave mt ft").split())
_LAST_WORD = re.compile(r"([^\W\d_]+)$")


def sentences_of(text: str) -> Iterator[str]:
    """The sentences of a text, without white space around them.

    A sentence ends at `.`, `!`, `?`, `…` and white space, unless a small letter follows, or a period follows an initial
    or a common abbreviation; and at the full stops of scripts that write no space after them.
    """
    begin = 0
    for match in _ENDS.finditer(text):
        if _ends(text, match):
            if sentence := text[begin:match.end()].strip():
                yield sentence
            begin = match.end()
    if rest := text[begin:].strip():
        yield rest


def _ends(text: str, match: re.Match[str]) -> bool:
    following = text[match.end():match.end() + 2].lstrip("\"'“„«([")
    if following and following[0].islower():
        return False
    if match[0].rstrip() != ".":  # another mark, several, or a closing quotation mark
        return True
    word = _LAST_WORD.search(text, max(0, match.start() - 20), match.start())
    if word is None:
        return True
    is_initial = len(word[1]) == 1 and word[1].isupper()
    return not is_initial and word[1].lower() not in _ABBREVIATIONS
