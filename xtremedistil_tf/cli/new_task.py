"""The flag file of a new task, with comments."""

from __future__ import annotations

import dataclasses
import pathlib

from xtremedistil_tf.atomic import write_text
from xtremedistil_tf.cli.flags import as_flags, parse_flags
from xtremedistil_tf.config import DistillationConfig
from xtremedistil_tf.config.fields import setting, validate_fields
from xtremedistil_tf.errors import ConfigError
from xtremedistil_tf.tasks.registry import KINDS


@dataclasses.dataclass(frozen=True)
class NewTaskConfig:
    """What the flag file is for."""

    name: str = setting("Task", "", "Name of the task: the command writes <name>.cfg for the task folder <name>/.")
    kind: str = setting("Task", "tagging", "Kind of the task.", tuple(KINDS))
    teacher: str = setting("Task", "bert-base-multilingual-cased", "Pre-trained teacher.")

    def validate(self) -> None:
        """Raises ConfigError where something is missing."""
        validate_fields(self, "name")


def new_task(argv: list[str]) -> None:
    """`xtreme-distil new NAME`: writes a commented flag file for your own task and lists the files that it needs."""
    words = [f"--name={argv[1]}", *argv[2:]] if len(argv) > 1 and not argv[1].startswith("-") else argv[1:]
    config = parse_flags(NewTaskConfig, [argv[0], *words], new_task.__doc__)
    path = pathlib.Path(f"{config.name}.cfg")
    if path.exists():
        raise ConfigError(f"{path}: already exists. Delete it, or choose another name.")
    write_text(path, flag_file(config))
    print(f"wrote {path}\n\n{needed_files(config)}\nThen:\n\n  xtreme-distil distil --flagfile={path} --dry_run\n"
          f"  xtreme-distil distil --flagfile={path}")


def needed_files(config: NewTaskConfig) -> str:
    """Which files the task needs, and what they hold."""
    words, suffix = KINDS[config.kind].words, _suffix(config)
    what = "Format" if suffix == ".json" else "One example a line"
    line = as_flags(words.line, DistillationConfig)
    return (f"Put these files there:\n\n  {config.name}/train{suffix}, dev{suffix}, test{suffix}\n"
            f"      {what}: {line}.\n      {words.line_example.replace('<TAB>', '    ')}\n"
            f"      Also compressed (.gz, .xz); several languages in a folder each ({config.name}/de/train{suffix}).\n"
            f"  {config.name}/{_transfer(config)}\n      Much unlabelled text of the same kind: "
            f"{words.transfer_line}.\n      More text gives a better student.\n")


def flag_file(config: NewTaskConfig) -> str:
    """The text of the flag file."""
    return f"""\
# Distils a small student for the task in {config.name}/.
#   xtreme-distil distil --flagfile={config.name}.cfg
# Every flag: xtreme-distil distil --help, or xtreme-distil flags WORD. Other settings come from the default recipe.

--task={config.name}
--task_kind={config.kind}
--transfer_file={config.name}/{_transfer(config)}
--model_dir=out/{config.name}

# The teacher: a hub name or a local folder. A larger teacher gives a better student and takes longer.
--pt_teacher_checkpoint={config.teacher}

# Maximum subwords of a training example. 32 to 64 for sentences, 128 to 384 for longer texts.
--seq_len={KINDS[config.kind].words.seq_len}

# The student: a BiLSTM. E 50 to 300, H 100 to 600: larger is better, slower and bigger.
--embedding_size=100
--lstm_units=200

# Keep only subwords that the text is likely to use: saves a few MB.
#--trim_vocabulary

# Time budget in minutes on this machine. Default: the recipe decides.
#--budget_minutes=60

# Also train the same student on labels alone, for comparison.
--direct_baseline
"""


def _suffix(config: NewTaskConfig) -> str:
    """Of labelled files."""
    return KINDS[config.kind].files(False).formats[0]


def _transfer(config: NewTaskConfig) -> str:
    """Name of the file of transfer text."""
    return "unlabeled.json" if _suffix(config) == ".json" else "unlabeled.txt"
