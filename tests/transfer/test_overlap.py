"""Items made ahead and jobs in the background: order, bounds, errors."""

from __future__ import annotations

import contextlib
import threading

import pytest

from xtremedistil_tf.transfer.making import InBackground, made_ahead


def test_items_come_in_order_and_exactly_one_is_made_ahead():
    made, ready = [], threading.Semaphore(0)

    def items():
        for number in range(10):
            made.append(number)
            ready.release()
            yield number

    seen = []
    for item in made_ahead(items()):
        if item < 9:
            for _ in range(1 + (not seen)):
                assert ready.acquire(timeout=10)  # the next one is made while this one is used
        seen.append(item)
        assert made == list(range(min(item + 2, 10)))
    assert seen == list(range(10))


def test_an_error_comes_where_the_item_would_have():
    def items():
        yield 1
        yield 2
        raise KeyError("three")

    seen = []
    with pytest.raises(KeyError, match="three"):
        for item in made_ahead(items()):
            seen.append(item)
    assert seen == [1, 2]


def test_nothing_is_made_after_the_consumer_stopped():
    made = []

    def items():
        for number in range(100):
            made.append(number)
            yield number

    with contextlib.closing(made_ahead(items())) as stream:
        assert next(stream) == 0
    assert len(made) <= 2 and not any(thread.name.startswith("made-ahead") for thread in threading.enumerate())


def test_jobs_run_one_after_the_other_and_all_are_done_at_the_end():
    running, most, done = [0], [0], []

    def job(number):
        running[0] += 1
        most[0] = max(most[0], running[0])
        done.append(number)
        running[0] -= 1

    with InBackground() as background:
        for number in range(20):
            background.start(lambda number=number: job(number))
    assert done == list(range(20)) and most == [1]


def fails():
    raise OSError("disk")


def test_the_error_of_a_job_comes_with_the_next_or_at_the_end():
    with pytest.raises(OSError, match="disk"), InBackground() as background:
        background.start(fails)
    with pytest.raises(OSError, match="disk"), InBackground() as background:
        background.start(fails)
        background.start(lambda: pytest.fail("runs after an error"))
    with pytest.raises(ZeroDivisionError), InBackground() as background:  # the first error counts
        background.start(fails)
        raise ZeroDivisionError
