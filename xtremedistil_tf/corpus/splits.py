"""Which files of a task folder are its train, dev and test sets, and which of its folders are languages."""

from __future__ import annotations

import os
import pathlib
import re
from collections.abc import Iterable, Sequence
from typing import TypeAlias

from xtremedistil_tf.corpus.encodings import COMPRESSED, say_once
from xtremedistil_tf.corpus.files import entries, is_language, listing, stem_and_suffix
from xtremedistil_tf.corpus.kinds import SPLITS, Kind
from xtremedistil_tf.corpus.label_files import LABEL_FILES
from xtremedistil_tf.corpus.parallel import Parallel, parallel_files
from xtremedistil_tf.errors import DataError

Source: TypeAlias = "pathlib.Path | Parallel"
_OF_TAGGING = (".conll", ".conllu", ".iob", ".iob2", ".bio", ".bioes", ".bmes")
_SHARD = re.compile(r"-([0-9]{5})-of-([0-9]{5})$")
_WORDS = {word: split for split, words in SPLITS.items() for word in words}
# Names of everyday folders that have the shape of a code.
_NO_LANGUAGES = frozenset(
    "all bak bin bio bk bkp csv dev doc etc gz iob log ner new nlp old out pos raw src tar tmp tsv txt xml zip".split())

def is_language_folder(name: str) -> bool:
    """Whether a folder of this name can be a language: `de`, `ceb`, `zh-Hant`, `pt_BR`, but not `old` or `bak`."""
    return is_language(name.replace("_", "-")) and name not in _NO_LANGUAGES


def language_folders(folder: pathlib.Path, kind: Kind, listed: Iterable[str]) -> dict[str, pathlib.Path]:
    """{language: folder} inside the task folder: folders with split files whose name is a language's, or listed.

    Raises:
        DataError: a folder has no split file, nor has one in it; see `split_files`.
    """
    found, others = {}, []
    for path in entries(folder):
        if not path.is_dir() or path.name.lower() in _WORDS or not split_files(path, kind):
            continue
        if path.name in set(listed) or is_language_folder(path.name):
            found[path.name] = path
        else:
            others.append(path.name)
    if others and (found or split_files(folder, kind)):
        say_once(os.fspath(folder), f"{', '.join(others)}: no language, and not read; `languages` takes it in")
    elif others:
        raise DataError(f"{folder}: no train file, but folders that have one: {', '.join(others)}. Their names are no "
                        "language codes such as de or zh-Hant: expected these; rename them, list them in `languages`, "
                        "or give one of them as `task`.")
    return found


def split_files(folder: pathlib.Path, kind: Kind) -> dict[str, list[Source]]:
    """{split: its files} of one folder: one file, or all shards of one.

    A file is a split's by its stem (`train`, `devel`, `testb`); where no file is, by one of the words of its name
    (`eng.testa`, `en_ewt-ud-dev.conllu`). Parallel files may stand in a folder of their own.

    Raises:
        DataError: two files are the same split, or shards are missing.
    """
    files: dict[str, list[pathlib.Path]] = {}
    names = [path for path in entries(folder) if path.is_file()]
    for path in names:
        split = kind.split_of(_SHARD.sub("", stem_and_suffix(path)[0]))
        if split and stem_and_suffix(path)[1] in (*kind.formats, *kind.other_formats):
            files.setdefault(split, []).append(path)
    found: dict[str, list[Source]] = {split: list(_of_one_split(folder, split, paths, kind))
                                      for split, paths in files.items()}
    for word, split in _WORDS.items():
        inner = folder / word
        pair = parallel_files(inner if inner.is_dir() else folder, word, kind.tagged)
        if pair and (inner.is_dir() or word in pair.texts.name) and split not in found:
            found[split] = [pair]
    return found or _loose(folder, names, kind)


def _of_one_split(folder: pathlib.Path, split: str, paths: Sequence[pathlib.Path], kind: Kind) -> list[pathlib.Path]:
    paths = _best(paths, kind)
    shards = [match for path in paths if (match := _SHARD.search(stem_and_suffix(path)[0]))]
    if len(shards) == len(paths):
        if len(paths) != int(shards[0][2]) or len({match[1] for match in shards}) != len(paths):
            raise DataError(f"{folder}: {len(paths)} of {int(shards[0][2])} {split} files, such as {paths[0].name}. "
                            "Expected all of them; copy or download the others.")
        return list(paths)
    if len(paths) > 1:
        raise DataError(f"{folder}: {paths[0].name} and {paths[1].name} are both {split} files, expected one. Move the "
                        "other away.")
    return list(paths)


def _best(paths: Sequence[pathlib.Path], kind: Kind) -> list[pathlib.Path]:
    """Files that hold nothing but labelled examples before those that may be something else."""
    sure = [path for path in paths if stem_and_suffix(path)[1] in kind.formats]
    if sure and len(sure) < len(paths):
        unused = ", ".join(path.name for path in paths if path not in sure)
        say_once(os.fspath(paths[0].parent), f"{unused}: not read, as {sure[0].name} is there")
    return sure or list(paths)


def _loose(folder: pathlib.Path, names: Sequence[pathlib.Path], kind: Kind) -> dict[str, list[Source]]:
    files: dict[str, list[pathlib.Path]] = {}
    for path in names:
        suffix = stem_and_suffix(path)[1]
        words = re.split(r"[-_. ]", path.name.lower())
        splits = {_WORDS[word] for word in words if word in _WORDS}
        if len(splits) == 1 and (suffix in (*kind.formats, *kind.other_formats) or suffix[1:] in _WORDS):
            files.setdefault(splits.pop(), []).append(path)
    if "train" not in files:
        return {}
    return {split: list(_of_one_split(folder, split, paths, kind)) for split, paths in files.items()}


def only_file(folder: pathlib.Path, kind: Kind) -> pathlib.Path | None:
    """The one file of a folder that can hold labelled examples; None where there is none, or several."""
    files = [path for path in entries(folder) if path.is_file() and path.name not in LABEL_FILES
             and stem_and_suffix(path)[1] in (*kind.formats, *kind.other_formats)
             and not path.name.lower().startswith("readme")]
    return files[0] if len(files) == 1 else None


def missing(folder: pathlib.Path, kind: Kind, split: str, wanted: Iterable[str], remedy: str) -> DataError:
    """What to say where a split has no examples."""
    names = " or ".join(f"{split}{suffix}" for suffix in kind.formats)
    others = [path.name for path in (entries(folder) if folder.is_dir() else ())
              if stem_and_suffix(path)[1] in _OF_TAGGING]
    if others and split == "train" and not kind.tagged:
        remedy = f"{others[0]} looks like a file of tagged words: give `do_NER`. {remedy}"
    where = f" for {', '.join(sorted(wanted))}" if wanted else ""
    return DataError(f"{folder}: no {split} sentences{where}, expected {names} (also with {' or '.join(COMPRESSED)}; "
                     f"docs/data.md has all names) there or in a folder named by the language; {listing(folder)}. "
                     f"{remedy}")
