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
        most: sentences to use, 0 for all.

    Raises:
        DataError: there is no sentence at all.
    """

    def __init__(self, files: str, surplus: Sequence[Example] = (), most: int = 0):
        self._files, self._surplus, self._most = files, surplus, most
        self.sentences, self.fingerprint = self._survey()
        if not self.sentences:
            raise DataError(f"--transfer_file={files}: no sentences. Expected unlabeled text, one sentence a line.")

    def words(self) -> Iterator[tuple[str, ...]]:
        """The words of every sentence."""
        stream = itertools.chain(read_text(self._files) if self._files else (), self._surplus)
        for example in itertools.islice(stream, self._most or None):
            yield example.words

    def _survey(self) -> tuple[int, str]:
        count = 0

        def counted():
            nonlocal count
            for count, words in enumerate(self.words(), 1):
                yield Example(words)

        digest = examples_fingerprint(counted())
        return count, digest
