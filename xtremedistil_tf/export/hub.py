"""One folder that transformers.js, optimum and ONNX Runtime open as they open any model: `export/hub/`."""

from __future__ import annotations

import os
import pathlib
import tempfile
from collections.abc import Mapping, Sequence
from importlib import resources
from string import Template
from typing import Any

from xtremedistil_tf.atomic import atomic_file, read_json, write_json, write_text
from xtremedistil_tf.errors import ExportCheckError, reason_of
from xtremedistil_tf.export.onnx import export_onnx
from xtremedistil_tf.tasks.task import Task
from xtremedistil_tf.tokenization.portable import portable_spec, with_words
from xtremedistil_tf.tokenization.texts import tokenizer_spec

CARD = "hub_card.md"
#: Quantization -> file, as transformers.js looks for it; in browsers it takes the int8 one.
GRAPHS = {"none": "onnx/model.onnx", "int8": "onnx/model_quantized.onnx"}
_DTYPES = {"none": "fp32", "int8": "q8"}
# What transformers calls "no limit".
_NO_LIMIT = int(1e30)
_PIPELINES = {"TokenClassification": "token-classification", "SequenceClassification": "text-classification",
              "QuestionAnswering": "question-answering"}


def export_hub(folder: str | os.PathLike[str], student: Any, tokenizer: Any, task: Task, quantization: str,
               license: str = "") -> pathlib.Path:
    """Writes one graph and all that goes with it; another quantization may be in the folder already.

    The folder has `config.json`, `tokenizer.json`, `tokenizer_config.json`, `README.md` and the graph, see `GRAPHS`.
    Inputs and outputs of the graph: see `pipeline_model`.

    Args:
        folder: `export/hub`.
        student: float32 student.
        tokenizer: its fast tokenizer.
        task: what the student answers.
        quantization: none or int8.
        license: for the model card.

    Returns:
        The graph's file.

    Raises:
        ConfigError: the tokenizer cannot be read in JavaScript, or does not tell where words begin.
        ConfigError, ExportCheckError, MissingExtraError: see `export_onnx`.
    """
    folder = pathlib.Path(folder)
    file = folder / GRAPHS.get(quantization, "")
    spec = tokenizer_spec(tokenizer)
    spec = portable_spec(spec if task.raw_words is None else with_words(spec, task.raw_words))
    inputs, labels = _write_graph(file, student, tokenizer, task, quantization)
    write_json(folder / "tokenizer.json", spec)
    write_json(folder / "tokenizer_config.json", _tokenizer_config(tokenizer, inputs, student.max_length))
    write_json(folder / "config.json", _config(folder, student, tokenizer, task, inputs, labels))
    write_text(folder / "README.md", _card(folder, task, license))
    return file


def _write_graph(file: pathlib.Path, student: Any, tokenizer: Any, task: Task,
                 quantization: str) -> tuple[list[str], list[str]]:
    """Writes the graph; returns the names of its inputs, and its labels."""
    with tempfile.TemporaryDirectory() as scratch:
        plain = export_onnx(pathlib.Path(scratch) / "model.onnx", student, tokenizer, task, quantization)
        import onnx

        from xtremedistil_tf.export.hub_graph import pipeline_model
        from xtremedistil_tf.inference.runtimes import OnnxRuntime

        model, labels = pipeline_model(onnx.load(str(plain)), task, tokenizer)
    file.parent.mkdir(parents=True, exist_ok=True)
    with atomic_file(file) as part:
        part.write_bytes(model.SerializeToString())
        try:
            onnx.checker.check_model(str(part))
            OnnxRuntime(part, threads=1).close()
        except onnx.checker.ValidationError as error:
            raise ExportCheckError(f"{file.name} was not written: its graph is not valid ({reason_of(error)})."
                                   ) from error
    return [value.name for value in model.graph.input], labels


def _tokenizer_config(tokenizer: Any, inputs: Sequence[str], longest: int | None) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as scratch:
        tokenizer.save_pretrained(scratch, legacy_format=False)
        facts = read_json(pathlib.Path(scratch) / "tokenizer_config.json")
    # This class takes the file as it is; types of tokens come from a model's own class alone in JavaScript.
    own = "token_type_ids" in inputs and "token_type_ids" in tokenizer.model_input_names
    return facts | {"tokenizer_class": facts["tokenizer_class"] if own else "PreTrainedTokenizerFast",
                    "model_max_length": longest or _NO_LIMIT, "padding_side": "right", "truncation_side": "right",
                    "model_input_names": [name for name in tokenizer.model_input_names if name in inputs]}


def _config(folder: pathlib.Path, student: Any, tokenizer: Any, task: Task, inputs: Sequence[str],
            labels: Sequence[str]) -> dict[str, Any]:
    """What runtimes look up; none looks into the graph, so that a BiLSTM can be called by a name that all know."""
    name, model_type = ("Bert", "bert") if "token_type_ids" in inputs else ("DistilBert", "distilbert")
    facts: dict[str, Any] = {
        "model_type": model_type, "architectures": [f"{name}For{task.auto_class}"], "vocab_size": len(tokenizer),
        "pad_token_id": tokenizer.pad_token_id}
    if student.max_length:
        facts["max_position_embeddings"] = student.max_length
    if task.auto_class == "SequenceClassification":
        kind = "regression" if task.num_outputs == 1 else "single_label_classification"
        facts["problem_type"] = task.problem_type or kind
    if task.auto_class != "QuestionAnswering":
        names = list(labels) if task.names_outputs else [f"LABEL_{number}" for number in range(task.num_outputs)]
        facts["id2label"] = {str(number): label for number, label in enumerate(names)}
        facts["label2id"] = {label: number for number, label in enumerate(names)}
    there = [dtype for quantization, dtype in _DTYPES.items() if (folder / GRAPHS[quantization]).exists()]
    if len(there) == 1:  # else each device takes what suits it
        facts["transformers.js_config"] = {"dtype": there[0]}
    return facts


def _card(folder: pathlib.Path, task: Task, license: str) -> str:
    pipeline = _PIPELINES[task.auto_class]
    asked: Mapping[str, str] = {"question-answering": "'Who lives in London?', 'Ada Lovelace lives in London.'"}
    text = (resources.files(__package__) / "templates" / CARD).read_text(encoding="utf-8")
    return Template(text).substitute(
        license=license or "unknown", pipeline=pipeline, auto_class=task.auto_class,
        asked=asked.get(pipeline, "'Ada Lovelace lives in London.'"), labels=", ".join(task.labels) or "none",
        options=", { aggregation_strategy: 'simple' }" if pipeline == "token-classification" else "",
        file=next(pathlib.PurePosixPath(name).name for name in GRAPHS.values() if (folder / name).exists()))
