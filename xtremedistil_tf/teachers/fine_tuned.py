"""Making the run's teachers, or finding them: one fine-tuned Hugging Face directory per fingerprint."""

from __future__ import annotations

import dataclasses
import logging
import pathlib
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from xtremedistil_tf.atomic import atomic_directory, read_json, remove_leftovers, why_not_writable, write_json
from xtremedistil_tf.checkpoints.finding import checkpoint_fingerprint
from xtremedistil_tf.checkpoints.reading import explained, num_layers, quiet_transformers
from xtremedistil_tf.checkpoints.tokenizers import common_tokenizer
from xtremedistil_tf.corpus.example import AnyExample
from xtremedistil_tf.errors import ConfigError, ModelLoadError
from xtremedistil_tf.fingerprint import fingerprint
from xtremedistil_tf.tasks.task import Task
from xtremedistil_tf.teachers.fine_tuning import TeacherRecipe
from xtremedistil_tf.teachers.own_labels import label_names, scheme_of_labels
from xtremedistil_tf.teachers.protocol import AveragedTeacher, LoadedTeacher, backend_named, why_not_fine_tuned
from xtremedistil_tf.training.distribution import Workers, strategy_for
from xtremedistil_tf.training.loop import PhaseResult

log = logging.getLogger(__name__)

_RECORD = "fine-tuning.json"
OnEpoch = Callable[[dict[str, Any]], None]


@dataclasses.dataclass(frozen=True)
class FineTuned:
    """A fine-tuned teacher.

    Attributes:
        path: Hugging Face directory, or the name of one on the hub.
        fingerprint: of its weights, tokenizer and config.
        history: epochs of its fine-tuning; empty for a teacher that was given.
        seconds, cpu_seconds: wall and CPU time that took.
        num_layers, width: of its hidden states.
        num_heads: of its attention.
        backend: what runs it.
    """

    path: pathlib.Path
    fingerprint: str
    history: list[dict[str, Any]]
    seconds: float
    cpu_seconds: float
    num_layers: int
    width: int
    num_heads: int
    backend: str = "tf"

    @classmethod
    def at(cls, path: pathlib.Path, backend: str = "tf") -> FineTuned:
        """The teacher in a Hugging Face directory, with the record of its fine-tuning if it has one."""
        record = read_json(path / _RECORD) if (path / _RECORD).exists() else {}
        sizes = sizes_of(str(path))
        return cls(path, checkpoint_fingerprint(str(path)), record.get("history", []),
                   record.get("seconds", 0.0), record.get("cpu_seconds", 0.0), *sizes, backend)

    def load(self, task: Task) -> LoadedTeacher:
        """The teacher in float32, whatever precision it was trained in."""
        return backend_named(self.backend).load(str(self.path), task)


def sizes_of(checkpoint: str) -> tuple[int, int, int]:
    """Layers, width of the hidden states and attention heads, as its config has them.

    Raises:
        ModelLoadError: it cannot be read.
    """
    from transformers import AutoConfig

    with quiet_transformers(), explained(checkpoint, "the config"):
        config = AutoConfig.from_pretrained(checkpoint, trust_remote_code=False)
    return num_layers(config), config.hidden_size, getattr(config, "num_attention_heads", 0)


@dataclasses.dataclass(frozen=True)
class FineTunedTeachers:
    """One or more fine-tuned teachers, whose logits are averaged; all else comes from the first.

    Attributes:
        members: the teachers.
    """

    members: tuple[FineTuned, ...]

    @property
    def paths(self) -> list[pathlib.Path]:
        return [member.path for member in self.members]

    @property
    def path(self) -> pathlib.Path:
        """The first one's."""
        return self.members[0].path

    @property
    def fingerprint(self) -> str:
        if len(self.members) == 1:
            return self.members[0].fingerprint
        return fingerprint([member.fingerprint for member in self.members])

    @property
    def history(self) -> list[dict[str, Any]]:
        """Epochs of all; with several teachers each record has the number of its `teacher`, from 1."""
        if len(self.members) == 1:
            return self.members[0].history
        return [{"teacher": number} | record for number, member in enumerate(self.members, 1)
                for record in member.history]

    @property
    def seconds(self) -> float:
        return sum(member.seconds for member in self.members)

    @property
    def cpu_seconds(self) -> float:
        return sum(member.cpu_seconds for member in self.members)

    @property
    def num_layers(self) -> int:
        return self.members[0].num_layers

    @property
    def width(self) -> int:
        return self.members[0].width

    @property
    def num_heads(self) -> int:
        return self.members[0].num_heads

    def load(self, task: Task) -> LoadedTeacher:
        """The teacher, or the average of the teachers."""
        loaded = [member.load(task) for member in self.members]
        return loaded[0] if len(loaded) == 1 else AveragedTeacher(loaded)


