"""When two examples are the same text: without differences of case, white space and Unicode's compatibility forms."""

from __future__ import annotations

import hashlib
import unicodedata

from xtremedistil_tf.corpus.example import AnyExample, TextExample, texts_of


def normalised(text: str) -> str:
    """The text without differences of case, white space and Unicode's compatibility forms (NFKC)."""
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())


def parts_of(example: AnyExample) -> tuple[str, ...]:
    """The normalised texts that an example consists of."""
    texts = tuple(map(normalised, texts_of(example)))
    return (*texts, "") if isinstance(example, TextExample) and example.pair is None else texts


def digest(parts: tuple[str, ...]) -> int:
    """8 bytes that stand for an example's texts."""
    joined = "\0".join(parts).encode("utf-8", "surrogatepass")
    return int.from_bytes(hashlib.blake2b(joined, digest_size=8).digest(), "little")
