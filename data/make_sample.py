"""Writes the embedded multilingual NER sample: data/sample.

    pip install babel faker
    python data/make_sample.py --out data/sample [--seed 42]

Facts come from CLDR (through Babel) and Faker, sentence patterns from data/patterns/<language>.txt; a
language is added by adding a file there. The same seed and the same versions of Babel and Faker give the
same files, byte for byte. Names and patterns of the test sentences occur in no labelled sentence of train
or dev; transfer text has them in other sentences, without labels.
"""

from __future__ import annotations

import argparse
import pathlib
import random
import sys
from collections.abc import Iterable

_DATA = pathlib.Path(__file__).resolve().parent
# The script also runs in a checkout that is not installed.
sys.path.insert(0, str(_DATA.parent))

from xtremedistil_tf.atomic import atomic_directory  # noqa: E402
from xtremedistil_tf.errors import ConfigError, XtremeDistilError  # noqa: E402

LABELS = ["O", "B-PER", "I-PER", "B-LOC", "I-LOC", "B-ORG", "I-ORG"]
# Sentences of each language. Test comes first: what it uses is barred from train and dev.
COUNTS = {"test": 84, "train": 168, "dev": 42, "unlabeled": 834}


class Gate:
    """Lets a sentence pass once, and none that mentions an entity of the test sentences."""

    def __init__(self) -> None:
        self._sentences: set[tuple[str, ...]] = set()
        self._barred: set[tuple[str, ...]] = set()
        self._longest = 0

    def bar(self, sentences: Iterable) -> None:
        self._barred.update(tokens for sentence in sentences for _, tokens in sentence.entities)
        self._longest = max(map(len, self._barred))

    def lift(self) -> None:
        self._barred.clear()

    def __call__(self, sentence) -> bool:
        tokens = sentence.tokens
        if tokens in self._sentences:
            return False
        for start in range(len(tokens)):
            for end in range(start + 1, min(start + self._longest, len(tokens)) + 1):
                if tokens[start:end] in self._barred:
                    return False
        self._sentences.add(tokens)
        return True


def make_corpus(patterns: pathlib.Path, seed: int) -> dict[str, dict[str, list]]:
    """Sentences by language and split: test, train, dev, unlabeled.

    Raises:
        DataError: a pattern file is faulty, or gives too few sentences.
    """
    from sample_facts import load_facts
    from sample_patterns import read_languages
    from sample_pools import Pools
    from sample_text import Filler

    languages = read_languages(patterns)
    facts = {language.code: load_facts(language) for language in languages}
    pools = Pools(facts.values(), seed)
    gate = Gate()
    corpus: dict[str, dict[str, list]] = {language.code: {} for language in languages}
    for split, count in COUNTS.items():
        for language in languages:
            filler = Filler(language, facts[language.code], pools, split, seed)
            corpus[language.code][split] = filler.sentences(count, gate)
        if split == "test":
            gate.bar(s for splits in corpus.values() for s in splits["test"])
        if split == "dev":
            gate.lift()
    check(corpus)
    return corpus


def check(corpus: dict[str, dict[str, list]]) -> None:
    """Asserts that no entity of test occurs in train or dev, and no sentence of it elsewhere, in any language."""
    test = [s for splits in corpus.values() for s in splits["test"]]
    labelled = [s for splits in corpus.values() for split in ("train", "dev") for s in splits[split]]
    unlabeled = [s for splits in corpus.values() for s in splits["unlabeled"]]
    assert not {e for s in test for _, e in s.entities} & {e for s in labelled for _, e in s.entities}
    assert not {s.tokens for s in test} & {s.tokens for s in labelled + unlabeled}
    for sentence in test + labelled + unlabeled:
        assert len(sentence.tokens) == len(sentence.tags) and set(sentence.tags) <= set(LABELS)
        assert all(token and not any(map(str.isspace, token)) for token in sentence.tokens)


def write_corpus(corpus: dict[str, dict[str, list]], out: pathlib.Path, seed: int) -> None:
    """Writes <language>/{train,dev,test}.tsv, unlabeled.txt, labels.tsv and README.md."""
    from sample_readme import readme

    unlabeled = [" ".join(s.tokens) for splits in corpus.values() for s in splits["unlabeled"]]
    random.Random(seed).shuffle(unlabeled)
    with atomic_directory(out) as part:
        for code, splits in corpus.items():
            (part / code).mkdir()
            for split in ("train", "dev", "test"):
                _write(part / code / f"{split}.tsv",
                       (" ".join(s.tokens) + "\t" + " ".join(s.tags) for s in splits[split]))
        _write(part / "unlabeled.txt", unlabeled)
        _write(part / "labels.tsv", LABELS)
        _write(part / "README.md", readme(corpus, seed))


def _write(path: pathlib.Path, lines: Iterable[str]) -> None:
    path.write_bytes("".join(f"{line}\n" for line in lines).encode())


def _check_out(out: pathlib.Path) -> None:
    """The folder is replaced as a whole, so anything that is not an older sample must be left alone."""
    older = all((out / name).exists() for name in ("labels.tsv", "unlabeled.txt"))
    if out.exists() and not (out.is_dir() and (older or not any(out.iterdir()))):
        raise ConfigError(f"--out {out}: exists and is not a sample that this script wrote, expected a new "
                          "or empty folder. Name another folder.")


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--out", type=pathlib.Path, default=_DATA / "sample", help="folder to write")
    parser.add_argument("--seed", type=int, default=42)
    flags = parser.parse_args(arguments)
    try:
        _check_out(flags.out)
        try:
            corpus = make_corpus(_DATA / "patterns", flags.seed)
        except ModuleNotFoundError as error:
            if error.name not in ("babel", "faker"):
                raise
            raise ConfigError(f"The package `{error.name}`, which the facts come from, is not installed. "
                              "Install it with: pip install babel faker") from error
        write_corpus(corpus, flags.out, flags.seed)
    except XtremeDistilError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    print(f"{flags.out}: " + ", ".join(f"{count * len(corpus):,} {split}" for split, count in COUNTS.items())
          + f" sentences in {len(corpus)} languages")
    return 0


if __name__ == "__main__":
    sys.exit(main())
