"""Fingerprints of data and settings: same fingerprint, same result, so that it can be reused."""

from __future__ import annotations

import hashlib
import json
import os
from typing import Any, Iterable

_CHUNK = 1 << 20


def fingerprint(value: Any) -> str:
    """16 hex digits over the canonical JSON of `value`."""
    text = json.dumps(value, sort_keys=True, ensure_ascii=False)
    return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()


def file_fingerprint(path: str | os.PathLike) -> str:
    """16 hex digits over the bytes of a file."""
    digest = hashlib.blake2b(digest_size=8)
    with open(path, "rb") as handle:
        while block := handle.read(_CHUNK):
            digest.update(block)
    return digest.hexdigest()


def examples_fingerprint(examples: Iterable[Any]) -> str:
    """16 hex digits over words, tags and languages of examples; where they were read does not count."""
    digest = hashlib.blake2b(digest_size=8)
    for example in examples:
        fields = (" ".join(example.words), " ".join(example.tags or ()), example.language or "")
        digest.update("\t".join(fields).encode() + b"\n")
    return digest.hexdigest()
