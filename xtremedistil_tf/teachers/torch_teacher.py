"""A teacher that torch runs, on the same batches and with the same answers as the TensorFlow one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch

from xtremedistil_tf.tasks.task import Task
from xtremedistil_tf.teachers.families import Family, check_layers, num_layers
from xtremedistil_tf.teachers.protocol import Forward, Relations, refuse_relations
from xtremedistil_tf.teachers.task_config import output_order


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
        order = output_order(classifier.config, task)
        self._order = None if order is None else torch.tensor(order, device=self.device)

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
        if self._order is not None:
            answers["logits"] = answers["logits"][..., self._order]
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
