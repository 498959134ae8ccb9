"""What all steps of a run share: its settings, its folder, its workers, and the record of what was made."""

from __future__ import annotations

import contextlib
import dataclasses
import logging
import pathlib
import time
from collections.abc import Iterator
from typing import Any

from xtremedistil_tf.atomic import read_json, why_not_writable, write_json
from xtremedistil_tf.config import DistillationConfig
from xtremedistil_tf.config.arguments import with_recipe
from xtremedistil_tf.errors import ConfigError
from xtremedistil_tf.evaluation.report.terminal import EpochLog
from xtremedistil_tf.folder_lock import folder_lock
from xtremedistil_tf.runs.student_shape import student_kind
from xtremedistil_tf.training.distribution import Workers, strategy_for
from xtremedistil_tf.transfer.ray_workers import require_ray

log = logging.getLogger(__name__)

STEPS_FILE, METRICS_FILE = "steps.json", "metrics.json"
# Nobody copies it with the model.
_LOCK_FOLDER = "checkpoints"


@contextlib.contextmanager
def model_dir_lock(folder: pathlib.Path) -> Iterator[None]:
    """Holds a model directory: two runs in it would train into one another's files.

    Raises:
        ConfigError: another process holds it, or it cannot be written.
    """
    def busy(owner: str) -> None:
        raise ConfigError(f"`model_dir={folder}`: {owner} is training in this folder. Wait until it has finished, or "
                          "give another folder.")

    check_writable(folder / _LOCK_FOLDER)
    with folder_lock(folder / _LOCK_FOLDER, "run", busy, ConfigError):
        yield


def check_writable(folder: pathlib.Path) -> None:
    """Makes a folder of a run.

    Raises:
        ConfigError: nothing can be written into it.
    """
    if reason := why_not_writable(folder):
        raise ConfigError(f"`model_dir`: nothing can be written into {folder} ({reason}). Give a folder that may be "
                          "written to. A finished student in a folder that may not still predicts "
                          "(`output_file`) and is served; to export it, copy its folder.")


@dataclasses.dataclass
class Step:
    """What a step says of itself when it is done.

    Attributes:
        fingerprint: of all that decides what the step made.
        reused: whether an earlier run made it.
    """

    fingerprint: str = ""
    reused: bool = False


@dataclasses.dataclass(frozen=True)
class Run:
    """Attributes:
        config: with its recipe's values.
        folder: the model directory.
        workers: the processes that train together.
        epochs: log of the epochs of all training.
    """

    config: DistillationConfig
    folder: pathlib.Path
    workers: Workers
    epochs: EpochLog

    @classmethod
    def of(cls, config: DistillationConfig) -> Run:
        """Opens a run's folder.

        Args:
            config: validated.

        Raises:
            ConfigError: settings that contradict each other; before anything long begins.
            MissingExtraError: it wants Ray, which is not installed.
        """
        config = with_recipe(config, student_kind(config))
        if config.ray_address:
            require_ray()
        folder = pathlib.Path(config.model_dir)
        check_writable(folder)
        if config.transfer_store_dir and (reason := why_not_writable(config.transfer_store_dir)):
            log.warning("`transfer_store_dir=%s`: nothing can be written into it (%s); only a finished store there can "
                        "be used", config.transfer_store_dir, reason)
        return cls(config, folder, Workers(strategy_for()), EpochLog(folder / "logs"))

    def alone(self) -> contextlib.AbstractContextManager[None]:
        """Holds the model directory, see `model_dir_lock`; the chief does it for all workers."""
        return model_dir_lock(self.folder) if self.workers.chief else contextlib.nullcontext()

    @contextlib.contextmanager
    def step(self, name: str) -> Iterator[Step]:
        """Times a step, logs whether it was made or reused, and keeps its fingerprint in `steps.json`."""
        began, step = time.monotonic(), Step()
        yield step
        if not step.fingerprint:  # the run needs nothing of it
            return
        seconds = round(time.monotonic() - began, 1)
        log.info("%s: %s (%s), %.1f s", name, "reused" if step.reused else "made", step.fingerprint[:8], seconds)
        if self.workers.chief:
            self._keep(name, dataclasses.asdict(step) | {"seconds": seconds})

    def _keep(self, name: str, facts: dict[str, Any]) -> None:
        known = self._known()
        if facts["reused"] and known.get(name, {}).get("fingerprint") == facts["fingerprint"]:
            facts |= {"seconds": known[name]["seconds"]}  # those of making it
        write_json(self.folder / STEPS_FILE, known | {name: facts})

    def seconds_of(self, name: str) -> float:
        """Seconds that a step took when it was made, in this run or an earlier one; 0 where none tells."""
        return float(self._known().get(name, {}).get("seconds", 0.0))

    def _known(self) -> dict[str, Any]:
        file = self.folder / STEPS_FILE
        return dict(read_json(file)) if file.exists() else {}
