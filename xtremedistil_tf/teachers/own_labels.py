"""The labels that a checkpoint itself names, and which of its outputs answer each label of a task."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np

from xtremedistil_tf.corpus.tag_schemes import IOB2, MIXED, NONE, iob2_of, scheme_of
from xtremedistil_tf.tasks.task import Task

Groups = list[list[int]]


def label_names(config: Any) -> list[str]:
    """The names of a checkpoint's outputs, in their order."""
    names = config.id2label or {}
    return [names[i] for i in sorted(names)]


def scheme_of_labels(names: Sequence[str]) -> str:
    """The tag scheme that a checkpoint's labels are in, see `tag_schemes.scheme_of`."""
    return scheme_of(Counter(names), entities=False)


def output_groups(names: Sequence[str], labels: Sequence[str]) -> Groups | None:
    """For each label of a task the outputs that answer it; None where they do not answer the task.

    One output each where the names are the task's labels. Where they are tags of BIOES, BILOU, BMEWO or BMES and the
    task's are the same in IOB2, the outputs of a beginning (`B-`, `S-`) and those of what goes on (`I-`, `E-`).

    Args:
        names: of the outputs.
        labels: of the task.
    """
    if sorted(names) == sorted(labels):
        return [[list(names).index(label)] for label in labels]
    scheme = scheme_of_labels(names)
    if scheme in (IOB2, NONE, MIXED):
        return None
    meant = [iob2_of(name, scheme) for name in names]
    if set(meant) != set(labels):
        return None
    return [[place for place, one in enumerate(meant) if one == label] for label in labels]


def groups_of(config: Any, task: Task) -> Groups | None:
    """`output_groups` of a model; None where its outputs are the task's labels in their order, or not named.

    Args:
        config: of transformers, as the model was made with it.
        task: what is answered.
    """
    names = label_names(config)
    if not task.names_outputs or names == task.labels:
        return None
    return output_groups(names, task.labels)


def merged(logits: np.ndarray, groups: Groups) -> np.ndarray:
    """Logits of a task's labels, whose softmax is the sum of those of their outputs.

    Args:
        logits: float [..., outputs].
        groups: the outputs of each label.
    """
    if _are_single(groups):
        return logits[..., [group[0] for group in groups]]
    return np.stack([np.logaddexp.reduce(logits[..., group], axis=-1) for group in groups], axis=-1)


def merged_tensor(logits: Any, groups: Groups) -> Any:
    """`merged` of a TensorFlow tensor."""
    import tensorflow as tf

    if _are_single(groups):
        return tf.gather(logits, [group[0] for group in groups], axis=-1)
    return tf.stack([tf.reduce_logsumexp(tf.gather(logits, group, axis=-1), axis=-1) for group in groups], axis=-1)


def merged_torch(logits: Any, groups: Groups) -> Any:
    """`merged` of a torch tensor."""
    import torch

    if _are_single(groups):
        return logits[..., torch.tensor([group[0] for group in groups], device=logits.device)]
    return torch.stack([torch.logsumexp(logits[..., group], dim=-1) for group in groups], dim=-1)


def _are_single(groups: Groups) -> bool:
    return all(len(group) == 1 for group in groups)
