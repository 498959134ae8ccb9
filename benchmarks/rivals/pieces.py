"""Raw text to answers with a network of word pieces: `tokenizers`, NumPy and the network (docs/onnx.md)."""

from __future__ import annotations

import dataclasses
import itertools
import pathlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from rivals.timing import Opened
from xtremedistil_tf.atomic import atomic_file
from xtremedistil_tf.tasks.tagging.decoding import Transitions, best_sequences, transitions

#: A padded batch, int32 [batch, time] each -> logits [batch, time, labels], or [batch, classes].
Forward = Callable[[Mapping[str, np.ndarray]], np.ndarray]
TOKENIZER_FILE = "tokenizer.json"


@dataclasses.dataclass(frozen=True)
class Pieces:
    """Encoded texts: words of each, the tokenizer's encodings, and the batch that the network takes."""

    words: Sequence[int]
    encodings: Sequence[Any]
    batch: Mapping[str, np.ndarray]


def opened(folder: pathlib.Path, labels: Sequence[str], tagging: bool, forward: Forward,
           max_length: int | None = None, decoding: str = "legal") -> Opened:
    """A network with the tokenizer of a folder.

    Args:
        folder: with tokenizer.json.
        labels: what the outputs stand for.
        tagging: whether words are answered (by their first piece) or whole texts.
        forward: the network.
        max_length: most pieces of a text, special tokens included; the rest is cut, and its words are `O`.
        decoding: how tags are chosen, as `--decoding` of the package.
    """
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(folder / TOKENIZER_FILE))
    tokenizer.no_padding()
    tokenizer.enable_truncation(max_length) if max_length else tokenizer.no_truncation()
    pad, rules = padding_id(tokenizer), transitions(tuple(labels), decoding)

    def encode(texts: list[str]) -> Pieces:
        rows = [text.split() for text in texts] if tagging else texts
        encodings = tokenizer.encode_batch(rows, is_pretokenized=tagging)
        return Pieces([len(row) for row in rows], encodings, padded([found.ids for found in encodings], pad))

    def answer(pieces: Pieces) -> list[Any]:
        logits = forward(pieces.batch)
        if not tagging:
            return [labels[index] for index in logits.argmax(-1)]
        return tags_of(pieces.words, [found.word_ids for found in pieces.encodings], logits, labels, rules)

    return Opened(encode, answer)


def copy_tokenizer(source: pathlib.Path, folder: pathlib.Path) -> None:
    """Puts the tokenizer of a checkpoint beside a model."""
    with atomic_file(folder / TOKENIZER_FILE) as part:
        part.write_bytes((source / TOKENIZER_FILE).read_bytes())


def padding_id(tokenizer) -> int:
    """Of a tokenizer of `tokenizers`; 0 where none of the usual names is in its vocabulary."""
    found = [tokenizer.token_to_id(name) for name in ("[PAD]", "<pad>")]
    return next((piece for piece in found if piece is not None), 0)


def padded(rows: Sequence[Sequence[int]], pad: int) -> dict[str, np.ndarray]:
    """`input_ids`, `attention_mask` and `token_type_ids`, int32 [rows, longest]."""
    longest = max(1, *map(len, rows))
    ids = np.full((len(rows), longest), pad, np.int32)
    mask = np.zeros_like(ids)
    for row, values in enumerate(rows):
        ids[row, :len(values)] = values
        mask[row, :len(values)] = 1
    return {"input_ids": ids, "attention_mask": mask, "token_type_ids": np.zeros_like(ids)}


def tags_of(words: Sequence[int], word_ids: Sequence[Sequence[int | None]], logits: np.ndarray,
            labels: Sequence[str], rules: Transitions) -> list[list[str]]:
    """One tag a word, from the logits of its first piece; `O` where a word has no piece.

    Args:
        words: number of words of each text.
        word_ids: of each text the word of each piece, None for special tokens.
        logits: float32 [texts, pieces, labels]; padding may follow.
        labels: names of the labels.
        rules: which label may follow which.
    """
    of_words = np.full((sum(words), len(labels)), -np.inf, np.float32)
    of_words[:, rules.outside] = 0.0
    begin = 0
    for count, of_pieces, row in zip(words, word_ids, logits):
        first = {word: piece for piece, word in reversed(list(enumerate(of_pieces))) if word is not None}
        of_words[[begin + word for word in first]] = row[list(first.values())]
        begin += count
    tags = [labels[label] for label in best_sequences(of_words, words, rules).tolist()]
    stops = itertools.accumulate(words)
    return [tags[stop - count:stop] for count, stop in zip(words, stops)]
