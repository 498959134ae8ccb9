"""Loading any `AutoModelFor<task>` of transformers in torch, and proving that it was loaded."""

from __future__ import annotations

import importlib.util
import pathlib
import re
from typing import Any

from xtremedistil_tf.checkpoints.reading import Family, explained, quiet_transformers
from xtremedistil_tf.checkpoints.tokenizers import load_tokenizer
from xtremedistil_tf.errors import MissingExtraError, ModelLoadError
from xtremedistil_tf.tasks.task import Task
from xtremedistil_tf.teachers.protocol import task_config


def require_torch() -> None:
    """Raises MissingExtraError without torch."""
    if importlib.util.find_spec("torch") is None:
        raise MissingExtraError("torch", "torch", "`teacher_backend=torch`")


def load_torch_classifier(checkpoint: str, task: Task, seed: int, needs_head: bool = False):
    """A torch model of transformers with a head for the task, whose encoder comes from the checkpoint.

    The head comes from the checkpoint too if it has one with as many outputs; otherwise it is new, and
    the same for the same seed. Sets torch's seed.

    Args:
        checkpoint: local directory or hub name, with weights in any layout that transformers reads.
        task: which head, and its outputs.
        seed: of the new head.
        needs_head: whether the checkpoint must have the head, as a fine-tuned one has.

    Returns:
        A float32 `PreTrainedModel` in evaluation mode.

    Raises:
        MissingExtraError: torch is not installed.
        ModelLoadError: the checkpoint cannot be found or read, has no class for the task, or lacks
            weights of the encoder or the head that it must have.
    """
    require_torch()
    import torch
    import transformers

    with quiet_transformers(), explained(checkpoint, "the model"):
        config = task_config(checkpoint, task)
        auto = getattr(transformers, f"AutoModelFor{task.auto_class}")
        if type(config) not in auto._model_mapping or config.is_encoder_decoder:
            raise ModelLoadError(f"{checkpoint!r} is a model of type {config.model_type!r}, for which "
                                 f"transformers has no torch class for {task.kind} on an encoder. Use "
                                 "`teacher_backend=tf`, or choose another checkpoint.")
        if config.pad_token_id is None and Family.of(config).causal:  # the head looks for the last piece
            config.pad_token_id = load_tokenizer(checkpoint).pad_token_id
        if getattr(config, "reference_compile", False) is None:
            config.reference_compile = False  # ModernBERT would be compiled anew for every shape
        torch.manual_seed(seed)
        if _is_tensorflow_layout(checkpoint):
            return _from_tensorflow(auto, config, checkpoint, task, seed, needs_head)
        model, info = auto.from_pretrained(checkpoint, config=config, dtype=torch.float32,
                                           attn_implementation="eager", output_loading_info=True,
                                           ignore_mismatched_sizes=True, trust_remote_code=False)
    _check_encoder(model, info, checkpoint)
    if needs_head and (info["missing_keys"] or info["mismatched_keys"]):
        raise ModelLoadError(f"{checkpoint!r} has no head for {task.kind} that {type(model).__name__} can "
                             "read, so its predictions would be random. Fine-tune it with `refine_teacher`.")
    return model.eval()


def _is_tensorflow_layout(checkpoint: str) -> bool:
    import safetensors

    folder = pathlib.Path(checkpoint)
    archive = next(iter(sorted(folder.glob("model*.safetensors"))), None)
    if archive is None:
        return (folder / "tf_model.h5").is_file() and not (folder / "pytorch_model.bin").is_file()
    with safetensors.safe_open(str(archive), "numpy") as opened:
        return (opened.metadata() or {}).get("format") == "tf"


def _from_tensorflow(auto, config, checkpoint: str, task: Task, seed: int, needs_head: bool):
    """Copies the weights out of a TensorFlow model: transformers 4.57 itself leaves them on no device."""
    from transformers.modeling_tf_pytorch_utils import load_tf2_model_in_pytorch_model

    from xtremedistil_tf.teachers.loading import HeadedEncoder, load_classifier

    source = load_classifier(checkpoint, task, seed, needs_head)
    if isinstance(source, HeadedEncoder):
        raise ModelLoadError(f"{checkpoint!r} is an encoder in TensorFlow's layout with a head that only "
                             "`teacher_backend=tf` can read. Use that.")
    model = auto.from_config(config, attn_implementation="eager", trust_remote_code=False)
    model, info = load_tf2_model_in_pytorch_model(model, source, output_loading_info=True)
    _check_encoder(model, {"mismatched_keys": []} | info, checkpoint)
    return model.eval()


def _check_encoder(model, info: dict[str, Any], checkpoint: str) -> None:
    prefix = model.base_model_prefix + "."

    def of_encoder(key: str) -> bool:
        return key.startswith(prefix) and not re.search(r"\bpooler\b", key)

    missing = sorted(filter(of_encoder, info["missing_keys"]))
    if missing:
        raise ModelLoadError(
            f"{checkpoint!r} lacks {len(missing)} weights of the encoder of {type(model).__name__}, which "
            f"would be random: {', '.join(missing[:3])}{', ...' if len(missing) > 3 else ''}. Check that "
            "model_type in its config.json is right and that the file is complete.")
    mismatched = [found for found in info["mismatched_keys"] if of_encoder(found[0])]
    if mismatched:
        key, found, expected = mismatched[0]
        raise ModelLoadError(f"{checkpoint!r}: the weight {key} has the shape {tuple(found)}, but "
                             f"config.json asks for {tuple(expected)}. Take both files from the same "
                             "checkpoint.")
