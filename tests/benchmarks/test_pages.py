"""What the pages of benchmarks/results are made of."""

from __future__ import annotations

import pytest

import pages


def test_commands_are_public_and_listed_once(monkeypatch):
    monkeypatch.setenv("XTREMEDISTIL_DATA", "/somewhere/data")
    line = "run.py --task=/somewhere/data/ner --teacher_model_dir=/home/me/teachers --seq_len=32"
    section = pages.commands([line, line])
    assert section.splitlines()[2:] == [
        "```sh", "python run.py --task=$XTREMEDISTIL_DATA/ner --teacher_model_dir=teachers --seq_len=32", "```"]


def test_spread_over_languages_or_the_score_alone():
    assert pages.spread({"f1": 0.5, "mean_f1": 0.71234, "std_f1": 0.0456}) == "71.23 (4.6)"
    assert pages.spread({"accuracy": 0.5}, "accuracy") == "50.00"


@pytest.fixture
def discussed(tmp_path):
    """A page with a discussion, of which one says the text."""
    def make(text):
        (tmp_path / "discussion").mkdir(exist_ok=True)
        (tmp_path / "discussion" / "page.md").write_text(text, encoding="utf-8")
        return tmp_path / "page.md"
    return make


def sections(page):
    return [block for block in page.read_text(encoding="utf-8").strip().split("\n\n") if not block.startswith("<!--")]


def test_a_discussion_is_included_however_often_a_page_is_written(discussed):
    out = discussed("The order is the same.\n\nSo is this.\n\n## Tried\n\n### More\n\nIt was no better.\n")
    for figures in ("Old ones.", "New ones."):
        pages.write_page(out, ["# Title", "x86_64", figures, "## Commands\n\nrun.py"], {})
        assert sections(out) == ["# Title", "The order is the same.", "So is this.", "x86_64", figures, "## Tried",
                                 "### More", "It was no better.", "## Commands", "run.py"]
    assert "<!-- by hand: discussion/page.md -->" in out.read_text(encoding="utf-8")


def test_sections_alone_stand_at_the_end_of_a_page_without_commands(discussed):
    out = discussed("## Tried\n\nNo.")
    pages.write_page(out, ["# Title", "x86_64"], {})
    assert sections(out) == ["# Title", "x86_64", "## Tried", "No."]


def test_a_page_without_a_discussion_is_as_it_was_given(tmp_path):
    pages.write_page(tmp_path / "page.md", ["# Title", "x86_64"], {"a": 1})
    assert (tmp_path / "page.md").read_text(encoding="utf-8") == "# Title\n\nx86_64\n"
