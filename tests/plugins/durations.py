"""Long files of tests begin first, so that the workers end together; `-m quick` leaves them out.

`durations.json` has the seconds of the files that take long, by the clock: a test that waits for processes holds a
worker, too. The others, new ones among them, count as quick, save those that need a fixture which takes long itself.
`pytest --write_durations` writes the table anew, from a run of all tests, in which another file may have made that
fixture.
"""

from __future__ import annotations

import collections
import json
import pathlib
import time
from collections.abc import Iterator
from typing import Any

import pytest

TABLE = pathlib.Path(__file__).with_name("durations.json")
#: Seconds below which a file is quick.
QUICK = 3.5
#: Fixtures, made once for all files, that take as long: runs of the main job, and exports of models of every kind.
LONG_FIXTURES = {"distilled", "exported", "models"}
_USED = pytest.StashKey[collections.Counter]()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--write_durations", action="store_true", help=f"write {TABLE.name}, from a run of all tests")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", f"quick: in a file of less than {QUICK:.0f} s with its fixtures; set for you")
    config.stash[_USED] = collections.Counter()


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    known = json.loads(TABLE.read_text(encoding="utf-8"))
    long = {_file(item.nodeid) for item in items if LONG_FIXTURES.intersection(getattr(item, "fixturenames", ()))}
    for item in items:
        if _file(item.nodeid) not in known and _file(item.nodeid) not in long:
            item.add_marker("quick")
    items.sort(key=lambda item: -known.get(_file(item.nodeid), 0.0))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Iterator[Any]:
    began = time.perf_counter()
    done = yield
    item.config.stash[_USED][_file(item.nodeid)] += time.perf_counter() - began
    return done


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    node.config.stash[_USED].update(getattr(node, "workeroutput", {}).get("durations", {}))


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_sessionfinish(session: pytest.Session) -> Iterator[Any]:
    config = session.config
    if hasattr(config, "workeroutput"):
        config.workeroutput["durations"] = dict(config.stash[_USED])
    done = yield  # the workers end
    if config.option.write_durations and not hasattr(config, "workeroutput"):
        slow = {file: round(seconds, 1) for file, seconds in config.stash[_USED].most_common() if seconds >= QUICK}
        TABLE.write_text(json.dumps(slow, indent=0) + "\n", encoding="utf-8")
    return done


def _file(nodeid: str) -> str:
    return nodeid.partition("::")[0]
