"""The command line of every rival: the steps `train` and `speed`."""

from __future__ import annotations

import argparse
import importlib.metadata
import pathlib
import sys
from collections.abc import Callable, Sequence
from typing import Any

from rivals.task_folder import TaskFolder
from rivals.timing import Opened, answer_all, measure, on_one_core
from xtremedistil_tf.atomic import write_json
from xtremedistil_tf.errors import XtremeDistilError

Flags = argparse.Namespace


def run(description: str, train: Callable[[TaskFolder, Flags], dict[str, Any]],
        open_model: Callable[[TaskFolder, Flags], Opened], packages: Sequence[str],
        add_flags: Callable[[argparse.ArgumentParser], None] = lambda parser: None) -> None:
    """Runs the step that the command line names.

    Args:
        description: of the rival.
        train: writes the model to `flags.folder`; returns its figures, such as `parameters`, `bytes` and
            `train_seconds`, and `answers` to the test set where they are not to be those of raw text.
        open_model: what `train` wrote, ready to answer.
        packages: whose versions go into the figures.
        add_flags: adds the rival's own flags.
    """
    parser = argparse.ArgumentParser(description=description,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("step", choices=("train", "speed"))
    parser.add_argument("--task", type=pathlib.Path, required=True, help="Folder of the examples.")
    parser.add_argument("--folder", type=pathlib.Path, required=True, help="Folder of the model.")
    parser.add_argument("--out", type=pathlib.Path, help="File of the figures; else <folder>/<step>.json.")
    parser.add_argument("--seconds", type=float, default=3.0, help="speed: seconds for each figure.")
    parser.add_argument("--texts", type=int, default=1000, help="speed: texts to measure words a second on.")
    parser.add_argument("--of", default="", help="Fingerprint of what is measured, to tell commands apart.")
    add_flags(parser)
    flags = parser.parse_args()
    try:
        facts = _speed(open_model, flags) if flags.step == "speed" else _train(train, flags)
    except XtremeDistilError as error:
        sys.exit(f"error: {error}")
    versions = {name: importlib.metadata.version(name) for name in packages}
    write_json(flags.out or flags.folder / f"{flags.step}.json", facts | {"versions": versions})


def _train(train, flags: Flags) -> dict[str, Any]:
    flags.folder.mkdir(parents=True, exist_ok=True)
    return train(TaskFolder(flags.task), flags)


def _speed(open_model, flags: Flags) -> dict[str, Any]:
    on_one_core()
    task = TaskFolder(flags.task)
    texts, _ = task.read("test")
    model = open_model(task, flags)
    answers = {"answers": answer_all(model, texts)} if model.scored else {}
    return measure(model, texts[:flags.texts], flags.seconds) | answers
