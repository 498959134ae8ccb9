"""Settings of a run that contradict each other."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from xtremedistil_tf.config.fields import help_of

if TYPE_CHECKING:
    from xtremedistil_tf.config.distillation import DistillationConfig


def contradictions(config: DistillationConfig) -> Iterator[str]:
    """What is wrong with settings of a run that are good in themselves, but not together."""
    if config.do_NER and (config.do_pairwise or config.task_kind not in ("auto", "tagging")):
        yield "`do_NER` contradicts `do_pairwise` and every `task_kind` except tagging. Give only one of them."
    given = config.transfer_file or config.transfer_surplus or config.transfer_unmeasured or config.transfer_store
    if not given and config.strategy != "D0S":
        needed = f" by `strategy={config.strategy}`" if config.strategy else ""
        yield f"`transfer_file` is required{needed}. Expected: {help_of(type(config), 'transfer_file')}"
    if config.transfer_like and not config.transfer_file:
        yield (f"`transfer_like={config.transfer_like}` samples `transfer_file`, which is not given. "
               "Give `transfer_file`, or omit `transfer_like`.")
    if config.transfer_like and config.transfer_store:
        yield (f"`transfer_like={config.transfer_like}` samples `transfer_file`, but `transfer_store` is "
               "given instead. Omit one of them.")
    if config.transfer_store and config.student_vocab_size:
        yield ("`student_vocab_size` trains on `transfer_file`, but `transfer_store` is given instead. "
               "Omit one of them.")
    if config.augment and config.transfer_store:
        yield ("`augment` makes more of `transfer_file`, but `transfer_store` is given instead. "
               "Omit one of them.")
    if config.ray_address and config.teacher_path != "exact":
        yield (f"`teacher_path={config.teacher_path}` runs in one process and cannot be combined with "
               f"`ray_address={config.ray_address}`. Omit one of them.")
    for name in ("warmup_ratio", "clip_norm", "embedding_rate"):
        if -1 < getattr(config, name) < 0:
            yield f"`{name}={getattr(config, name)}`: expected 0 or more, or -1 for the default of `recipe`."
    if config.learning_rate and config.final_learning_rate > config.learning_rate:
        yield (f"`final_learning_rate={config.final_learning_rate}` is above "
               f"`learning_rate={config.learning_rate}`. Expected a value that is not above it.")
