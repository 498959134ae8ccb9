"""The files that name a version name the same one."""

from __future__ import annotations

import configparser
import pathlib
import re

import yaml

import xtremedistil_tf

ROOT = pathlib.Path(__file__).resolve().parents[2]


def test_the_changelog_begins_with_this_version():
    titles = re.findall(r"^## (.+)$", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), re.MULTILINE)
    for title in titles:
        assert re.fullmatch(r"\[\d+\.\d+\.\d+\] - (Unreleased|\d{4}-\d\d-\d\d)", title), title
    assert titles[0].startswith(f"[{xtremedistil_tf.__version__}] - ")
    assert not any("Unreleased" in title for title in titles[1:])


def test_the_citation_names_this_version():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert citation["version"] == xtremedistil_tf.__version__
    assert citation["cff-version"] == "1.2.0" and {"message", "title", "authors"} <= set(citation)
    assert [paper["year"] for paper in citation["references"]] == [2020, 2021]
    assert all(paper["type"] and paper["title"] and paper["authors"] for paper in citation["references"])


def test_the_oldest_python_is_the_one_that_is_checked_for():
    settings = configparser.ConfigParser()
    settings.read(ROOT / "setup.cfg", encoding="utf-8")
    oldest = re.match(r">=3\.(\d+),", settings["options"]["python_requires"])[1]
    assert f'target-version = "py3{oldest}"' in (ROOT / "pyproject.toml").read_text(encoding="utf-8")
