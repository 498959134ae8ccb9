"""Settings of a run that contradict each other."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from xtremedistil_tf.config.choices import TEACHER
from xtremedistil_tf.config.fields import help_of

if TYPE_CHECKING:
    from xtremedistil_tf.config.distillation import DistillationConfig


def contradictions(config: DistillationConfig) -> Iterator[str]:
    """What is wrong with settings of a run that are good in themselves, but not together."""
    if config.do_NER and (config.do_pairwise or config.task_kind not in ("auto", "tagging")):
        yield "`do_NER` contradicts `do_pairwise` and every `task_kind` except tagging. Give only one of them."
    yield from _by_file(config)
    given = (config.transfer_file or config.transfer_surplus or config.transfer_unmeasured or config.transfer_store
             or config.transfer_labels)
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
    if config.pt_student_checkpoint == TEACHER:
        yield from _from_teacher(config)
    for name in ("warmup_ratio", "clip_norm", "embedding_rate", "dropout", "label_dropout", "transformer_dropout"):
        if -1 < getattr(config, name) < 0:
            yield f"`{name}={getattr(config, name)}`: expected 0 or more, or -1 for the default of `recipe`."
    if config.learning_rate and config.final_learning_rate > config.learning_rate:
        yield (f"`final_learning_rate={config.final_learning_rate}` is above "
               f"`learning_rate={config.learning_rate}`. Expected a value that is not above it.")


def _from_teacher(config: DistillationConfig) -> Iterator[str]:
    asked = f"`pt_student_checkpoint={TEACHER}`"
    if config.is_answered:
        yield f"{asked}: no teacher is run here, its answers are given. Name a pre-trained encoder, or omit it."
    elif config.strategy == "D0S":
        yield (f"{asked} contradicts `strategy=D0S`, labels alone. Give `pt_teacher_checkpoint`'s value, or another "
               "strategy.")
    if config.teacher_backend == "onnx":
        yield (f"{asked} needs a teacher with layers, and `teacher_backend=onnx` runs an exported model. Name a "
               "pre-trained encoder, or another `teacher_backend`.")


#: What needs a teacher that is run, or text without answers.
_RUNS_A_TEACHER = ("transfer_file", "transfer_store", "transfer_like", "transfer_surplus", "transfer_unmeasured",
                   "augment", "ray_address", "distil_multi_hidden_states", "distil_attention", "distil_relations",
                   "progressive_transfer", "teacher_model_dir", "refine_teacher", "hidden_components")
_BY_FILE = ("logits", "logits_labels", "D0S", "D1")


def _by_file(config: DistillationConfig) -> Iterator[str]:
    if not config.is_answered:
        if config.label_smoothing != 0.1 or config.label_temperature != 1 or config.min_label_score:
            yield ("`label_smoothing`, `label_temperature` and `min_label_score` are for `transfer_labels`, which is "
                   "not given. Omit them.")
        return
    checkpoints = config.asked_checkpoints
    for name in _RUNS_A_TEACHER:
        asked = name == "transfer_file" and (checkpoints or not config.transfer_labels)
        if getattr(config, name) and not asked:
            yield (f"`{name}` contradicts `transfer_labels`, which has both the text and the answers: no teacher is "
                   "run. Omit one of them.")
    if checkpoints and not config.transfer_file:
        yield (f"`transfer_labels={checkpoints[0]}` is a checkpoint, and `transfer_file` is not given: "
               "the texts that it is asked about.")
    if config.strategy and config.strategy not in _BY_FILE:
        yield (f"`strategy={config.strategy}` needs the teacher's hidden states, which `transfer_labels` does not "
               f"have. Expected one of {', '.join(_BY_FILE)}.")
    if config.embedding_init == "teacher_states":
        yield ("`embedding_init=teacher_states` needs the teacher's hidden states, which `transfer_labels` does not "
               "have. Use pretrained_svd, pca or random.")
