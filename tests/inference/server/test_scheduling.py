"""Batches: bounded, shared by who waits, in turns; work that nobody waits for is not done."""

from __future__ import annotations

import itertools
import threading

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from xtremedistil_tf.inference.server.jobs import Gone, Job
from xtremedistil_tf.inference.server.model import RequestError, ServedModel, ServedSignature, Spec, Turns
from xtremedistil_tf.inference.server.scheduling import Scheduler

SPECIAL = 3


class Letters:
    """Answers with the letters of a text, padded to the longest of its batch; holds each batch until it is let."""

    def __init__(self, held: bool = False):
        self.batches: list[list[bytes]] = []
        self.asked, self.let = threading.Semaphore(0), threading.Semaphore(0 if held else 10 ** 6)

    def __call__(self, inputs):
        texts = inputs["texts"].tolist()
        self.batches.append(texts)
        self.asked.release()
        assert self.let.acquire(timeout=30)
        if b"bad" in texts:
            raise RequestError(400, "bad")
        table = np.full((len(texts), max(map(len, texts))), -1)
        for row, text in enumerate(texts):
            table[row, :len(text)] = list(text)
        return {"codes": table, "counts": np.array([len(text) for text in texts])}

    @property
    def model(self):
        text, ints = Spec("string", (None,)), Spec("int32", (None, None))
        signature = ServedSignature({"texts": text}, {"codes": ints, "counts": Spec("int32", (None,))}, self,
                                    whole=self, counted={"codes": "counts"})
        return ServedModel({"serving_default": signature}, [], "a test")


def job(model, *texts, seconds=60.0, most_bytes=10 ** 6):
    return Job(model, model.default, {"texts": np.array(texts, object)}, seconds, most_bytes)


@pytest.fixture
def scheduler_of():
    made = []

    def make(budget, most_jobs=100, most_bytes=10 ** 6):
        made.append(Scheduler(budget, most_jobs, most_bytes))
        return made[-1]

    yield make
    for scheduler in made:
        scheduler.end()


@given(st.lists(st.lists(st.binary(max_size=9), min_size=1, max_size=9), min_size=1, max_size=4), st.integers(4, 40))
def test_every_text_is_answered_without_padding_in_bounded_batches(requests, budget):
    letters = Letters()
    model, scheduler = letters.model, Scheduler(budget, 100, 10 ** 6)
    jobs = [job(model, *texts) for texts in requests]
    for each in jobs:
        scheduler.submit(each)
    for texts, each in zip(requests, jobs):
        assert each.done.result(30) == [{"codes": str(list(text)).encode(), "counts": str(len(text)).encode()}
                                        for text in texts]
    scheduler.end()
    for batch in letters.batches:
        assert len(batch) == 1 or len(batch) * (SPECIAL + max(map(len, batch))) <= budget
    asked = itertools.chain.from_iterable(requests)
    assert sorted(text for batch in letters.batches for text in batch) == sorted(asked)


def test_who_waits_shares_the_next_batch_however_much_is_before_it(scheduler_of):
    letters = Letters(held=True)
    model, scheduler = letters.model, scheduler_of(16)
    first, large = job(model, b"z"), job(model, *[b"a"] * 20)
    scheduler.submit(first)
    assert letters.asked.acquire(timeout=30)
    singles = [job(model, b"b"), job(model, b"c")]
    for each in (large, *singles):
        scheduler.submit(each)
    for _ in range(2):
        letters.let.release()
        assert letters.asked.acquire(timeout=30)
    assert letters.batches[:2] == [[b"z"], [b"a", b"b", b"c"]] and singles[1].done.result(30)
    letters.let.release(100)
    assert len(large.done.result(30)) == 20


def test_who_asks_much_waits_while_others_have_turns(scheduler_of):
    letters = Letters(held=True)
    model, scheduler = letters.model, scheduler_of(40)
    large = job(model, *[b"a" * 30] * 4)
    scheduler.submit(large)
    for number in range(6):
        assert letters.asked.acquire(timeout=30)
        scheduler.submit(job(model, b"%d" % number))
        letters.let.release()
    letters.let.release(100)
    assert len(large.done.result(30)) == 4
    # It has one row in the first batch, and then one in every other batch at most.
    has_large = [b"a" * 30 in batch for batch in letters.batches[:6]]
    assert has_large[0] and not any(map(all, itertools.pairwise(has_large)))


