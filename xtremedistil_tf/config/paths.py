"""The paths of a configuration, where its model directory is read elsewhere."""

from __future__ import annotations

import dataclasses
import os
from typing import TYPE_CHECKING, Any, cast

from xtremedistil_tf.config.fields import listed

if TYPE_CHECKING:
    from typing_extensions import Self

_SOURCES = ("task", "transfer_file", "transfer_labels")


class WithPaths:
    """What a configuration with sources of data and a model directory can do.

    Attributes:
        task, transfer_file, transfer_labels: sources, several separated by commas.
        model_dir: the output folder.
    """

    task: str
    transfer_file: str
    transfer_labels: str
    model_dir: str

    def moved_to(self, model_dir: str | os.PathLike[str]) -> Self:
        """The same for a model directory that was moved: data that lies in it is found there."""
        before, now = f"{self.model_dir.rstrip('/')}/", os.fspath(model_dir)
        paths: dict[str, Any] = {name: os.path.join(now, getattr(self, name)[len(before):]) for name in _SOURCES
                                 if self.model_dir and getattr(self, name).startswith(before)}
        return self._with(model_dir=now, **paths)

    def located(self) -> Self:
        """The same for whoever reads it in another folder: files and folders that are there have whole paths."""
        return self._with(**{name: ",".join(map(_whole, getattr(self, name).split(","))) for name in _SOURCES},
                          model_dir=os.path.abspath(self.model_dir) if self.model_dir else "")

    @property
    def asked_checkpoints(self) -> list[str]:
        """Entries of `transfer_labels` that are fine-tuned checkpoints, which are asked about `transfer_file`."""
        entries = listed(self.transfer_labels)
        return [entry for entry in entries if os.path.isfile(os.path.join(entry.partition("?")[0], "config.json"))]

    def _with(self, **values: Any) -> Self:
        configuration: Any = self
        return cast("Self", dataclasses.replace(configuration, **values))


def _whole(source: str) -> str:
    path, mark, settings = source.partition("?")
    return os.path.abspath(path) + mark + settings if path and os.path.exists(path) else source
