"""Distil large multilingual language models into tiny, fast students.

    import xtremedistil_tf as xd

    student = xd.distil(task="my_task", kind="tagging", transfer="text.txt", teacher="bert-base-multilingual-cased",
                        out="out")
    print(student.evaluate("test"))
    student.predict("Ada Lovelace was born in London .")
    student.export("onnx", quantize="int8")
    student = xd.load("out", form="onnx", quantize="int8")

docs/architecture.md draws the folders, which import downwards only, and says where things are decided.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from xtremedistil_tf.api import distil as distil
    from xtremedistil_tf.api import load as load
    from xtremedistil_tf.api import plan as plan
    from xtremedistil_tf.config import DistillationConfig as DistillationConfig
    from xtremedistil_tf.corpus import Example as Example
    from xtremedistil_tf.corpus import QuestionExample as QuestionExample
    from xtremedistil_tf.corpus import TextExample as TextExample
    from xtremedistil_tf.distillation.signals import RepresentationSignal as RepresentationSignal
    from xtremedistil_tf.distillation.stages import JointStage as JointStage
    from xtremedistil_tf.distillation.stages import LabelStage as LabelStage
    from xtremedistil_tf.distillation.stages import LogitStage as LogitStage
    from xtremedistil_tf.distillation.stages import RepresentationStage as RepresentationStage
    from xtremedistil_tf.errors import XtremeDistilError as XtremeDistilError
    from xtremedistil_tf.export.onnx import export_onnx as export_onnx
    from xtremedistil_tf.export.saved_model import export_saved_model as export_saved_model
    from xtremedistil_tf.export.tflite import export_tflite as export_tflite
    from xtremedistil_tf.inference.predictor import StudentPredictor as StudentPredictor
    from xtremedistil_tf.student import Scores as Scores
    from xtremedistil_tf.student import Student as Student
    from xtremedistil_tf.students.bilstm import BiLSTMShape as BiLSTMShape
    from xtremedistil_tf.students.bilstm import BiLSTMStudent as BiLSTMStudent
    from xtremedistil_tf.students.cnn import CNNShape as CNNShape
    from xtremedistil_tf.students.cnn import CNNStudent as CNNStudent
    from xtremedistil_tf.students.model_directory import load_student as load_student
    from xtremedistil_tf.students.model_directory import save_student as save_student
    from xtremedistil_tf.students.registry import new_student as new_student
    from xtremedistil_tf.students.transformer import TransformerShape as TransformerShape
    from xtremedistil_tf.students.transformer import TransformerStudent as TransformerStudent
    from xtremedistil_tf.tasks.classification.formats import Label as Label
    from xtremedistil_tf.tasks.multi_label.formats import Labels as Labels
    from xtremedistil_tf.tasks.opening import load_task as load_task
    from xtremedistil_tf.tasks.question_answering.formats import AnswerSpan as AnswerSpan
    from xtremedistil_tf.tasks.registry import make_task as make_task
    from xtremedistil_tf.tasks.regression.formats import Number as Number
    from xtremedistil_tf.tasks.tagging.answers import Entity as Entity
    from xtremedistil_tf.tasks.tagging.answers import TaggedWord as TaggedWord
    from xtremedistil_tf.tasks.tagging.answers import Tagging as Tagging
    from xtremedistil_tf.tasks.tagging.tag_scores import entity_scores as entity_scores
    from xtremedistil_tf.teachers.answering import PartialTeacher as PartialTeacher
    from xtremedistil_tf.transfer.reader import TransferStore as TransferStore
    from xtremedistil_tf.transfer.reader import transfer_dataset as transfer_dataset
    from xtremedistil_tf.transfer.writer import StoreSpec as StoreSpec
    from xtremedistil_tf.transfer.writer import write_store as write_store

__version__ = "0.1.0"

# Resolved on first use: importing the package must not import TensorFlow.
_NAMES = {
    "api": ("distil", "load", "plan"),
    "config": ("DistillationConfig",),
    "corpus": ("Example", "QuestionExample", "TextExample"),
    "distillation.signals": ("RepresentationSignal",),
    "distillation.stages": ("JointStage", "LabelStage", "LogitStage", "RepresentationStage"),
    "errors": ("XtremeDistilError",),
    "export.onnx": ("export_onnx",),
    "export.saved_model": ("export_saved_model",),
    "export.tflite": ("export_tflite",),
    "inference.predictor": ("StudentPredictor",),
    "student": ("Scores", "Student"),
    "students.bilstm": ("BiLSTMShape", "BiLSTMStudent"),
    "students.cnn": ("CNNShape", "CNNStudent"),
    "students.model_directory": ("load_student", "save_student"),
    "students.registry": ("new_student",),
    "students.transformer": ("TransformerShape", "TransformerStudent"),
    "tasks.classification.formats": ("Label",),
    "tasks.multi_label.formats": ("Labels",),
    "tasks.opening": ("load_task",),
    "tasks.question_answering.formats": ("AnswerSpan",),
    "tasks.registry": ("make_task",),
    "tasks.regression.formats": ("Number",),
    "tasks.tagging.answers": ("Entity", "TaggedWord", "Tagging"),
    "tasks.tagging.tag_scores": ("entity_scores",),
    "teachers.answering": ("PartialTeacher",),
    "transfer.reader": ("TransferStore", "transfer_dataset"),
    "transfer.writer": ("StoreSpec", "write_store"),
}
_HOMES = {name: home for home, names in _NAMES.items() for name in names}

__all__ = sorted(_HOMES)


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'xtremedistil_tf' has no attribute {name!r}")
    return getattr(importlib.import_module(f"xtremedistil_tf.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return __all__
