"""Pictures: every name is in them, and the same figures give the same bytes."""

from __future__ import annotations

import random
import xml.etree.ElementTree as ElementTree

import pytest

import plots


def curves(file):
    plots.curves(file, {"here": {"D1": [(3000, 50), (9000, 60)], "D2": [(3000, 52), (9000, 59)]},
                        "there": {"D1": [(7e5, 80), (7e6, 90)]}}, "sentences", "F1", log=True)


def steps(file):
    plots.curves(file, {"here": {"D1": [(0, 1), (1, 5)], "D2": [(1, 5)]}}, "step", "F1", ["sentences", "there"])


def trade_off(file):
    plots.trade_off(file, {"sentences": {"D1": {"here": (5, 80), "there": (30, 88)}, "D2": {"E50": (4, 70)}}}, "F1")


def bars(file):
    plots.bars(file, ["here", "there", "sentences"], {"D1": [1, 2, 3], "D2": [3, 2, 1]}, "F1")


@pytest.mark.parametrize("draw", [curves, steps, trade_off, bars])
def test_a_picture_names_its_parts_and_can_be_made_again(tmp_path, draw):
    draw(tmp_path / "one.svg")
    draw(tmp_path / "two.svg")
    one = (tmp_path / "one.svg").read_bytes()
    assert one == (tmp_path / "two.svg").read_bytes()
    words = {text.strip() for text in ElementTree.fromstring(one).itertext()}
    assert {"here", "there", "sentences", "D1", "D2", "F1"} <= words
    assert sorted(path.name for path in tmp_path.iterdir()) == ["one.svg", "two.svg"]


def test_front_is_what_no_other_point_beats():
    rng = random.Random(0)
    for _ in range(50):
        points = [(rng.randint(1, 6), rng.randint(1, 6)) for _ in range(rng.randint(1, 12))]
        beaten = {p for p in points for q in points if q != p and q[0] <= p[0] and q[1] >= p[1]}
        assert plots.front(points) == sorted(set(points) - beaten)
