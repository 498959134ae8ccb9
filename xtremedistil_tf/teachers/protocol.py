"""What a loaded teacher is to the rest of the program, whatever runs it, several as one, and running one."""

from __future__ import annotations

import dataclasses
import pathlib
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Protocol

import numpy as np

from xtremedistil_tf.checkpoints.finding import HEAD_FILE
from xtremedistil_tf.checkpoints.reading import explained, quiet_transformers
from xtremedistil_tf.errors import ConfigError
from xtremedistil_tf.progress import counted_items
from xtremedistil_tf.tasks.task import Task
from xtremedistil_tf.teachers.own_labels import label_names, output_groups
from xtremedistil_tf.training.batches import FeatureSource, in_order, run_over

#: batch (`input_ids`, `attention_mask`, `token_type_ids`: [batch, time]) -> name -> array, see `forward`.
Forward = Callable[[Mapping[str, Any]], Mapping[str, Any]]


def task_config(checkpoint: str, task: Task) -> Any:
    """The checkpoint's config with as many outputs as the task has, named after its labels.

    Names that answer the task already keep their order, since the head's rows have it; see `output_groups`.

    Args:
        checkpoint: local directory or hub name.
        task: what is to be answered.
    """
    from transformers import AutoConfig

    config = AutoConfig.from_pretrained(checkpoint, trust_remote_code=False)
    if not task.names_outputs:
        return AutoConfig.from_pretrained(checkpoint, num_labels=task.num_outputs, trust_remote_code=False)
    type_of = {"problem_type": task.problem_type} if task.problem_type else {}
    if output_groups(label_names(config), task.labels) is not None:
        config.update(type_of)
        return config
    return AutoConfig.from_pretrained(checkpoint, num_labels=task.num_outputs,
                                      id2label=dict(enumerate(task.labels)),
                                      label2id={label: i for i, label in enumerate(task.labels)}, **type_of,
                                      trust_remote_code=False)


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
        config = AutoConfig.from_pretrained(checkpoint, trust_remote_code=False)
    own = own_head(checkpoint)
    if config.is_encoder_decoder and not own:
        return f"it is an encoder-decoder ({config.model_type}), of which only the encoder is used"
    made_for = own or next(iter(config.architectures or ()), "a model without a head")
    if not re.search(rf"For{task.auto_class}(Simple)?$", made_for):
        return f"it is {made_for}; expected a model for {task.auto_class}"
    if task.problem_type and config.problem_type != task.problem_type:
        return f"its config has the problem_type {config.problem_type}; the task's is {task.problem_type}"
    names = label_names(config)
    if task.names_outputs:
        if output_groups(names, task.labels) is not None:
            return None
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


@dataclasses.dataclass(frozen=True)
class Relations:
    """Relations between the pieces of an input, see `training.losses.relations`.

    Attributes:
        kinds: which, out of the letters q, k and v.
        layer: 1 for the first.
        heads: relation heads.
    """

    kinds: str
    layer: int
    heads: int


@dataclasses.dataclass(frozen=True)
class TeacherSignals:
    """Which of a teacher's inner workings are wanted.

    Attributes:
        hidden: layers whose hidden states are; 0 for the embedding output, -1 for the top layer.
        attentions: layers whose attention maps are; 1 for the first, -1 for the top one.
        relations: which relations are, if any.
    """

    hidden: tuple[int, ...] = ()
    attentions: tuple[int, ...] = ()
    relations: Relations | None = None


def refuse_relations(relations: Relations | None) -> None:
    """Raises ConfigError where a backend that cannot give relations is asked for them."""
    if relations:
        raise ConfigError("`distil_relations` needs `teacher_backend=tf`, which provides queries, keys and values. "
                          "Omit it, or use `distil_attention`.")


class LoadedTeacher(Protocol):
    """A teacher that answers a task. `TeacherPredictor` runs it over many examples."""

    @property
    def task(self) -> Task:
        """What it answers."""

    @property
    def num_layers(self) -> int:
        """Layers whose hidden states can be had."""

    @property
    def width(self) -> int:
        """Of the hidden states."""

    @property
    def parameters(self) -> int:
        """Number of float parameters."""

    def forward(self, layers: tuple[int, ...] = (), attentions: tuple[int, ...] = (),
                relations: Relations | None = None) -> Forward:
        """A function that runs the teacher on padded batches, in float32 and without dropout.

        Args:
            layers: hidden states to return, 0 for the embedding output, -1 for the top layer.
            attentions: layers whose attention maps to return, 1 for the first, -1 for the top one.
            relations: relations to return.

        Returns:
            A function of a batch. Its result has `logits`, float32 [batch, time, outputs] or [batch,
            outputs] in the order of the task's labels; with `layers`, `hidden` [batch, time, layers,
            width]; with `attentions`, `attentions` [batch, time, layers, heads, time], rows (second axis)
            being the pieces that attend; with `relations`, `relations` [batch, time, kinds, heads, time].

        Raises:
            ConfigError: the teacher has no such layers, or the backend cannot give relations.
        """

    def word_embeddings(self) -> np.ndarray:
        """float32 [vocab, width of the embeddings].

        Raises:
            ModelLoadError: they cannot be found.
        """


