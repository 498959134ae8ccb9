"""The README of the sample: what it is, how it was made, and how much there is."""

from __future__ import annotations

from collections import Counter

import babel
import faker

_TEXT = """\
# A multilingual NER sample

Sentences in {languages} languages and several scripts, with people (PER), places (LOC) and organisations
(ORG) marked. Small enough to train on a laptop in minutes, and made so that a model that learns by heart
fails: no entity and no sentence pattern of the test files occurs in the training or dev files of any
language, and no person there has the surname of a person in the test files. The unlabeled text has those
names and patterns in other sentences, as a user's own unlabeled text would: what the student learns of them
it has from the teacher. It is made text: good for first steps and for tests, no measure of how a model does
on real text.

- `<language>/train.tsv`, `dev.tsv`, `test.tsv`: tokens separated by spaces, a tab, IOB2 tags separated by
  spaces; one sentence a line.
- `unlabeled.txt`: transfer text of all languages mixed, one sentence a line.
- `labels.tsv`: the labels.

## How it was made

By `data/make_sample.py`, from the patterns in `data/patterns`, with:

- seed {seed}
- Babel {babel}
- Faker {faker}

The same versions and seed give the same files, byte for byte.

## Counts

Sentences, and entities in the labelled files:

{table}

## Sources and licences

- Names of countries and cities: Unicode CLDR, through Babel. CLDR is under the Unicode licence
  (https://www.unicode.org/license.txt).
- Names of people, forms of company names, some companies and more cities: Faker (MIT licence).
- Sentence patterns and patterns of organisation names: written for this project, under its licence.

Sentences are put together at random: nothing that they say is true, of real places and companies neither,
and likeness to real people is chance.
"""
_COLUMNS = ("train", "dev", "test", "unlabeled", "PER", "LOC", "ORG")


def readme(corpus: dict[str, dict[str, list]], seed: int) -> list[str]:
    """The lines of the README for sentences by language and split."""
    rows = {code: _counts(splits) for code, splits in corpus.items()}
    rows["all"] = sum(rows.values(), Counter())
    table = ["| language | " + " | ".join(_COLUMNS) + " |", "|---|" + "---:|" * len(_COLUMNS)]
    for code, row in rows.items():
        table.append(f"| {code} | " + " | ".join(f"{row[column]:,}" for column in _COLUMNS) + " |")
    return _TEXT.format(languages=len(corpus), seed=seed, babel=babel.__version__, faker=faker.VERSION,
                        table="\n".join(table)).splitlines()


def _counts(splits: dict[str, list]) -> Counter:
    counts = Counter({split: len(sentences) for split, sentences in splits.items()})
    for split in ("train", "dev", "test"):
        counts.update(kind for sentence in splits[split] for kind, _ in sentence.entities)
    return counts
