"""The transfer set as text: files of sentences, and labelled sentences that training left over."""

from __future__ import annotations

import itertools
from typing import Iterator, Sequence

from xtremedistil_tf.corpus import read_text
from xtremedistil_tf.corpus.example import Example
from xtremedistil_tf.errors import DataError
from xtremedistil_tf.fingerprint import examples_fingerprint


class TransferText:
    """Sentences to run the teacher over; read as a stream, as often as wanted, in the same order.

    Args:
        files: what `read_text` takes; empty for none.
        surplus: further sentences; their tags are not read.
        most: sentences to use, spread evenly over the whole (files come by language), 0 for all.

    Raises:
        DataError: there is no sentence at all.
    """

    def __init__(self, files: str, surplus: Sequence[Example] = (), most: int = 0):
        self._files, self._surplus = files, surplus
        self._total = sum(1 for _ in self._all())
        self.sentences = min(most or self._total, self._total)
        self.fingerprint = examples_fingerprint(Example(words) for words in self.words())
        if not self.sentences:
            raise DataError(f"--transfer_file={files}: no sentences. Expected unlabeled text, one sentence a line.")

    def words(self) -> Iterator[tuple[str, ...]]:
        """The words of every sentence."""
        for index, example in enumerate(self._all()):
            if (index + 1) * self.sentences // self._total > index * self.sentences // self._total:
                yield example.words

    def _all(self) -> Iterator[Example]:
        return itertools.chain(read_text(self._files) if self._files else (), self._surplus)
