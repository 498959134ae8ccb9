"""The pieces of a vocabulary that are whole words, which may stand for another word."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from xtremedistil_tf.augmentation.letters import is_word
from xtremedistil_tf.tokenization.words import encode_words


@dataclasses.dataclass(frozen=True)
class WholeWords:
    """Attributes:
        ids: int32 [words], their pieces.
        words: each as it stands in a text.
    """

    ids: np.ndarray
    words: list[str]

    @classmethod
    def of(cls, tokenizer: Any) -> WholeWords:
        """All words of letters that the tokenizer encodes as one piece, special tokens aside.

        Args:
            tokenizer: as `load_tokenizer` gives it.
        """
        special, decode = set(tokenizer.all_special_ids), _decoder(tokenizer)
        texts = {i: text for i in range(len(tokenizer))
                 if i not in special and is_word(text := decode(i).strip())}
        encoded = encode_words(tokenizer, ([text] for text in texts.values()))
        # A piece that continues words is decoded to a text that is encoded otherwise.
        whole = [i for i, word in zip(texts, encoded) if list(word.ids) == [i]]
        return cls(np.array(whole, np.int32), [texts[i] for i in whole])

    @functools.cached_property
    def row_of(self) -> dict[str, int]:
        """Row in `ids` of each word."""
        return {word: row for row, word in enumerate(self.words)}

    @functools.cached_property
    def cased(self) -> bool:
        """Whether any word has a capital letter."""
        return any(word != word.lower() for word in self.words)

    def find(self, word: str) -> int:
        """Row of a word, of its lower case where the vocabulary has no other; -1 if it is not one piece."""
        return self.row_of.get(word if self.cased else word.lower(), -1)


def _decoder(tokenizer: Any) -> Callable[[int], str]:
    if tokenizer.is_fast:
        decode = tokenizer.backend_tokenizer.decode
        return lambda i: decode([i], skip_special_tokens=False)
    tokens: Sequence[str] = tokenizer.convert_ids_to_tokens(range(len(tokenizer)))
    return lambda i: tokenizer.convert_tokens_to_string([tokens[i]])
