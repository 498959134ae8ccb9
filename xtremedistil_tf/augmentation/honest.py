"""New examples whose text is measured are dropped: a large corpus may hold the very sentences of the test set."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from xtremedistil_tf.augmentation.augmenter import Augmented
from xtremedistil_tf.augmentation.provenance import ORIGINAL, Tally
from xtremedistil_tf.corpus.decontamination import MeasuredTexts


def without_measured(stream: Iterable[Augmented], measured: MeasuredTexts, tally: Tally) -> Iterator[Augmented]:
    """Passes on the originals, and the variants whose text is not measured; the counts of `tally` are corrected."""
    for item in stream:
        if item.augmenter != ORIGINAL and item.example in measured:
            tally.of(item.augmenter).measured += 1
            tally.of(item.augmenter).kept -= 1
        else:
            yield item