def given_teachers(roots: Sequence[pathlib.Path]) -> list[str]:
    """Those of the folders of `teacher_model_dir` that are Hugging Face directories themselves.

    Raises:
        ModelLoadError: several folders, and one of them is none.
    """
    given = [str(root) for root in roots if (root / "config.json").exists()]
    if len(roots) > 1 and len(given) < len(roots):
        missing = next(str(root) for root in roots if str(root) not in given)
        raise ModelLoadError(f"`teacher_model_dir`: {missing} has no config.json. With several directories "
                             "each of them must hold a fine-tuned teacher.")
    return given


def teachers_tokenizer(checkpoints: Sequence[str], roots: Sequence[pathlib.Path] = ()) -> Any:
    """The tokenizer of the run's teachers: of those that are given, else of the pre-trained checkpoints.

    Args:
        checkpoints: resolved pre-trained checkpoints.
        roots: folders of `teacher_model_dir`.

    Raises:
        ConfigError: the teachers have different tokenizers.
        ModelLoadError: a tokenizer cannot be found.
    """
    return common_tokenizer(given_teachers(roots) or list(checkpoints))


def make_teachers(checkpoints: Sequence[str], roots: Sequence[pathlib.Path], tokenizer: Any, task: Task,
                  train: Sequence[AnyExample], dev: Sequence[AnyExample], data_fingerprint: str,
                  recipe: TeacherRecipe, checkpoint_minutes: float, on_epoch: OnEpoch = lambda record: None,
                  backend: str = "tf", refine: bool = False) -> FineTunedTeachers:
    """Finds or fine-tunes every teacher; see `make_teacher`.

    Args:
        checkpoints: resolved pre-trained checkpoints, fine-tuned below the only root.
        roots: a folder of teachers, or Hugging Face directories of fine-tuned ones, which are used instead
            of the checkpoints.

    Raises:
        ModelLoadError: a given teacher does not fit the task.
        ConfigError: a checkpoint would have to be fine-tuned and the backend cannot.
    """
    pairs = [(root, pathlib.Path(root)) for root in given_teachers(roots)]
    pairs = pairs or [(checkpoint, roots[0]) for checkpoint in checkpoints]
    return FineTunedTeachers(tuple(
        make_teacher(checkpoint, root, tokenizer, task, train, dev, data_fingerprint, recipe,
                     checkpoint_minutes, on_epoch, backend, refine) for checkpoint, root in pairs))


