"""Similar sentences out of a large text, found by their embeddings in an index on disk (SentAugment)."""

from __future__ import annotations

import array
import bisect
import dataclasses
import functools
import itertools
import logging
import math
import os
import pathlib
import types
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import numpy as np

from xtremedistil_tf.atomic import atomic_directory, read_json, write_json
from xtremedistil_tf.augmentation.augmenter import Augmenter, VariantPlan, blocks
from xtremedistil_tf.augmentation.editing import rule_facts, side_of, text_of, with_text, without_label
from xtremedistil_tf.corpus.example import AnyExample
from xtremedistil_tf.corpus.files import file_language, open_lines
from xtremedistil_tf.corpus.text import text_files
from xtremedistil_tf.errors import DataError, MissingExtraError
from xtremedistil_tf.fingerprint import file_fingerprint, fingerprint
from xtremedistil_tf.progress import progress_bar
from xtremedistil_tf.tokenization.raw_words import AT_SPACES, RawWords

log = logging.getLogger(__name__)

Encoder = Callable[[Sequence[str]], np.ndarray]

_FORMAT = 1
#: Up to so many sentences are compared exactly; beyond, in 8 bits a number and by cells.
EXACT = 50_000
_BATCH = 1024
_TRAINING_PER_CELL = 64
_INDEX, _TEXT, _OFFSETS, _FACTS = "index.faiss", "sentences.txt", "offsets.npy", "facts.json"
# Sentences to look at for each wanted: many are found by several examples, and each is used once.
_LOOKED_AT = 4


def load_faiss() -> types.ModuleType:
    """The module faiss; MissingExtraError if it is not installed."""
    try:
        import faiss
    except ImportError as error:
        raise MissingExtraError("faiss-cpu", "retrieval", "`augment=retrieval`") from error
    return faiss


