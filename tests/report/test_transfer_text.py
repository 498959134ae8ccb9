"""The report's section on the text."""

from __future__ import annotations

import dataclasses
import json
import xml.etree.ElementTree as ElementTree

import pytest

from xtremedistil_tf.report.transfer_text import transfer_text
from xtremedistil_tf.transfer.likeness import Comparison, TextProfile

DEV = TextProfile(100, 8.0, (3.0, 6.0, 15.0), 0.43, 0.0, 0.05, 0.49)


def shown(**metrics):
    section = transfer_text(json.loads(json.dumps(metrics)))
    return " ".join("".join(ElementTree.fromstring(section.html()).itertext()).split()) if section else None


def compared(**changes):
    return Comparison(dataclasses.replace(DEV, **changes), DEV, ("<tl>",) if changes else ()).to_json()


def test_texts_that_differ_are_warned_of():
    page = shown(transfer_text=compared(words=23.1, entity_words=0.1), left_out={"training": 1234, "transfer": 0})
    for text in ("words a sentence23.18.0", "10% / 50% / 90% have at most3 / 6 / 153 / 6 / 15",
                 "The transfer text is unlike the dev text: words a sentence 23.1, dev 8.0.",
                 "No transfer text in <tl>, which dev has.",
                 "entity words by the teacher 10.0 %, dev 49.0 %.", "--transfer_like=task", "1,234 training and 0"):
        assert text in page
    assert "unlike" not in shown(transfer_text=compared()) and "--transfer_like" not in shown(transfer_text=compared())


def test_what_a_trimmed_vocabulary_lacks():
    page = shown(trimmed={"seen": 5, "further": 1500, "dev_lacking": 0.0123, "dev_lacking_without_further": 0.1})
    assert "keeps 1,500 pieces" in page and "lacks 1.23 % of the pieces of dev text, 10.00 % without" in page


@pytest.mark.parametrize("metrics", [
    {}, {"left_out": {"training": 0, "transfer": 0}}, {"transfer_text": {"transfer": {}, "dev": 3}},
    {"transfer_text": compared() | {"dev": {"words": 1}}}, {"left_out": "all", "trimmed": None}])
def test_nothing_to_say(metrics):
    assert shown(**metrics) is None
