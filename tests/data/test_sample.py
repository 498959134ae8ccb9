"""The committed sample holds what its README promises, checked on the files themselves."""

from __future__ import annotations

import collections
import filecmp
import os
import pathlib
import re
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
DATA = ROOT / "data"
SAMPLE = DATA / "sample"
SPLITS = ("train", "dev", "test")
TAGS = {"O", "B-PER", "I-PER", "B-LOC", "I-LOC", "B-ORG", "I-ORG"}
LANGUAGES = sorted(path.name for path in SAMPLE.iterdir() if path.is_dir())


def read(language, split):
    """Pairs (tokens, tags)."""
    pairs = []
    for line in (SAMPLE / language / f"{split}.tsv").read_text(encoding="utf-8").split("\n")[:-1]:
        tokens, tags = line.split("\t")
        pairs.append((tokens.split(" "), tags.split(" ")))
    return pairs


def entities(tokens, tags):
    """Pairs (type, tokens)."""
    found = []
    for token, tag in zip(tokens, tags):
        if tag.startswith("B-"):
            found.append((tag[2:], [token]))
        elif tag.startswith("I-"):
            found[-1][1].append(token)
    return [(kind, tuple(words)) for kind, words in found]


def skeleton(tokens, tags):
    """The sentence with `{}` for entities and `#` for numbers."""
    masked = ["{}" if tag.startswith("B-") else re.sub(r"^\d+$", "#", token)
              for token, tag in zip(tokens, tags) if not tag.startswith("I-")]
    return " ".join(masked)


def all_pairs(*splits):
    return [pair for language in LANGUAGES for split in splits for pair in read(language, split)]


def unlabeled():
    text = (SAMPLE / "unlabeled.txt").read_text(encoding="utf-8")
    return [line.split(" ") for line in text.split("\n")[:-1]]


def surnames(pairs):
    """Last words of the people, of those with a first name too."""
    return {words[-1].casefold() for tokens, tags in pairs for kind, words in entities(tokens, tags)
            if kind == "PER" and len(words) > 1}


def test_counts():
    assert len(LANGUAGES) >= 8
    assert sorted(path.stem for path in (DATA / "patterns").glob("*.txt")) == LANGUAGES
    totals = {split: len(all_pairs(split)) for split in SPLITS}
    assert totals == {"train": pytest.approx(2000, rel=0.05), "dev": pytest.approx(500, rel=0.05),
                      "test": pytest.approx(1000, rel=0.05)}
    assert len(unlabeled()) == pytest.approx(10000, rel=0.05)
    readme = (SAMPLE / "README.md").read_text(encoding="utf-8")
    people, places, firms = (
        sum(kind == wanted for pair in all_pairs(*SPLITS) for kind, _ in entities(*pair))
        for wanted in ("PER", "LOC", "ORG"))
    assert (f"| all | {totals['train']:,} | {totals['dev']:,} | {totals['test']:,} | {len(unlabeled()):,} "
            f"| {people:,} | {places:,} | {firms:,} |") in readme


def test_size():
    assert sum(path.stat().st_size for path in DATA.rglob("*") if path.is_file()) < 3_000_000


def test_labels_file():
    labels = (SAMPLE / "labels.tsv").read_text(encoding="utf-8").split()
    assert labels[0] == "O" and set(labels) == TAGS and len(labels) == len(TAGS)


@pytest.mark.parametrize("split", SPLITS)
@pytest.mark.parametrize("language", LANGUAGES)
def test_tags_are_valid_iob2(language, split):
    used = set()
    for tokens, tags in read(language, split):
        assert len(tokens) == len(tags) and all(token and not re.search(r"\s", token) for token in tokens)
        for before, tag in zip(["O", *tags], tags):
            assert tag in TAGS
            if tag.startswith("I-"):
                assert before[2:] == tag[2:], (tokens, tags)
        used.update(tags)
    assert used == TAGS


def test_no_sentence_occurs_twice():
    sentences = [tuple(tokens) for tokens, _ in all_pairs(*SPLITS)] + [tuple(t) for t in unlabeled()]
    assert [s for s, count in collections.Counter(sentences).items() if count > 1] == []


def test_test_entities_are_new():
    """In every language, not just the one they occur in."""
    known = {words for pair in all_pairs("train", "dev") for _, words in entities(*pair)}
    tested = {words for pair in all_pairs("test") for _, words in entities(*pair)}
    assert len(tested) > 1000
    assert tested & known == set()


def test_unlabeled_text_is_like_test_text():
    """Most words of test occur in it, as they would in a user's own unlabeled text."""
    known = {token for tokens in unlabeled() for token in tokens}
    tested = [token for tokens, _ in all_pairs("test") for token in tokens]
    assert sum(token in known for token in tested) > 0.9 * len(tested)


def test_test_surnames_are_new():
    tested, known = surnames(all_pairs("test")), surnames(all_pairs("train", "dev"))
    assert len(tested) > 200
    assert tested & known == set()
    feminine = {name + ending for name in known for ending in "аa"}
    assert tested & feminine == set()


def test_test_patterns_are_new():
    tested = {skeleton(*pair) for pair in all_pairs("test")}
    assert tested & {skeleton(*pair) for pair in all_pairs("train", "dev")} == set()


@pytest.mark.parametrize("language", LANGUAGES)
def test_patterns_do_not_give_types_away(language):
    """Some sentence that is the same but for the name has a person, a place and an organisation there."""
    kinds = collections.defaultdict(set)
    for pair in read(language, "test"):
        kinds[skeleton(*pair)].update(kind for kind, _ in entities(*pair))
    assert {"PER", "LOC", "ORG"} in kinds.values()


@pytest.mark.parametrize("language", LANGUAGES)
def test_some_sentences_have_no_entity_and_some_organisations_hold_a_place(language):
    pairs = [pair for split in SPLITS for pair in read(language, split)]
    assert any(set(tags) == {"O"} for _, tags in pairs)
    found = {entity for pair in pairs for entity in entities(*pair)}
    places = {words[0] for kind, words in found if kind == "LOC" and len(words) == 1}
    assert any(kind == "ORG" and len(words) > 1 and set(words) & places for kind, words in found)


def test_the_generator_gives_the_committed_files(tmp_path):
    babel = pytest.importorskip("babel", reason="needs the extra sample")
    faker = pytest.importorskip("faker", reason="needs the extra sample")
    readme = (SAMPLE / "README.md").read_text(encoding="utf-8")
    for name, version in (("Babel", babel.__version__), ("Faker", faker.VERSION)):
        recorded = re.search(rf"^- {name} (\S+)$", readme, re.MULTILINE)[1]
        if version != recorded:
            pytest.skip(f"the sample was made with {name} {recorded}, installed is {version}")
    out = tmp_path / "sample"
    subprocess.run([sys.executable, DATA / "make_sample.py", "--out", out], check=True, cwd=tmp_path,
                   env={**os.environ, "PYTHONHASHSEED": "7"})
    files = sorted(path.relative_to(out) for path in out.rglob("*") if path.is_file())
    assert files == sorted(path.relative_to(SAMPLE) for path in SAMPLE.rglob("*") if path.is_file())
    _, differ, missing = filecmp.cmpfiles(SAMPLE, out, map(str, files), shallow=False)
    assert (differ, missing) == ([], [])


def test_other_folders_are_left_alone(tmp_path):
    (tmp_path / "thesis.txt").write_text("mine")
    run = subprocess.run([sys.executable, DATA / "make_sample.py", "--out", tmp_path], capture_output=True,
                         text=True)
    assert run.returncode == 2 and "not a sample" in run.stderr and "Traceback" not in run.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]
