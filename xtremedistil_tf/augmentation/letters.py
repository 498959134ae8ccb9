"""What kind of word a word is: letters only, its script, its case."""

from __future__ import annotations

import functools
import unicodedata


@functools.lru_cache(maxsize=1 << 16)
def is_word(text: str) -> bool:
    """Whether a text is letters and their marks only, and no single letter of an alphabet."""
    if not text or any(unicodedata.category(character)[0] not in "LM" for character in text):
        return False
    # Ideographs and syllables without case have no alphabet to be a letter of.
    return len(text) > 1 or (unicodedata.category(text) == "Lo" and text > "\u2e7f")


def kind_of(word: str) -> tuple[str, str]:
    """(script, case) of a word, such as ("LATIN", "title"); case is empty where the script has none."""
    script = next((unicodedata.name(c, "").split(" ")[0].split("-")[0] for c in word if c.isalpha()), "")
    for case in ("lower", "upper", "title"):
        if getattr(word, f"is{case}")():
            return script, case
    return script, "mixed" if word.lower() != word.upper() else ""


def recased(word: str, like: str) -> str:
    """A lower-case word in the case of another."""
    case = kind_of(like)[1]
    return {"upper": word.upper(), "title": word[:1].upper() + word[1:]}.get(case, word)
