"""Labelled sentences from any file: its layout is recognised by its content, its tags become IOB2."""

from __future__ import annotations

import os
import pathlib
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from xtremedistil_tf.corpus.columns import TAG_NAMES, TOKEN_NAMES
from xtremedistil_tf.corpus.conll import cells_of, read_conll
from xtremedistil_tf.corpus.encodings import say_once
from xtremedistil_tf.corpus.example import Example
from xtremedistil_tf.corpus.files import (
    Faults,
    counted,
    counts_problem,
    open_lines,
    quoted,
    split_language,
    stem_and_suffix,
    words_problem,
)
from xtremedistil_tf.corpus.parallel import Parallel
from xtremedistil_tf.corpus.reading import BY_CONTENT, Reading
from xtremedistil_tf.corpus.records import delimiter_of, is_csv, is_json, is_parquet, peeked
from xtremedistil_tf.corpus.spans import (
    BRAT,
    SPACY,
    SpanTally,
    read_brat,
    read_docbin,
    split_at_space,
    tagged_sentences,
)
from xtremedistil_tf.corpus.tag_rules import TagRules
from xtremedistil_tf.corpus.tag_schemes import (
    AUTO,
    IO,
    IOB1,
    IOB2,
    LETTERS,
    NONE,
    UNNAMED,
    conversion_line,
    hardly_tags,
    is_iob2,
    is_lettered,
    scheme_of,
    to_iob2,
    usual_spelling,
)
from xtremedistil_tf.corpus.tagged_records import read_records
from xtremedistil_tf.errors import DataError

#: Suffixes of files that hold nothing but labelled sentences, and of files that may also hold something else.
FORMATS = (".tsv", ".conll", ".jsonl")
OTHER_FORMATS = (".conllu", ".iob", ".iob2", ".bio", ".bioes", ".bmes", ".txt", ".csv", ".json", ".parquet", BRAT,
                 SPACY)
_TOKEN_SUFFIXES = frozenset((".conll", ".conllu", ".conllup", ".iob", ".iob2", ".bio", ".bioes", ".bmes"))
_MOST_WORDS, _MOSTLY = 2000, 0.9
EXPECTED = "one `token tag` a line and a blank line after each sentence, `tokens<TAB>tags` lines, or lines such as " \
           '{"tokens": ["Paris"], "tags": ["B-LOC"]}'


def read_tagged(path: str | os.PathLike[str], labels: Sequence[str] | None = None, language: str | None = None,
                reading: Reading = BY_CONTENT) -> list[Example]:
    """Reads a labelled file, also compressed, whatever its name: docs/data.md has the layouts.

    Tags of other schemes become IOB2, in one line of the log; tags without `B-` and `I-` that are no entities (parts
    of speech) stay as they are.

    Args:
        path: the file.
        labels: the labels that may occur; None: any tag of the scheme.
        language: language of all sentences; None: from the file (a prefix such as `de:` on all tags
            of a sentence, or on all tokens of all sentences; the key or column `language`). The
            prefix is taken off in any case.
        reading: scheme and columns, where they are known.

    Returns:
        The sentences in the order of the file, each with tags.

    Raises:
        DataError: the file cannot be read or is empty, or lines are faulty: one error for the whole
            file that names the first ten places and the number of faults.
    """
    faults, lines = Faults(path), dict[int, list[int]]()
    examples, rules = [], TagRules(labels)
    for example in sentences(path, faults, True, reading, lines, reading.names or None):
        prefix, tags = rules.without_language(example.tags or ())
        # Not `replace`, which takes as long as reading the line.
        examples.append(Example(example.words, tags, language or example.language or prefix, example.source,
                                example.line))
    examples = _in_iob2(examples, path, reading, labels)
    rules = TagRules(labels, is_plain=_is_plain(examples, reading, labels))
    for number, example in enumerate(examples):
        tags, problems = rules.resolve(example.tags or ())
        by_token = lines.get(example.line)
        for index, problem in problems if by_token else problems[:1]:
            faults.add(by_token[index] if by_token else example.line, problem)
        examples[number] = Example(example.words, tags, example.language, example.source, example.line)
    faults.raise_if_any()
    if not examples:
        raise DataError(f"{path}: empty, expected {EXPECTED}.")
    return parted(examples, path)


