"""A sweep from beginning to end. Nothing here imports TensorFlow: what needs it runs in processes."""

from __future__ import annotations

import logging
import os
import pathlib
import subprocess
import sys
import time
from collections.abc import Sequence
from typing import Any

from xtremedistil_tf.config.sweep import SweepConfig
from xtremedistil_tf.errors import ConfigError, XtremeDistilError
from xtremedistil_tf.progress import in_minutes
from xtremedistil_tf.runs.sweep.candidates import (
    Budget,
    Candidate,
    Kept,
    candidates,
    planned,
    share_of,
    shown_costs,
    survivors,
    titled,
)
from xtremedistil_tf.runs.sweep.processes import FullRun, ShortRun, child, environment, words_of
from xtremedistil_tf.runs.sweep.results import points_table, sweep_report, write_results

log = logging.getLogger(__name__)


class Pace:
    """Training takes as long as its share of the epochs, all else of a run a fixed time."""

    def __init__(self) -> None:
        self._training = self._shares = 0.0
        self._overheads: list[float] = []

    def add(self, share: float, seconds: float, training_seconds: float) -> None:
        """Takes a finished run into account.

        Args:
            share: of the epochs of a full run.
            seconds: of the whole run.
            training_seconds: that the student's phases took.
        """
        self._training += training_seconds
        self._shares += share
        self._overheads.append(max(0.0, seconds - training_seconds))

    def left(self, shares: Sequence[float]) -> float | None:
        """Seconds for runs of these shares; None as long as nothing is finished."""
        if not self._overheads:
            return None
        # The least: the first run also makes teacher and transfer store, which the others share.
        return sum(shares) * self._training / self._shares + len(shares) * min(self._overheads)


def shown(seconds: float | None) -> str:
    """`, about 14 min left`; nothing where it is not known."""
    if seconds is None:
        return ""
    return f", about {in_minutes(max(1, round(seconds / 60)))} left"


