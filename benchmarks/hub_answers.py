"""What pipelines should answer, from the logits of the Keras student alone; for hub_parity.py."""

from __future__ import annotations

import pathlib
from typing import Any

import numpy as np

STRATEGIES = ("none", "simple", "first")
_TOLERANCE = 1e-3
# Of Python's pipeline for question answering.
_LONGEST_ANSWER, _SPANS = 15, 12


def softmax(values: np.ndarray) -> np.ndarray:
    powers = np.exp(values - values.max(-1, keepdims=True))
    return powers / powers.sum(-1, keepdims=True)


class Expected:
    """The right answer to one input.

    Args:
        forward: the Keras student, see `compiled`.
        tokenizer: of the hub folder.
        kind: of the task, or "pairs".
        texts: one, or two.
        labels: of the task.
    """

    def __init__(self, forward: Any, tokenizer: Any, kind: str, texts: tuple[str, ...], labels: list[str]):
        import tensorflow as tf

        batch = dict(tokenizer(*texts, return_token_type_ids=True, return_tensors="np"))
        self.logits = forward({name: tf.constant(values, tf.int32) for name, values in batch.items()}).numpy()[0]
        self.ids, self._decode = batch["input_ids"][0].tolist(), tokenizer.decode
        self._encoding = tokenizer(*texts).encodings[0]
        self._kind, self._texts = kind, texts
        self._labels = labels
        self._special = set(tokenizer.all_special_ids)

    def compare(self, pipeline: str, answer: Any) -> tuple[bool, float]:
        """Whether the answer is the same, and the greatest difference of its scores."""
        if self._kind == "tagging":
            return self._pieces(answer) if pipeline in ("transformers.js", "none") else self._entities(answer)
        if self._kind == "question_answering":
            return self._span(answer, pipeline)
        if pipeline == "transformers.js" and self._kind == "pairs":
            difference = np.abs(np.array(answer[0]) - self.logits).max()
            return bool(difference < _TOLERANCE), float(difference)
        scores = 1 / (1 + np.exp(-self.logits)) if self._kind == "multi_label" else softmax(self.logits)
        found = {one["label"]: one["score"] for one in answer}
        difference = max(abs(found[label] - score) for label, score in zip(self._labels, scores))
        return difference < _TOLERANCE and set(found) == set(self._labels), float(difference)

    def _tag(self, place: int) -> tuple[str, float]:
        """Of a piece, as its word's first one answers; the score among the labels that it can have."""
        first = self._encoding.word_ids.index(self._encoding.word_ids[place])
        best = self._labels[self.logits[first].argmax()]
        if first == place:
            return best, softmax(self.logits[first]).max()
        values: dict[str, float] = {}
        for label, value in zip(self._labels, self.logits[first]):
            values[label[2:]] = max(value, values.get(label[2:], -np.inf))
        score = softmax(np.array([*values.values()])).max()
        return (f"I-{best[2:]}" if best != "O" else "O"), score

    def _pieces(self, answer: list[dict[str, Any]]) -> tuple[bool, float]:
        wanted = {place: self._tag(place) for place, word in enumerate(self._encoding.word_ids) if word is not None}
        found = {one["index"]: (one["entity"], one["score"]) for one in answer}
        # JavaScript leaves out pieces that are a space alone.
        if any(wanted[place][0] != tag for place, (tag, _) in found.items()) or len(found) < 0.5 * len(wanted):
            return False, 0.0
        return True, float(max(abs(wanted[place][1] - score) for place, (_, score) in found.items()))

    def _entities(self, answer: list[dict[str, Any]]) -> tuple[bool, float]:
        """(type, start, end) of runs: each B opens one, as does an I of another type than the one before."""
        wanted: list[list[Any]] = []
        before = ""
        for place, word in enumerate(self._encoding.word_ids):
            if word is None:
                continue
            tag, (start, end) = self._tag(place)[0], self._encoding.offsets[place]
            if tag == "O":
                before = ""
                continue
            if tag[0] == "I" and tag[2:] == before:
                wanted[-1][2] = end
            else:
                wanted.append([tag[2:], start, end])
            before = tag[2:]
        return [[one["entity_group"], one["start"], one["end"]] for one in answer] == wanted, 0.0

    def _span(self, answer: dict[str, Any], pipeline: str) -> tuple[bool, float]:
        # To JavaScript an unknown piece is a special token, which is in no answer.
        context = [place for place, part in enumerate(self._encoding.sequence_ids)
                   if part == 1 and (pipeline != "transformers.js" or self.ids[place] not in self._special)]
        starts, ends = softmax(self.logits[[0, *context]].T)[:, 1:]
        longest = len(context) if pipeline == "transformers.js" else _LONGEST_ANSWER
        products = np.tril(np.triu(np.outer(starts, ends)), longest - 1)
        if pipeline == "transformers.js":
            start, end = np.unravel_index(products.argmax(), products.shape)
            score = products[start, end]
            wanted = self._decode(self.ids[context[start]:context[end] + 1], skip_special_tokens=True)
        else:
            scores = self._merged(products, context)
            wanted, score = max(scores.items(), key=lambda item: item[1])
        difference = float(abs(score - answer["score"]))
        return answer["answer"].strip() == wanted.strip() and difference < _TOLERANCE, difference

    def _merged(self, products: np.ndarray, context: list[int]) -> dict[str, float]:
        """Answer -> score: Python adds up the best spans of the same words, in capitals or not."""
        words, scores = self._encoding.word_ids, {}
        for flat in np.argsort(-products, axis=None)[:_SPANS]:
            start, end = np.unravel_index(flat, products.shape)
            spans = [self._encoding.offsets[place] for place in context
                     if words[context[start]] <= words[place] <= words[context[end]]]
            text = self._texts[1][spans[0][0]:spans[-1][1]]
            known = next((one for one in scores if one.lower() == text.lower()), text)
            scores[known] = scores.get(known, 0.0) + products[start, end]
        return scores


def python_answers(folder: pathlib.Path, kind: str, inputs: list[tuple[str, ...]]) -> dict[str, list[Any]]:
    """Pipeline -> answers; models are optimum's."""
    from optimum import onnxruntime as models
    from transformers import AutoTokenizer, pipeline

    name, task = {"tagging": ("TokenClassification", "token-classification"),
                  "question_answering": ("QuestionAnswering", "question-answering")}.get(
                      kind, ("SequenceClassification", "text-classification"))
    model = getattr(models, f"ORTModelFor{name}").from_pretrained(folder, subfolder="onnx", file_name="model.onnx")
    run = pipeline(task, model=model, tokenizer=AutoTokenizer.from_pretrained(folder))
    if kind == "tagging":
        return {way: [run(text, aggregation_strategy=way, **({"ignore_labels": []} if way == "none" else {}))
                      for text, in inputs] for way in STRATEGIES}
    if kind == "question_answering":
        return {"Python": [run(question=question, context=context) for question, context in inputs]}
    asked = [{"text": texts[0], "text_pair": texts[1]} if len(texts) > 1 else texts[0] for texts in inputs]
    return {"Python": [run(one, top_k=None) for one in asked]}
