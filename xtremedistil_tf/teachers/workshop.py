"""Making the run's teacher, or finding it: one fine-tuned Hugging Face directory per fingerprint."""

from __future__ import annotations

import dataclasses
import logging
import pathlib
from typing import Any, Callable, Sequence

from xtremedistil_tf.atomic import atomic_directory, read_json, remove_leftovers, write_json
from xtremedistil_tf.corpus.example import Example
from xtremedistil_tf.errors import ModelLoadError
from xtremedistil_tf.fingerprint import fingerprint
from xtremedistil_tf.teachers.checkpoints import checkpoint_fingerprint
from xtremedistil_tf.teachers.fine_tuning import TeacherRecipe, fine_tune
from xtremedistil_tf.teachers.loading import load_token_classifier, load_tokenizer
from xtremedistil_tf.teachers.model import Teacher

log = logging.getLogger(__name__)

_RECORD = "fine-tuning.json"


@dataclasses.dataclass(frozen=True)
class FineTuned:
    """A fine-tuned teacher on disk.

    Attributes:
        path: Hugging Face directory.
        fingerprint: of its weights, tokenizer and config.
        history: epochs of its fine-tuning; empty for a teacher that was given.
        seconds, cpu_seconds: wall and CPU time that took.
    """

    path: pathlib.Path
    fingerprint: str
    history: list[dict[str, Any]]
    seconds: float
    cpu_seconds: float

    def load(self, labels: Sequence[str]) -> Teacher:
        """The teacher in float32, whatever precision it was trained in."""
        return Teacher(load_token_classifier(str(self.path), list(labels), seed=0))


def make_teacher(checkpoint: str, root: pathlib.Path, tokenizer, train: Sequence[Example],
                 dev: Sequence[Example], labels: Sequence[str], data_fingerprint: str, recipe: TeacherRecipe,
                 checkpoint_minutes: float,
                 on_epoch: Callable[[dict[str, Any]], None] = lambda record: None) -> FineTuned:
    """Fine-tunes the teacher below `root`, or finds it there.

    Args:
        checkpoint: resolved pre-trained checkpoint.
        root: folder of teachers; a Hugging Face directory in itself is used as it is.
        tokenizer: the checkpoint's tokenizer.
        train, dev, labels: the task.
        data_fingerprint: of the labelled data.
        recipe: settings of fine-tuning.
        checkpoint_minutes: minutes between checkpoints of the fine-tuning.
        on_epoch: receives each epoch's record.
    """
    if (root / "config.json").exists():
        return _given(root, labels)
    identity = {"checkpoint": checkpoint_fingerprint(checkpoint), "data": data_fingerprint,
                "labels": list(labels), "recipe": dataclasses.asdict(recipe)}
    path = root / fingerprint(identity)[:8]
    remove_leftovers(root)
    if not (path / _RECORD).exists():
        _explain_change(root, path, identity)
        state_file = root / f"{path.name}-progress.npz"
        teacher, result = fine_tune(checkpoint, tokenizer, train, dev, labels, recipe, state_file,
                                    checkpoint_minutes, on_epoch)
        with atomic_directory(path) as part:
            teacher.classifier.save_pretrained(part, safe_serialization=True)
            tokenizer.save_pretrained(part)
            write_json(part / _RECORD, {"identity": identity, "history": result.history,
                                        "best_epoch": result.best_epoch, "seconds": result.seconds,
                                        "cpu_seconds": result.cpu_seconds})
        state_file.unlink(missing_ok=True)
    else:
        log.info("teacher %s: already fine-tuned", path)
    record = read_json(path / _RECORD)
    return FineTuned(path, checkpoint_fingerprint(str(path)), record["history"], record["seconds"],
                     record.get("cpu_seconds", 0.0))


def _given(root: pathlib.Path, labels: Sequence[str]) -> FineTuned:
    names = read_json(root / "config.json").get("id2label", {})
    own = [names[str(i)] for i in range(len(names)) if str(i) in names]
    if own != list(labels):
        raise ModelLoadError(f"--teacher_model_dir={root}: its labels are {', '.join(own) or 'not named'}; the "
                             f"task's are {', '.join(labels)}. Give a teacher fine-tuned for these labels, in "
                             "this order, or another folder, in which one will be fine-tuned.")
    log.info("teacher %s: given, used as it is", root)
    record = read_json(root / _RECORD) if (root / _RECORD).exists() else {"history": [], "seconds": 0.0}
    return FineTuned(root, checkpoint_fingerprint(str(root)), record["history"], record["seconds"],
                     record.get("cpu_seconds", 0.0))


def _explain_change(root: pathlib.Path, path: pathlib.Path, identity: dict[str, Any]) -> None:
    for record in sorted(root.glob(f"*/{_RECORD}")):
        before = read_json(record)["identity"]
        changed = [key for key in ("checkpoint", "data", "labels") if before.get(key) != identity[key]]
        changed += [f"{key} {before['recipe'].get(key)} -> {value}" for key, value in identity["recipe"].items()
                    if before["recipe"].get(key) != value]
        log.warning("a teacher was fine-tuned with other settings (%s): a new one is made in %s, the "
                        "earlier stays in %s", ", ".join(changed), path, record.parent)


def tokenizer_of(checkpoint: str):
    """The checkpoint's fast tokenizer.

    Raises:
        ModelLoadError: it has no padding token.
    """
    tokenizer = load_tokenizer(checkpoint)
    if tokenizer.pad_token_id is None:
        raise ModelLoadError(f"the tokenizer of {checkpoint} has no padding token; expected one in its "
                             "tokenizer_config.json.")
    return tokenizer