def make_teacher(checkpoint: str, root: pathlib.Path, tokenizer: Any, task: Task, train: Sequence[AnyExample],
                 dev: Sequence[AnyExample], data_fingerprint: str, recipe: TeacherRecipe,
                 checkpoint_minutes: float, on_epoch: OnEpoch = lambda record: None, backend: str = "tf",
                 refine: bool = False) -> FineTuned:
    """Fine-tunes the teacher below `root`, or finds it there; one that answers the task is used as it is.

    Args:
        checkpoint: resolved pre-trained checkpoint.
        root: folder of teachers; a Hugging Face directory in itself is taken instead of the checkpoint.
        tokenizer: the checkpoint's tokenizer.
        task: what the teacher learns.
        train, dev: labelled examples.
        data_fingerprint: of the labelled data.
        recipe: settings of fine-tuning.
        checkpoint_minutes: minutes between checkpoints of the fine-tuning.
        on_epoch: receives each epoch's record.
        backend: what fine-tunes and runs it: tf, torch or onnx.
        refine: whether to fine-tune also what answers the task already; a given directory's result is
            kept in <root>-refined.

    Raises:
        ModelLoadError: a given teacher does not fit the task.
        ConfigError: it would have to be fine-tuned and the backend cannot.
    """
    given = (root / "config.json").exists()
    if given:
        checkpoint, root = str(root), root.with_name(f"{root.name}-refined")
    problem = why_not_fine_tuned(checkpoint, task)
    if problem and given:
        raise ModelLoadError(f"`teacher_model_dir={checkpoint}`: {problem}. Give a teacher fine-tuned for "
                             "this task, or another folder, in which one is fine-tuned.")
    if not problem and not refine:
        log.info("teacher %s: already fine-tuned for the task; used as it is%s%s", checkpoint,
                 "" if given else "; `refine_teacher` fine-tunes it on your labels", _scheme_said(checkpoint, task))
        return FineTuned.at(pathlib.Path(checkpoint), backend)
    fine_tune = backend_named(backend).fine_tune
    if fine_tune is None:
        raise ConfigError(f"`teacher_backend={backend}` cannot fine-tune {checkpoint!r}"
                          f"{f' ({problem})' if problem else ''}. Give a teacher that is fine-tuned for the "
                          "task, or use `teacher_backend=tf` or torch.")
    identity = {"checkpoint": checkpoint_fingerprint(checkpoint), "data": data_fingerprint, "kind": task.kind,
                "labels": task.labels, "backend": backend, "recipe": dataclasses.asdict(recipe)} | task.scored_by
    path = root / fingerprint(identity)[:8]
    workers = Workers(strategy_for())
    if workers.from_chief(np.array([(path / _RECORD).exists()], np.float32))[0]:
        log.info("teacher %s: already fine-tuned", path)
        return FineTuned.at(path, backend)
    if reason := why_not_writable(root):
        raise ConfigError(f"`teacher_model_dir`: no teacher in {root} has the settings of this run, and nothing can be "
                          f"written into it ({reason}). Give a folder that may be written to.")
    if workers.chief:
        remove_leftovers(root)
    _explain_change(root, path, identity)
    state_file = root / f"{path.name}-progress.npz"

    def trained() -> tuple[Any, PhaseResult]:
        return fine_tune(checkpoint, tokenizer, task, train, dev, recipe, state_file, checkpoint_minutes,
                         on_epoch)

    # TensorFlow's workers train together; the other backends' chief trains alone.
    together = trained() if backend == "tf" else None
    with workers.chief_first():
        if workers.chief:
            _keep(path, *(together or trained()), tokenizer, identity)
            for left in root.glob(f"{path.name}-progress.*"):
                left.unlink()
    return FineTuned.at(path, backend)


def _scheme_said(checkpoint: str, task: Task) -> str:
    """What is said of a teacher whose labels are in another tag scheme."""
    from transformers import AutoConfig

    with quiet_transformers(), explained(checkpoint, "the config"):
        names = label_names(AutoConfig.from_pretrained(checkpoint, trust_remote_code=False))
    if not task.names_outputs or sorted(names) == sorted(task.labels):
        return ""
    return f"; its {len(names)} labels are {scheme_of_labels(names)} and read as the {len(task.labels)} of IOB2"


def _keep(path: pathlib.Path, teacher: Any, result: PhaseResult, tokenizer: Any,
          identity: dict[str, Any]) -> None:
    with atomic_directory(path) as part:
        teacher.save_pretrained(part)
        tokenizer.save_pretrained(part)
        write_json(part / _RECORD, {"identity": identity, "history": result.history,
                                    "best_epoch": result.best_epoch, "seconds": result.seconds,
                                    "cpu_seconds": result.cpu_seconds})


def _explain_change(root: pathlib.Path, path: pathlib.Path, identity: dict[str, Any]) -> None:
    """Says which settings keep the teachers that are there from being used: of the one with the fewest such."""
    found = [(_changes(read_json(record)["identity"], identity), record.parent)
             for record in sorted(root.glob(f"*/{_RECORD}"))]
    if found:
        changed, nearest = min(found, key=lambda pair: len(pair[0]))
        log.warning("the teacher %s was fine-tuned with other settings (%s): a new one is fine-tuned now, in %s. To "
                    "use that one, stop, and give the same settings, or its folder: `teacher_model_dir=%s`",
                    nearest, ", ".join(changed), path, nearest)


def _changes(before: dict[str, Any], now: dict[str, Any]) -> list[str]:
    """What is different between the settings of two teachers."""
    named = {"data": "labelled examples", "main_score": "metric"}
    compared = ("checkpoint", "data", "kind", "labels", "main_score", "decoding", "backend")
    changed = [named.get(key, key) for key in compared if before.get(key) != now.get(key)]
    return changed + [f"{key} {before['recipe'].get(key)} -> {value}" for key, value in now["recipe"].items()
                      if before["recipe"].get(key) != value]