class RetrievalIndex:
    """A finished index, opened.

    Memory: FAISS's index, of a large text 1 byte for each number of each embedding, and 8 bytes for each
    sentence; the sentences stay on disk.

    Args:
        folder: as `open_or_build` made it.

    Raises:
        MissingExtraError: faiss is not installed.
        DataError: the folder is damaged.
    """

    def __init__(self, folder: pathlib.Path):
        faiss = load_faiss()
        try:
            facts = read_json(folder / _FACTS)
            self.fingerprint, self._languages = facts["fingerprint"], facts["languages"]
            self._offsets = np.load(folder / _OFFSETS)
            self._text = open(folder / _TEXT, "rb")  # noqa: SIM115  it is read until `close`
            self._index = faiss.read_index(str(folder / _INDEX))
        except (OSError, ValueError, KeyError, RuntimeError) as error:
            reason = (str(error).strip().splitlines() or [type(error).__name__])[-1]
            raise DataError(f"{folder}: the sentence index is damaged ({reason}). Delete the folder; the "
                            "next run builds it again.") from error
        self._starts = [start for start, _ in self._languages]

    def __len__(self) -> int:
        return len(self._offsets) - 1

    def search(self, vectors: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
        """The most similar sentences by cosine: similarities float32 [queries, count], the best first, and
        numbers int64 [queries, count], -1 where there are fewer.

        Args:
            vectors: float32 [queries, width].
        """
        return self._index.search(_directions(vectors), min(count, len(self)))

    def sentence(self, number: int) -> str:
        """A sentence of the text."""
        begin, end = map(int, self._offsets[number: number + 2])
        self._text.seek(begin)
        return self._text.read(end - begin).decode("utf-8").rstrip("\n")

    def language(self, number: int) -> str | None:
        """The language that the name of its file says, None where it says none."""
        return self._languages[bisect.bisect_right(self._starts, number) - 1][1]

    def close(self) -> None:
        self._text.close()


def open_or_build(corpus: str, encode: Encoder, identity: str,
                  folder: str | os.PathLike[str] = "") -> RetrievalIndex:
    """Opens the index of a text, which is built first if it is not there.

    It is built as a stream: memory is that of the index. The text is read three times if it is large (to
    count, to train the cells, to encode) and encoded once.

    Args:
        corpus: what `text_files` takes, one sentence a line.
        encode: texts -> float32 [texts, width].
        identity: stands for `encode`.
        folder: where indexes are kept; empty: beside the first file of the text. The index is
            `<folder>/retrieval-<fingerprint>`.

    Raises:
        MissingExtraError: faiss is not installed.
        DataError: the text cannot be read or is empty, or the index is damaged.
    """
    load_faiss()
    files = text_files(corpus)
    name = fingerprint([_FORMAT, identity, [file_fingerprint(file) for file in files],
                        [file_language(file) for file in files]])
    target = (pathlib.Path(folder) if folder else files[0].parent) / f"retrieval-{name}"
    if not target.is_dir():
        total = sum(1 for _ in _lines(files))
        if not total:
            raise DataError(f"{corpus}: no sentences. Expected one per line.")
        log.info("building the index of %d sentences of %s: %s", total, corpus, target)
        with atomic_directory(target) as part:
            _build(part, files, total, encode)
            write_json(part / _FACTS, {"format": _FORMAT, "fingerprint": name, "sentences": total,
                                       "languages": _language_starts(files)})
    return RetrievalIndex(target)


def _build(folder: pathlib.Path, files: Sequence[pathlib.Path], total: int, encode: Encoder) -> None:
    faiss = load_faiss()
    index, offsets = None, array.array("q", [0])
    with open(folder / _TEXT, "wb") as text, progress_bar(total, "encoding sentences", "sentence") as bar:
        for batch in _batches(_lines(files)):
            vectors = _directions(encode(batch))
            if index is None:
                index = _new_index(vectors.shape[1], files, total, encode)
            index.add(vectors)
            for line in batch:
                offsets.append(offsets[-1] + text.write(line.encode("utf-8") + b"\n"))
            bar.update(len(batch))
    np.save(folder / _OFFSETS, np.frombuffer(offsets, np.int64))
    faiss.write_index(index, str(folder / _INDEX))


def _new_index(width: int, files: Sequence[pathlib.Path], total: int, encode: Encoder) -> Any:
    """An empty index by inner product, trained where it has cells."""
    faiss = load_faiss()
    if total <= EXACT:
        return faiss.IndexFlatIP(width)
    cells = 2 ** round(math.log2(4 * math.sqrt(total)))
    index = faiss.index_factory(width, f"IVF{cells},SQ8", faiss.METRIC_INNER_PRODUCT)
    wanted = min(total, _TRAINING_PER_CELL * cells)
    sample = (line for i, line in enumerate(_lines(files)) if (i + 1) * wanted // total > i * wanted // total)
    index.train(np.concatenate([_directions(encode(batch)) for batch in _batches(sample)]))
    index.nprobe = max(16, cells // 32)
    return index


def _lines(files: Sequence[pathlib.Path]) -> Iterator[str]:
    return (text for file in files for _, line in open_lines(file) if (text := line.strip()))


def _language_starts(files: Sequence[pathlib.Path]) -> list[tuple[int, str | None]]:
    """(number of its first sentence, language) of each file."""
    starts, number = [], 0
    for file in files:
        starts.append((number, file_language(file)))
        number += sum(1 for _ in _lines([file]))
    return starts


def _batches(lines: Iterator[str]) -> Iterator[list[str]]:
    while batch := list(itertools.islice(lines, _BATCH)):
        yield batch


def _directions(vectors: np.ndarray) -> np.ndarray:
    vectors = np.ascontiguousarray(vectors, np.float32)
    return vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)


class RetrievedSentences(Augmenter):
    """Variants are sentences of another text that are similar to the original; they have no label.

    Of a pair, the sentence takes the place of one side, by chance.

    Args:
        corpus: files of the text, see `text_files`; indexed when first needed.
        encode: texts -> float32 [texts, width], such as a `SentenceEncoder`.
        identity: stands for `encode`.
        folder: where the index is kept, see `open_or_build`.
        least, most: cosine similarities between which a sentence is taken; above `most` it says the same.
        block: examples to read ahead.
        rule: how sentences become words, for tagging.

    Raises (when first needed):
        MissingExtraError, DataError: see `open_or_build`.
    """

    name, keeps_label = "retrieval", False

    def __init__(self, corpus: str, encode: Encoder, identity: str, folder: str | os.PathLike[str] = "",
                 least: float = 0.5, most: float = 0.98, block: int = 256, rule: RawWords = AT_SPACES):
        self._corpus, self._encode, self._identity, self._folder = corpus, encode, identity, folder
        self._rule = rule
        self._least, self._most, self._block = least, most, block

    @functools.cached_property
    def index(self) -> RetrievalIndex:
        """The index, built if need be."""
        return open_or_build(self._corpus, self._encode, self._identity, self._folder)

    @functools.cached_property
    def settings(self) -> dict[str, Any]:
        return {"index": self.index.fingerprint, "least": self._least, "most": self._most} | rule_facts(self._rule)

    def variants(self, examples: Iterable[AnyExample], plan: VariantPlan) -> Iterator[Sequence[AnyExample]]:
        for first, block in blocks(examples, self._block):
            wanted = {number: count for number in range(len(block)) if (count := plan.wanted(first + number))}
            sides = {number: side_of(block[number], plan.random(first + number)) for number in wanted}
            found: list[list[AnyExample]] = [[] for _ in block]
            if wanted:
                vectors = self._encode([text_of(block[number], side) for number, side in sides.items()])
                count = _LOOKED_AT * (max(wanted.values()) + 1)
                for number, *answer in zip(wanted, *self.index.search(vectors, count)):
                    # Not `count`: what is made of an example does not depend on the others of its block.
                    looked_at = _LOOKED_AT * (wanted[number] + 1)
                    found[number] = [self._variant(block[number], sides[number], int(sentence))
                                     for similarity, sentence in list(zip(*answer))[:looked_at]
                                     if sentence >= 0 and self._least <= similarity <= self._most]
            yield from found

    def _variant(self, example: AnyExample, side: str, number: int) -> AnyExample:
        new = without_label(with_text(example, side, self.index.sentence(number), self._rule))
        return dataclasses.replace(new, language=self.index.language(number) or example.language)
