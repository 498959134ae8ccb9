"""Strings with the right words: what another implementation of the rule for raw text is checked against."""

from __future__ import annotations

from typing import Any

from xtremedistil_tf.tokenization.raw_words import RawWords

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
    """A rule as JSON: `raw_words`, see `RawWords.facts`, and `test_vectors`, each with a `text` and its `words`, a
    list of [word, start, end], offsets in Unicode code points."""
    return {"raw_words": rule.facts(),
            "test_vectors": [{"text": text, "words": [list(word) for word in rule.split(text)]} for text in TEXTS]}
