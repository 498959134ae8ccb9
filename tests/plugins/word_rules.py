"""Rules for words, and strings that meet all of their parts, for tests that compare two implementations."""

from __future__ import annotations

import random

from xtremedistil_tf.tokenization.raw_words import RawWords

RULES = {
    "white space": RawWords(),
    "punctuation": RawWords("punctuation"),
    "characters": RawWords("punctuation", characters=True),
    "habits": RawWords("punctuation", False, "#@<", "%।.", ("l'", "qu'", "'"), ("'s", "n't", "'")),
    "parted": RawWords("punctuation", kept_before="/", parted="/|:"),
    "abbreviations": RawWords("punctuation", False, "#", "%", ("l'", "a'b"), ("'s", "b'a"),
                              ("a.", "Ab.", "0.", "00.", "a'b.", "\u0301a.", "я.", "b'a.", "กั.", "👩a.")),
}
# What the rule treats in its own way, often, so that its parts meet.
KINDS = ("aAbbJSt107я的タกั́👩👍🏽🇩🇪❤️\u200d\u200b\u200f\u00ad\u0301\u0903 \u00a0\n\x1e''’’....,:/"
         "#@%।()（）「」“”«»\"-–_+…،。、。・〜<$lqun")


def fuzzed(count: int, seed: int = 0) -> list[str]:
    """Strings without surrogates: of `KINDS`, and of any characters."""
    draw = random.Random(seed)
    return ["".join(draw.choices(KINDS, k=draw.randint(0, 14))) if number % 4 else "".join(
        _character(draw) for _ in range(draw.randint(0, 10))) for number in range(count)]


def _character(draw: random.Random) -> str:
    number = draw.randrange(draw.choice((0x80, 0x800, 0x10000, 0x110000)))
    return " " if 0xD800 <= number < 0xE000 else chr(number)
