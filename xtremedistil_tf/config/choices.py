"""The values that settings of a run choose from."""

from __future__ import annotations

STRATEGIES = ("D0S", "D1", "D2", "D3.1", "D3.2", "D4.1", "D4.2", "logits", "logits_labels")
RECIPES = ("default", "paper")
STUDENT_TYPES = ("auto", "bilstm", "cnn", "transformer")
TEACHER_BACKENDS = ("tf", "torch", "onnx")
REPRESENTATION_LOSS_NAMES = ("kl", "mse")
LOGIT_LOSSES = ("auto", "mse", "kl")
EMBEDDING_INITS = ("teacher_states", "svd", "pretrained_svd", "pca", "random")
EMBEDDING_SCALES = ("unit", "half", "one", "none")
TRANSFER_LIKE = ("", "task")
#: In the place of a checkpoint: the fine-tuned teacher.
TEACHER = "teacher"
STUDENT_LAYERS = ("lower", "spaced")
RELATION_KINDS = ("", "qkv", "v")
UNFREEZING = ("block", "layer")
HIDDEN_DTYPES = ("float16", "int8")
TEACHER_PATHS = ("exact", "bfloat16", "openvino", "onnx_int8")
