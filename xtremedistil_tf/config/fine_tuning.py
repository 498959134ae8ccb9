"""What `run_xtreme_distil_ft.py` and `run_model_ft.py` do."""

from __future__ import annotations

import dataclasses

from xtremedistil_tf.config.distillation import DistillationConfig
from xtremedistil_tf.config.fields import (
    POLICIES,
    TASK_KINDS,
    decoding_choice,
    other_decoding,
    selector,
    setting,
    validate_fields,
)


@dataclasses.dataclass(frozen=True)
class StudentFineTuningConfig:
    """What `run_xtreme_distil_ft.py` does."""

    model_dir: str = setting("Data", "", "Folder of a finished distillation run.")
    output_dir: str = setting("Data", "", "Output folder for the fine-tuned student. Default: <model_dir>/fine-tuned.")
    task: str = setting("Data", "",
        "Task folder with labelled data. Default: the task that the student was distilled on.")
    decoding: str = other_decoding("Data", "the student's tags are")
    batch_size: int = setting("Training", 128, "Batch size. Recommended: 16 to 128.", minimum=1)
    ft_epochs: int = setting("Training", 100, "Maximum epochs. Recommended: 10 to 100.", minimum=1)
    patience: int = setting("Training", 5,
        "Early stopping: epochs without improvement before training ends. Recommended: 3 to 10.", minimum=1)
    select_by: str = selector("Training")
    learning_rate: float = setting("Training", 1e-4,
        "Initial learning rate (cosine schedule). Recommended: 1e-4 to 1e-3.", minimum=0.0)
    final_learning_rate: float = setting("Training", 1e-8, "Final learning rate (cosine schedule).", minimum=0.0)
    seed: int = setting("Run", 42, "Random seed.", minimum=0)
    opt_policy: str = setting("Run", "float32", "Training precision.", POLICIES)
    checkpoint_minutes: float = setting("Run", 5.0, "Minutes between checkpoints. Recommended: 1 to 30.", minimum=0.0)

    def validate(self) -> None:
        """Raises ConfigError on the first value that cannot be meant."""
        validate_fields(self, "model_dir")


@dataclasses.dataclass(frozen=True)
class ModelFineTuningConfig:
    """What `run_model_ft.py` does."""

    task: str = setting("Data", "", "Task folder, as for run_xtreme_distil.py.")
    model_dir: str = setting("Data", "",
        "Output folder for the scores and, in a subfolder, the fine-tuned model as a Hugging Face folder.")
    seq_len: int = setting("Data", 128,
        "Maximum subwords of a training example, with special tokens. Recommended: 32 to 64 for sentences, 128 to 384 "
        "for longer texts.", minimum=4)
    languages: str = setting("Data", "", "Language folders of the task to use, separated by commas. Empty: all.")
    task_kind: str = setting("Data", "auto", "Kind of task, as for run_xtreme_distil.py.", TASK_KINDS)
    do_NER: bool = setting("Data", False, "The task is token tagging.")
    do_pairwise: bool = setting("Data", False, "Each example is a pair of texts.")
    task_name: str = setting("Data", "", "GLUE task whose official files are in --task.")
    metric: str = setting("Data", "", "Metric that selects the best weights.")
    decoding: str = decoding_choice("Data")
    multilingual: bool = setting("Model", False,
        "Accepted for command lines of the original program; the checkpoint's own tokenizer is used.")
    pt_model: str = setting("Model", "TFAutoModel", "Class of the pre-trained model, as in the original program.")
    pt_model_checkpoint: str = setting("Model", "bert-base-multilingual-cased",
        "Pre-trained model: a hub name, a local Hugging Face folder, or package:<module>.")
    batch_size: int = setting("Training", 128, "Batch size. Recommended: 16 to 128.", minimum=1)
    ft_epochs: int = setting("Training", 100, "Maximum epochs. Recommended: 3 to 100, with early stopping.", minimum=1)
    patience: int = setting("Training", 5,
        "Early stopping: epochs without improvement before training ends. Recommended: 3 to 10.", minimum=1)
    learning_rate: float = setting("Training", 3e-5,
        "Peak learning rate (AdamW, linear warm-up over 10 % of the steps, linear decay). Recommended: 1e-4 for "
        "widths up to 512, 5e-5 up to 768 (base), 2e-5 above (large).", minimum=0.0)
    seed: int = setting("Run", 42, "Random seed.", minimum=0)
    opt_policy: str = setting("Run", "float32", "Training precision.", POLICIES)
    checkpoint_minutes: float = setting("Run", 5.0, "Minutes between checkpoints. Recommended: 1 to 30.", minimum=0.0)

    def validate(self) -> None:
        """Raises ConfigError on the first value that cannot be meant."""
        validate_fields(self, "task", "model_dir")

    def as_distillation(self) -> DistillationConfig:
        """The part of a distillation run that fine-tunes its teacher."""
        own, other = ({f.name for f in dataclasses.fields(c)} for c in (self, DistillationConfig))
        shared = own & other
        values = {name: getattr(self, name) for name in shared}
        del values["learning_rate"], values["ft_epochs"]
        return DistillationConfig(
            **values, pt_teacher=self.pt_model, pt_teacher_checkpoint=self.pt_model_checkpoint,
            teacher_epochs=self.ft_epochs, teacher_learning_rate=self.learning_rate,
            teacher_ft_batch_size=self.batch_size, teacher_model_dir=self.model_dir)
