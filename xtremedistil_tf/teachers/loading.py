"""Loading a pre-trained encoder of any TensorFlow family of transformers, and proving that it was loaded."""

from __future__ import annotations

import importlib.util
import re
from typing import Any, Sequence

from xtremedistil_tf.errors import ConfigError, ModelLoadError
from xtremedistil_tf.teachers.messages import explained, quiet_transformers
from xtremedistil_tf.teachers.safetensors_archive import iterable_safetensors


def load_tokenizer(checkpoint: str):
    """The checkpoint's fast tokenizer, ready for sentences that are already split into words.

    Args:
        checkpoint: local directory or hub name.

    Returns:
        A `PreTrainedTokenizerFast`. Byte-level BPE tokenizers (RoBERTa and others) are loaded with
        `add_prefix_space=True`, without which they refuse words.

    Raises:
        ModelLoadError: the tokenizer cannot be found or has no fast version.
    """
    from transformers import AutoTokenizer

    with quiet_transformers(), explained(checkpoint, "the tokenizer"):
        tokenizer = AutoTokenizer.from_pretrained(checkpoint, use_fast=True)
        if tokenizer.is_fast and _is_byte_level(tokenizer):
            tokenizer = AutoTokenizer.from_pretrained(checkpoint, use_fast=True, add_prefix_space=True)
    if not tokenizer.is_fast:
        raise ModelLoadError(
            f"The tokenizer of {checkpoint!r} is a {type(tokenizer).__name__}, which has no fast version; "
            f"a fast tokenizer is needed to know which pieces make a word. Choose a checkpoint with a "
            f"tokenizer.json.")
    return tokenizer


def load_token_classifier(checkpoint: str, labels: Sequence[str], seed: int):
    """A `TF...ForTokenClassification` whose encoder comes from the checkpoint.

    The head comes from the checkpoint too if it has one with as many labels; otherwise it is new, and
    the same for the same seed. Sets the seeds of Python, NumPy and TensorFlow.

    Args:
        checkpoint: local directory or hub name, with safetensors in PyTorch's or TensorFlow's layout,
            `tf_model.h5`, or (only with torch installed) `pytorch_model.bin`; in any float dtype.
        labels: label names, in the order of the classes.
        seed: of the new head.

    Returns:
        A built `TFPreTrainedModel` with float32 variables.

    Raises:
        ModelLoadError: the checkpoint cannot be found or read, has no TensorFlow class, or lacks
            weights of the encoder.
    """
    import tf_keras

    with quiet_transformers(), explained(checkpoint, "the model"):
        config = _config(checkpoint, labels)
        tf_keras.utils.set_random_seed(seed)
        model, info = _from_pretrained(checkpoint, config)
        loaded = len(model.weights) if model.built else 0
        model(model.dummy_inputs, training=False)
    _check_encoder(model, info, loaded, checkpoint)
    return model


def check_teacher_class(name: str, checkpoint: str) -> None:
    """Refuses a class name (`TFBertModel`, ...) that contradicts the checkpoint's own config.

    Raises:
        ConfigError: transformers has no TensorFlow class of that name, or the checkpoint is of another.
    """
    from transformers import TF_MODEL_MAPPING, AutoConfig

    if name == "TFAutoModel":
        return
    known = {found.__name__: config for config, classes in TF_MODEL_MAPPING.items()
             for found in (classes if isinstance(classes, (tuple, list)) else (classes,))}
    if name not in known:
        raise ConfigError(f"--pt_teacher={name}: transformers has no TensorFlow model class of that name. "
                          f"Expected TFAutoModel or one of {', '.join(sorted(known))}.")
    with quiet_transformers(), explained(checkpoint, "the config"):
        own = type(AutoConfig.from_pretrained(checkpoint))
    if own is not known[name]:
        expected = next((found for found, config in known.items() if config is own), "TFAutoModel")
        raise ConfigError(f"--pt_teacher={name}, but {checkpoint!r} is a {own.model_type} model. "
                          f"Expected --pt_teacher={expected}, or leave the flag out.")


