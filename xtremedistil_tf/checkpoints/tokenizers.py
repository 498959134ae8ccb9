"""The tokenizer of a checkpoint, ready for words and texts, also where it exists only in Python."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import importlib.util
import pathlib
from collections.abc import Iterator, Sequence
from typing import Any

from xtremedistil_tf.checkpoints.reading import explained, quiet_transformers
from xtremedistil_tf.errors import ConfigError, MissingExtraError, ModelLoadError

_CACHED_WORDS = 1 << 18


@dataclasses.dataclass(frozen=True)
class SlowEncoding:
    """What the program reads of a `tokenizers.Encoding`.

    Attributes:
        ids, type_ids: of each piece.
        special_tokens_mask: 1 at special tokens.
        sequence_ids: text that each piece belongs to, None at special tokens.
        word_ids: word that each piece belongs to, None at special tokens; for words only.
    """

    ids: list[int]
    type_ids: list[int]
    special_tokens_mask: list[int]
    sequence_ids: list[int | None]
    word_ids: list[int | None]

    @property
    def offsets(self):
        """Raises ModelLoadError: a slow tokenizer does not know where in the text its pieces stand."""
        raise ModelLoadError("Question answering needs a fast tokenizer, which maps subwords to "
                             "positions in the text; the teacher's has no fast version. Choose a checkpoint with a "
                             "tokenizer.json.")


@dataclasses.dataclass(frozen=True)
class SlowEncodings:
    """Attributes:
        encodings: of each text.
    """

    encodings: list[SlowEncoding]

    @property
    def input_ids(self) -> list[list[int]]:
        return [encoding.ids for encoding in self.encodings]


class SlowTokenizer:
    """A slow tokenizer of transformers that is called like a fast one.

    Words are encoded each by itself, which tells the pieces of each word by construction and takes
    linear time; those met before are not encoded again. All but the call is the wrapped tokenizer's own.

    Args:
        tokenizer: `PreTrainedTokenizer`.
    """

    is_fast = False

    def __init__(self, tokenizer):
        self._tokenizer = tokenizer
        self._word = functools.lru_cache(_CACHED_WORDS)(self._pieces)

    def __getattr__(self, name: str) -> Any:
        if name == "_tokenizer":  # while it is being unpickled or copied
            raise AttributeError(name)
        return getattr(self._tokenizer, name)

    def __reduce__(self):
        return type(self), (self._tokenizer,)

    def __len__(self) -> int:
        return len(self._tokenizer)

    def __call__(self, text, text_pair: str | None = None, *, is_split_into_words: bool = False,
                 add_special_tokens: bool = True, **ignored) -> SlowEncodings:
        """Encodes a text, a pair of texts, a list of texts, or (split into words) lists of words."""
        if is_split_into_words:
            return SlowEncodings([self._of_words(words, add_special_tokens) for words in text])
        texts = [text] if isinstance(text, str) else text
        pairs = [text_pair] * len(texts)
        return SlowEncodings([self._of_text(*both, add_special_tokens) for both in zip(texts, pairs)])

    def _pieces(self, text: str) -> tuple[int, ...]:
        return tuple(self._tokenizer.convert_tokens_to_ids(self._tokenizer.tokenize(text)))

    def _of_words(self, words: Sequence[str], special: bool) -> SlowEncoding:
        pieces = [self._word(word) for word in words]
        ids = [i for word in pieces for i in word]
        word_ids = [number for number, word in enumerate(pieces) for _ in word]
        return self._framed([ids], word_ids, special)

    def _of_text(self, text: str, pair: str | None, special: bool) -> SlowEncoding:
        return self._framed([list(self._pieces(t)) for t in (text, pair) if t is not None], [], special)

    def _framed(self, parts: list[list[int]], word_ids: list[int], special: bool) -> SlowEncoding:
        own = [number for number, part in enumerate(parts) for _ in part]
        ids, types, mask = [i for part in parts for i in part], own, [0] * len(own)
        if special:
            mask = self._special_mask(parts)
            ids = self._tokenizer.build_inputs_with_special_tokens(*parts)
            types = self._tokenizer.create_token_type_ids_from_sequences(*parts)
        return SlowEncoding(ids, types, mask, _padded(own, mask), _padded(word_ids, mask) if word_ids else [])

    def _special_mask(self, parts: list[list[int]]) -> list[int]:
        """1 at what the tokenizer adds, whatever ids the texts hold."""
        # Numbers that are no ids mark the texts; a tokenizer that adds nothing gives them back alone.
        marks = [[-1 - number] * len(part) for number, part in enumerate(parts)]
        return [int(i >= 0) for i in self._tokenizer.build_inputs_with_special_tokens(*marks)]


def _padded(values: list[int], mask: list[int]) -> list[int | None]:
    rest = iter(values)
    return [None if special else next(rest) for special in mask]


def load_tokenizer(checkpoint: str) -> Any:
    """The checkpoint's tokenizer, ready for sentences that are already split into words.

    Args:
        checkpoint: local directory or hub name.

    Returns:
        A `PreTrainedTokenizerFast`, or where there is no fast version (CTRL, XLM, FlauBERT) a
        `SlowTokenizer`, which answers for words and texts, but not for questions. Byte-level BPE
        tokenizers (RoBERTa and others) are loaded with `add_prefix_space=True`, without which they refuse
        words. Without a padding token of its own (GPT-2 and others), the end of text or the unknown token
        pads; the attention mask says what is padding.

    Raises:
        ModelLoadError: the tokenizer cannot be found, or has no token to pad with.
        MissingExtraError: it is a SentencePiece model without tokenizer.json (mDeBERTa), and sentencepiece, which
            reads it, is not installed.
    """
    from transformers import AutoTokenizer

    with quiet_transformers(), explained(checkpoint, "the tokenizer"), _sentencepiece_named(checkpoint):
        tokenizer = AutoTokenizer.from_pretrained(checkpoint, use_fast=True, trust_remote_code=False)
        if tokenizer.is_fast and _is_byte_level(tokenizer):
            tokenizer = AutoTokenizer.from_pretrained(checkpoint, use_fast=True, add_prefix_space=True,
                                                      trust_remote_code=False)
        if tokenizer.pad_token_id is None:
            tokenizer.pad_token = tokenizer.eos_token or tokenizer.unk_token
    if tokenizer.pad_token_id is None:
        raise ModelLoadError(f"The tokenizer of {checkpoint!r} has no padding token, nor an end-of-text or "
                             "unknown token to pad with; expected a pad_token in its tokenizer_config.json.")
    return tokenizer if tokenizer.is_fast else SlowTokenizer(tokenizer)


@contextlib.contextmanager
def _sentencepiece_named(checkpoint: str) -> Iterator[None]:
    """Says what is missing, where transformers says that None has no attribute "endswith"."""
    try:
        yield
    except (AttributeError, ImportError, TypeError, ValueError) as error:
        whole = (pathlib.Path(checkpoint) / "tokenizer.json").exists()
        if whole or importlib.util.find_spec("sentencepiece") is not None:
            raise
        raise MissingExtraError("sentencepiece", "sentencepiece", f"The tokenizer of {checkpoint!r}, which has no "
                                "tokenizer.json,") from error


def common_tokenizer(checkpoints: Sequence[str]) -> Any:
    """The tokenizer that several teachers share.

    Args:
        checkpoints: local directories or hub names, at least one.

    Raises:
        ConfigError: two of them differ.
        ModelLoadError: see `load_tokenizer`.
    """
    first = load_tokenizer(checkpoints[0])
    for checkpoint in checkpoints[1:]:
        difference = _tokenizer_difference(first, load_tokenizer(checkpoint))
        if difference:
            raise ConfigError(f"The teachers {checkpoints[0]!r} and {checkpoint!r} have different tokenizers "
                              f"({difference}), so their logits belong to different subwords. Expected "
                              "teachers with the same tokenizer.")
    return first


def _tokenizer_difference(first: Any, second: Any) -> str | None:
    ours, theirs = first.get_vocab(), second.get_vocab()
    if len(ours) != len(theirs):
        return f"{len(ours)} and {len(theirs)} subwords"
    for piece, number in ours.items():
        if theirs.get(piece) != number:
            found = f"number {theirs[piece]}" if piece in theirs else "not there"
            return f"{piece!r} is number {number} in the first and {found} in the second"
    probe = "A probe, naïve: Ünïcode"
    if first(probe).input_ids != second(probe).input_ids:
        return "the same subwords, put together differently"
    return None


def _is_byte_level(tokenizer: Any) -> bool:
    pre_tokenizer = tokenizer.backend_tokenizer.pre_tokenizer
    return pre_tokenizer is not None and b'"ByteLevel"' in pre_tokenizer.__getstate__()
