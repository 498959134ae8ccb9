"""Honest text: what is measured must not stand in the text that teacher and student learn from."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from xtremedistil_tf.corpus.example import AnyExample, TextExample
from xtremedistil_tf.corpus.normalised import digest, parts_of


class MeasuredTexts:
    """The texts of the examples that a run is measured on, as 8-byte digests.

    Two texts are the same where they differ only in case, white space (so that words and raw text agree) and
    Unicode's compatibility forms. Of a pair both texts count, in either order; of a question the question and
    its context together: another question about the same context is another example. Parts of a text are
    not looked for.

    Args:
        examples: of dev and test.
    """

    def __init__(self, examples: Iterable[AnyExample]):
        self._digests = set(map(_text_digest, examples))

    def __contains__(self, example: AnyExample) -> bool:
        return bool(self._digests) and _text_digest(example) in self._digests

    @property
    def digests(self) -> list[int]:
        """Sorted, for a fingerprint."""
        return sorted(self._digests)


class Decontaminated:
    """A stream without the examples whose text is measured; reads `examples` once.

    Args:
        examples: a stream.
        measured: what must not stand in it.

    Attributes:
        left_out: examples that were left out so far.
    """

    def __init__(self, examples: Iterable[AnyExample], measured: MeasuredTexts):
        self._examples, self._measured = examples, measured
        self.left_out = 0

    def __iter__(self) -> Iterator[AnyExample]:
        for example in self._examples:
            if example in self._measured:
                self.left_out += 1
            else:
                yield example


def _text_digest(example: AnyExample) -> int:
    parts = [part.replace(" ", "") for part in parts_of(example)]
    return digest(tuple(sorted(parts) if isinstance(example, TextExample) else parts))
