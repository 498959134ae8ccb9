"""What a tokenizer puts around and between texts: special tokens and token types."""

from __future__ import annotations

import dataclasses

import numpy as np

from xtremedistil_tf.errors import ConfigError


@dataclasses.dataclass(frozen=True)
class Frame:
    """The frame of one text or of a pair, such as `[CLS] text [SEP]` or `<s> text </s></s> pair </s>`.

    Attributes:
        special: int32 arrays of the special tokens before, between and after the texts.
        special_types: token types of these, of the same shapes.
        text_types: token type of the pieces of each text.
    """

    special: tuple[np.ndarray, ...]
    special_types: tuple[np.ndarray, ...]
    text_types: tuple[int, ...]

    @classmethod
    def of(cls, tokenizer, pair: bool) -> Frame:
        """Asks a fast tokenizer of transformers; types are zeros where it makes none for its model."""
        encoding = tokenizer(*["a"] * (1 + pair)).encodings[0]
        ids, types = np.asarray(encoding.ids, np.int32), np.asarray(encoding.type_ids, np.int32)
        if "token_type_ids" not in tokenizer.model_input_names:
            types = np.zeros_like(types)
        sequences = np.array([-1 if s is None else s for s in encoding.sequence_ids])
        texts = [np.flatnonzero(sequences == number) for number in range(1 + pair)]
        starts = [0] + [text[-1] + 1 for text in texts]
        stops = [text[0] for text in texts] + [len(ids)]
        return cls(tuple(ids[a:b] for a, b in zip(starts, stops)),
                   tuple(types[a:b] for a, b in zip(starts, stops)),
                   tuple(int(types[text[0]]) for text in texts))

    def __len__(self) -> int:
        """Number of special tokens."""
        return sum(map(len, self.special))

    def room(self, max_length: int) -> int:
        """How many pieces of text fit.

        Raises:
            ConfigError: not even one of each text.
        """
        room, texts = max_length - len(self), len(self.text_types)
        if room < texts:
            what = "a pair of texts" if texts > 1 else "a text"
            raise ConfigError(f"`seq_len={max_length}`: this tokenizer adds {len(self)} special tokens to {what}, "
                              f"which leaves no room for the text itself. Use at least {len(self) + texts}; "
                              "128 is usual.")
        return room

    def join(self, *texts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Piece ids of each text, int32 -> ids and token types of the whole, int32 [pieces]."""
        ids, types = [self.special[0]], [self.special_types[0]]
        for number, text in enumerate(texts):
            ids += [text, self.special[number + 1]]
            types += [np.full(len(text), self.text_types[number], np.int32), self.special_types[number + 1]]
        return np.concatenate(ids), np.concatenate(types)

    def position(self, token_id: int | None, *lengths: int) -> int:
        """Where the special token stands around texts of these lengths, 0 if it does not occur."""
        begin = 0
        for group, length in zip(self.special, (*lengths, 0)):
            found = np.flatnonzero(group == token_id)
            if len(found):
                return begin + int(found[0])
            begin += len(group) + length
        return 0
