"""Training on two replicas, in one process and in two, is training on one, and survives a lost worker."""

from __future__ import annotations

import json
import os
import pathlib
import socket
import subprocess

import numpy as np
import pytest

from xtremedistil_tf.errors import ConfigError
from xtremedistil_tf.training.distribution import Workers, strategy_for
from xtremedistil_tf.training.loop import load_state

_RUN = pathlib.Path(__file__).with_name("replicas_run.py")
_ROOT = _RUN.parents[2]
#: Of worker 1, in the second epoch of the first phase: it reads 5 validation rows at the start, and 19 of its
#: share and the 5 again in each epoch.
_FATAL_READ = 39


def start(python, *arguments, tf_config: dict | None = None) -> subprocess.Popen:
    environment = {name: value for name, value in os.environ.items() if name != "TF_CONFIG"}
    environment["PYTHONPATH"] = str(_ROOT)
    if tf_config:
        environment["TF_CONFIG"] = json.dumps(tf_config)
    return subprocess.Popen([python, _RUN, *map(str, arguments)], env=environment,
                            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def ended(processes: list[subprocess.Popen]) -> list[tuple[int, str]]:
    """Exit status and output of each."""
    try:
        outputs = [process.communicate(timeout=240)[0] for process in processes]
    finally:
        for process in processes:
            process.kill()
    return [(process.returncode, output) for process, output in zip(processes, outputs)]


def train(python, *arguments) -> None:
    (status, output), = ended([start(python, *arguments)])
    assert status == 0, output


def train_with_two_workers(python, folder, results, *arguments_of_second) -> list[tuple[int, str]]:
    with socket.create_server(("127.0.0.1", 0)) as one, socket.create_server(("127.0.0.1", 0)) as other:
        addresses = [f"127.0.0.1:{server.getsockname()[1]}" for server in (one, other)]
    more = ([], arguments_of_second)
    return ended([start(python, "workers", folder, results[i], *more[i],
                        tf_config={"cluster": {"worker": addresses}, "task": {"type": "worker", "index": i}})
                  for i in (0, 1)])


def assert_same_student(a: dict, b: dict) -> None:
    assert a["best"].tolist() == b["best"].tolist()
    np.testing.assert_allclose(a["losses"], b["losses"], atol=1e-5)
    weights = [name for name in a if name.startswith("arr_")]
    assert len(weights) == 11
    for name in weights:
        np.testing.assert_allclose(a[name], b[name], atol=1e-5)


@pytest.fixture(scope="module")
def alone(tmp_path_factory, python) -> dict[str, np.ndarray]:
    folder = tmp_path_factory.mktemp("alone")
    train(python, "alone", folder / "phases", folder / "result.npz")
    result = dict(np.load(folder / "result.npz"))
    assert result["best"].tolist() == [2, 2], "the weights must be those after all steps"
    return result


def test_two_devices_of_a_process_make_the_student_of_one(alone, tmp_path, python):
    train(python, "mirrored", tmp_path / "phases", tmp_path / "result.npz")
    result = dict(np.load(tmp_path / "result.npz"))
    assert_same_student(result, alone)
    (first, second), again = result["masks"]
    np.testing.assert_array_equal([first, second], again)
    assert 0.4 < (first != second).mean() < 0.6  # two fair coins


def test_two_workers_make_the_student_of_one_even_if_one_is_killed(alone, tmp_path, python):
    phases, results = tmp_path / "phases", [tmp_path / "0.npz", tmp_path / "1.npz"]
    (status, output), (killed, _) = train_with_two_workers(python, phases, results, _FATAL_READ)
    assert killed < 0 and status == 1, output
    assert "error: lost contact with a worker" in output and "last checkpoint" in output
    checkpoint, = phases.glob("1-joint-*/progress.npz")
    assert load_state(checkpoint)[1]["epoch"] == 1

    for status, output in train_with_two_workers(python, phases, results):
        assert status == 0, output
    chief, other = (dict(np.load(result)) for result in results)
    assert_same_student(chief, alone)
    for name in chief:
        if name != "masks":
            np.testing.assert_array_equal(chief[name], other[name])
    assert sorted(path.name for path in phases.glob("*/*")) == ["result.npz"] * 2


def test_without_cluster_and_gpus_there_is_no_strategy(monkeypatch):
    monkeypatch.delenv("TF_CONFIG", raising=False)
    strategy_for.cache_clear()
    workers = Workers(strategy_for())
    assert (workers.count, workers.number, workers.chief, workers.shares) == (1, 0, True, None)
    assert workers.from_chief(np.array([2.5])).tolist() == [2.5]


CLUSTER = {"worker": ["a:1", "b:1"]}


@pytest.mark.parametrize("tf_config, message", [
    ("{", "not understood"),
    (json.dumps({"cluster": CLUSTER}), "not understood.*task"),
    (json.dumps({"cluster": CLUSTER, "task": {"type": "worker", "index": 2}}), "no worker 2.*has 2"),
    (json.dumps({"cluster": CLUSTER, "task": {"type": "chief", "index": 0}}), "no chief 0.*has 0"),
    (json.dumps({"cluster": CLUSTER | {"ps": ["c:1"]}, "task": {"type": "worker", "index": 0}}), "found ps"),
    (json.dumps({"cluster": CLUSTER, "task": {"type": "evaluator", "index": 0}}), "found evaluator")])
def test_a_wrong_cluster_is_refused(tf_config, message, monkeypatch):
    monkeypatch.setenv("TF_CONFIG", tf_config)
    strategy_for.cache_clear()
    with pytest.raises(ConfigError, match=message):
        strategy_for()


def test_a_cluster_that_comes_too_late_is_refused(monkeypatch):
    import tensorflow as tf

    tf.constant(1) + 1
    monkeypatch.setenv("TF_CONFIG", json.dumps({"cluster": CLUSTER, "task": {"type": "worker", "index": 0}}))
    strategy_for.cache_clear()
    with pytest.raises(ConfigError, match="cannot connect the workers.*startup"):
        strategy_for()
