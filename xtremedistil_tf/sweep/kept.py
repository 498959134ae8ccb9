"""What a sweep has found out so far, on disk: the same command goes on from there."""

from __future__ import annotations

import functools
import pathlib
from typing import Any

from xtremedistil_tf.atomic import read_json, write_json
from xtremedistil_tf.config.sweep import SweepConfig
from xtremedistil_tf.fingerprint import fingerprint
from xtremedistil_tf.sweep.candidates import Candidate, inputs_fingerprint


class Kept:
    """Reads and writes the results of finished steps. What was made of other settings or files is not read.

    Args:
        config: of the sweep.
    """

    def __init__(self, config: SweepConfig):
        self._config = config
        self.folder = pathlib.Path(config.folder)

    def read(self, file: pathlib.Path, settings: Any) -> dict[str, Any] | None:
        """What was written with these settings; None if nothing was.

        Args:
            file: of the result.
            settings: all that decides it, JSON-able.
        """
        if not file.exists():
            return None
        try:
            found: dict[str, Any] = read_json(file)
        except ValueError:
            return None
        return found if found.get("identity") == self._identity(settings) else None

    def write(self, file: pathlib.Path, settings: Any, found: dict[str, Any]) -> None:
        """Keeps a result."""
        write_json(file, found | {"identity": self._identity(settings)})

    def costs(self, candidate: Candidate) -> dict[str, Any] | None:
        """What the untrained student costs, see `Untrained.measure`; None if that is not known."""
        return self.read(self._costs_file(candidate), self.measured(candidate))

    def keep_costs(self, candidate: Candidate, found: dict[str, Any]) -> None:
        """Keeps what `costs` reads."""
        self.write(self._costs_file(candidate), self.measured(candidate), found)

    def measured(self, candidate: Candidate) -> list[Any]:
        """What decides the costs of a student, and more."""
        return [candidate.config.to_json(), self._config.sweep_format, self._config.quantizations()]

    def _costs_file(self, candidate: Candidate) -> pathlib.Path:
        return self.folder / "costs" / f"{candidate.name}.json"

    def _identity(self, settings: Any) -> str:
        return fingerprint([settings, self._inputs])

    @functools.cached_property
    def _inputs(self) -> str:
        return inputs_fingerprint(self._config)
