"""Distil large multilingual language models into tiny, fast students.

    import xtremedistil_tf as xd

    xd.Pipeline(xd.DistillationConfig(task="data/sample", ...)).run()
    saved = xd.load_student("out/quickstart")
    predictor = xd.StudentPredictor(saved.student, saved.tokenizer, saved.task)
    tags = predictor.predict([xd.Example(("Ada", "lives", "in", "Oslo"))])
"""

from __future__ import annotations

import importlib
import sys
from typing import Any

# TensorFlow and Triton, which PyTorch for GPUs installs, each bring an LLVM. Loading Triton's after TensorFlow's aborts
# the process, and transformers loads Triton wherever torch is installed. Hidden, it counts as not installed: torch does
# without, save for `torch.compile`.
sys.modules.setdefault("triton", None)  # type: ignore[arg-type]

__version__ = "0.1.0"

# Resolved on first use: importing the package must not import TensorFlow.
_HOMES = {
    "BiLSTMShape": "students.bilstm",
    "BiLSTMStudent": "students.bilstm",
    "CNNShape": "students.cnn",
    "CNNStudent": "students.cnn",
    "DistillationConfig": "config",
    "Example": "corpus",
    "JointStage": "distillation.stages",
    "LabelStage": "distillation.stages",
    "LogitStage": "distillation.stages",
    "Pipeline": "jobs.distil",
    "RepresentationStage": "distillation.stages",
    "QuestionExample": "corpus",
    "StudentPredictor": "students.prediction",
    "TextExample": "corpus",
    "TransferStore": "transfer.reader",
    "entity_scores": "tasks.tagging.scores",
    "export_saved_model": "export.saved_model",
    "load_student": "students.model_directory",
    "load_task": "corpus",
    "make_task": "tasks.registry",
}

__all__ = sorted(_HOMES)


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'xtremedistil_tf' has no attribute {name!r}")
    return getattr(importlib.import_module(f"xtremedistil_tf.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return __all__