def find_word_embeddings(model):
    """The variable of the input word embeddings, float32 [vocab, width].

    `width` is the embedding size, which in ELECTRA and ALBERT may be smaller than the hidden size.

    Args:
        model: a built `TFPreTrainedModel`.

    Raises:
        ModelLoadError: this type of model keeps them in an unknown place.
    """
    layer = model.get_input_embeddings()
    for name in ("weight", "embeddings", "word_embeddings"):
        table = getattr(layer, name, None)
        if table is not None and tuple(getattr(table, "shape", ()))[:1] == (model.config.vocab_size,):
            return table
    raise ModelLoadError(
        f"Found no word-embedding table with {model.config.vocab_size} rows in the input embeddings "
        f"({type(layer).__name__}) of {type(model).__name__}. Use a teacher of another family.")


def _is_byte_level(tokenizer) -> bool:
    pre_tokenizer = tokenizer.backend_tokenizer.pre_tokenizer
    return pre_tokenizer is not None and b'"ByteLevel"' in pre_tokenizer.__getstate__()


def _config(checkpoint: str, labels: Sequence[str]):
    from transformers import TF_MODEL_FOR_TOKEN_CLASSIFICATION_MAPPING, AutoConfig

    config = AutoConfig.from_pretrained(
        checkpoint, num_labels=len(labels), id2label=dict(enumerate(labels)),
        label2id={label: index for index, label in enumerate(labels)})
    if type(config) not in TF_MODEL_FOR_TOKEN_CLASSIFICATION_MAPPING:
        families = sorted(known.model_type for known in TF_MODEL_FOR_TOKEN_CLASSIFICATION_MAPPING)
        raise ModelLoadError(
            f"{checkpoint!r} is a model of type {config.model_type!r}, for which transformers has no "
            f"TensorFlow token classifier. Choose a checkpoint of one of these types: {', '.join(families)}.")
    return config


def _from_pretrained(checkpoint: str, config) -> tuple[Any, dict[str, list]]:
    from transformers import TFAutoModelForTokenClassification

    # A head with another number of labels gives way to a new one; _check_encoder refuses the rest.
    options = dict(config=config, output_loading_info=True, ignore_mismatched_sizes=True)
    with iterable_safetensors():
        try:
            return TFAutoModelForTokenClassification.from_pretrained(checkpoint, **options)
        except OSError as error:
            if "PyTorch weights" not in str(error):
                raise
        if importlib.util.find_spec("torch") is None:
            raise ModelLoadError(
                f"{checkpoint!r} has its weights only as pytorch_model.bin, which cannot be read without "
                f"torch. Convert them to model.safetensors, or run: pip install torch")
        return TFAutoModelForTokenClassification.from_pretrained(checkpoint, from_pt=True, **options)


def _check_encoder(model, info: dict[str, list], loaded: int, checkpoint: str) -> None:
    """Raises if any variable of the encoder did not come from the file: a random teacher tells nobody."""
    encoder = getattr(model, model.base_model_prefix)
    heads = {layer.name for layer in model.layers if layer is not encoder}

    def of_encoder(key: str) -> bool:
        return re.split("[./]", key)[0] not in heads and "pooler" not in key

    missing = sorted(filter(of_encoder, info["missing_keys"]))
    if missing:
        raise ModelLoadError(
            f"{checkpoint!r} lacks {len(missing)} weights of the encoder of {type(model).__name__}, which "
            f"would be random: {', '.join(missing[:3])}{', ...' if len(missing) > 3 else ''}. "
            f"Check that model_type in its config.json is right and that the file is whole.")
    mismatched = [found for found in info["mismatched_keys"] if of_encoder(found[0])]
    if mismatched:
        key, found, expected = mismatched[0]
        raise ModelLoadError(
            f"{checkpoint!r}: the weight {key} has the shape {tuple(found)}, but config.json asks for "
            f"{tuple(expected)}. Take both files from the same checkpoint.")
    # transformers' TransfoXL, for one, builds its variables after it has "loaded" them.
    if len(model.weights) != loaded:
        raise ModelLoadError(
            f"{checkpoint!r}: transformers loaded {loaded} weights into {type(model).__name__}, which has "
            f"{len(model.weights)}; the others would be random. Use a teacher of another family.")
