"""What the pages of benchmarks/results are made of."""

from __future__ import annotations

import pages
from discussion import BY_HAND, discussion, sections_by_hand


def test_commands_are_public_and_listed_once(monkeypatch):
    monkeypatch.setenv("XTREMEDISTIL_DATA", "/somewhere/data")
    line = "run.py --task=/somewhere/data/ner --teacher_model_dir=/home/me/teachers --seq_len=32"
    section = pages.commands([line, line])
    assert section.splitlines()[2:] == [
        "```sh", "python run.py --task=$XTREMEDISTIL_DATA/ner --teacher_model_dir=teachers --seq_len=32", "```"]


def test_spread_over_languages_or_the_score_alone():
    assert pages.spread({"f1": 0.5, "mean_f1": 0.71234, "std_f1": 0.0456}) == "71.23 (4.6)"
    assert pages.spread({"accuracy": 0.5}, "accuracy") == "50.00"


def test_a_discussion_outlives_a_page_that_is_written_again(tmp_path):
    out = tmp_path / "page.md"
    assert discussion(out) == "Discussion:"
    pages.write_page(out, ["# Title", discussion(out, "the order is the same.")], {})
    pages.write_page(out, ["# Title", discussion(out)], {})
    assert "Discussion: the order is the same." in out.read_text().splitlines()
    assert discussion(out, "It is not.") == "Discussion: It is not."


def test_sections_by_hand_outlive_a_page_that_is_written_again(tmp_path):
    out = tmp_path / "page.md"
    assert sections_by_hand(out) == []
    tried = f"## Tried\n\n{BY_HAND}\n\n### More\n\nIt was no better."
    pages.write_page(out, ["# Title", "## Figures\n\nOld ones.", tried, "## Commands"], {})
    assert sections_by_hand(out) == [tried]
    pages.write_page(out, ["# Title", "## Figures\n\nNew ones.", *sections_by_hand(out), "## Commands"], {})
    assert sections_by_hand(out) == [tried]