class AveragedTeacher:
    """A teacher whose logits are the mean of its members'.

    Args:
        members: at least one, with the same task and the same tokenizer.
    """

    def __init__(self, members: Sequence[LoadedTeacher]):
        self.members = list(members)
        first = self.members[0]
        self.task, self.num_layers, self.width = first.task, first.num_layers, first.width

    @property
    def parameters(self) -> int:
        """Of all members."""
        return sum(member.parameters for member in self.members)

    def forward(self, layers: tuple[int, ...] = (), attentions: tuple[int, ...] = (),
                relations: Relations | None = None) -> Forward:
        """See `LoadedTeacher`; hidden states and attention maps are the first member's."""
        first, *others = ([self.members[0].forward(layers, attentions, relations)]
                          + [member.forward() for member in self.members[1:]])

        def average(batch: Mapping[str, Any]) -> dict[str, Any]:
            outputs = dict(first(batch))
            logits = [outputs["logits"], *(other(batch)["logits"] for other in others)]
            outputs["logits"] = np.mean([np.asarray(values) for values in logits], axis=0, dtype=np.float32)
            return outputs

        return average

    def word_embeddings(self) -> np.ndarray:
        """float32 [vocab, width], the first member's."""
        return self.members[0].word_embeddings()


@dataclasses.dataclass(frozen=True)
class Backend:
    """Attributes:
        load: makes a teacher for a task from a fine-tuned checkpoint.
        fine_tune: see `fine_tuning.fine_tune`; None where the backend can only predict.
    """

    load: Callable[[str, Task], LoadedTeacher]
    fine_tune: Callable[..., tuple[Any, Any]] | None


def backend_named(name: str) -> Backend:
    """The backend `tf`, `torch` or `onnx`.

    Raises:
        MissingExtraError: its packages are not installed.
    """
    return {"tf": _tf, "torch": _torch, "onnx": _onnx}[name]()


def _tf() -> Backend:
    from xtremedistil_tf.teachers.fine_tuning import fine_tune
    from xtremedistil_tf.teachers.loading import load_classifier
    from xtremedistil_tf.teachers.model import Teacher

    def load(checkpoint: str, task: Task) -> LoadedTeacher:
        return Teacher(load_classifier(checkpoint, task, 0, needs_head=True), task)

    return Backend(load, fine_tune)


def _torch() -> Backend:
    from xtremedistil_tf.teachers.torch_loading import load_torch_classifier, require_torch

    require_torch()
    from xtremedistil_tf.teachers.torch_teacher import TorchTeacher, fine_tune_torch

    def load(checkpoint: str, task: Task) -> LoadedTeacher:
        return TorchTeacher(load_torch_classifier(checkpoint, task, 0, needs_head=True), task)

    return Backend(load, fine_tune_torch)


def _onnx() -> Backend:
    from xtremedistil_tf.teachers.onnx_teacher import OnnxTeacher

    return Backend(OnnxTeacher, None)


@dataclasses.dataclass(frozen=True)
class TeacherOutputs:
    """A teacher's answers for one example.

    Attributes:
        index: the example's index in the source.
        logits: float32 [pieces, outputs], or [outputs] where the task is answered once for the input.
        hidden: float32 [pieces, layers, width], the layers asked for; None where none was.
        attentions: float32 [pieces, layers, heads, seq_len], a row for each piece that attends, zeros
            beyond the example's pieces; None where none was asked for.
        relations: float32 [pieces, kinds, heads, seq_len], likewise.
    """

    index: int
    logits: np.ndarray
    hidden: np.ndarray | None
    attentions: np.ndarray | None = None
    relations: np.ndarray | None = None


class TeacherPredictor:
    """The exact float32 inference path of a teacher.

    Args:
        teacher: the fine-tuned teacher.
        layers: hidden layers to return, 0 for the embedding output, -1 for the top one.
        pad_id: id of the padding piece.
        batch_size: most sentences in a batch.
        attentions: layers whose attention maps to return, 1 for the first, -1 for the top one.
        seq_len: columns of attention maps and relations, at least the pieces of the longest example.
        relations: relations to return.
    """

    def __init__(self, teacher: LoadedTeacher, layers: Sequence[int], pad_id: int, batch_size: int,
                 attentions: Sequence[int] = (), seq_len: int = 0, relations: Relations | None = None):
        self._pad_id, self._batch_size, self._seq_len = pad_id, batch_size, seq_len
        self._per_piece = {"logits": teacher.task.per_piece, "hidden": True, "attentions": True,
                           "relations": True}
        self._forward = teacher.forward(tuple(layers), tuple(attentions), relations)

    def predict(self, source: FeatureSource) -> Iterator[TeacherOutputs]:
        """Yields the outputs of every example, longest first; `index` restores the order."""
        for index, outputs in self._run(source):
            yield TeacherOutputs(index, outputs["logits"], outputs.get("hidden"),
                                 self._columns(outputs.get("attentions")), self._columns(outputs.get("relations")))

    def logits(self, source: FeatureSource, label: str = "") -> list[np.ndarray]:
        """float32 [pieces, outputs] or [outputs] of every example, in the source's order; a bar with the label, if it
        has one, says how many are done."""
        count = len(source.lengths)
        return in_order(counted_items(self._run(source), count, label), "logits", count)

    def _run(self, source: FeatureSource) -> Iterator[tuple[int, dict[str, np.ndarray]]]:
        return run_over(self._forward, source, self._batch_size, self._pad_id, self._per_piece)

    def _columns(self, maps: np.ndarray | None) -> np.ndarray | None:
        if maps is None:
            return None
        columns = np.zeros((*maps.shape[:-1], self._seq_len), maps.dtype)
        pieces = len(maps)
        columns[..., :pieces] = maps[..., :pieces]
        return columns
