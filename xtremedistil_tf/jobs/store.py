"""The step that runs the teacher over the transfer text, and keeps its answers in the transfer store."""

from __future__ import annotations

import dataclasses
import pathlib
from typing import Any

from xtremedistil_tf.augmentation.kept import AugmentedText
from xtremedistil_tf.batching.ragged import Column
from xtremedistil_tf.cluster.ray_store import RayWorkforce
from xtremedistil_tf.cluster.recipe import PredictorRecipe
from xtremedistil_tf.config import DistillationConfig
from xtremedistil_tf.jobs.labelled import Labelled
from xtremedistil_tf.jobs.run import Run
from xtremedistil_tf.jobs.student_plan import StudentPlan
from xtremedistil_tf.jobs.teachers import Teachers
from xtremedistil_tf.jobs.transfer_text import RunText
from xtremedistil_tf.jobs.vocabulary import Vocabulary
from xtremedistil_tf.teachers.accelerated.paths import EXACT, SAMPLE, accelerated
from xtremedistil_tf.teachers.protocol import LoadedTeacher
from xtremedistil_tf.teachers.workshop import FineTunedTeachers
from xtremedistil_tf.transfer.given import check_given_store
from xtremedistil_tf.transfer.layout import MANIFEST, Manifest
from xtremedistil_tf.transfer.provenance import has_provenance, save_provenance
from xtremedistil_tf.transfer.text import evenly
from xtremedistil_tf.transfer.writer import StoreSpec, in_this_process, signal_columns, write_store


def store_root(config: DistillationConfig) -> pathlib.Path:
    """The folder of the run's transfer stores."""
    return pathlib.Path(config.transfer_store_dir or pathlib.Path(config.model_dir) / "transfer")


@dataclasses.dataclass(frozen=True)
class StoreStep:
    """What the transfer store is made from.

    Attributes:
        run, labelled, teachers, text, vocabulary, plan: what the steps before made.
    """

    run: Run
    labelled: Labelled
    teachers: Teachers
    text: RunText
    vocabulary: Vocabulary
    plan: StudentPlan

    @property
    def _fine_tuned(self) -> FineTunedTeachers:
        found: Any = self.teachers.fine_tuned
        return found

    def spec(self) -> StoreSpec:
        """What the store is to hold."""
        c, plan, text = self.plan.config, self.plan, self.text.used
        identity: dict[str, Any] = {
            "teacher": self.teachers.fingerprint, "text": text.fingerprint,
            "vocabulary": self.vocabulary.identity, "signals": dataclasses.asdict(plan.kept)}
        if plan.piece_states:
            identity["piece_states"] = plan.signals.hidden[-1]
        if c.teacher_path != EXACT:
            identity["teacher_path"] = [c.teacher_path, c.teacher_tolerance]
        return StoreSpec(identity, self.labelled.task, text.sentences, c.seq_len, self._signal_columns(),
                         self.vocabulary.teachers is not None, c.hidden_components, c.hidden_dtype,
                         c.attention_sample, plan.piece_states)

    def predictor_recipe(self) -> PredictorRecipe:
        """Makes what runs the teacher, with the signals that the phases need."""
        c = self.plan.config
        return PredictorRecipe(self._fine_tuned, self.labelled.task, self.plan.signals,
                               self.labelled.tokenizer.pad_token_id, c.teacher_batch_size, c.seq_len)

    def fast_teacher(self) -> LoadedTeacher:
        """The teacher as `teacher_path` runs it over the transfer set."""
        c, tokenizer, text = self.plan.config, self.labelled.tokenizer, self.text.used
        if c.teacher_path == EXACT:
            return self.teachers.loaded
        sample = self.labelled.task.text_features(tokenizer, list(evenly(text, text.sentences, SAMPLE)),
                                                  c.seq_len).features
        return accelerated(self.teachers.loaded, c.teacher_path, c.teacher_tolerance, sample, tokenizer.pad_token_id,
                           c.teacher_batch_size, self.plan.signals)

    def make(self) -> pathlib.Path:
        """The folder of the store, which is written now as far as it is not there.

        Raises:
            TransferStoreError: no room on the disk, or `transfer_store` does not fit the run.
        """
        with self.run.step("transfer store") as step:
            given = self.plan.config.transfer_store
            step.reused = bool(given) or self._is_there()
            store = self._given(pathlib.Path(given)) if given else self._written()
            step.fingerprint = Manifest.load(store).fingerprint
        return store

    def _is_there(self) -> bool:
        store = store_root(self.plan.config) / self.spec().manifest().fingerprint
        return (store / MANIFEST).exists() and Manifest.load(store).complete

    def _given(self, store: pathlib.Path) -> pathlib.Path:
        wanted = StoreSpec({}, self.labelled.task, 0, self.plan.config.seq_len, self._signal_columns(),
                           self.vocabulary.teachers is not None)
        check_given_store(store, wanted.columns, len(self.vocabulary.tokenizer))
        return store

    def _written(self) -> pathlib.Path:
        c, text = self.plan.config, self.text.used
        recipe = self.predictor_recipe()
        predictor, workforce = lambda: recipe.predictor(self.fast_teacher()), in_this_process
        if c.ray_address:
            predictor, workforce = recipe, RayWorkforce(c.ray_address, c.ray_workers)
        store = write_store(store_root(c), self.spec(), lambda: text, self.vocabulary.tokenizer, predictor,
                            self.labelled.tokenizer, workforce=workforce)
        if isinstance(text, AugmentedText) and not has_provenance(store):
            save_provenance(store, text.codes(), text.provenance)
        return store

    def _signal_columns(self) -> dict[str, Column]:
        teachers = self._fine_tuned
        return signal_columns(self.plan.kept, teachers.width, teachers.num_heads, self.plan.config.seq_len)
