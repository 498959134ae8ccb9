"""The recipes for users in flags/: what each is for is said, and what it asks for can be meant."""

from __future__ import annotations

import pathlib
import re

import pytest

from xtremedistil_tf.cli.flags import parse_flags
from xtremedistil_tf.config import DistillationConfig

ROOT = pathlib.Path(__file__).resolve().parents[2]
RECIPES = sorted((ROOT / "flags").glob("*.cfg"))
KINDS = {"mbert_ner": "tagging", "smallest": "tagging", "fastest": "tagging", "most_accurate": "tagging",
         "question_answering": "question_answering"}
each_recipe = pytest.mark.parametrize("file", RECIPES, ids=lambda file: file.stem)


def parse(file):
    return parse_flags(DistillationConfig, ["x", f"--flagfile={file}"], "")


def comments(file):
    """The leading comment lines, without their marks."""
    lines = file.read_text(encoding="utf-8").splitlines()
    until = next(index for index, line in enumerate(lines) if not line.startswith("#"))
    return [line[1:].strip() for line in lines[:until]]


def test_there_is_a_recipe_for_each_purpose():
    assert {file.stem for file in RECIPES} == {
        "quickstart", "mbert_ner", "smallest", "fastest", "most_accurate", "classification", "pairs",
        "question_answering", "universal_l6_h256", "universal_l6_h384", "universal_l12_h384"}


@each_recipe
def test_a_recipe_is_complete_and_accepted(file):
    config = parse(file)
    assert config.model_dir == f"out/{file.stem}"
    for path in (config.task, config.transfer_file):
        assert (ROOT / path).exists() or re.fullmatch(r"[A-Z_]+(\.[a-z]+)?", path), path
    assert config.do_NER == (KINDS.get(file.stem, file.stem == "quickstart" and "tagging") == "tagging")


@each_recipe
def test_a_recipe_says_what_to_change_and_what_to_expect(file):
    said = comments(file)
    assert said[0] and any(line.startswith("Change:") for line in said)
    assert any(line.startswith("Expect:") for line in said)


@each_recipe
def test_pages_and_flags_that_a_comment_names_exist(file):
    said = " ".join(comments(file))
    pages = re.findall(r"[\w/]+\.(?:md|cfg|py)", said)
    for page in pages:
        assert any((ROOT / folder / page).exists() for folder in ("", "benchmarks/results", "flags")), page
    known = set(DistillationConfig.__dataclass_fields__) | {"flagfile", "formats", "quantize"}
    assert set(re.findall(r"--(\w+)", said)) <= known


@each_recipe
def test_the_page_of_recipes_lists_it(file):
    assert f"(../flags/{file.name})" in (ROOT / "docs" / "recipes.md").read_text(encoding="utf-8")
