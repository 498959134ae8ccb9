import random

import pytest

from xtremedistil_tf.augmentation.augmenter import Augmenter, Tally
from xtremedistil_tf.augmentation.mixing import MixedPairs, MixedSpans
from xtremedistil_tf.augmentation.stream import AugmentedText, augmented
from xtremedistil_tf.corpus.example import Answer, Example, QuestionExample, TextExample
from xtremedistil_tf.errors import DataError
from xtremedistil_tf.transfer.text import TransferText


class Changed(Augmenter):
    name, keeps_label, settings = "external", True, {}

    def variants(self, examples, plan):
        for example in examples:
            yield [QuestionExample("x", f"{example.question} {i}", example.context,
                                   (Answer("ü\n", i),) if i else None) for i in range(2)]


def examples_of(kind):
    rng = random.Random(2)
    letters = [[rng.choice("abcdefgh") for _ in range(6)] for _ in range(60)]
    return {"tagging": [Example(tuple(w), ("O",) * 6 if i % 2 else None, "de") for i, w in enumerate(letters)],
            "pairs": [TextExample(" ".join(w), f"ü {w[0]}\t{i}", 1.5) for i, w in enumerate(letters)],
            "questions": [QuestionExample(str(i), " ".join(w), "c", (Answer("c", 0),)) for i, w in enumerate(letters)],
            }[kind]


@pytest.mark.parametrize(("kind", "augmenter"), [("tagging", MixedSpans), ("pairs", MixedPairs),
                                                 ("questions", Changed)])
def test_what_is_kept_is_the_stream(tmp_path, kind, augmenter):
    examples = examples_of(kind)
    originals = TransferText(lambda: examples, "t")
    tally = Tally()
    expected = list(augmented(examples, [augmenter()], 1.5, 3, tally))
    kept = AugmentedText(originals, [augmenter()], 1.5, 3, tmp_path)
    assert list(kept.items()) == expected and len(expected) > 100
    assert list(kept) == list(kept) == [item.example for item in expected] and kept.sentences == len(expected)
    assert kept.codes().tolist() == [0 if item.augmenter == "original" else {"mixing": 5, "external": 6}[
        item.augmenter] for item in expected]
    counts = kept.provenance["augmenters"][augmenter.name]["counts"]
    assert counts["kept"] == len(expected) - 60 == tally.of(augmenter.name).kept
    assert kept.provenance["originals"] == 60


def test_variants_are_made_once(tmp_path):
    originals = TransferText(lambda: examples_of("pairs"), "t")
    first = AugmentedText(originals, [MixedPairs()], 1, 3, tmp_path)

    class Never(MixedPairs):
        def variants(self, examples, plan):
            pytest.fail("made again")

    again = AugmentedText(originals, [Never()], 1, 3, tmp_path)
    assert list(again) == list(first) and again.fingerprint == first.fingerprint
    assert again.provenance == first.provenance
    others = [AugmentedText(originals, [MixedPairs()], 2, 3, tmp_path),
              AugmentedText(originals, [MixedPairs()], 1, 4, tmp_path),
              AugmentedText(originals, [MixedPairs()], 1, 3, tmp_path, near=0.5),
              AugmentedText(originals, [MixedPairs()], 1, 3, tmp_path, choose=lambda stream, tally: stream, choice=1)]
    assert len({text.fingerprint for text in (first, *others)}) == 5
    assert len(list(tmp_path.glob("augmented-*"))) == 5


def test_only_what_is_chosen_is_kept(tmp_path):
    originals = TransferText(lambda: examples_of("pairs"), "t")
    kept = AugmentedText(originals, [MixedPairs()], 1, 3, tmp_path,
                         choose=lambda stream, tally: (item for item in stream if item.augmenter == "original"))
    assert list(kept) == examples_of("pairs") and kept.sentences == 60


def test_nothing_is_left_of_what_failed(tmp_path):
    class Failing(MixedPairs):
        def variants(self, examples, plan):
            yield from super().variants(examples, plan)
            raise DataError("bad")

    with pytest.raises(DataError, match="bad"):
        AugmentedText(TransferText(lambda: examples_of("pairs"), "t"), [Failing()], 1, 3, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_damage_is_explained(tmp_path):
    kept = AugmentedText(TransferText(lambda: examples_of("pairs"), "t"), [MixedPairs()], 1, 3, tmp_path)
    file, = tmp_path.glob("augmented-*/variants.jsonl.gz")
    file.write_bytes(file.read_bytes()[:-40])
    with pytest.raises(DataError, match="variants.jsonl.gz: damaged .*Delete"):
        list(kept)


def test_an_augmenter_that_makes_next_to_nothing_warns(tmp_path, caplog):
    class Nothing(Changed):
        def variants(self, examples, plan):
            return ([] for _ in examples)

    caplog.set_level("INFO", "xtremedistil_tf")
    originals = TransferText(lambda: examples_of("questions"), "t")
    AugmentedText(originals, [Nothing()], 1, 3, tmp_path / "a")
    AugmentedText(originals, [Changed()], 1, 3, tmp_path / "b")
    none, some = caplog.records
    assert none.levelname == "WARNING" and "0 new examples of 60 wanted" in none.getMessage()
    assert some.levelname == "INFO"
