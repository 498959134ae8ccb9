"""A checkpoint's configuration beside a task: the order of its outputs, and whether it answers already."""

from __future__ import annotations

import pathlib
import re
from typing import Any

from xtremedistil_tf.tasks.task import Task
from xtremedistil_tf.teachers.messages import explained, quiet_transformers

HEAD_FILE = "head.safetensors"


def task_config(checkpoint: str, task: Task) -> Any:
    """The checkpoint's config with as many outputs as the task has, named after its labels.

    Names that are the task's labels already keep their order, since the head's rows have it; see
    `output_order`.

    Args:
        checkpoint: local directory or hub name.
        task: what is to be answered.
    """
    from transformers import AutoConfig

    config = AutoConfig.from_pretrained(checkpoint)
    if not task.names_outputs:
        return AutoConfig.from_pretrained(checkpoint, num_labels=task.num_outputs)
    type_of = {"problem_type": task.problem_type} if task.problem_type else {}
    if sorted(_names(config)) == sorted(task.labels):
        config.update(type_of)
        return config
    return AutoConfig.from_pretrained(checkpoint, num_labels=task.num_outputs,
                                      id2label=dict(enumerate(task.labels)),
                                      label2id={label: i for i, label in enumerate(task.labels)}, **type_of)


def output_order(config: Any, task: Task) -> list[int] | None:
    """Which output of the model is each of the task's labels; None where they are in the task's order.

    Args:
        config: of transformers, as the model was made with it.
        task: what is answered.
    """
    names = _names(config)
    if not task.names_outputs or names == task.labels or sorted(names) != sorted(task.labels):
        return None
    return [names.index(label) for label in task.labels]


def why_not_fine_tuned(checkpoint: str, task: Task) -> str | None:
    """What keeps a checkpoint from answering the task as it is; None if nothing does.

    Args:
        checkpoint: local directory or hub name.
        task: what is to be answered.

    Raises:
        ModelLoadError: its config cannot be read.
    """
    from transformers import AutoConfig

    with quiet_transformers(), explained(checkpoint, "the config"):
        config = AutoConfig.from_pretrained(checkpoint)
    own = own_head(checkpoint)
    if config.is_encoder_decoder and not own:
        return f"it is an encoder-decoder ({config.model_type}), of which only the encoder is used"
    made_for = own or next(iter(config.architectures or ()), "a model without a head")
    if not re.search(rf"For{task.auto_class}(Simple)?$", made_for):
        return f"it is {made_for}; expected a model for {task.auto_class}"
    if task.problem_type and config.problem_type != task.problem_type:
        return f"its config has the problem_type {config.problem_type}; the task's is {task.problem_type}"
    names = _names(config)
    if task.names_outputs and sorted(names) != sorted(task.labels):
        return f"its labels are {', '.join(names) or 'not named'}; the task's are {', '.join(task.labels)}"
    if len(names) != task.num_outputs:
        return f"it has {len(names)} outputs; the task has {task.num_outputs}"
    return None


def own_head(checkpoint: str) -> str | None:
    """`For<auto_class>` where a head of this program lies beside an encoder, else None."""
    file = pathlib.Path(checkpoint) / HEAD_FILE
    if not file.is_file():
        return None
    import safetensors

    with explained(checkpoint, "the head"), safetensors.safe_open(str(file), "numpy") as archive:
        return f"For{(archive.metadata() or {}).get('auto_class')}"


def _names(config: Any) -> list[str]:
    names = config.id2label or {}
    return [names[i] for i in sorted(names)]
