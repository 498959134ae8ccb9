"""The plan of a budget against the times it was made from, and that it is kept."""

from __future__ import annotations

import dataclasses

import pytest

from xtremedistil_tf.atomic import read_json
from xtremedistil_tf.config import DistillationConfig
from xtremedistil_tf.config.arguments import MIN_EPOCHS, with_recipe
from xtremedistil_tf.errors import ConfigError
from xtremedistil_tf.runs import planning as budget
from xtremedistil_tf.runs.planning import PLANNED, Measurement, Step, plan, within_budget

TRANSFER, LABELLED = 100_000, 3_200


def settings(minutes, **given):
    return with_recipe(DistillationConfig(task="t", transfer_file="f", model_dir="m", budget_minutes=minutes, **given),
                       "bilstm")


def steps(baseline=True):
    found = [Step("teacher", LABELLED, 10, 1000, 10.0, 0.3),
             Step("teacher over transfer set", TRANSFER, 1, 1000, 0.0, 1.0),
             Step("1-logits", TRANSFER, 8, 8 * 800, 4.0, 0.1, "logits")]
    return found + [Step("labels alone: 1-labels", LABELLED, 30, 3000, 4.0, 0.05, "labels")] * baseline


def seconds(numbers, found):
    """What the planned run takes, by the times of its steps."""
    text = numbers["max_transfer"] or TRANSFER
    epochs = {"teacher": numbers["teacher_epochs"], "teacher over transfer set": text / TRANSFER,
              "1-logits": numbers["distil_epochs"] * text / TRANSFER, "labels alone: 1-labels": numbers["ft_epochs"]}
    return sum(step.start + epochs[step.name] * step.each * step.steps / step.epochs for step in found)


@pytest.mark.parametrize("minutes", [8, 12, 20, 45, 90, 400])
@pytest.mark.parametrize("baseline", [True, False])
def test_what_is_planned_fits_and_fills_the_time(minutes, baseline):
    found = steps(baseline)
    numbers = plan(settings(minutes), found)
    taken = seconds(numbers, found)
    assert taken <= PLANNED * 60 * minutes
    whole = numbers["max_transfer"] == 0 and numbers["distil_epochs"] == 100
    assert whole or taken > 0.8 * PLANNED * 60 * minutes


def test_text_comes_before_repetition():
    few, many = plan(settings(12), steps()), plan(settings(90), steps())
    assert few["max_transfer"] < TRANSFER and few["distil_epochs"] == MIN_EPOCHS
    assert many["max_transfer"] == 0 and many["distil_epochs"] > MIN_EPOCHS


def test_too_little_time_is_refused_with_what_it_takes():
    with pytest.raises(ConfigError, match="`budget_minutes=1`: expected at least [2-9] min"):
        plan(settings(1), steps())


def test_the_numbers_are_kept_until_a_setting_changes(tmp_path, monkeypatch):
    measured = []
    monkeypatch.setattr(budget, "measure_steps",
                        lambda config: Measurement(measured.append(1) or steps(), {}, tmp_path))
    config = dataclasses.replace(settings(20), model_dir=str(tmp_path))
    first = within_budget(config)
    assert within_budget(config) == first and len(measured) == 1
    assert read_json(tmp_path / "budget.json")["distil_epochs"] == first.distil_epochs
    assert within_budget(dataclasses.replace(config, budget_minutes=40.0)) != first and len(measured) == 2
    within_budget(dataclasses.replace(config, budget_minutes=90.0, dry_run=True))
    assert within_budget(dataclasses.replace(config, budget_minutes=40.0)) and len(measured) == 3  # it kept nothing
