"""A teacher that torch runs and fine-tunes, with the batches, answers and recipe of the TensorFlow one."""

from __future__ import annotations

import copy
import dataclasses
import logging
import math
import pathlib
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf
import torch

from xtremedistil_tf.atomic import atomic_file
from xtremedistil_tf.checkpoints.reading import Family, check_layers, num_layers
from xtremedistil_tf.corpus.example import AnyExample
from xtremedistil_tf.errors import ConfigError, NonFiniteLossError
from xtremedistil_tf.progress import progress_bar
from xtremedistil_tf.tasks.task import Task
from xtremedistil_tf.teachers.fine_tuning import CLIP_NORM, WARMUP, WEIGHT_DECAY, TeacherRecipe, dev_score
from xtremedistil_tf.teachers.own_labels import groups_of, merged_torch
from xtremedistil_tf.teachers.protocol import Forward, Relations, refuse_relations
from xtremedistil_tf.teachers.torch_loading import load_torch_classifier
from xtremedistil_tf.training.batches import BatchPlan
from xtremedistil_tf.training.loop import PhaseResult
from xtremedistil_tf.training.pipeline import ShuffledBatches

log = logging.getLogger(__name__)


class TorchTeacher:
    """An `AutoModelFor<task>` of transformers, whatever its family wants of its input.

    Args:
        classifier: model, as `load_torch_classifier` gives it; moved to the GPU if there is one.
        task: what its head answers.
    """

    def __init__(self, classifier, task: Task):
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        self.classifier, self.task = classifier.to(self.device), task
        self.num_layers, self.width = num_layers(classifier.config), classifier.config.hidden_size
        self._family = Family.of(classifier.config)
        self._groups = groups_of(classifier.config, task)

    @property
    def parameters(self) -> int:
        return sum(parameter.numel() for parameter in self.classifier.parameters())

    def word_embeddings(self) -> np.ndarray:
        """float32 [vocab, width of the embeddings]."""
        return self.classifier.get_input_embeddings().weight.detach().cpu().numpy().astype(np.float32)

    def save_pretrained(self, folder) -> None:
        """Writes a Hugging Face directory."""
        self.classifier.save_pretrained(folder, safe_serialization=True)

    def forward(self, layers: tuple[int, ...] = (), attentions: tuple[int, ...] = (),
                relations: Relations | None = None) -> Forward:
        """See `LoadedTeacher`."""
        refuse_relations(relations)
        check_layers(self.classifier.config, layers, attentions)

        def run(batch):
            self.classifier.eval()
            with torch.no_grad():
                outputs = self.answers(batch, bool(attentions))
            found = {"logits": outputs["logits"]}
            if layers:
                found["hidden"] = torch.stack([outputs["hidden_states"][layer] for layer in layers], dim=2)
            if attentions:
                maps = [outputs["attentions"][layer - (layer > 0)] for layer in attentions]
                # [batch, heads, query, key] each -> [batch, query, layers, heads, key]
                found["attentions"] = torch.stack([m.transpose(1, 2) for m in maps], dim=2)
            return {name: values.float().cpu().numpy() for name, values in found.items()}

        return run

    def answers(self, batch: Mapping[str, Any], attentions: bool = False) -> dict[str, Any]:
        """Runs the model in its current mode on a batch padded on the right.

        Args:
            batch: `input_ids`, `attention_mask` and where the task has them `token_type_ids`, int [batch,
                time].
            attentions: whether to give attention maps.

        Returns:
            `logits`, `hidden_states` and where asked for `attentions`: see `teachers.model.Teacher`.
        """
        names = ["input_ids", "attention_mask"] + ["token_type_ids"] * self._family.token_types
        # A copy: arrays of TensorFlow are read-only, which torch does not know.
        inputs = {name: torch.tensor(np.asarray(batch[name]), dtype=torch.long, device=self.device)
                  for name in names if name in batch}
        pad = self.classifier.config.pad_token_id
        if pad is not None:
            inputs["input_ids"] = inputs["input_ids"].masked_fill(inputs["attention_mask"] == 0, pad)
        if self._family.rows_alone and not self.classifier.training:
            return self._rows_alone(inputs, attentions)
        return self._answers(inputs, attentions)

    def _answers(self, inputs: dict[str, torch.Tensor], attentions: bool) -> dict[str, Any]:
        family, mask = self._family, inputs["attention_mask"]
        if family.left_padded:
            inputs = {name: _roll(values, mask, 1) for name, values in inputs.items()}
        if family.blanks_padding:
            inputs = dict(inputs)
            words = self.classifier.get_input_embeddings()(inputs.pop("input_ids"))
            inputs["inputs_embeds"] = words * mask[..., None]
        outputs = self.classifier(**inputs, output_hidden_states=True, output_attentions=attentions)
        if "start_logits" in outputs:
            logits = torch.stack([outputs.start_logits, outputs.end_logits], dim=-1)
        else:
            logits = outputs.logits
        states = tuple(outputs.hidden_states)
        answers = {"logits": logits, "hidden_states": states[:1] if family.pooled else states}
        if attentions:
            answers["attentions"] = tuple(outputs.attentions)
        if family.left_padded:
            answers = self._back(answers, mask)
        if self._groups is not None:
            answers["logits"] = merged_torch(answers["logits"], self._groups)
        return answers

    def _back(self, answers: dict[str, Any], mask: torch.Tensor) -> dict[str, Any]:
        """Answers of a batch that was padded on the left, as if it had been on the right."""
        back = dict(answers, hidden_states=tuple(_roll(s, mask, -1) for s in answers["hidden_states"]))
        if self.task.per_piece:
            back["logits"] = _roll(answers["logits"], mask, -1)
        if "attentions" in answers:
            back["attentions"] = tuple(
                _roll(_roll(m.permute(0, 2, 3, 1), mask, -1).transpose(1, 2), mask, -1).permute(0, 3, 2, 1)
                for m in answers["attentions"])
        return back

    def _rows_alone(self, inputs: dict[str, torch.Tensor], attentions: bool) -> dict[str, Any]:
        """Every row without its padding, one after the other: slower, and exact."""
        time = inputs["input_ids"].shape[1]
        rows = []
        for row, length in enumerate(inputs["attention_mask"].sum(1).clamp(min=1).tolist()):
            alone = {name: values[row: row + 1, :length] for name, values in inputs.items()}
            rows.append((self._answers(alone, attentions), time - length))
        per_piece = self.task.per_piece
        joined = {"logits": torch.cat([_grown(a["logits"], rest, 1) if per_piece else a["logits"]
                                       for a, rest in rows])}
        for name, axes in (("hidden_states", 1), ("attentions", 2)):
            if name in rows[0][0]:
                joined[name] = tuple(torch.cat([_grown(a[name][layer], rest, axes) for a, rest in rows])
                                     for layer in range(len(rows[0][0][name])))
        return joined


