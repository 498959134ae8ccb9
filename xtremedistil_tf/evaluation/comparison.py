"""Student beside teacher: quality, size, latency, and what of the teacher is kept."""

from __future__ import annotations

from typing import Any, Mapping, Sequence

from xtremedistil_tf.corpus.example import Example
from xtremedistil_tf.evaluation.latency import latency, model_size
from xtremedistil_tf.tasks.entity_scores import entity_scores
from xtremedistil_tf.students.prediction import StudentTagger
from xtremedistil_tf.tasks.tagging import decode, prediction_features
from xtremedistil_tf.teachers.loading import find_word_embeddings
from xtremedistil_tf.teachers.prediction import TeacherPredictor


def measure_teacher(teacher, tokenizer, labels: Sequence[str], examples: Sequence[Example], seq_len: int,
                    seen_pieces: int) -> dict[str, Any]:
    """Entity scores, size and latency of a teacher; sentences beyond `seq_len` pieces are windowed."""
    features = prediction_features(tokenizer, (e.words for e in examples), seq_len)
    predictor = TeacherPredictor(teacher, (), tokenizer.pad_token_id, 64)
    scores = score(examples, decode(features, predictor.logits(features.features), labels))
    rows, width = find_word_embeddings(teacher.classifier).shape
    size = model_size(teacher, rows, width, seen_pieces)
    times = latency(lambda batch: teacher(batch, training=False).logits, len(tokenizer), seq_len)
    return scores | size | {"latency": times | {"seq_len": seq_len}}


def measure_student(student, tokenizer, labels: Sequence[str], examples: Sequence[Example], seq_len: int,
                    seen_pieces: int) -> dict[str, Any]:
    """Entity scores, size and latency of a student."""
    scores = score(examples, StudentTagger(student, tokenizer, labels).tag([e.words for e in examples]))
    size = model_size(student, student.shape.vocab_size, student.shape.embedding_size, seen_pieces)
    times = latency(lambda batch: student(batch, training=False)["logits"], len(tokenizer), seq_len)
    return scores | size | {"latency": times | {"seq_len": seq_len}}


def score(examples: Sequence[Example], predicted: Sequence[Sequence[str]]) -> dict[str, Any]:
    """Entity scores of predicted tags against the examples' own, per language where known."""
    return entity_scores([e.tags for e in examples], predicted, [e.language for e in examples])


def compare(student: Mapping[str, Any], teacher: Mapping[str, Any]) -> dict[str, Any]:
    """What the student keeps of the teacher (`f1`, `mean_f1`, `per_language`: ratios of F1) and what it
    saves (`compression`: ratio of parameters; `speedup_batch_*`: ratio of median latencies)."""
    kept: dict[str, Any] = {"f1": _ratio(student["f1"], teacher["f1"])}
    if "per_language" in teacher:
        kept["mean_f1"] = _ratio(student["mean_f1"], teacher["mean_f1"])
        kept["per_language"] = {language: _ratio(student["per_language"][language]["f1"], row["f1"])
                                for language, row in teacher["per_language"].items()}
    kept["compression"] = _ratio(teacher["parameters"], student["parameters"])
    kept["compression_seen_pieces"] = _ratio(teacher["parameters_seen_pieces"], student["parameters_seen_pieces"])
    for size in ("batch_1", "batch_32"):
        kept[f"speedup_{size}"] = _ratio(teacher["latency"][size]["median_ms"],
                                         student["latency"][size]["median_ms"])
    return kept


def _ratio(part: float, whole: float) -> float | None:
    return part / whole if whole else None
