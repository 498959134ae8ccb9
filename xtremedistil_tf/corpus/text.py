"""Unlabelled text for the transfer set, from files or folders, whatever their layout."""

from __future__ import annotations

import itertools
import os
import pathlib
from collections.abc import Callable, Iterator, Sequence

from xtremedistil_tf.corpus.encodings import say_once
from xtremedistil_tf.corpus.example import Example
from xtremedistil_tf.corpus.files import Faults, entries, file_language, listing, split_language, stem_and_suffix
from xtremedistil_tf.corpus.plain_text import plain_lines
from xtremedistil_tf.corpus.reading import BY_CONTENT, Reading
from xtremedistil_tf.corpus.records import is_csv, is_json, is_parquet, peeked
from xtremedistil_tf.corpus.sentences import PAGE_CHARS, sentences_of
from xtremedistil_tf.corpus.tag_rules import strip_language
from xtremedistil_tf.corpus.tag_schemes import OUTSIDE, is_lettered
from xtremedistil_tf.corpus.tagged import FORMATS, parted, sentences
from xtremedistil_tf.corpus.text_columns import LABEL_KEYS, TEXT_KEYS, has_header, text_rows
from xtremedistil_tf.errors import DataError

#: Suffixes of a folder's files that are text; those of the first group that occurs are read.
_SUFFIXES = ((".txt",), (".jsonl", ".json", ".csv", ".tsv", ".parquet"))
_FEWEST_TAGGED = 3


def text_files(path: str | os.PathLike[str]) -> list[pathlib.Path]:
    """The files that `read_text` reads, in its order.

    Args:
        path: a file, a folder (its `*.txt`, plain or compressed, sorted by name; without such its JSON, CSV, TSV and
            Parquet files, or the `wiki_00` files that Wikipedia extractors write into folders), or several of
            them separated by commas.

    Raises:
        DataError: something named does not exist, a folder has no text file, or it has one both plain
            and compressed.
    """
    files: list[pathlib.Path] = []
    for name in text_paths(path):
        files += _folder_files(name) if name.is_dir() else [name]
    return files


def text_paths(path: str | os.PathLike[str]) -> list[pathlib.Path]:
    """The files and folders that a path, or several separated by commas, name.

    Raises:
        DataError: one of them does not exist, or there is none.
    """
    # A name that exists is taken whole: it may itself hold a comma.
    whole = os.fspath(path)
    names = [whole] if os.path.exists(whole) else [n.strip() for n in whole.split(",") if n.strip()]
    if not names:
        raise DataError("No transfer text is given. Expected a file, a folder, or several separated by commas.")
    for name in map(pathlib.Path, names):
        if not os.path.exists(name):
            raise DataError(f"{name}: no such file or folder; {listing(name.parent)}.")
    return [pathlib.Path(name) for name in names]


def read_text(path: str | os.PathLike[str], split: Callable[[str], Sequence[str]] = str.split,
              reading: Reading = BY_CONTENT) -> Iterator[Example]:
    """Streams unlabelled sentences from what `text_files(path)` names.

    Plain text is one sentence a line, made words by `split`, blank lines skipped; a line longer than `PAGE_CHARS` is
    split into sentences, and of the output of Wikipedia extractors the lines of `<doc>` are left out. Of JSON, CSV and
    Parquet the column of the text is taken; of tagged files only the words, and their tags may be missing. A file is
    what its content is: JSON in a `.txt` is read as JSON. The
    language is what the file says, else the name before the first dot if it looks like a language
    code (`de.txt.xz`), else None.

    Raises:
        DataError: see `text_files` and `open_lines`; a file holds no sentence; at the end of a tagged
            file, faulty lines.
    """
    for file in text_files(path):
        empty = True
        for example in _read_file(file, split, reading):
            empty = False
            yield example
        if empty:
            raise DataError(f"{file}: empty, expected one sentence a line.")


def _read_file(file: pathlib.Path, split: Callable[[str], Sequence[str]], reading: Reading) -> Iterator[Example]:
    suffix = stem_and_suffix(file)[1]
    if is_json(file) or is_parquet(file) or suffix in FORMATS or _is_tagged(file):
        if suffix == ".tsv" and has_header(file):
            return _texts(file, split, reading)
        return _tagged(file, split, reading)
    if is_csv(file, (*TEXT_KEYS, *LABEL_KEYS)):
        return _texts(file, split, reading)
    return _plain(file, split)


def _plain(file: pathlib.Path, split: Callable[[str], Sequence[str]]) -> Iterator[Example]:
    language, source, pages = file_language(file), str(file), 0
    for number, text in plain_lines(file):
        pages += len(text) > PAGE_CHARS
        for sentence in sentences_of(text) if len(text) > PAGE_CHARS else (text,):
            if words := tuple(split(sentence)):
                yield Example(words, None, language, source, number)
    if pages:
        say_once(source, f"{pages:,} lines are longer than {PAGE_CHARS:,} characters and split into sentences")


def _texts(file: pathlib.Path, split: Callable[[str], Sequence[str]], reading: Reading) -> Iterator[Example]:
    """Of files whose first row names the columns."""
    faults, language = Faults(file), file_language(file)
    for row in text_rows(file, False, False, reading, faults):
        if row.problem:
            faults.add(row.line, row.problem)
        elif words := tuple(split(row.texts[0])):
            yield Example(words, None, row.language or language, str(file), row.line)
    faults.raise_if_any()


def _tagged(file: pathlib.Path, split: Callable[[str], Sequence[str]], reading: Reading) -> Iterator[Example]:
    faults, language = Faults(file), file_language(file)
    # Of its columns those of the labelled files need not be here.
    reading = Reading(text_column=reading.text_column,
                      split_words=lambda text: [(word, 0, 0) for word in split(text)])
    for example in sentences(file, faults, False, reading):
        prefix, _ = strip_language(example.tags or ())
        for bare in parted([example], file):
            yield Example(bare.words, None, example.language or prefix or language, str(file), example.line)
    faults.raise_if_any()


def _is_tagged(file: pathlib.Path) -> bool:
    """Whether the first lines of a file are tokens and their tags, in spite of its name."""
    rows = [line.split() for line in peeked(file) if line.strip() and not line.startswith(("-DOCSTART-", "#"))]
    tags = {split_language(row[-1])[1] for row in rows}
    found = (len(rows) >= _FEWEST_TAGGED and {len(row) for row in rows} == {len(rows[0])} and len(rows[0]) > 1
             and all(map(is_lettered, tags)) and tags != {OUTSIDE})
    if found:
        say_once(str(file), "has tokens and tags; its tokens are read")
    return found


def _folder_files(folder: pathlib.Path) -> list[pathlib.Path]:
    there = [path for path in entries(folder) if path.is_file()]
    groups = ([path for path in there if stem_and_suffix(path)[1] in suffixes] for suffixes in _SUFFIXES)
    files = next(filter(None, groups), []) or sorted(path for path in folder.rglob("wiki_*") if path.is_file())
    if not files:
        raise DataError(f"{folder}: no text file, expected *.txt, *.txt.gz or the like with one sentence "
                        f"a line; {listing(folder)}.")
    for file, following in itertools.pairwise(files):
        if stem_and_suffix(file) == stem_and_suffix(following):
            raise DataError(f"{folder}: {file.name} and {following.name} would both be read, expected one "
                            "of them. Move the other away.")
    return files
