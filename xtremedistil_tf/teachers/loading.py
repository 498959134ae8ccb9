"""Loading any TensorFlow encoder of transformers with a task's head, and proving that it was loaded."""

from __future__ import annotations

import os
import pathlib
import re
from typing import Any

import tensorflow as tf
import tf_keras
from safetensors import safe_open
from safetensors.numpy import save_file

from xtremedistil_tf.checkpoints.finding import HEAD_FILE
from xtremedistil_tf.checkpoints.reading import Family, explained, model_from_pretrained, quiet_transformers
from xtremedistil_tf.checkpoints.tokenizers import load_tokenizer
from xtremedistil_tf.errors import ConfigError, ModelLoadError
from xtremedistil_tf.tasks.task import Task
from xtremedistil_tf.teachers.protocol import task_config

_DROPOUT = 0.1
# Types that encode text besides those for which transformers has a TensorFlow token classifier.
_ENCODER_CLASSES = {"t5": "TFT5EncoderModel", "mt5": "TFMT5EncoderModel"}
_WITHOUT_TAGGER = ("gpt2", "gpt-sw3", "openai-gpt", "ctrl", "gptj", "opt", "xglm", *_ENCODER_CLASSES,
                   "bart", "mbart", "marian", "pegasus", "blenderbot", "blenderbot-small", "led")


class HeadedEncoder(tf_keras.Model):
    """Dropout and one dense layer on the encoder's last states, called like a model of transformers.

    One answer per piece, or one for the input: from its first piece, or from its last one where the
    encoder is causal.

    Args:
        model: built `TFPreTrainedModel`; of an encoder-decoder, the encoder alone is used.
        task: what is answered.
    """

    def __init__(self, model, task: Task):
        super().__init__(name="headed_encoder")
        self.pretrained, self.config = model, model.config
        self.auto_class, self.per_piece = task.auto_class, task.per_piece
        self.causal = Family.of(model.config).causal
        self.drop = tf_keras.layers.Dropout(_DROPOUT)
        initial = tf_keras.initializers.TruncatedNormal(stddev=0.02)
        self.head = tf_keras.layers.Dense(task.num_outputs, kernel_initializer=initial, name="head",
                                          dtype="float32")
        self.head.build((None, self.config.hidden_size))

    @property
    def encoder(self):
        """What is called: an encoder-decoder's encoder, else the whole model."""
        return self.pretrained.get_encoder() if self.config.is_encoder_decoder else self.pretrained

    def call(self, input_ids, attention_mask, training=False, **options) -> dict[str, Any]:
        """Returns `logits`, float32 [batch, time, outputs] or [batch, outputs], and, where asked for by
        `output_hidden_states` and `output_attentions`, the encoder's `hidden_states` and `attentions`."""
        outputs = self.encoder(input_ids=input_ids, attention_mask=attention_mask, training=training,
                               **options)
        states = outputs.last_hidden_state
        if not self.per_piece:
            states = tf.gather(states, self._summary(attention_mask), batch_dims=1)
        kept = {name: outputs[name] for name in ("hidden_states", "attentions") if name in outputs}
        return {"logits": self.head(self.drop(states, training=training))} | kept

    def _summary(self, mask: tf.Tensor) -> tf.Tensor:
        """int32 [batch], the position that stands for the input."""
        if not self.causal:
            return tf.argmax(mask, axis=1, output_type=tf.int32)
        return tf.reduce_max(tf.range(tf.shape(mask)[1]) * tf.cast(mask, tf.int32), axis=1)

    def get_input_embeddings(self):
        return self.pretrained.get_input_embeddings()

    def save_pretrained(self, folder: str | os.PathLike[str], **options) -> None:
        """Writes the encoder as a Hugging Face directory, and the head beside it."""
        self.pretrained.save_pretrained(folder, **options)
        kernel, bias = (weight.numpy() for weight in self.head.weights)
        save_file({"kernel": kernel, "bias": bias}, pathlib.Path(folder) / HEAD_FILE,
                  metadata={"auto_class": self.auto_class})

    def load_head(self, folder: str | os.PathLike[str]) -> bool:
        """Takes the head that `save_pretrained` wrote, if one is there for the same kind of answer and of the
        same shape; tells whether it was."""
        file = pathlib.Path(folder) / HEAD_FILE
        if not file.is_file():
            return False
        with safe_open(str(file), "numpy") as archive:
            fits = (archive.metadata() or {}).get("auto_class") == self.auto_class
            values = [archive.get_tensor("kernel"), archive.get_tensor("bias")]
        if values[0].shape[0] != self.config.hidden_size:
            raise ModelLoadError(f"{file}: the head is for an encoder of width {values[0].shape[0]}, but the encoder "
                                 f"has width {self.config.hidden_size}. Take both from the same directory.")
        fits = fits and values[0].shape[1] == self.head.units
        if fits:
            self.head.set_weights(values)
        return fits


