"""The picture of README.md is the one that the committed figures give."""

from __future__ import annotations

import json

from readme_picture import DATA, FIGURES, PICTURE, SHOWN, picture


def test_the_committed_picture_is_the_one_that_is_made():
    rows = json.loads(FIGURES.read_text(encoding="utf-8"))[DATA]["rows"]
    assert picture(rows) == PICTURE.read_text(encoding="utf-8"), "run: python benchmarks/readme_picture.py"


def test_cheaper_is_further_left_and_better_is_higher():
    rows = [{"name": name, "form": form, "bytes": 10 ** 6 * (number + 2), "score": 0.5 + number / 40,
             "speed": {"batch_32": {"median_ms": 5.0 + number}}} for number, (name, form) in enumerate(SHOWN)]
    circles = [line.split('"') for line in picture(rows).splitlines() if 'r="6"' in line and "cy=\"20\"" not in line]
    places = [(float(words[3]), float(words[5])) for words in circles]
    for panel in (places[:len(SHOWN)], places[len(SHOWN):]):
        assert panel == sorted(panel) and [y for _, y in panel] == sorted((y for _, y in panel), reverse=True)