def sentences(path: str | os.PathLike[str], faults: Faults, tagged: bool, reading: Reading = BY_CONTENT,
              lines: dict[int, list[int]] | None = None, labels: Sequence[str] | None = None) -> Iterator[Example]:
    """The sentences of a file, tags as written.

    Args:
        path: the file.
        faults: receives what does not have the layout.
        tagged: False: tags are not needed, and neither their absence nor their number is a fault.
        reading: see there.
        lines: see `read_conll`.
        labels: names that class numbers stand for.
    """
    suffix = stem_and_suffix(path)[1]
    if isinstance(path, Parallel):
        return _of_parallel(path, faults)
    if suffix == SPACY:
        return read_docbin(path)
    if suffix == BRAT:
        return _of_brat(pathlib.Path(path), faults, reading)
    if is_parquet(path) or is_json(path):
        return read_records(path, faults, tagged, reading, labels)
    if is_csv(path, sorted(TOKEN_NAMES | TAG_NAMES)):
        delimiter = delimiter_of(path)
        header = next((cells_of(line, delimiter) for line in peeked(path) if line.strip()), [])
        if {"tokens", "words", "text"} & {name.lower() for name in header}:
            return read_records(path, faults, tagged, reading, labels)
        return read_conll(path, faults, tagged, reading, lines, delimiter)
    if reading.token_column or reading.tag_column or _is_line_per_token(path):
        return read_conll(path, faults, tagged, reading, lines)
    return read_tsv(path, faults, tagged)


def _of_parallel(path: Parallel, faults: Faults) -> Iterator[Example]:
    for number, text, labels in path.lines():
        words, tags = tuple(text.split()), tuple(labels.split())
        if problem := counts_problem(words, tags):
            faults.add(number, problem)
        elif words:
            yield Example(words, tags, None, os.fspath(path), number)


def _of_brat(path: pathlib.Path, faults: Faults, reading: Reading) -> Iterator[Example]:
    text, spans = read_brat(path, faults)
    tally = SpanTally(path)
    for words, tags in tagged_sentences(text, spans, reading.split_words or split_at_space, tally):
        yield Example(words, tags, None, os.fspath(path), 1)
    tally.say()


def read_tsv(path: str | os.PathLike[str], faults: Faults, tagged: bool = True) -> Iterator[Example]:
    """Yields the sentences of a file of `tokens<TAB>tags` lines, tags as written; lines of white space are skipped.

    Args:
        path: the file.
        faults: receives the lines that do not have the layout; they are not yielded.
        tagged: False: tags are not needed, and neither their absence nor their number is a fault.

    Raises:
        DataError: see `open_lines`.
    """
    source = os.fspath(path)
    for number, text in open_lines(path):
        columns = text.rstrip("\t").split("\t") if text.count("\t") > 1 else text.split("\t")
        words = tuple(columns[0].split())
        tags = tuple(columns[1].split()) if len(columns) == 2 else None
        if tagged:
            if not text.strip():
                continue
            spaced = tuple(filter(None, columns[0].split(" "))) if tags and len(words) != len(tags) else ()
            if tags and len(spaced) == len(tags):
                words = spaced  # another white space stands inside tokens
            problem = _tsv_problem(columns, words, tags)
            if problem is None and words is spaced and not all(word.split() for word in words):
                problem = words_problem(words)
            if problem:
                faults.add(number, problem)
                continue
        if words:
            yield Example(words, tags, None, source, number)


def _tsv_problem(columns: list[str], words: tuple[str, ...], tags: tuple[str, ...] | None) -> str | None:
    if tags is None:
        found = "no tab" if len(columns) == 1 else f"{len(columns) - 1} tabs"
        return f"{found}, expected tokens, one tab, tags"
    problem = counts_problem(words, tags)
    if problem and len(tags) == 1 and not is_lettered(tags[0]):
        problem += "; for texts and their classes omit `do_NER`"
    return problem


def parted(examples: Iterable[Example], path: str | os.PathLike[str]) -> list[Example]:
    """Tokens with white space inside (a no-break space, say) as the words that they are in raw text.

    The tag of such a token goes on over all of them. Says how many there are.
    """
    found, count = [], 0
    for example in examples:
        if " ".join(example.words).split() != list(example.words):
            words, tags = [], []
            for word, tag in zip(example.words, example.tags or ("O",) * len(example.words)):
                pieces = word.split()
                count += len(pieces) > 1
                words += pieces
                tags += [tag, *[f"I-{tag[2:]}" if tag != "O" and is_iob2(tag) else tag] * (len(pieces) - 1)]
            example = replace(example, words=tuple(words), tags=tuple(tags) if example.tags else None)
        found.append(example)
    if count:
        say_once(os.fspath(path), f"{counted(count, 'token')} with white space inside; each is read as the words that "
                                  "raw text has there")
    return found


