"""The model card, as the hub's own parser reads it."""

from __future__ import annotations

import huggingface_hub

from xtremedistil_tf.report.model_card import write_model_card
from xtremedistil_tf.tasks.registry import make_task


def test_languages_are_what_they_are_called(tmp_path):
    scores = {"f1": 0.5, "support": 3, "per_language": {"no": {"f1": 0.5}, "de": {"f1": 0.5}},
              "parameters": 10,
              "latency": {"seq_len": 8, "batch_1": {"median_ms": 1.0}, "batch_32": {"median_ms": 2.0}}}
    metrics = {"main_score": "f1", "kind": "tagging", "split": "test", "sentences": 3, "strategy": "logits",
               "student": scores}
    write_model_card(tmp_path, metrics, make_task("tagging", ["O", "B-A", "I-A"]), {"task": "t"})
    card = huggingface_hub.ModelCard.load(tmp_path / "README.md")
    assert card.data.language == ["no", "de"]  # in YAML a bare `no` is false
