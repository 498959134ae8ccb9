import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from xtremedistil_tf.augmentation.augmenter import (
    Augmented,
    Augmenter,
    Tally,
    blocks,
    code_column,
    plans_of,
    provenance,
)
from xtremedistil_tf.augmentation.stream import augmented, similarity
from xtremedistil_tf.corpus.example import Example, QuestionExample, TextExample, digest, parts_of


class Drawn(Augmenter):
    """Sentences of drawn letters, or the original, reading `block` ahead."""

    keeps_label = False

    def __init__(self, name, block=1, letters="abcde"):
        self.name, self.block, self.letters, self.settings, self.read = name, block, letters, {"letters": letters}, 0

    def variants(self, examples, plan):
        for first, block in blocks(examples, self.block):
            self.read += len(block)
            for index, example in enumerate(block, first):
                rng = plan.random(index)
                yield [example if rng.random() < 0.2 else Example(tuple(rng.choice(self.letters) for _ in range(4)))
                       for _ in range(3 * plan.wanted(index))]


sentences = st.lists(st.lists(st.sampled_from("abcde"), min_size=1, max_size=5).map(lambda w: Example(tuple(w))),
                     max_size=30)


@settings(max_examples=60)
@given(examples=sentences, factor=st.sampled_from([0.3, 1, 2.5]), seed=st.integers(0, 9))
def test_the_stream_keeps_its_promises(examples, factor, seed):
    tally = Tally()
    stream = list(augmented(examples, [Drawn("masked"), Drawn("mixing")], factor, seed, tally, near=0.9))
    assert [item.example for item in stream if item.augmenter == "original"] == examples
    assert [item.index for item in stream] == sorted(item.index for item in stream)
    assert len(stream) <= len(examples) + int(len(examples) * factor)
    seen = set()
    for item in stream:
        key = digest(parts_of(item.example))
        assert item.augmenter == "original" or key not in seen
        seen.add(key)
    for _, group in itertools.groupby(stream, lambda item: item.index):
        group = [parts_of(item.example) for item in group]
        assert all(similarity(*both) < 0.9 for both in itertools.combinations(group, 2))
    made = sum(counts.kept for counts in tally.counts.values())
    assert (tally.originals, made) == (len(examples), len(stream) - len(examples))
    assert sum(counts.wanted for counts in tally.counts.values()) == int(len(examples) * factor)


@settings(max_examples=30)
@given(examples=sentences, chunks=st.tuples(st.integers(1, 9), st.integers(1, 9)))
def test_neither_chunks_nor_order_change_what_is_made(examples, chunks):
    first = [Drawn("masked", 1, "abcde"), Drawn("mixing", 1, "vwxyz")]
    other = [Drawn("mixing", chunks[0], "vwxyz"), Drawn("masked", chunks[1], "abcde")]
    by_index = [sorted(augmented(examples, augmenters, 3, 5), key=lambda item: (item.index, item.augmenter))
                for augmenters in (first, other)]
    assert by_index[0] == by_index[1]


def test_another_seed_makes_other_variants():
    examples = [Example(("one", "two"))] * 20
    assert list(augmented(examples, [Drawn("masked")], 1, 1)) != list(augmented(examples, [Drawn("masked")], 1, 2))


def test_it_streams():
    read = itertools.count()
    augmenters = [Drawn("masked", 4), Drawn("mixing", 16)]
    stream = augmented((Example((f"w{next(read)}",)) for _ in itertools.repeat(None)), augmenters, 1, 0)
    for _ in itertools.islice(stream, 1000):
        pass
    assert next(read) <= 1000 and all(augmenter.read <= 1000 for augmenter in augmenters)


def test_an_augmenter_alone_gives_what_the_plan_wants():
    plan = plans_of(["masked"], 0.5, 3)["masked"]
    found = list(Drawn("masked").augment([Example(("a",))] * 6, plan))
    assert [(item.index, item.augmenter) for item in found] == [(1, "masked"), (3, "masked"), (5, "masked")]


class Fixed(Augmenter):
    name, keeps_label, settings = "external", True, {}

    def __init__(self, *variants):
        self.fixed = variants

    def variants(self, examples, plan):
        return (self.fixed for _ in examples)


def test_what_is_dropped_is_counted():
    long = " ".join(f"w{i}" for i in range(60))
    tally = Tally()
    candidates = [TextExample(text) for text in ("Other", long.upper(), long + " x", "new", "NEW ", "fine", "late")]
    stream = list(augmented([TextExample("other"), TextExample(long)], [Fixed(*candidates)], 3, 0, tally))
    assert [item.example.text for item in stream] == ["other", long.upper(), "new", "fine", long, "late"]
    counts = tally.of("external")
    # For "other": Other; <long> x after LONG, NEW after new. For long: LONG; <long> x; Other, new, NEW, fine.
    assert (counts.wanted, counts.kept) == (6, 4)
    assert (counts.unchanged, counts.near, counts.repeated) == (2, 3, 4)
    line, = tally.lines()
    assert "external: 4 new examples of 6 wanted, for 2 originals" in line and "2 unchanged, 4 repeated" in line


def test_variants_of_questions_have_ids_of_their_own():
    variants = [QuestionExample("7", question, "c") for question in ("why not", "who else")]
    stream = list(augmented([QuestionExample("7", "what", "c")], [Fixed(*variants)], 2, 0))
    assert [item.example.id for item in stream] == ["7", "7-external1", "7-external2"]


def test_provenance():
    augmenters, tally = [Drawn("mixing")], Tally()
    stream = list(augmented([Example(("a", "b"))] * 5, augmenters, 1, 0, tally))
    codes = code_column(stream)
    assert codes.dtype == "int8" and codes.tolist() == [5 if item.augmenter == "mixing" else 0 for item in stream]
    facts = provenance(augmenters, 1, 0, tally)["augmenters"]["mixing"]
    assert (facts["code"], facts["settings"], facts["counts"]["wanted"]) == (5, {"letters": "abcde"}, 5)
    assert Tally.from_json(tally.to_json()).to_json() == tally.to_json()


def test_the_end_of_the_stream_reaches_the_augmenters():
    class Ending(Fixed):
        def variants(self, examples, plan):
            yield from super().variants(examples, plan)
            raise ValueError("the end")

    with pytest.raises(ValueError, match="the end"):
        list(augmented([TextExample("a")], [Ending()], 1, 0))


def test_items_are_plain():
    assert Augmented(TextExample("a"), "masked", 3) == Augmented(TextExample("a"), "masked", 3)
