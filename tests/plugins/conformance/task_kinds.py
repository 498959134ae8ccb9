"""What every kind of task must do: features, answers, scores, lines, files, raw text, losses."""

from __future__ import annotations

import dataclasses
import io
import json
import pathlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import pytest

from xtremedistil_tf.corpus.example import QuestionExample, texts_of
from xtremedistil_tf.corpus.reading import BY_CONTENT
from xtremedistil_tf.tasks.raw_text import TEXT, asked
from xtremedistil_tf.tasks.registry import make_task
from xtremedistil_tf.training.batches import pad_batch


def run_task_kind_test(task: Any, examples: Sequence[Any], logits_of: Callable[[Mapping[str, np.ndarray]], np.ndarray],
                       tokenizer: Any, folder: pathlib.Path) -> None:
    """Checks a kind of task.

    Args:
        task: with options other than the defaults, if it has any.
        examples: labelled ones of a few words, at least three, no two with the same label.
        logits_of: one row of training features -> logits, [pieces, outputs] or [outputs], that mean its label.
        tokenizer: any fast one.
        folder: an empty one.
    """
    features = task.training_features(tokenizer, examples, 64)
    assert features.truncated == 0 and list(features.features.columns) == [*task.text_columns, *task.label_columns]
    rows = [features.features.read(number) for number in range(len(examples))]
    logits = [np.asarray(logits_of(row), np.float32) for row in rows]
    assert {row.shape[-1] for row in logits} == {task.num_outputs} and logits[0].ndim == 1 + task.per_piece
    wanted = task.prediction_features(tokenizer, examples, None)
    for found in wanted, task.text_features(tokenizer, examples, 64):
        for number, row in enumerate(rows):
            np.testing.assert_array_equal(found.features.read(number)["input_ids"], row["input_ids"])
    right = task.decode(wanted, logits)
    _check_scores(task, examples, right)
    _check_options(task, wanted, logits, right)
    _check_lines(task, examples, right)
    _check_files(task, examples, folder)
    _check_raw_text(task, examples, task.decode_scored(wanted, logits))
    _check_losses(task, features.features, logits)


def _check_scores(task: Any, examples: Sequence[Any], right: Sequence[Any]) -> None:
    best = task.scores(examples, right)
    assert best[task.main_score] == pytest.approx(1), "logits that mean the labels do not score 1"
    wrong = [*right[1:], right[0]]
    if task.kind == "tagging":  # as many tags as words
        wrong = [["O"] * len(tags) for tags in right]
    assert task.scores(examples, wrong)[task.main_score] < best[task.main_score]
    assert task.agreement(right, right) == 1 > task.agreement(right, wrong)
    assert all(map(task.same, right, right)) and not all(map(task.same, right, wrong))
    apart = [(one, *pair) for one, *pair in zip(examples, right, wrong) if task.distance(*pair) > 0]
    assert apart and {task.distance(one, one) for one in right} == {0}
    for row in apart:
        json.dumps(task.disagreement(*row))
    json.dumps(best)


def _check_options(task: Any, features: Any, logits: Sequence[np.ndarray], right: Sequence[Any]) -> None:
    again = make_task(task.kind, task.labels, **json.loads(json.dumps(task.options)))
    assert (again.options, again.labels, again.scored_by) == (task.options, task.labels, task.scored_by)
    assert all(map(task.same, again.decode(features, logits), right))
    json.dumps([task.decoding_facts(), task.scored_by])


def _check_lines(task: Any, examples: Sequence[Any], right: Sequence[Any]) -> None:
    for number, (example, answer) in enumerate(zip(examples, right), 1):
        line = task.lines.parse("\t".join(texts_of(example)), number, "f.txt")
        assert (texts_of(line), line.source, line.line) == (texts_of(example), "f.txt", number)
        assert "\n" not in task.lines.show(line, answer)
    assert task.lines.parse(" ", 1, "f.txt") is None


def _check_files(task: Any, examples: Sequence[Any], folder: pathlib.Path) -> None:
    """Examples given as Python rows are read back as they were, and without labels."""
    kind = task.files(getattr(examples[0], "pair", None) is not None)
    path = folder / f"train{kind.record_format}"
    for labelled in True, False:
        file = io.StringIO()
        kind.write_records(file, [kind.record(example, labelled) for example in examples])
        path.write_text(file.getvalue(), encoding="utf-8")
        found = kind.read(path, task.labels, None, BY_CONTENT) if labelled else kind.read_unlabeled(str(path))
        for one, example in zip(found, examples, strict=True):
            assert texts_of(one) == texts_of(example)
            assert _gold(one) == (_gold(example) if labelled else None)


def _gold(example: Any) -> Any:
    if isinstance(example, QuestionExample):
        return example.answers
    return example.label if hasattr(example, "label") else example.tags


def _check_raw_text(task: Any, examples: Sequence[Any], predictions: Sequence[Any]) -> None:
    """Answers survive the way through the arrays of the signature `raw_strings`."""
    contract = task.raw_text
    answers = [contract.answer(task, asked(task, example), one) for example, one in zip(examples, predictions)]
    arrays = contract.arrays(task, answers)
    assert set(arrays) == set(contract.outputs) and contract.needed <= set(arrays)
    for name, output in contract.outputs.items():
        assert arrays[name].ndim == output.rank and len(arrays[name]) == len(examples), name
        assert output.dtype == TEXT or arrays[name].dtype == output.dtype, name
    served = {name: np.array([value.decode() for value in values.ravel()], object).reshape(values.shape)
              if contract.outputs[name].dtype == TEXT else values for name, values in arrays.items()}
    read = contract.read(served)
    for one, other, example in zip(read, answers, examples, strict=True):
        _alike(dataclasses.asdict(one), dataclasses.asdict(other))
        plain, given = contract.prediction(one), contract.prediction(other)
        assert task.lines.show(example, plain) == task.lines.show(example, given)
    assert contract.arrays(task, []).keys() == arrays.keys()


def _alike(one: Any, other: Any) -> None:
    """The same, numbers within what float32 holds."""
    if isinstance(one, dict):
        assert one.keys() == other.keys()
        one, other = list(one.values()), list(other.values())
    if isinstance(one, list | tuple):
        for pair in zip(one, other, strict=True):
            _alike(*pair)
    else:
        assert one == (pytest.approx(other, rel=1e-5) if isinstance(other, float) else other)


def _check_losses(task: Any, features: Any, logits: Sequence[np.ndarray]) -> None:
    batch = pad_batch(features, np.arange(len(logits)), 0)
    shape = (len(logits), batch["input_ids"].shape[1]) if task.per_piece else (len(logits),)
    right = np.zeros((*shape, task.num_outputs), np.float32)
    for row, values in zip(right, logits):
        row[: len(values)] = values
    losses = [float(task.label_loss(batch, share * right)) for share in (0.0, 0.5, 1.0)]
    assert losses == sorted(losses, reverse=True) and losses[2] < 0.1 < losses[0], losses
    batch["teacher_logits"] = right
    losses = [float(task.logit_loss(batch, share * right)) for share in (0.0, 0.5, 1.0)]
    assert losses[0] > losses[1] > losses[2] == 0
    assert float(task.weight_of(batch)) >= len(logits)