def _roll(values: torch.Tensor, mask: torch.Tensor, direction: int) -> torch.Tensor:
    """[batch, time, ...]: pieces to the end of their rows (1), or from there to the start (-1)."""
    time = mask.shape[1]
    shift = direction * (time - mask.sum(1, keepdim=True))
    places = (torch.arange(time, device=mask.device) - shift) % time
    places = places.reshape(*places.shape, *[1] * (values.dim() - 2)).expand(values.shape)
    return values.gather(1, places)


def _grown(values: torch.Tensor, rest: int, axes: int) -> torch.Tensor:
    """[1, time, width], or [1, heads, time, time] with two axes, with zeros up to the batch's time."""
    return torch.nn.functional.pad(values, (0, 0, 0, rest) if axes == 1 else (0, rest, 0, rest))


@dataclasses.dataclass
class _Progress:
    """What is kept between epochs besides weights and optimizer."""

    epoch: int = 0
    best_epoch: int = -1
    best: float = -math.inf
    seconds: float = 0.0
    cpu_seconds: float = 0.0
    history: list[dict[str, Any]] = dataclasses.field(default_factory=list)


def fine_tune_torch(checkpoint: str, tokenizer, task: Task, train: Sequence[AnyExample],
                    dev: Sequence[AnyExample], recipe: TeacherRecipe, state_file: pathlib.Path,
                    checkpoint_minutes: float,
                    on_epoch: Callable[[dict[str, Any]], None] = lambda record: None,
                    ) -> tuple[TorchTeacher, PhaseResult]:
    """As `fine_tuning.fine_tune`, in torch; it goes on from the end of the last saved epoch.

    Raises:
        ConfigError: mixed_float16, which torch cannot train in on every machine.
        NonFiniteLossError: with epoch and batch named.
    """
    if recipe.policy == "mixed_float16":
        raise ConfigError("`opt_policy=mixed_float16` cannot be used with `teacher_backend=torch`. Use "
                          "mixed_bfloat16 or float32.")
    teacher = TorchTeacher(load_torch_classifier(checkpoint, task, recipe.seed), task)
    features = task.training_features(tokenizer, train, recipe.seq_len).features
    plan = BatchPlan(features.lengths, np.arange(len(features)), recipe.batch_size, recipe.seed)
    data = ShuffledBatches(features, plan, tokenizer.pad_token_id)
    run = _Run(teacher, data, dev_score(teacher, tokenizer, dev, recipe.seq_len), recipe,
               state_file.with_suffix(".pt"), checkpoint_minutes, on_epoch)
    return teacher, run.run()


