"""Which tokenizer the student has: the teacher's, a checkpoint's, or one trained from the transfer text."""

from __future__ import annotations

import dataclasses
import logging
import pathlib
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

from xtremedistil_tf.atomic import atomic_directory
from xtremedistil_tf.config import DistillationConfig
from xtremedistil_tf.corpus.example import AnyExample, texts_of
from xtremedistil_tf.errors import ConfigError, ModelLoadError
from xtremedistil_tf.fingerprint import fingerprint
from xtremedistil_tf.teachers.tokenizers import load_tokenizer
from xtremedistil_tf.tokenization.training import train_tokenizer

log = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True)
class Vocabulary:
    """The student's tokenizer.

    Attributes:
        tokenizer: fast tokenizer of transformers.
        teachers: the teacher's tokenizer where it is another one, else None.
        identity: fingerprint of the student's tokenizer where it is not the teacher's, else "".
    """

    tokenizer: Any
    teachers: Any = None
    identity: str = ""


def student_vocabulary(config: DistillationConfig, teachers: Any, checkpoint: str, folder: pathlib.Path,
                       transfer: Iterable[AnyExample], transfer_fingerprint: str) -> Vocabulary:
    """Chooses the student's tokenizer; one that is trained is kept in `folder`.

    Args:
        config: of the run.
        teachers: the teacher's tokenizer.
        checkpoint: resolved `pt_student_checkpoint`, or "".
        folder: where a trained tokenizer is kept.
        transfer: the transfer text.
        transfer_fingerprint: of the transfer text.

    Raises:
        ConfigError: flags that contradict each other, or too little text for the vocabulary.
    """
    if config.student_vocab_size:
        own = _trained(config, folder, transfer, transfer_fingerprint)
    elif checkpoint and not config.compress_word_embedding:
        own = _of_checkpoint(checkpoint)
        if own is None or own.get_vocab() == teachers.get_vocab():
            return Vocabulary(teachers)
    else:
        return Vocabulary(teachers)
    if config.distil_attention or config.distil_relations:
        name = "distil_attention" if config.distil_attention else "distil_relations"
        raise ConfigError(f"`{name}` compares pieces with pieces, but the student's vocabulary is not the teacher's. "
                          "Omit it; hidden states and logits are aligned by words and characters.")
    log.info("the student's vocabulary has %d pieces, the teacher's %d: signals are aligned", len(own),
             len(teachers))
    return Vocabulary(own, teachers, fingerprint(own.backend_tokenizer.to_str()))


def carried_over(table: np.ndarray, teachers: Any, tokenizer: Any) -> np.ndarray:
    """Word embeddings for another vocabulary: of each piece the mean of the teacher's pieces that spell it.

    Args:
        table: float [teacher's pieces, width].
        teachers, tokenizer: tokenizers of teacher and student.

    Returns:
        float32 [student's pieces, width]; the mean of the table for pieces that the teacher cannot spell.
    """
    rows = np.tile(table.mean(0), (len(tokenizer), 1)).astype(np.float32)
    special = dict(zip(tokenizer.all_special_tokens, tokenizer.all_special_ids))
    for piece, number in tokenizer.get_vocab().items():
        text = tokenizer.convert_tokens_to_string([piece]).replace("##", "").strip()
        spelt = teachers(text, add_special_tokens=False)["input_ids"] if text and piece not in special else []
        if spelt:
            rows[number] = table[spelt].mean(0)
    for name, number in _roles(tokenizer).items():
        if name in _roles(teachers):
            rows[number] = table[_roles(teachers)[name]]
    return rows


def _roles(tokenizer: Any) -> dict[str, int]:
    names = ("cls_token_id", "sep_token_id", "pad_token_id", "unk_token_id", "mask_token_id")
    return {name: getattr(tokenizer, name) for name in names if getattr(tokenizer, name) is not None}


def _of_checkpoint(checkpoint: str) -> Any:
    try:
        return load_tokenizer(checkpoint)
    except ModelLoadError:
        return None  # a checkpoint without a tokenizer: taken to have the teacher's


def _trained(config: DistillationConfig, folder: pathlib.Path, transfer: Iterable[AnyExample],
             transfer_fingerprint: str) -> Any:
    name = fingerprint([transfer_fingerprint, config.student_vocab_size, config.student_vocab_type])[:8]
    path = folder / f"vocabulary-{name}"
    if not path.exists():
        tokenizer = train_tokenizer(_texts(transfer), config.student_vocab_size, config.student_vocab_type)
        with atomic_directory(path) as part:
            tokenizer.save_pretrained(part)
    return load_tokenizer(str(path))


def _texts(examples: Iterable[AnyExample]) -> Iterator[str]:
    return (text for example in examples for text in texts_of(example) if text)
