"""Dividing a cluster's machines among workers."""

from __future__ import annotations

import pytest

from xtremedistil_tf.errors import ConfigError
from xtremedistil_tf.transfer.ray_workers import Share, share_of

EIGHT, FOUR = {"CPU": 8.0, "memory": 1e9}, {"CPU": 4.0}
GPUS = {"CPU": 16.0, "GPU": 4.0}


@pytest.mark.parametrize("machines, workers, expected", [
    ([EIGHT], 0, Share(1, 8, 0)),
    ([EIGHT, EIGHT], 0, Share(2, 8, 0)),
    ([EIGHT, FOUR], 0, Share(3, 4, 0)),  # two on the larger machine
    ([{"CPU": 0.0}, {}, EIGHT], 0, Share(1, 8, 0)),  # a head that takes no work
    ([EIGHT], 2, Share(2, 4, 0)),
    ([EIGHT], 3, Share(3, 2, 0)),
    ([EIGHT, FOUR], 2, Share(2, 4, 0)),
    ([EIGHT, FOUR], 1, Share(1, 8, 0)),
    ([EIGHT], 20, Share(20, 1, 0)),  # more than fit: the others wait for room
    ([GPUS], 0, Share(4, 4, 1)),
    ([GPUS, EIGHT], 0, Share(4, 4, 1)),
    ([GPUS], 8, Share(8, 2, 0.5)),
    ([GPUS], 2, Share(2, 8, 1)),
    ([{"CPU": 2.0, "GPU": 4.0}], 0, Share(4, 1, 1)),
])
def test_every_worker_gets_as_much_as_all_can_have(machines, workers, expected):
    assert share_of(machines, workers) == expected


def test_a_cluster_without_cores_is_refused():
    with pytest.raises(ConfigError, match="offers CPU cores"):
        share_of([{"CPU": 0.0}, {"memory": 1.0}])