class _Run:
    def __init__(self, teacher: TorchTeacher, data: ShuffledBatches,
                 validate: Callable[[], Mapping[str, float]], recipe: TeacherRecipe, state_file: pathlib.Path,
                 checkpoint_minutes: float, on_epoch):
        self.teacher, self.model, self.data, self.validate = teacher, teacher.classifier, data, validate
        self.recipe, self.state_file, self.on_epoch = recipe, state_file, on_epoch
        self.checkpoint_seconds, self.saved = 60 * checkpoint_minutes, time.monotonic()
        steps = data.batches_per_epoch * recipe.epochs
        self.optimizer = torch.optim.AdamW(_parameter_groups(self.model), lr=recipe.learning_rate, eps=1e-7)
        self.schedule = torch.optim.lr_scheduler.LambdaLR(self.optimizer, _warmup_linear_decay(steps))
        self.progress, self.best = _Progress(), None
        self.loss_of = _loss_and_gradient(teacher.task)

    def run(self) -> PhaseResult:
        self._restore()
        p = self.progress
        while p.epoch < self.recipe.epochs and (p.best_epoch < 0
                                                or p.epoch - 1 - p.best_epoch < self.recipe.patience):
            wall, cpu = time.monotonic(), time.process_time()
            loss = self._train_epoch()
            metrics = self.validate()
            p.seconds += time.monotonic() - wall
            p.cpu_seconds += time.process_time() - cpu
            self._close_epoch(loss, metrics)
        self.model.load_state_dict(self.best)
        return PhaseResult(p.history, p.best_epoch + 1, p.best, p.seconds, p.cpu_seconds)

    def _train_epoch(self) -> float:
        p, total = self.progress, 0.0
        # Dropout is a function of seed and epoch, so that a resumed run equals one that was not interrupted.
        torch.manual_seed(self.recipe.seed * 100003 + p.epoch)
        self.model.train()
        batches = self.data.batches_per_epoch
        with progress_bar(batches, f"teacher {p.epoch + 1}/{self.recipe.epochs}", "batch") as bar:
            for number, batch in enumerate(self.data.epoch(p.epoch, 0)):
                loss = self._step(batch)
                if not math.isfinite(loss):
                    raise NonFiniteLossError(
                        f"teacher: loss is {loss} in epoch {p.epoch + 1}, batch {number + 1}. Lower "
                        "`teacher_learning_rate`, or use `opt_policy=float32`, and run the same command "
                        "again.")
                total += loss
                bar.update()
        return total / max(1, batches)

    def _step(self, batch: Mapping[str, tf.Tensor]) -> float:
        with torch.autocast(self.teacher.device.type, torch.bfloat16,
                            enabled=self.recipe.policy == "mixed_bfloat16"):
            logits = self.teacher.answers(batch)["logits"]
        found = tf.convert_to_tensor(logits.detach().float().cpu().numpy())
        loss, gradient = self.loss_of(dict(batch), found)
        self.optimizer.zero_grad(set_to_none=True)
        logits.backward(torch.tensor(gradient.numpy(), dtype=logits.dtype, device=logits.device))
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), CLIP_NORM)
        self.optimizer.step()
        self.schedule.step()
        return float(loss)

    def _close_epoch(self, loss: float, metrics: Mapping[str, float]) -> None:
        p, monitor = self.progress, self.teacher.task.main_score
        better = p.best_epoch < 0 or float(metrics[monitor]) > p.best
        if better:
            p.best, p.best_epoch = float(metrics[monitor]), p.epoch
            self.best = copy.deepcopy(self.model.state_dict())
        p.epoch += 1
        record = {"epoch": p.epoch, "loss": loss, **{f"val_{k}": float(v) for k, v in metrics.items()},
                  "learning_rate": self.schedule.get_last_lr()[0], "seconds": round(p.seconds, 3)}
        p.history.append(record)
        log.info("teacher epoch %d/%d: loss %.4g  val_%s %.4g%s", p.epoch, self.recipe.epochs, loss, monitor,
                 float(metrics[monitor]), "  *best" if better else "")
        self.on_epoch(record)
        if time.monotonic() - self.saved >= self.checkpoint_seconds:
            self._save()

    def _save(self) -> None:
        with atomic_file(self.state_file) as part:
            torch.save({"model": self.model.state_dict(), "best": self.best,
                        "optimizer": self.optimizer.state_dict(), "schedule": self.schedule.state_dict(),
                        "progress": dataclasses.asdict(self.progress)}, part)
        self.saved = time.monotonic()

    def _restore(self) -> None:
        if not self.state_file.exists():
            return
        try:
            state = torch.load(self.state_file, map_location=self.teacher.device, weights_only=True)
        except Exception as error:  # torch raises whatever its unpickler met
            log.warning("teacher: cannot read the checkpoint (%s); fine-tuning starts from the beginning", error)
            return
        self.model.load_state_dict(state["model"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.schedule.load_state_dict(state["schedule"])
        self.best, self.progress = state["best"], _Progress(**state["progress"])
        log.info("teacher: resumed at epoch %d", self.progress.epoch + 1)


def _parameter_groups(model) -> list[dict[str, Any]]:
    """Weight decay for matrices, none for embedding tables, biases and normalisation, as in `RowAdam`."""
    decayed: list[Any] = []
    exempt: list[Any] = []
    for name, parameter in model.named_parameters():
        (exempt if parameter.dim() < 2 or "embedding" in name.lower() else decayed).append(parameter)
    return [{"params": decayed, "weight_decay": WEIGHT_DECAY}, {"params": exempt, "weight_decay": 0.0}]


def _warmup_linear_decay(steps: int) -> Callable[[int], float]:
    """Factor of the peak learning rate, as `WarmupLinearDecay` has it."""
    warmup = int(WARMUP * steps)

    def factor(step: int) -> float:
        rising, falling = (step + 1) / max(1, warmup), (steps - step) / max(1, steps - warmup)
        return min(max(min(rising, falling), 0.0), 1.0)

    return factor


def _loss_and_gradient(task: Task):
    """The task's own loss and its gradient by the logits, so that there is no second definition of it."""
    @tf.function(reduce_retracing=True)
    def compute(batch, logits):
        with tf.GradientTape() as tape:
            tape.watch(logits)
            loss = task.label_loss(batch, logits)
        return loss, tape.gradient(loss, logits)

    return compute