class Sweep:
    """Tries the students of a configuration.

    Args:
        config: validated configuration.
        command: the command line, for the report.

    Raises:
        ConfigError: it would run on several machines.
    """

    def __init__(self, config: SweepConfig, command: str = ""):
        if os.environ.get("TF_CONFIG"):
            raise ConfigError("TF_CONFIG is set, but a sweep runs on one machine. Unset it; several devices of "
                              "this machine are used without it.")
        self._config, self._command, self._budget = config, command, Budget.of(config)
        self._kept, self._pace = Kept(config), Pace()
        self._costs: dict[str, dict[str, Any]] = {}
        self._affordable: dict[str, list[str]] = {}
        self._rounds: list[dict[str, Any]] = []
        self._failed: dict[str, str] = {}
        self._done = 0

    def run(self) -> dict[str, Any] | None:
        """Does what is missing; writes and prints the results.

        Returns:
            What sweep.json holds; None for a dry run.

        Raises:
            ConfigError: no student meets the budget.
            XtremeDistilError: a run failed; all others were finished and reported before.
        """
        self._kept.folder.mkdir(parents=True, exist_ok=True)
        alive = self._within_budget(self._measured())
        if self._config.dry_run:
            self._print_plan(alive)
            return None
        for number in range(1, self._config.sweep_rounds):
            if len(alive) > 1:
                alive = self._early_round(number, alive)
        points, facts = self._last_round(alive)
        if not points:
            raise self._failure()
        report = sweep_report(self._config, self._command, points, facts, self._rounds, self._over_budget(),
                              self._failed)
        write_results(self._kept.folder, report, alive)
        print(points_table(report))
        log.info("%s: wrote sweep.md, sweep.json, pareto.svg and flagfiles/", self._kept.folder)
        if self._failed:
            raise self._failure()
        return report

    # Costs

    def _measured(self) -> list[Candidate]:
        """The students, once it is known what each costs untrained."""
        found = candidates(self._config)
        known = [self._kept.costs(candidate) for candidate in found]
        if any(costs is None or costs["refused"] for costs in known):
            done = subprocess.run([sys.executable, *child("costs"), *words_of(self._config)],
                                  check=False, env=environment())
            if done.returncode:
                sys.exit(max(1, done.returncode))  # the process has said why
        for candidate in found:
            costs = self._kept.costs(candidate)
            if costs is None:
                raise XtremeDistilError(f"{candidate.title} was not measured: files of the task changed "
                                    "during the sweep. Run the same command again.")
            self._costs[candidate.name] = costs
            for quantization, reason in costs["refused"].items():
                self._failed[f"{titled(candidate.title, quantization)}, untrained"] = reason
        return found

    def _within_budget(self, found: Sequence[Candidate]) -> list[Candidate]:
        forms = []
        for candidate in found:
            for quantization, form in self._costs[candidate.name]["forms"].items():
                forms.append((titled(candidate.title, quantization), form))
                excess = self._budget.excess(form)
                if excess:
                    log.info("%s is skipped: %s", titled(candidate.title, quantization), ", ".join(excess))
                else:
                    self._affordable.setdefault(candidate.name, []).append(quantization)
        if not forms:
            raise XtremeDistilError(f"no student could be exported: {next(iter(self._failed.values()))}")
        if not self._affordable:
            raise self._budget.refuse_all(forms)
        return [candidate for candidate in found if candidate.name in self._affordable]

    def _over_budget(self) -> list[dict[str, Any]]:
        """The forms that were left out untrained."""
        return [{"student": name, "quantization": quantization, **form}
                for name, costs in self._costs.items() for quantization, form in costs["forms"].items()
                if quantization not in self._affordable.get(name, ())]

    # Runs

    def _early_round(self, number: int, alive: Sequence[Candidate]) -> list[Candidate]:
        """Short runs of all, and who goes on."""
        after, keep = self._config.sweep_rounds - number, self._config.sweep_keep
        share, ahead = share_of(after, keep), planned(len(alive), after + 1, keep)
        scores: dict[str, float] = {}
        for index, candidate in enumerate(alive):
            found = self._result(ShortRun.of(candidate, number, share, self._kept), number, ahead[index:])
            if found is not None:
                scores[candidate.name] = found["score"]
        costs = {name: [self._budget.counted(self._costs[name]["forms"][quantization])
                        for quantization in self._affordable[name]] for name in scores}
        going_on = survivors(scores, costs, keep)
        self._rounds.append({"epochs": share, "dev_scores": scores, "go_on": going_on})
        log.info("round %d: %s; %s", number,
                 ", ".join(f"{name} {100 * score:.2f}" for name, score in scores.items()) or "no score",
                 f"{', '.join(going_on)} continue" if going_on else "none continues")
        return [candidate for candidate in alive if candidate.name in going_on]

    def _last_round(self, alive: Sequence[Candidate]) -> tuple[list[dict[str, Any]], dict[str, Any]]:
        """The points of all that are left, and what a table says of the runs."""
        points: list[dict[str, Any]] = []
        facts: dict[str, Any] = {}
        for index, candidate in enumerate(alive):
            run = FullRun(candidate, self._config.sweep_format, self._affordable[candidate.name], self._kept)
            found = self._result(run, self._config.sweep_rounds, [1.0] * (len(alive) - index))
            if found is not None:
                points += found["points"]
                facts = found["run"]
                self._failed |= {f"{candidate.title} {name}": why for name, why in found["refused"].items()}
        return points, facts

    def _result(self, run: ShortRun | FullRun, number: int, ahead: Sequence[float]) -> dict[str, Any] | None:
        """The result of a run, which is started unless it is finished; None if it fails.

        Args:
            run: the run.
            number: of its round.
            ahead: share of the epochs of this run and of all that are expected after it.
        """
        self._done += 1
        where = f"{run.candidate.title}, round {number} of {self._config.sweep_rounds}"
        told = f"run {self._done} of {self._done + len(ahead) - 1}, {where}"
        found = run.finished()
        if found is not None:
            log.info("%s: already finished", told)
        else:
            log.info("%s%s", told, shown(self._pace.left(ahead)))
            began = time.monotonic()
            try:
                found = run.start()
            except XtremeDistilError as error:
                log.warning("%s failed: %s", where, error)
                self._failed[where] = str(error)
                return None
            found["seconds"] = round(time.monotonic() - began, 1)
            run.keep(found)
        self._pace.add(ahead[0], found["seconds"], found["training_seconds"])
        return found

    def _failure(self) -> XtremeDistilError:
        count = len(self._failed)
        failed = " ".join(f"{where}: {why}" for where, why in self._failed.items())
        return XtremeDistilError(f"{count} step{'s' * (count > 1)} of the sweep failed; run the same command to try "
                                 f"again. {failed}")

    def _print_plan(self, alive: Sequence[Candidate]) -> None:
        c = self._config
        for candidate in alive:
            costs = self._costs[candidate.name]
            forms = [f"{name} {shown_costs(costs['forms'][name])}"
                     for name in self._affordable[candidate.name]]
            print(f"{candidate.title}: {'; '.join(forms)}; {costs['parameters']:,} parameters")
        runs = planned(len(alive), c.sweep_rounds, c.sweep_keep)
        for share in dict.fromkeys(runs):
            short = alive[0].shortened(share, pathlib.Path())
            count = runs.count(share)
            print(f"{count} run{'s' * (count > 1)} of at most {short.distil_epochs} epochs on the transfer set and "
                  f"{short.ft_epochs} on the labels a phase")
        print(f"{len(runs)} runs in all, and more where more students are on the front of score and cost")
