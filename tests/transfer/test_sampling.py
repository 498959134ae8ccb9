"""A sample of a text that looks like the task's own."""

from __future__ import annotations

import collections
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from xtremedistil_tf.corpus import Example, TextExample
from xtremedistil_tf.corpus.example import MeasuredTexts
from xtremedistil_tf.transfer.sampling import EntityWords, SampledText, TaskText, alike, quotas, sort_of

NOTHING = MeasuredTexts(())


def texts(seed, count, lengths, capital, language=None):
    rng = random.Random(seed)
    return [TextExample(" ".join(("A" if rng.random() < capital else "b") + str(rng.randrange(1000))
                                 for _ in range(rng.choice(lengths))), language=language) for _ in range(count)]


def shares(examples):
    sorts = collections.Counter(map(sort_of, examples))
    return {sort: count / sorts.total() for sort, count in sorts.items()}


def distance(one, other):
    """Total variation."""
    return sum(abs(one.get(sort, 0) - other.get(sort, 0)) for sort in {*one, *other}) / 2


TASK = texts(1, 2000, [3, 4, 5, 12], 0.6)
TEXT = texts(2, 20000, range(1, 30), 0.5)


@pytest.mark.parametrize("most", [800, 0])
def test_the_sample_has_the_tasks_shares(most):
    sample = list(SampledText(lambda: TEXT, TaskText(TASK), most, NOTHING, None, 1))
    assert distance(shares(TEXT), shares(TASK)) > 0.7
    assert distance(shares(sample), shares(TASK)) < (0.02 if most else 0.3)
    assert len(sample) == most or (not most and len(sample) >= 2000)
    # Without replacement, and in order.
    places = {id(example): place for place, example in enumerate(TEXT)}
    assert [places[id(e)] for e in sample] == sorted({places[id(e)] for e in sample})


def test_the_same_every_time_and_never_more_than_there_are():
    text = SampledText(lambda: iter(TEXT), TaskText(TASK), 500, NOTHING, None, 1)
    assert list(text) == list(text) and text.sentences == len(list(text)) == 500
    assert (text.candidates, text.left_out) == (20000, 0)
    assert 0 < SampledText(lambda: TEXT, TaskText(TASK), 10 ** 6, NOTHING, None, 1).sentences < 20000
    assert not list(SampledText(lambda: TEXT, TaskText(TASK), -1, NOTHING, None, 1))


def test_each_language_looks_like_its_own_and_has_the_tasks_share():
    task = TaskText([*texts(3, 300, [2], 0.0, "xx"), *texts(4, 100, [7], 1.0, "yy")])
    text = [*texts(5, 3000, range(1, 10), 0.1, "xx"), *texts(6, 9000, range(1, 10), 0.9, "yy"),
            *texts(7, 4000, range(1, 10), 0.5)]
    sample = list(SampledText(lambda: text, task, 400, NOTHING, None, 1))
    count = collections.Counter(e.language for e in sample)
    assert (count["xx"], count["yy"], count[None]) == pytest.approx((225, 75, 100), abs=2)
    assert {len(e.text.split()) for e in sample if e.language == "xx"} == {2}
    assert {len(e.text.split()) for e in sample if e.language == "yy"} == {7, 8}  # of one sort
    other = collections.Counter(len(e.text.split()) for e in sample if e.language is None)
    assert other[2] / other.total() == pytest.approx(0.75, abs=0.02)


def test_fragments_are_sampled_and_what_is_measured_is_in_none():
    task = [Example(("Ada", "met"), ("B-X", "O")), Example(("we", "met"), ("O", "O"))] * 5
    text = [Example(("Ada", "met") * 3), Example(("we", "met")), Example(("a", "b"))] * 10

    def sampled(measured):
        return SampledText(lambda: text, TaskText(task), 0, MeasuredTexts(measured), EntityWords(task), 1)

    assert sampled([]).candidates > 30 and {len(e.words) for e in sampled([])} == {2}
    without = sampled([Example(("ADA", "met")), Example(("we", "met"))])
    assert without.left_out == 40 and without.candidates == 10


@settings(max_examples=200)
@given(st.dictionaries(st.integers(0, 9), st.tuples(st.integers(0, 50), st.just(0.0) | st.floats(1e-6, 1)), max_size=8),
       st.integers(0, 300))
def test_quotas(sorts, most):
    available = {key: count for key, (count, _) in sorts.items()}
    wanted = {key: share for key, (_, share) in sorts.items()}
    taken = quotas(available, wanted, most)
    reachable = sum(count for key, count in available.items() if wanted[key] > 0)
    assert sum(taken.values()) == pytest.approx(min(most, reachable), abs=1)
    assert all(0 <= number <= available[key] for key, number in taken.items())
    # Sorts that are not used up have their shares of what is taken from such.
    open_ones = [key for key, number in taken.items() if number + 1 < available[key]]
    scales = [taken[key] / wanted[key] for key in open_ones if wanted[key] > 0.05]
    assert not scales or max(scales) - min(scales) <= 2 / 0.05


def test_without_a_number_the_scarcest_quarter_may_be_used_up():
    wanted = {"a": 0.2, "b": 0.4, "c": 0.4}
    # "a" is used up; "b" sets the scale of 100 for a share of 0.4.
    assert alike({"a": 5, "b": 100, "c": 500}, wanted) == pytest.approx(5 + 100 + 100)
    assert alike({"a": 500, "b": 100, "c": 500}, wanted) == pytest.approx(50 + 100 + 100)
    assert alike({"a": 1, "b": 2, "c": 3000}, {"b": 1.0}) == pytest.approx(300.3)  # a tenth in any case