def load_classifier(checkpoint: str, task: Task, seed: int, needs_head: bool = False):
    """A pre-trained encoder with a head for the task: a `TF...For<task>` of transformers, or a
    `HeadedEncoder` where transformers has none for this family.

    The head comes from the checkpoint too if it has one with as many outputs; otherwise it is new, and
    the same for the same seed. Sets the seeds of Python, NumPy and TensorFlow.

    Args:
        checkpoint: local directory or hub name, with safetensors in PyTorch's or TensorFlow's layout,
            `tf_model.h5`, or (only with torch installed) `pytorch_model.bin`; in any float dtype.
        task: which head, and its outputs.
        seed: of the new head.
        needs_head: whether the checkpoint must have the head, as a fine-tuned one has.

    Returns:
        A built model with float32 variables.

    Raises:
        ModelLoadError: the checkpoint cannot be found or read, has no TensorFlow class, or lacks
            weights of the encoder or the head that it must have.
    """
    import tf_keras

    with quiet_transformers(), explained(checkpoint, "the model"):
        config = task_config(checkpoint, task)
        _require_text_encoder(checkpoint, config)
        if config.pad_token_id is None and Family.of(config).causal:  # the head looks for the last piece
            config.pad_token_id = load_tokenizer(checkpoint).pad_token_id
        tf_keras.utils.set_random_seed(seed)
        with_head = _class_with_head(config, task)
        # A head with another number of labels gives way to a new one; _check_encoder refuses the rest.
        model, info = model_from_pretrained(with_head or _bare_class(config), checkpoint, config=config,
                                            ignore_mismatched_sizes=True)
        loaded = len(model.weights) if model.built else 0
        model(model.dummy_inputs, training=False)
        _check_encoder(model, info, loaded, checkpoint, bool(with_head))
        whole = not info["missing_keys"] and not info["mismatched_keys"]
        if with_head is None:
            model = HeadedEncoder(model, task)
            whole = model.load_head(checkpoint)
    if needs_head and not whole:
        raise ModelLoadError(f"{checkpoint!r} has no head for {task.kind} that {type(model).__name__} can "
                             "read, so its predictions would be random. Fine-tune it (`refine_teacher`), or "
                             "use `teacher_backend=torch`.")
    return model


def check_teacher_class(name: str, checkpoint: str) -> None:
    """Refuses a class name (`TFBertModel`, ...) that contradicts the checkpoint's own config.

    Raises:
        ConfigError: transformers has no TensorFlow class of that name, or the checkpoint is of another.
    """
    from transformers import AutoConfig

    if name == "TFAutoModel":
        return
    types = _types_by_class()
    if name not in types:
        raise ConfigError(f"`pt_teacher={name}`: transformers has no TensorFlow model class of that name. "
                          f"Expected TFAutoModel or one of {', '.join(sorted(types))}.")
    with quiet_transformers(), explained(checkpoint, "the config"):
        own = AutoConfig.from_pretrained(checkpoint, trust_remote_code=False).model_type
    if own not in types[name]:
        expected = next((found for found, kinds in types.items() if own in kinds), "TFAutoModel")
        raise ConfigError(f"`pt_teacher={name}`, but {checkpoint!r} is a {own} model. "
                          f"Expected `pt_teacher={expected}`, or omit it.")


def _types_by_class() -> dict[str, set[str]]:
    """Model types by the name of the TensorFlow class of the bare model."""
    from transformers.models.auto.modeling_tf_auto import TF_MODEL_MAPPING_NAMES

    types: dict[str, set[str]] = {}
    for kind, names in [*TF_MODEL_MAPPING_NAMES.items(), *_ENCODER_CLASSES.items()]:
        for name in (names,) if isinstance(names, str) else names:
            types.setdefault(name, set()).add(kind)
    return types


def _require_text_encoder(checkpoint: str, config) -> None:
    from transformers.models.auto.modeling_tf_auto import TF_MODEL_FOR_TOKEN_CLASSIFICATION_MAPPING_NAMES

    if config.model_type == "transfo-xl":
        raise ModelLoadError(f"{checkpoint!r} is a Transformer-XL: transformers gives its TensorFlow class "
                             "random weights instead of the checkpoint's. Use a teacher of another family, "
                             "such as XLNet.")
    known = {*TF_MODEL_FOR_TOKEN_CLASSIFICATION_MAPPING_NAMES, *_WITHOUT_TAGGER}
    if config.model_type not in known:
        raise ModelLoadError(
            f"{checkpoint!r} is a model of type {config.model_type!r}, for which transformers has no "
            "TensorFlow class that encodes text. Use `teacher_backend=torch`, or choose a checkpoint of one "
            f"of these types: {', '.join(sorted(known))}.")


def _class_with_head(config, task: Task):
    """The auto class of transformers with a head for the task, None if it has none for this family."""
    import transformers

    auto = getattr(transformers, f"TFAutoModelFor{task.auto_class}")
    # The heads of encoder-decoders answer from the decoder, which sees the input once more.
    return auto if type(config) in auto._model_mapping and not config.is_encoder_decoder else None


def _bare_class(config):
    import transformers

    return getattr(transformers, _ENCODER_CLASSES.get(config.model_type, "TFAutoModel"))


def _check_encoder(model, info: dict[str, list], loaded: int, checkpoint: str, with_head: bool) -> None:
    """Raises if any variable of the encoder did not come from the file: a random teacher tells nobody."""
    encoder = getattr(model, model.base_model_prefix, None)
    heads = {layer.name for layer in model.layers if layer is not encoder} if with_head else set()

    def of_encoder(key: str) -> bool:
        return re.split("[./]", key)[0] not in heads and "pooler" not in key

    missing = sorted(filter(of_encoder, info["missing_keys"]))
    if missing:
        raise ModelLoadError(
            f"{checkpoint!r} lacks {len(missing)} weights of the encoder of {type(model).__name__}, which "
            f"would be random: {', '.join(missing[:3])}{', ...' if len(missing) > 3 else ''}. "
            f"Check that model_type in its config.json is right and that the file is complete.")
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
