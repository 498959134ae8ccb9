"""The transfer set as text: files of examples, and labelled examples that training left over."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TypeVar

from xtremedistil_tf.corpus.decontamination import Decontaminated, MeasuredTexts
from xtremedistil_tf.corpus.example import AnyExample
from xtremedistil_tf.errors import DataError
from xtremedistil_tf.fingerprint import ExamplesDigest

T = TypeVar("T")


class TransferText:
    """Examples to run the teacher over; read as a stream, as often as wanted, in the same order.

    Args:
        read: makes an iterator over the transfer files, the same every time.
        name: what the files are called, for messages.
        surplus: further examples; their labels are not read.
        most: examples to use, spread evenly over the whole (files come by language), 0 for all.
        measured: texts that must not stand in it; examples with such a text are left out.

    Attributes:
        sentences: number of examples.
        fingerprint: of the examples.
        left_out: examples that were left out because their text is measured.

    Raises:
        DataError: there is no example at all.
    """

    def __init__(self, read: Callable[[], Iterable[AnyExample]], name: str, surplus: Sequence[AnyExample] = (),
                 most: int = 0, measured: MeasuredTexts | None = None):
        self._read, self._surplus, self._measured = read, surplus, measured or MeasuredTexts(())
        digest, honest = ExamplesDigest(with_labels=False), self._honest()
        self._total = sum(1 for _ in map(digest.add, honest))
        self.left_out = honest.left_out
        self.sentences = min(most or self._total, self._total)
        self.fingerprint = f"{digest.hex()}-{self.sentences}"
        if self.left_out and not self.sentences:
            raise DataError(f"`transfer_file={name}`: all {self.left_out} examples also occur in dev or test. "
                            "Give other text, or distil on this with `keep_test_text`.")
        if not self.sentences:
            raise DataError(f"`transfer_file={name}`: no sentences. Expected unlabeled text, one sentence per line.")

    def __iter__(self) -> Iterator[AnyExample]:
        return evenly(self._honest(), self._total, self.sentences)

    def _honest(self) -> Decontaminated:
        return Decontaminated(itertools.chain(self._read(), self._surplus), self._measured)


def evenly(examples: Iterable[T], total: int, most: int) -> Iterator[T]:
    """At most `most` of `total` examples, spread evenly over the whole, in order."""
    kept = min(most, total)
    for index, example in enumerate(itertools.islice(examples, total)):
        if (index + 1) * kept // total > index * kept // total:
            yield example