def _is_line_per_token(path: str | os.PathLike[str]) -> bool:
    """Whether a file has a token a line, rather than a sentence; told by the whole file."""
    whole = several = alone = wide = rows = 0
    before, gaps, goes_on, last = 0, False, False, ""
    by_token = stem_and_suffix(path)[1] in _TOKEN_SUFFIXES
    for number, text in open_lines(path):
        if not text.strip() or text.startswith("-DOCSTART-"):
            last = ""
            continue
        rows += 1
        columns = text.split("\t")
        words, tags = columns[0].split(), columns[1].split() if len(columns) == 2 else []
        if len(words) > 1:
            whole += len(words) == len(tags)
            if whole and not by_token:
                return False
            several += len(columns) == 2 and len(words) != len(tags)
        bare = len(columns) == 1 and len(words) > 1 and _ends_in_tag(words)
        alone += bare or (len(words) == 1 and len(columns) > 1)
        wide += bare or len(columns) > 2
        gaps |= bool(before) and number - before > 1
        tag = split_language(tags[0])[1] if len(words) == len(tags) == 1 else ""
        goes_on |= tag[:2] == "I-" and last[2:] == tag[2:] and last[:2] in ("B-", "I-")
        before, last = number, tag
    if by_token:
        return whole <= rows / 2
    found = wide > rows / 2 or (not several and alone > _MOSTLY * rows and (gaps or goes_on))
    if found and stem_and_suffix(path)[1] == ".tsv":
        say_once(os.fspath(path), "has a token and its tag per line, not a sentence; it is read in the CoNLL format")
    return found


def _ends_in_tag(words: Sequence[str]) -> bool:
    return len(words) < 5 and is_lettered(words[-1])


def _in_iob2(examples: list[Example], path: str | os.PathLike[str], reading: Reading,
             labels: Sequence[str] | None) -> list[Example]:
    """The sentences with tags in IOB2; says what was converted."""
    counts = Counter(tag for example in examples for tag in example.tags or ())
    scheme = reading.tag_scheme
    if scheme != NONE and (spell := usual_spelling(counts)):
        first = next(tag for tag in counts if spell(tag) != tag)
        say_once(os.fspath(path), f"tags such as {first} are read as {spell(first)}")
        examples = [replace(example, tags=tuple(map(spell, example.tags or ()))) for example in examples]
        counts = Counter(tag for example in examples for tag in example.tags or ())
    if scheme == AUTO:
        known = reading.entities if labels is None else all(map(is_iob2, labels))
        scheme = scheme_of(counts, known) if known is not False else NONE
        if scheme == IO and labels is not None and not {f"B-{tag}" for tag in counts if tag != "O"} <= set(labels):
            return examples
    elif scheme == IOB2:
        return examples
    if scheme == NONE and labels is None and hardly_tags(counts):
        shown = ", ".join(quoted(tag) for tag, _ in counts.most_common(3))
        raise DataError(f"{path}: {len(counts):,} different tags for {sum(counts.values()):,} tokens, such as {shown}. "
                        "Expected tags such as O and B-LOC, or parts of speech; `tag_column` names their column.")
    if scheme not in (*LETTERS, IOB1, IO):
        return examples
    found = [to_iob2(example.tags or (), scheme) for example in examples]
    if said := conversion_line(scheme, found):
        say_once(os.fspath(path), said)
    if {"B", "I"} & set(counts):
        say_once(os.fspath(path), f"the tags B and I name no type of entity; it is called {UNNAMED}")
    examples = [example if one.tags == example.tags else replace(example, tags=one.tags)
                for example, one in zip(examples, found)]
    if len(examples) == 1 and len(examples[0].words) > _MOST_WORDS:
        raise DataError(f"{path}: no blank line parts its {len(examples[0].words):,} tokens into sentences. Expected a "
                        "blank line after each sentence.")
    return examples


def _is_plain(examples: Sequence[Example], reading: Reading, labels: Sequence[str] | None) -> bool:
    """Whether tags are labels of words, such as parts of speech, and not of entities."""
    if labels is not None:
        return not all(map(is_iob2, labels))
    if reading.tag_scheme == NONE:
        return True
    tags = {tag for example in examples for tag in example.tags or ()}
    return (reading.tag_scheme == AUTO and reading.entities is not True and tags != {"O"}
            and not any(is_lettered(tag) and tag != "O" for tag in tags))
