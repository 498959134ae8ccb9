"""Connecting to a Ray cluster, or starting one on this machine."""

from __future__ import annotations

import contextlib
import importlib.util
import logging
import os
import socket
from collections.abc import Iterator

from xtremedistil_tf.errors import ConfigError, MissingExtraError

AUTO, LOCAL = "auto", "local"
_PATIENCE_SECONDS = 10


def require_ray(purpose: str = "`ray_address`") -> None:
    """Raises MissingExtraError where ray is not installed."""
    if importlib.util.find_spec("ray") is None:
        raise MissingExtraError("ray", "ray", purpose)


@contextlib.contextmanager
def connected(address: str) -> Iterator[None]:
    """Connects this process to a cluster for the time being; one that is connected already stays so.

    Args:
        address: `auto` for the cluster that this machine belongs to, `local` for a new one on this
            machine, or host:port of the head.

    Raises:
        MissingExtraError: ray is not installed.
        ConfigError: there is no such cluster, it has another version of Ray or Python, or another token.
    """
    require_ray()
    import ray
    from ray.exceptions import RayError

    if ray.is_initialized():
        yield
        return
    options = {}
    if address == LOCAL:
        options["include_dashboard"] = False
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # nothing is to be sent from here unasked
    try:
        if address not in (AUTO, LOCAL):
            _reach(address)
        ray.init(address=address, log_to_driver=False, logging_level=logging.WARNING, **options)
    except (RayError, RuntimeError, ValueError, OSError) as error:
        raise ConfigError(f"`ray_address={address}`: cannot connect ({' '.join(str(error).split())}). "
                          "Expected auto on a machine of a running cluster (ray status shows it), host:port "
                          "of its head, or local.") from error
    try:
        yield
    finally:
        ray.shutdown()


def _reach(address: str) -> None:
    """Raises OSError or ValueError where nobody answers: Ray itself would try for many minutes."""
    host, _, port = address.rpartition(":")
    socket.create_connection((host, int(port)), _PATIENCE_SECONDS).close()
