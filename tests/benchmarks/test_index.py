"""The index of benchmarks/: every script and page is in it under one name, and what they name is there."""

from __future__ import annotations

import pathlib
import re

import pytest

from discussion import with_discussion
from xtremedistil_tf.cli.flags import parse_flags
from xtremedistil_tf.config import DistillationConfig
from xtremedistil_tf.config.sweep import SweepConfig

ROOT = pathlib.Path(__file__).resolve().parents[2]
HERE = ROOT / "benchmarks"
PAGES = sorted((HERE / "results").glob("*.md"))
SETTINGS = sorted((HERE / "settings").glob("*.cfg"))
#: Makes pages of any name.
TOOLS = {"readme_picture", "screenshots", "summarise"}
SHARED_SETTINGS = {"paper_tagging", "peer_ner", "rivals_transformer", "wikiann8"}


def scripts():
    return [file for file in sorted(HERE.glob("*.py")) if "\nif __name__ ==" in file.read_text(encoding="utf-8")]


def rows():
    """Cells of the rows of the index: page, question, command, settings, last run."""
    lines = (HERE / "README.md").read_text(encoding="utf-8").splitlines()
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if re.match(r"\| .*\.py", line)]


def test_every_page_and_every_script_is_in_the_index():
    pages = {name for row in rows() for name in re.findall(r"\(results/(\w+)\.md\)", row[0])}
    assert pages == {page.stem for page in PAGES}
    named = {name for row in rows() for name in re.findall(r"(\w+)\.py", row[2])}
    assert {script.stem for script in scripts()} - TOOLS <= named


def test_a_script_a_page_and_its_settings_have_one_name():
    for page, _, command, settings, _ in rows():
        stem = re.match(r"\[?(\w+)", page)[1]
        for script in ({file.stem for file in scripts()} - TOOLS) & set(re.findall(r"`(\w+)\.py", command)):
            assert stem.startswith(script), page
        for name in re.findall(r"settings/(\w+)\.cfg", settings):
            assert stem.startswith(name) or name in SHARED_SETTINGS, page


def test_all_settings_are_in_the_index():
    text = (HERE / "README.md").read_text(encoding="utf-8")
    assert not [file.name for file in SETTINGS if f"settings/{file.name}" not in text]


def test_the_index_has_the_day_of_each_page():
    days = {name: row[4] for row in rows() for name in re.findall(r"\(results/(\w+)\.md\)", row[0])}
    for page in PAGES:
        found = re.findall(r"\b20\d\d-\d\d-\d\d\b", page.read_text(encoding="utf-8"))
        assert re.fullmatch(r"20\d\d-\d\d-\d\d", days[page.stem]), page.name
        assert days[page.stem] == max(found, default=days[page.stem]), page.name


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_a_page_holds_its_discussion_and_flag_files_that_exist(page):
    text = page.read_text(encoding="utf-8")
    for block in with_discussion(page, ["", "## Commands"])[1:-1]:
        assert block in text, f"{page.name}: write the page anew, or put {block[:80]!r} into it"
    for file in re.findall(r"--flagfile=(\S+)", text):
        assert (ROOT / file).exists(), file


@pytest.mark.parametrize("file", SETTINGS, ids=lambda file: file.stem)
def test_settings_are_accepted_and_say_what_they_are_for(file, monkeypatch):
    monkeypatch.chdir(ROOT)  # settings include one another from there
    assert file.read_text(encoding="utf-8").startswith("# ")
    config = SweepConfig if file.stem.startswith("sweep") else DistillationConfig
    parse_flags(config, ["x", "--task=t", "--model_dir=m", "--transfer_file=u", f"--flagfile={file}"], "")


def test_one_module_draws():
    drawing = [file.name for file in HERE.rglob("*.py") if "import matplotlib" in file.read_text(encoding="utf-8")]
    assert drawing == ["plots.py"]
