"""A Ray cluster of two machines, both of them this one, with a core each."""

from __future__ import annotations

import logging
import os

import pytest
import shared_conversions

os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")


@pytest.fixture(scope="session")
def cluster():
    """The cluster, connected to; its `address`."""
    ray = pytest.importorskip("ray", reason="needs the extra ray")
    from ray.cluster_utils import Cluster

    share = {"num_cpus": 1, "object_store_memory": 100 << 20}
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", shared_conversions.at_start())  # of all workers
        machines = Cluster(initialize_head=True, head_node_args={"include_dashboard": False, **share})
        machines.add_node(**share)
    ray.init(address=machines.address, log_to_driver=False, logging_level=logging.WARNING)
    yield machines
    ray.shutdown()
    machines.shutdown()
