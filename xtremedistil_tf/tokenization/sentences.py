"""Where the sentences of a long text end, by its words: students have seen one sentence at a time.

A word ends a sentence if it is a mark that does, or ends in one, unless

- it is an abbreviation, in one word or with its period as the next one: at most three characters, the first one a
  capital or a digit (`Dr.`, `J.`, `3.`); initials (`J.R.R.`); one of a few longer ones that stand in names (`Bros.`);
- or the next word begins with a small letter, or is such a mark, too.

Closing brackets and quotes belong to the sentence before them. A text without such words is one sentence.
`graph.sentences` is the same in a TensorFlow graph.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np

from xtremedistil_tf.tokenization.words import EncodedWords

#: What stands between the brackets of regular expressions: marks that end sentences; what closes after them; letters
#: that begin no sentence; those, and digits, that abbreviations begin with.
MARKS = ".!?\u2026\u3002\uff01\uff1f\uff0e\uff61\u0964\u0965\u061f\u06d4\u1362\u104b\u17d4"
CLOSING = "\u201d\u2019\u00bb\u203a\u300d\u300f)\\]"
SMALL = "a-z\u00df-\u00f6\u00f8-\u00ff\u03ac-\u03ce\u0430-\u045f\u0561-\u0587"
CAPITAL = "A-Z0-9\u00c0-\u00d6\u00d8-\u00de\u0386-\u03ab\u0400-\u042f\u0531-\u0556"
#: Abbreviations in names that are longer than others.
NAMES = ("Bros", "Capt", "Corp", "Dept", "Prof", "Sept", "Univ")
PERIOD = "."

_ABBREVIATED = f"[{CAPITAL}].{{0,2}}|(?:[{CAPITAL}][.]-?)*[{CAPITAL}]|{'|'.join(NAMES)}"
_ENDS, _ABBREVIATION, _SHORT, _CLOSES, _GOES_ON = map(re.compile, (
    f"(?s).*[{MARKS}][{CLOSING}]*", f"(?s)(?:{_ABBREVIATED})[.]", f"(?s){_ABBREVIATED}", f"[{CLOSING}]+",
    f"(?s)[{SMALL}].*|[{MARKS}]+[{CLOSING}]*|[{CLOSING}]+"))


def sentence_stops(words: Sequence[str]) -> list[int]:
    """Of each sentence the number of the word after its last one, from 1; the last stop is the number of words."""
    stops, before, ends = [], "", False
    for number, word in enumerate(words):
        if not (ends and _CLOSES.fullmatch(word)):
            ends = bool(_ENDS.fullmatch(word) and not _ABBREVIATION.fullmatch(word)
                        and not (word == PERIOD and _SHORT.fullmatch(before)))
        if number + 1 == len(words) or (ends and not _GOES_ON.fullmatch(words[number + 1])):
            stops.append(number + 1)
        before = word
    return stops


def sentences_of(encoded: EncodedWords, words: Sequence[str], longest: int) -> list[EncodedWords]:
    """The sentences of a text as parts of it, with its numbers of words; the whole text where it is short.

    Args:
        encoded: the text.
        words: its words.
        longest: pieces that are answered at once.
    """
    if len(encoded.ids) <= longest:
        return [encoded]
    places = np.unique(np.searchsorted(encoded.word_ids, sentence_stops(words)))
    places = places[places > 0]
    return [EncodedWords(encoded.ids[begin:end], encoded.word_ids[begin:end], encoded.num_words)
            for begin, end in zip([0, *places[:-1]], places)]
