from xtremedistil_tf.augmentation.augmenter import ORIGINAL, Augmented, Tally
from xtremedistil_tf.augmentation.stream import without_measured
from xtremedistil_tf.corpus.example import MeasuredTexts, TextExample


def test_measured_variants_are_dropped_and_counted_and_originals_are_not():
    stream = [Augmented(TextExample("a"), ORIGINAL, 0), Augmented(TextExample("A "), "external", 0),
              Augmented(TextExample("b"), "external", 0), Augmented(TextExample("c"), "mixing", 0)]
    tally = Tally()
    tally.of("external").kept = 2
    left = list(without_measured(stream, MeasuredTexts([TextExample("a")]), tally))
    assert left == [stream[0], *stream[2:]]
    assert (tally.of("external").kept, tally.of("external").measured, tally.of("mixing").measured) == (1, 1, 0)
    assert "1 that are measured" in tally.lines()[0] and Tally.from_json(tally.to_json()).lines() == tally.lines()
