"""Fingerprints of data and settings: same fingerprint, same result, so that it can be reused."""

from __future__ import annotations

import base64
import dataclasses
import hashlib
import json
import os
from collections.abc import Iterable
from typing import Any

_CHUNK = 1 << 20
_LABELS = frozenset({"tags", "label", "answers"})
#: Fields that examples have not always had: without a value, fingerprints from before are still those of the examples.
_LATER = frozenset({"original", "given"})


def fingerprint(value: Any) -> str:
    """16 hex digits over the canonical JSON of `value`."""
    text = json.dumps(value, sort_keys=True, ensure_ascii=False)
    return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()


def policy_hash(text: str) -> str:
    """A script or style as a Content-Security-Policy names it, so that no other can run."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def file_fingerprint(path: str | os.PathLike[str]) -> str:
    """16 hex digits over the bytes of a file."""
    digest = hashlib.blake2b(digest_size=8)
    with open(path, "rb") as handle:
        while block := handle.read(_CHUNK):
            digest.update(block)
    return digest.hexdigest()


class ExamplesDigest:
    """Fingerprint of a stream of examples; where they were read does not count.

    Args:
        with_labels: whether tags, labels and answers count.
    """

    def __init__(self, with_labels: bool = True):
        self._digest = hashlib.blake2b(digest_size=8)
        self._skipped = {"source", "line"} | (set() if with_labels else _LABELS)

    def add(self, example: Any) -> None:
        fields = [getattr(example, field.name) for field in dataclasses.fields(example)
                  if field.name not in self._skipped and not (
                      field.name in _LATER and getattr(example, field.name) is None)]
        self._digest.update(repr((type(example).__name__, fields)).encode("utf-8", "surrogatepass") + b"\n")

    def hex(self) -> str:
        """16 hex digits."""
        return self._digest.hexdigest()


def examples_fingerprint(examples: Iterable[Any]) -> str:
    """16 hex digits over examples with their labels."""
    digest = ExamplesDigest()
    for example in examples:
        digest.add(example)
    return digest.hex()
