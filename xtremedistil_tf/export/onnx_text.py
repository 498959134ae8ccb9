"""One ONNX file from texts to answers, with the tokenizer by onnxruntime-extensions: `export/onnx_text/`."""

from __future__ import annotations

import importlib.util
import os
import pathlib
import tempfile
from typing import Any

import numpy as np

from xtremedistil_tf.atomic import atomic_file
from xtremedistil_tf.errors import ConfigError, ExportCheckError, MissingExtraError, ModelLoadError
from xtremedistil_tf.export.onnx import export_onnx
from xtremedistil_tf.export.onnx_text_run import answers_of
from xtremedistil_tf.inference.runtimes import OnnxRuntime
from xtremedistil_tf.tasks.task import Task

PACKAGE = "onnxruntime_extensions"
_PROBES = ("Ada Lovelace was born in London.", "the words of a text", "1 2 3", "мир", "a")
# Of the largest logit: in int8 the student's own differ in every batching of a transformer.
_TOLERANCE = 1e-3


def export_onnx_text(path: str | os.PathLike[str], student: Any, tokenizer: Any, task: Task, quantization: str,
                     pairs: bool = False) -> pathlib.Path:
    """Writes an ONNX file that takes a text and holds the tokenizer, once it has answered texts as the student does.

    Input: `texts`, string [1]. Outputs of taggers, for each piece of the text, special tokens left out: `pieces`
    string, `ids` int64, `tags` string, `scores` float32 (the tag's probability), `logits` float32 [pieces, labels];
    of SentencePiece also `starts` int64, where the piece begins in the text's UTF-8. Later pieces of a word answer as
    its first one does, with `I-` for `B-`. Tags are the best of each piece by itself. Of other tasks: `logits` float32
    [1, outputs]; of classification and multi-label also `probabilities` float32 [1, outputs], of classification
    `labels` string [1], of regression `values` float32 [1].

    A text longer than the student takes is cut. Programs register the operators of onnxruntime-extensions.

    Args:
        path: the file; replaced whole.
        student: float32 student.
        tokenizer: its fast tokenizer.
        task: what the student answers.
        quantization: see `export_onnx`.
        pairs: whether it answers pairs of texts.

    Returns:
        `path`.

    Raises:
        ConfigError: the tokenizer or the kind of task cannot be in such a file; see also `export_onnx`.
        ExportCheckError: the graph is not valid, or does not answer as the student does.
        MissingExtraError: a package is not installed.
    """
    path = pathlib.Path(path)
    if pairs or task.kind == "question_answering":
        raise ConfigError("onnx_text: the graph takes one text; pairs of texts and questions need two. Export onnx.")
    if importlib.util.find_spec(PACKAGE) is None:
        raise MissingExtraError("onnxruntime-extensions", "onnx-text", "exporting `formats=onnx_text`")
    import onnx

    from xtremedistil_tf.export.onnx_text_graph import text_model, tokenizer_nodes

    nodes = tokenizer_nodes(tokenizer)
    with tempfile.TemporaryDirectory() as folder:
        plain = export_onnx(pathlib.Path(folder) / "model.onnx", student, tokenizer, task, quantization)
        model = text_model(onnx.load(str(plain)), nodes, tokenizer, task, student.max_length)
        with atomic_file(path) as part:
            part.write_bytes(model.SerializeToString())
            _check(part, OnnxRuntime(plain, threads=1), tokenizer, task)
    return path


def _check(file: pathlib.Path, plain: OnnxRuntime, tokenizer: Any, task: Task) -> None:
    """Raises ExportCheckError where the file has other pieces or logits than the student's graph."""
    try:
        found = answers_of(file, _PROBES)
    except ModelLoadError as error:
        raise ExportCheckError(f"the ONNX graph with the tokenizer is not valid. {error}") from error
    special = set(tokenizer.all_special_ids) - {tokenizer.unk_token_id}
    for text, answer in zip(_PROBES, found):
        encoding = tokenizer(text)
        ids, logits = np.array(encoding["input_ids"]), np.array(answer["logits"])
        if tokenizer.unk_token_id in ids:
            continue  # of a word with an unknown character the operator keeps the pieces before that
        columns = {"attention_mask": np.ones_like(ids), "token_type_ids": np.zeros_like(ids)} | {"input_ids": ids}
        wanted = plain.forward({name: values[None] for name, values in columns.items()})["logits"]
        if task.per_piece:
            kept = ~np.isin(ids, list(special))
            if answer["ids"] != ids[kept].tolist():
                raise ExportCheckError(f"onnxruntime-extensions makes other subwords of {text!r} than the tokenizer. "
                                       "Export onnx, whose inputs are ids.")
            first = _first_pieces(encoding)[kept]  # the others repeat it
            wanted, logits = wanted[0][kept][first], logits[first][:, :len(task.labels)]
        difference = np.abs(logits - wanted).max(initial=0)
        if not difference <= _TOLERANCE * max(1.0, np.abs(wanted).max(initial=0)):
            raise ExportCheckError(f"the logits of {text!r} differ from the student's by {difference:.3g}.")


def _first_pieces(encoding: Any) -> np.ndarray:
    words = encoding.encodings[0].word_ids
    return np.array([word is not None and (not place or words[place - 1] != word) for place, word in enumerate(words)])
