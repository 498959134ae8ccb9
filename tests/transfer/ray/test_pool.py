"""Actors and their jobs: nothing is lost with a worker, and what goes wrong is said."""

from __future__ import annotations

import os
import pathlib
import signal

import pytest

from xtremedistil_tf.errors import DataError, TransferStoreError
from xtremedistil_tf.transfer.ray_workers import Job, WorkerPool

pytest.importorskip("ray", reason="needs the extra ray")


def new_actor():
    """An actor that is defined here, so that it is sent as it is: workers cannot import tests."""
    import ray

    class Doubler:
        def start(self):
            return f"process {os.getpid()}"

        def double(self, number):
            return 2 * number

        def die(self, marks, times):
            found = len(list(pathlib.Path(marks).iterdir()))
            if found < times:
                (pathlib.Path(marks) / str(found)).touch()
                os.kill(os.getpid(), signal.SIGKILL)
            return "alive"

        def fail(self, error):
            raise error

    return ray.remote(Doubler).options(num_cpus=1, max_restarts=0, max_task_retries=0).remote()


@pytest.fixture
def pool(cluster):
    made = WorkerPool(new_actor, 2)
    yield made
    made.close()


def doubles(numbers):
    return [Job(f"number {number}", "double", (number,)) for number in numbers]


def test_every_job_is_done_once_though_workers_die(pool, tmp_path):
    jobs = [*doubles(range(5)), Job("dying", "die", (str(tmp_path), 2)), *doubles(range(5, 20))]
    done = {job.name: result for job, result in pool.run(iter(jobs))}
    assert done == {"dying": "alive"} | {f"number {n}": 2 * n for n in range(20)}
    assert pool.losses == 2
    assert [result for _, result in pool.run(doubles([7]))] == [14]


def test_a_job_that_kills_every_worker_ends_the_run(pool, tmp_path):
    with pytest.raises(TransferStoreError, match=r"dying lost 3 Ray workers, .* memory.*to continue"):
        list(pool.run([*doubles(range(3)), Job("dying", "die", (str(tmp_path), 9))]))
    assert len(list(tmp_path.iterdir())) == 3


@pytest.mark.parametrize("error", [DataError("x.txt:3: bad"), OSError(28, "No space left on device")])
def test_what_people_can_mend_comes_out_as_it_was_raised(pool, error):
    with pytest.raises(type(error)) as raised:
        list(pool.run([Job("failing", "fail", (error,))]))
    assert type(raised.value) is type(error) and raised.value.args == error.args


def test_a_mistake_of_the_program_shows_where_it_was(pool):
    with pytest.raises(ZeroDivisionError, match="in fail"):
        list(pool.run([Job("failing", "fail", (ZeroDivisionError("zero"),))]))


def test_workers_without_a_machine_are_not_waited_for(cluster):
    pool = WorkerPool(new_actor, 4)  # two of them have no room
    try:
        assert sorted(result for _, result in pool.run(doubles(range(30)))) == [2 * n for n in range(30)]
        assert pool.ready <= 2
    finally:
        pool.close()


def test_workers_that_die_as_they_start_end_the_run(cluster):
    import ray

    class StillBorn:
        def start(self):
            os.kill(os.getpid(), signal.SIGKILL)

    pool = WorkerPool(lambda: ray.remote(StillBorn).options(num_cpus=1, max_restarts=0).remote(), 1)
    with pytest.raises(TransferStoreError, match="its start lost 3 Ray workers"):
        list(pool.run(doubles([1])))
    assert pool.losses == 3
