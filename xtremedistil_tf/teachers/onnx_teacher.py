"""A teacher from an exported directory (`model.onnx`, config and tokenizer, as Optimum lays them out)."""

from __future__ import annotations

import importlib.util
import pathlib
import re
from collections.abc import Mapping
from typing import Any

import numpy as np

from xtremedistil_tf.checkpoints.reading import Family, check_layers, explained, num_layers, quiet_transformers
from xtremedistil_tf.errors import ConfigError, MissingExtraError, ModelLoadError
from xtremedistil_tf.tasks.task import Task
from xtremedistil_tf.teachers.own_labels import groups_of, merged
from xtremedistil_tf.teachers.protocol import Forward, Relations, refuse_relations, task_config

ONNX_FILE = "model.onnx"


class OnnxTeacher:
    """An exported model with a head for the task. It predicts and cannot be fine-tuned.

    Its inputs are `input_ids`, `attention_mask` and `token_type_ids`, as far as it declares them; its
    outputs `logits`, or `start_logits` and `end_logits`; and, for hidden states, `hidden_states.0` and so on,
    or `last_hidden_state` for the top layer alone; for attention maps `attentions.0` and so on.

    Args:
        folder: directory with `model.onnx` and `config.json`.
        task: what its head answers.

    Raises:
        MissingExtraError: onnxruntime is not installed.
        ModelLoadError: a file is missing or cannot be read, or the model has no output for the task.
    """

    def __init__(self, folder: str, task: Task):
        for package in ("onnxruntime", "onnx"):
            if importlib.util.find_spec(package) is None:
                raise MissingExtraError(package, "onnx", "`teacher_backend=onnx`")
        self.task, self._file = task, pathlib.Path(folder) / ONNX_FILE
        if not self._file.is_file():
            raise ModelLoadError(f"{folder!r} has no {ONNX_FILE}; expected a directory with an exported "
                                 "model, its config.json and its tokenizer, as `optimum-cli export onnx` "
                                 "writes it.")
        with quiet_transformers(), explained(folder, "the model"):
            import onnxruntime

            self._config = task_config(folder, task)
            self._session = onnxruntime.InferenceSession(str(self._file))
        self._inputs = {value.name: value.type for value in self._session.get_inputs()}
        self._outputs = [value.name for value in self._session.get_outputs()]
        self._family, self._groups = Family.of(self._config), groups_of(self._config, task)
        self.num_layers, self.width = num_layers(self._config), self._config.hidden_size
        self._check()

    def _check(self) -> None:
        unknown = sorted(set(self._inputs) - {"input_ids", "attention_mask", "token_type_ids"})
        if unknown:
            raise ModelLoadError(f"{self._file} needs the inputs {', '.join(unknown)}; expected input_ids, "
                                 "attention_mask and token_type_ids. Export the encoder for the task, "
                                 "without past keys and values.")
        if "logits" not in self._outputs and not {"start_logits", "end_logits"} <= set(self._outputs):
            raise ModelLoadError(f"{self._file} has the outputs {', '.join(self._outputs)}; expected logits "
                                 "(or start_logits and end_logits). Export a model that was fine-tuned for "
                                 "the task.")
        if self._family.left_padded or self._family.rows_alone or self._family.blanks_padding:
            raise ModelLoadError(f"{self._file} is a model of type {self._family.model_type}, whose "
                                 "padding an exported model does not handle. Use "
                                 "`teacher_backend=tf` or torch.")

    @property
    def parameters(self) -> int:
        """Numbers in its tables and matrices, quantised ones included."""
        return sum(int(np.prod(tensor.dims)) for tensor in self._graph().initializer if len(tensor.dims))

    def word_embeddings(self) -> np.ndarray:
        """float32 [vocab, width of the embeddings]: the table in which the pieces are looked up.

        Raises:
            ModelLoadError: there is none, or it is quantised.
        """
        import onnx

        graph = self._graph()
        tables = {tensor.name: tensor for tensor in graph.initializer
                  if len(tensor.dims) == 2 and tensor.dims[0] == self._config.vocab_size}
        for node in graph.node:
            table = tables.get(node.input[0]) if node.op_type == "Gather" else None
            if table is not None:
                values = onnx.numpy_helper.to_array(table, base_dir=str(self._file.parent))
                if values.dtype.kind == "f":
                    return values.astype(np.float32)
        raise ModelLoadError(f"{self._file}: found no float table of {self._config.vocab_size} word "
                             "embeddings. Use `embedding_init=random`, or a model that is not quantized.")

    def forward(self, layers: tuple[int, ...] = (), attentions: tuple[int, ...] = (),
                relations: Relations | None = None) -> Forward:
        """See `LoadedTeacher`.

        Raises:
            ConfigError: also where the model was exported without these outputs.
        """
        refuse_relations(relations)
        check_layers(self._config, layers, attentions)
        states = [self._state_name(layer) for layer in layers]
        maps = [self._numbered("attentions", (layer - (layer > 0)) % self.num_layers) for layer in attentions]
        logits = ["logits"] if "logits" in self._outputs else ["start_logits", "end_logits"]

        def run(batch):
            wanted = list(dict.fromkeys([*logits, *states, *maps]))
            found = dict(zip(wanted, self._session.run(wanted, self._feed(batch))))
            heads = [found[name].astype(np.float32) for name in logits]
            answers = {"logits": heads[0] if len(heads) == 1 else np.stack(heads, -1)}
            if self._groups is not None:
                answers["logits"] = merged(answers["logits"], self._groups)
            if states:
                answers["hidden"] = np.stack([found[name] for name in states], axis=2).astype(np.float32)
            if maps:
                # [batch, heads, query, key] each -> [batch, query, layers, heads, key]
                stacked = np.stack([found[name].swapaxes(1, 2) for name in maps], axis=2)
                answers["attentions"] = stacked.astype(np.float32)
            return answers

        return run

    def _feed(self, batch: Mapping[str, Any]) -> dict[str, np.ndarray]:
        feed = {name: np.asarray(batch[name]) for name in self._inputs if name in batch}
        mask = np.asarray(batch["attention_mask"])
        if self._config.pad_token_id is not None:
            feed["input_ids"] = np.where(mask, feed["input_ids"], self._config.pad_token_id)
        if "token_type_ids" in self._inputs and "token_type_ids" not in feed:
            feed["token_type_ids"] = np.zeros_like(mask)
        kinds = {"tensor(int64)": np.int64, "tensor(int32)": np.int32}
        return {name: values.astype(kinds.get(self._inputs[name], np.int64)) for name, values in feed.items()}

    def _state_name(self, layer: int) -> str:
        number = layer % (self.num_layers + 1)
        if number == self.num_layers and "last_hidden_state" in self._outputs:
            return "last_hidden_state"
        return self._numbered("hidden_states", number)

    def _numbered(self, kind: str, number: int) -> str:
        for name in (f"{kind}.{number}", f"{kind}_{number}"):
            if name in self._outputs:
                return name
        there = [name for name in self._outputs if re.match(f"{kind}|last_hidden", name)]
        raise ConfigError(f"{self._file} was exported without the output {kind}.{number} (it has "
                          f"{', '.join(there) or 'none of these'}). Export it with output_{kind}=True, "
                          "choose another `teacher_layer`, or use `teacher_backend=tf` or torch.")

    def _graph(self):
        import onnx

        return onnx.load(str(self._file), load_external_data=False).graph