def test_long_texts_are_batches_of_their_own_in_turns_with_the_others(scheduler_of):
    turns, order = Turns(), []
    held = threading.Event()

    def forward(value):
        order.append(value)

    def long():
        with turns.asking(lambda: None):
            for _ in range(3):
                turns.one_by_one(forward)("long")
                held.set()

    with turns:
        thread = threading.Thread(target=long)
        thread.start()
        while not turns._waiting:
            pass
        short = threading.Thread(target=lambda: turns.one_by_one(forward)("short"))
        short.start()
        while len(turns._waiting) < 2:
            pass
    thread.join(30), short.join(30)
    assert order == ["long", "short", "long", "long"]
    letters = Letters()
    both = job(letters.model, b"x" * 50, b"a", b"b")
    scheduler_of(16).submit(both)
    assert [row["counts"] for row in both.done.result(30)] == [b"50", b"1", b"1"]
    assert sorted(letters.batches) == [[b"a", b"b"], [b"x" * 50]]


def test_a_refused_text_takes_no_other_request_with_it(scheduler_of):
    letters = Letters(held=True)
    model, scheduler = letters.model, scheduler_of(64)
    scheduler.submit(job(model, b"z"))
    assert letters.asked.acquire(timeout=30)
    good, bad = job(model, b"good"), job(model, b"bad")
    scheduler.submit(good), scheduler.submit(bad)
    letters.let.release(100)
    assert len(good.done.result(30)) == 1
    with pytest.raises(RequestError, match="bad"):
        bad.done.result(30)


def test_nothing_more_is_done_for_who_has_gone_or_is_late(scheduler_of):
    letters = Letters(held=True)
    model, scheduler = letters.model, scheduler_of(8)
    gone, late = job(model, *[b"a"] * 9), job(model, b"b", seconds=0)
    scheduler.submit(gone)
    assert letters.asked.acquire(timeout=30)
    scheduler.submit(late)
    gone.done.cancel()
    assert scheduler.waiting == 1
    with pytest.raises(Gone):
        gone.check()
    letters.let.release(100)
    with pytest.raises(RequestError, match="the server was busy for 0 s") as caught:
        late.done.result(30)
    assert caught.value.status == 503 and "Retry-After" in caught.value.headers
    after = job(model, b"c")
    scheduler.submit(after)
    assert after.done.result(30) and len(letters.batches) == 2 and scheduler.waiting == 0


def test_a_long_text_ends_between_two_batches_when_its_time_is_over():
    turns = Turns()

    def check():
        raise RequestError(413, "late")

    with turns.asking(check), pytest.raises(RequestError, match="late"):
        turns.one_by_one(lambda batch: pytest.fail("asked"))(1)
    assert turns.one_by_one(lambda batch: batch)(1) == 1


def test_there_is_room_for_so_many_and_so_much(scheduler_of):
    letters = Letters(held=True)
    model, scheduler = letters.model, scheduler_of(1000, most_jobs=2, most_bytes=50)
    scheduler.submit(job(model, b"a" * 20))
    with pytest.raises(RequestError, match="too many requests") as caught:
        scheduler.submit(job(model, b"a" * 40))
    assert caught.value.status == 503 and caught.value.headers["Retry-After"]
    scheduler.submit(job(model, b"a"))
    with pytest.raises(RequestError, match="too many requests"):
        scheduler.submit(job(model, b"a"))
    letters.let.release(100)


def test_an_answer_that_is_too_large_ends_its_work(scheduler_of):
    letters = Letters()
    large = job(letters.model, *[b"a" * 5] * 100, most_bytes=300)
    scheduler_of(8).submit(large)
    with pytest.raises(RequestError, match="larger than 300 bytes") as caught:
        large.done.result(30)
    assert caught.value.status == 413 and len(letters.batches) < 30
