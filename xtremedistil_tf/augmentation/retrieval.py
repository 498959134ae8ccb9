"""Similar sentences out of a large text, found by their embeddings (SentAugment)."""

from __future__ import annotations

import dataclasses
import functools
import os
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from xtremedistil_tf.augmentation.augmenter import Augmenter, blocks
from xtremedistil_tf.augmentation.editing import side_of, text_of, with_text, without_label
from xtremedistil_tf.augmentation.plan import VariantPlan
from xtremedistil_tf.augmentation.retrieval_index import Encoder, RetrievalIndex, open_or_build
from xtremedistil_tf.corpus.example import AnyExample

# Sentences to look at for each wanted: many are found by several examples, and each is used once.
_LOOKED_AT = 4


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

    Raises (when first needed):
        MissingExtraError, DataError: see `open_or_build`.
    """

    name, keeps_label = "retrieval", False

    def __init__(self, corpus: str, encode: Encoder, identity: str, folder: str | os.PathLike[str] = "",
                 least: float = 0.5, most: float = 0.98, block: int = 256):
        self._corpus, self._encode, self._identity, self._folder = corpus, encode, identity, folder
        self._least, self._most, self._block = least, most, block

    @functools.cached_property
    def index(self) -> RetrievalIndex:
        """The index, built if need be."""
        return open_or_build(self._corpus, self._encode, self._identity, self._folder)

    @functools.cached_property
    def settings(self) -> dict[str, Any]:
        return {"index": self.index.fingerprint, "least": self._least, "most": self._most}

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
        new = without_label(with_text(example, side, self.index.sentence(number)))
        return dataclasses.replace(new, language=self.index.language(number) or example.language)
