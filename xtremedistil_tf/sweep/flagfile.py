"""From a configuration back to the flags that make it."""

from __future__ import annotations

import dataclasses
import shlex
from collections.abc import Sequence

from xtremedistil_tf.config.distillation import DistillationConfig


def words_of(config: DistillationConfig, left_out: Sequence[str] = ()) -> list[str]:
    """One `--name=value` for every setting that is not the default."""
    words = []
    for field in dataclasses.fields(config):
        value = getattr(config, field.name)
        if field.name in left_out or value == field.default:
            continue
        is_bool = isinstance(value, bool)
        words.append(f"--{'' if value else 'no'}{field.name}" if is_bool else f"--{field.name}={value}")
    return words


def flagfile(config: DistillationConfig, file: str, before: Sequence[str] = (),
             after: Sequence[str] = ()) -> str:
    """The text of a flag file that makes a run, `--model_dir` left out.

    Args:
        config: of the run.
        file: name of the flag file, for the command in its head.
        before, after: remarks around that command.
    """
    words = words_of(config, left_out=("model_dir",))
    # absl strips the lines of a flag file, so a value with blanks at its ends can only stand in the command.
    others = [word for word in words if word != word.strip() or len(word.splitlines()) > 1]
    command = shlex.join(["python", "run_xtreme_distil.py", f"--flagfile={file}", *others, "--model_dir=out"])
    head = [f"# {line}" for remark in (*before, command, *after) for line in remark.splitlines()]
    return "".join(f"{line}\n" for line in [*head, *(word for word in words if word not in others)])
