import math
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xtremedistil_tf.augmentation.augmenter import VariantPlan, plans_of
from xtremedistil_tf.errors import ConfigError

NAMES = ["masked", "entities", "mixing", "external"]


@given(factor=st.decimals("0.001", 20, places=3), count=st.integers(1, 4), start=st.integers(0, 10**7))
def test_augmenters_together_use_the_budget_to_the_last_example(factor, count, start):
    plans, exact = plans_of(NAMES[:count], float(factor), 1), Fraction(factor)
    for index in range(start, start + 20):
        wanted = [plan.wanted(index) for plan in plans.values()]
        assert sum(wanted) == math.floor((index + 1) * exact) - math.floor(index * exact)
        assert max(wanted) - min(wanted) <= 1


def test_each_augmenter_has_its_share_in_any_order():
    plans = plans_of(NAMES, 0.5, 3)
    totals = {name: sum(plan.wanted(i) for i in range(8000)) for name, plan in plans.items()}
    assert set(totals.values()) == {1000}
    assert plans_of(NAMES[::-1], 0.5, 3) == plans


def test_random_numbers_depend_on_seed_name_and_index_only():
    draws = {(seed, name, index): VariantPlan(name, seed).random(index).random()
             for seed in range(5) for name in NAMES for index in range(20)}
    assert len(set(draws.values())) == len(draws)
    assert plans_of(NAMES, 3, 4)["mixing"].random(7).random() == draws[4, "mixing", 7]


@pytest.mark.parametrize("factor", [0, -1, math.nan, math.inf])
def test_a_factor_is_positive(factor):
    with pytest.raises(ConfigError, match="`augment_factor="):
        plans_of(["masked"], factor, 0)


def test_an_augmenter_is_named_once():
    with pytest.raises(ConfigError, match="masked is listed twice"):
        plans_of(["masked", "mixing", "masked"], 1, 0)
