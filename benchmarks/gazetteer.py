"""A rule that `any_teacher.py` asks: places of half a gazetteer, and dates by a regular expression."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

_MONTHS = "January|February|March|April|May|June|July|August|September|October|November|December"
PLACES = (
    "United States,United Kingdom,England,Scotland,Ireland,Wales,France,Germany,Italy,Spain,Portugal,Russia,Poland,Sweden,"
    "Norway,Denmark,Finland,Iceland,Netherlands,Belgium,Switzerland,Austria,Hungary,Romania,Bulgaria,Greece,Turkey,Ukraine,"
    "Serbia,Croatia,Egypt,Morocco,Algeria,Tunisia,Nigeria,Kenya,Ethiopia,Ghana,South Africa,Israel,Lebanon,Syria,Iraq,Iran,"
    "Afghanistan,Pakistan,India,Nepal,Bangladesh,Sri Lanka,China,Japan,Taiwan,South Korea,Thailand,Vietnam,Malaysia,"
    "Singapore,Indonesia,Philippines,Australia,New Zealand,Canada,Mexico,Cuba,Jamaica,Brazil,Argentina,Chile,Peru,Colombia,"
    "Venezuela,Europe,Asia,Africa,North America,London,Paris,Berlin,Rome,Madrid,Barcelona,Moscow,Vienna,Prague,Budapest,"
    "Warsaw,Dublin,Edinburgh,Manchester,Liverpool,Munich,Hamburg,Milan,Venice,Naples,Amsterdam,Brussels,Stockholm,Athens,"
    "Istanbul,Jerusalem,Cairo,Tokyo,Hong Kong,Shanghai,Beijing,Mumbai,Delhi,Sydney,Melbourne,Toronto,Montreal,Vancouver,"
    "New York City,New York,Los Angeles,San Francisco,Chicago,Boston,Philadelphia,Detroit,Seattle,Houston,Atlanta,Miami,"
    "California,Texas,Florida,Virginia,Ohio,Michigan,Illinois,Pennsylvania,Massachusetts,New Jersey,Georgia,Minnesota,"
    "Wisconsin,Tennessee,Kentucky,Oregon,Colorado,Arizona,Hawaii,Alaska").split(",")
SEEN, UNSEEN = PLACES[::2], PLACES[1::2]
_DATE = re.compile(rf"\b(\d{{1,2}} )?({_MONTHS}) \d{{4}}\b")
_GAZETTEER = re.compile(rf"\b({'|'.join(sorted(SEEN, key=len, reverse=True))})\b")
_CAPITALS = re.compile(r"(?<=[\w,] )[A-Z]\w+( [A-Z]\w+)*")


def rule(texts: Sequence[str], doubtful: bool = False) -> list[list[dict[str, Any]]]:
    """Places of a gazetteer, and dates by a regular expression; if `doubtful`, other capitals may be places."""
    rows = []
    for text in texts:
        found = [(match.span(), label, 1.0) for pattern, label in ((_DATE, "DATE"), (_GAZETTEER, "LOC"))
                 for match in pattern.finditer(text)]
        if doubtful:
            found += [(match.span(), "LOC", 0.1) for match in _CAPITALS.finditer(text)
                      if not any(span[0] < match.end() and match.start() < span[1] for span, _, _ in found)]
        rows.append([{"start": span[0], "end": span[1], "label": label, "score": score} for span, label, score in found])
    return rows


def in_doubt(texts: Sequence[str]) -> list[list[dict[str, Any]]]:
    """The rule, with other names as places of low score."""
    return rule(texts, doubtful=True)


def rule_tags(text: str, words: Sequence[str]) -> list[str]:
    """What the rule says, as tags of words that blanks join."""
    tags, start = ["O"] * len(words), 0
    spans = [one for one in rule([text])[0] if one["label"] == "LOC"]
    for place, word in enumerate(words):
        for span in spans:
            if span["start"] <= start < span["end"]:
                tags[place] = "B-LOC" if start == span["start"] else "I-LOC"
        start += len(word) + 1
    return tags
