"""The rule for raw text as data: all that an implementation in another language needs, and strings to check it with."""

from __future__ import annotations

import functools
import sys
import unicodedata
from collections.abc import Sequence
from typing import Any

from xtremedistil_tf.tokenization import raw_words
from xtremedistil_tf.tokenization.raw_words import RawWords, Word, kinds_in

_BITS = ("SPACE", "INVISIBLE", "COMBINING", "MARK", "SYMBOL", "BRACKET", "FLAG", "APART", "UNSPACED", "CASED", "OPENS")

#: Each is there for a part of the rule.
TEXTS = (
    "", " \t\n", "one  two\u00a0three\u3000four",
    "Ada lives in Berlin, Germany.", "(He said: “No!”)", "«Quoi ?» ‘x’ „y“ \"z\" 'w'", "[[a]] ((b)) {c}",
    "well... wait!! what?! ''bold'' -- a - b", "3.14 1,000 50% $5 A/B x=y",
    "isn't Berlin's dogs' l'Union l’Union d'Artagnan",
    "J. R. R. Tolkien met U.S. and U.S.S.R. troops.", "(J.) J.-P. B., e.g. p.m. Dr. No. a.. b", "isn't. don't.",
    "Côte-d'Or Jean-Luc 1939–1945 - –", "https://a.b/c/ https://a.b/c. (http://a.b/) a/ www.a.b, me@a.de;",
    "#tag @me C++ *",
    "كاليفورنيا، هل؟ نعم؛", "है। के॰ ॥", "¿Qué? ¡Sí!",
    "我喜欢Berlin，因为（它）很大。", "これはペンです。「はい」 ザ・ピース", "สวัสดีครับ ไทย", "이것은 《책》이다.",
    "👩‍👩‍👧‍👦 👍🏽! hi😀😀😂 🇩🇪🇫🇷 ❤️. 1️⃣",
    "e\u0301a\u0308. \u0301x .\u0301a", "\u200bword\u200f. a\u00adb\u00ad \u200b \u200b.\u200b.\u200f!",
    "می‌خواهم. a\u200d", "\u001ea\u001fb", "…a… a—b —",
)


def words_facts(rule: RawWords) -> dict[str, Any]:
    """A rule as JSON.

    Returns:
        `format`: 1.
        `raw_words`: see `RawWords.facts`.
        `characters`: `unicode`, the version; `bits`, by name, see `raw_words.kind_of`; `runs`, a flat list: the first
        code point of a run and the bits of all its characters, and so on.
        `test_vectors`: each a `text`; its `words`; and for each word [start, end], end being the place after its last
        character: `code_points` in Unicode code points (Python), `utf16` in UTF-16 units (JavaScript, Java, C#).
    """
    return {"format": 1, "raw_words": rule.facts(),
            "characters": {"unicode": unicodedata.unidata_version,
                           "bits": {name.lower(): getattr(raw_words, name) for name in _BITS}, "runs": _runs()},
            "test_vectors": [_vector(text, rule.split(text)) for text in texts_of(rule)]}


def texts_of(rule: RawWords) -> tuple[str, ...]:
    """Strings for a rule: `TEXTS`, and what is the rule's own."""
    own = [*rule.beginnings, *rule.endings, *rule.abbreviations, *rule.kept_before, *rule.kept_after,
           *rule.parted]
    return (*TEXTS, *(f"({part}ab {part} ab{part}), cd{part}" for part in own))


def _vector(text: str, words: Sequence[Word]) -> dict[str, Any]:
    return {"text": text, "words": [word.text for word in words],
            "code_points": [[word.start, word.end] for word in words],
            "utf16": [[_utf16(text[:word.start]), _utf16(text[:word.end])] for word in words]}


def _utf16(text: str) -> int:
    return len(text) + sum(character > "\uffff" for character in text)


@functools.lru_cache(maxsize=1)
def _runs() -> list[int]:
    found: list[int] = []
    number = 0
    for count, kind in kinds_in(range(sys.maxunicode + 1)):
        if not found or kind != found[-1]:
            found += [number, kind]
        number += count
    return found
