"""Which kept phases are used again when tags are decoded otherwise."""

from __future__ import annotations

import numpy as np
import pytest
import tf_keras

from xtremedistil_tf.distillation.runner import DistillationData, PhaseSettings, Runner
from xtremedistil_tf.distillation.schedule import phases_of
from xtremedistil_tf.distillation.signals import RepresentationSignal
from xtremedistil_tf.distillation.stages import Split
from xtremedistil_tf.inference.predictor import StudentPredictor
from xtremedistil_tf.students.bilstm import BiLSTMShape
from xtremedistil_tf.students.registry import new_student
from xtremedistil_tf.tasks.opening import load_task
from xtremedistil_tf.tasks.tagging import TaggingTask
from xtremedistil_tf.training.batches import RaggedFeatures

LABELS = ["O", "B-LOC", "B-PER", "I-PER"]


@pytest.fixture
def train(tiny_task, tiny_tokenizer, tmp_path):
    corpus = load_task(tiny_task)

    def train(decoding: str, select_by: str):
        """One epoch on the labels at a rate that leaves random weights as they are, and the student's share of
        right words of the dev set, measured afresh: entities it finds none."""
        task = TaggingTask(LABELS, decoding=decoding)
        splits = [task.training_features(tiny_tokenizer, rows, 24).features for rows in (corpus.train, corpus.dev)]
        both, first = RaggedFeatures.concatenate(*splits), len(splits[0])
        labelled = Split(both, np.arange(first), np.arange(first, len(both)))
        tf_keras.utils.set_random_seed(8)
        student = new_student(BiLSTMShape(len(tiny_tokenizer), 8, 6, 6, len(LABELS)))
        student.set_weights([8 * weight for weight in student.get_weights()])  # so that tags differ
        predictor = StudentPredictor(student, tiny_tokenizer, task)

        def score() -> dict[str, float]:
            answers = zip(corpus.dev, predictor.predict(corpus.dev))
            return {"f1": float(np.mean([tag == gold for e, tags in answers for tag, gold in zip(tags, e.tags)]))}

        runner = Runner(student, task, DistillationData(labelled, None, None, tiny_tokenizer.pad_token_id),
                        lambda phase: PhaseSettings(phase.name, phase.stage, phase.unfrozen, 1, 32, 32, 1, 1e-7, 1e-8,
                                                    RepresentationSignal(), (1.0, 0.0, 0.0), "float32", 8, select_by),
                        tmp_path / "checkpoints", "start", 5.0, score=score)
        record, = runner.run(phases_of("D0S", student.groups))
        return record, score()

    return train


def test_weights_chosen_by_loss_are_used_again_and_measured_again(train):
    legal, measured = train("legal", "loss")
    assert legal.scores == measured and not legal.reused
    argmax, measured = train("argmax", "loss")
    assert argmax.reused and argmax.history == legal.history
    assert argmax.scores == measured != legal.scores
    assert train("legal", "loss")[0].scores == legal.scores


def test_weights_chosen_by_score_are_not_used_for_another_decoding(train):
    assert [train(decoding, "score")[0].reused for decoding in ("argmax", "legal", "argmax", "legal")] == [
        False, False, True, True]
