"""Unlabelled text for the transfer set: one sentence a line, from files or folders."""

from __future__ import annotations

import itertools
import os
import pathlib
from collections.abc import Callable, Iterator, Sequence

from xtremedistil_tf.corpus.conll import strip_language
from xtremedistil_tf.corpus.example import Example
from xtremedistil_tf.corpus.files import Faults, entries, file_language, listing, open_lines, stem_and_suffix
from xtremedistil_tf.corpus.tagged import FORMATS, read_jsonl
from xtremedistil_tf.errors import DataError


def text_files(path: str | os.PathLike[str]) -> list[pathlib.Path]:
    """The files that `read_text` reads, in its order.

    Args:
        path: a file, a folder (its `*.txt`, `*.txt.gz` and `*.txt.xz`, sorted by name), or several of
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


def read_text(path: str | os.PathLike[str], split: Callable[[str], Sequence[str]] = str.split) -> Iterator[Example]:
    """Streams unlabelled sentences from what `text_files(path)` names.

    Plain text is one sentence a line, made words by `split`, blank lines skipped. Of tagged
    files (`.tsv`, `.conll`, `.jsonl`) only the words are taken; a `.tsv` may have no tags at all. The
    language is what the file says, else the name before the first dot if it looks like a language
    code (`de.txt.xz`), else None.

    Raises:
        DataError: see `text_files` and `open_lines`; a file holds no sentence; at the end of a tagged
            file, faulty lines.
    """
    for file in text_files(path):
        empty = True
        for example in _read_file(file, split):
            empty = False
            yield example
        if empty:
            raise DataError(f"{file}: empty, expected one sentence a line.")


def _read_file(file: pathlib.Path, split: Callable[[str], Sequence[str]]) -> Iterator[Example]:
    language, source = file_language(file), str(file)
    layout = FORMATS.get(stem_and_suffix(file)[1])
    if layout is None:
        for number, text in open_lines(file):
            if words := tuple(split(text)):
                yield Example(words, None, language, source, number)
        return
    faults = Faults(file)
    texts = {"split": split} if layout.read is read_jsonl else {}
    for example in layout.read(file, faults, False, **texts):
        prefix, _ = strip_language(example.tags or ())
        yield Example(example.words, None, example.language or prefix or language, source, example.line)
    faults.raise_if_any()


def _folder_files(folder: pathlib.Path) -> list[pathlib.Path]:
    files = [path for path in entries(folder) if path.is_file() and stem_and_suffix(path)[1] == ".txt"]
    if not files:
        raise DataError(f"{folder}: no text file, expected *.txt, *.txt.gz or *.txt.xz with one sentence "
                        f"a line; {listing(folder)}.")
    for file, following in itertools.pairwise(files):
        if stem_and_suffix(file) == stem_and_suffix(following):
            raise DataError(f"{folder}: {file.name} and {following.name} would both be read, expected one "
                            "of them. Move the other away.")
    return files
