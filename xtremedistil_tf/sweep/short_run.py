"""A run of an early round: a student is trained for a share of the epochs, and only its dev score is kept."""

from __future__ import annotations

import dataclasses
import json
import math
import pathlib
import shutil
from typing import Any

from xtremedistil_tf.config.distillation import DistillationConfig
from xtremedistil_tf.errors import XtremeDistilError
from xtremedistil_tf.sweep.candidates import Candidate
from xtremedistil_tf.sweep.flagfile import words_of
from xtremedistil_tf.sweep.kept import Kept
from xtremedistil_tf.sweep.processes import module, run_process


@dataclasses.dataclass(frozen=True)
class ShortRun:
    """Attributes:
        candidate: the student.
        settings: of the run.
        kept: where its result is.
    """

    candidate: Candidate
    settings: DistillationConfig
    kept: Kept

    @classmethod
    def of(cls, candidate: Candidate, number: int, share: float, kept: Kept) -> ShortRun:
        """The run of a student in round `number`, from 1, with this share of the epochs."""
        folder = kept.folder / "rounds" / str(number) / candidate.name
        return cls(candidate, candidate.shortened(share, folder), kept)

    def finished(self) -> dict[str, Any] | None:
        """The result of an earlier call of `start` that was kept."""
        return self.kept.read(self._folder / "result.json", self.settings.to_json())

    def start(self) -> dict[str, Any]:
        """Trains; an interrupted training goes on.

        Returns:
            `score` on the dev set, `training_seconds`.

        Raises:
            XtremeDistilError: it failed, or the score is no number.
        """
        log_file = self._folder / "output.log"
        printed = run_process([*module("sweep.trial"), *words_of(self.settings)], log_file)
        found: dict[str, Any] = json.loads(printed.splitlines()[-1])
        if not math.isfinite(found["score"]):
            raise XtremeDistilError(f"its dev score is {found['score']} (see {log_file})")
        return found

    def keep(self, found: dict[str, Any]) -> None:
        """Keeps the result, and not the weights of every phase."""
        self.kept.write(self._folder / "result.json", self.settings.to_json(), found)
        shutil.rmtree(self._folder / "checkpoints", ignore_errors=True)

    @property
    def _folder(self) -> pathlib.Path:
        return pathlib.Path(self.settings.model_dir)
