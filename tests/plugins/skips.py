"""`--forbid_skips`: a test that is skipped fails the run, as in continuous integration, where everything is installed.

Without XTREMEDISTIL_DATA, tests on real text are skipped all the same: the data is no part of the repository.
"""

from __future__ import annotations

import os
from typing import Any

import pytest

_SKIPPED = pytest.StashKey[list[str]]()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--forbid_skips", action="store_true", help="fail where a test is skipped")


def pytest_configure(config: pytest.Config) -> None:
    config.stash[_SKIPPED] = []
    if config.option.forbid_skips and not hasattr(config, "workerinput"):
        config.pluginmanager.register(_Watch(config), "forbid_skips")


class _Watch:
    """Sees the reports of all workers."""

    def __init__(self, config: pytest.Config):
        self._skipped = config.stash[_SKIPPED]

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self._note(report)

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        self._note(report)

    def _note(self, report: Any) -> None:
        if not report.skipped or hasattr(report, "wasxfail"):
            return
        reason = report.longrepr[-1] if isinstance(report.longrepr, tuple) else str(report.longrepr)
        if "XTREMEDISTIL_DATA" not in reason or "XTREMEDISTIL_DATA" in os.environ:
            self._skipped.append(f"{report.nodeid}: {reason}")

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        if self._skipped:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: Any) -> None:
        if self._skipped:
            terminalreporter.section("skipped: this run FAILED", red=True)
            for line in self._skipped:
                terminalreporter.line(line, red=True)
