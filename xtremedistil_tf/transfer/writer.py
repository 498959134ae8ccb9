"""Writing a transfer store: tokenize, run the teacher, write shard by shard; resumes at the first missing one."""

from __future__ import annotations

import dataclasses
import itertools
import logging
import pathlib
from typing import Any, Callable, Iterable, Iterator, Mapping, Sequence

import numpy as np

from xtremedistil_tf.atomic import atomic_directory, remove_leftovers
from xtremedistil_tf.batching.ragged import RaggedFeatures
from xtremedistil_tf.fingerprint import fingerprint
from xtremedistil_tf.progress import progress_bar
from xtremedistil_tf.tasks.tagging import text_features
from xtremedistil_tf.teachers.prediction import TeacherPredictor
from xtremedistil_tf.transfer.layout import (HIDDEN, LOGITS, MANIFEST, OFFSETS, TEXT_COLUMNS, Manifest,
                                             shard_is_whole, shard_path)

log = logging.getLogger(__name__)

_PIECES_PER_SHARD = 262_144


@dataclasses.dataclass(frozen=True)
class StoreSpec:
    """What a store is to hold.

    Attributes:
        identity: everything the content depends on, JSON-able; its fingerprint is the store's.
        sentences: number of transfer sentences.
        seq_len: most pieces of a sentence, special tokens included.
        num_labels: width of the logits.
        hidden_width: width of the hidden states, 0 to keep none.
        hidden_dtype: float16 or float32.
    """

    identity: Mapping[str, Any]
    sentences: int
    seq_len: int
    num_labels: int
    hidden_width: int
    hidden_dtype: str = "float16"

    def manifest(self) -> Manifest:
        columns = {name: {"dtype": dtype, "shape": []} for name, dtype in TEXT_COLUMNS.items()}
        columns[LOGITS] = {"dtype": "float32", "shape": [self.num_labels]}
        if self.hidden_width:
            columns[HIDDEN] = {"dtype": self.hidden_dtype, "shape": [self.hidden_width]}
        shard = max(1, min(8192, _PIECES_PER_SHARD // self.seq_len))
        identity = dict(self.identity) | {"columns": columns, "seq_len": self.seq_len}
        return Manifest(fingerprint(identity), identity, columns, self.sentences, shard)


def write_store(root: pathlib.Path, spec: StoreSpec, sentences: Callable[[], Iterable[Sequence[str]]],
                tokenizer, predictor: Callable[[], TeacherPredictor]) -> pathlib.Path:
    """Writes the store below `root` and returns its folder; what is already there is kept.

    Args:
        root: folder of stores; this one is `root/<fingerprint>`.
        spec: what to hold.
        sentences: makes an iterator over the transfer set as words, the same every time.
        tokenizer: fast tokenizer.
        predictor: makes the teacher's predictor, which gives logits and, where `spec.hidden_width`, one
            hidden layer; not called when nothing is missing.
    """
    manifest = spec.manifest()
    store = root / manifest.fingerprint
    store.mkdir(parents=True, exist_ok=True)
    remove_leftovers(store)
    missing = [s for s in range(manifest.num_shards) if not shard_is_whole(store, manifest, s)]
    if missing or not (store / MANIFEST).exists():
        truncated = _write_shards(store, manifest, spec.seq_len, sentences, tokenizer, predictor, missing)
        dataclasses.replace(manifest, complete=True, truncated=truncated).save(store)
    else:
        log.info("transfer store %s: complete, %d sentences, the teacher is not run", store,
                     manifest.sentences)
    return store


def _write_shards(store, manifest, seq_len, sentences, tokenizer, predictor, missing) -> int:
    manifest.save(store)
    todo = sum(manifest.sentences_of(s) for s in missing)
    if todo < manifest.sentences:
        log.info("transfer store %s: %d of %d sentences are there, going on", store,
                     manifest.sentences - todo, manifest.sentences)
    run = predictor() if missing else None
    truncated, wanted = 0, set(missing)
    with progress_bar(manifest.sentences, "teacher over transfer set", "sentence",
                      initial=manifest.sentences - todo) as bar:
        for shard, words in enumerate(_chunks(sentences(), manifest)):
            encoded = text_features(tokenizer, words, seq_len)
            truncated += encoded.truncated
            if shard in wanted:
                with atomic_directory(shard_path(store, shard)) as part:
                    _write_shard(part, manifest, encoded.features, run, bar.update)
    return truncated


def _chunks(sentences: Iterable[Sequence[str]], manifest: Manifest) -> Iterator[list[Sequence[str]]]:
    stream = itertools.islice(sentences, manifest.sentences)
    while chunk := list(itertools.islice(stream, manifest.shard_sentences)):
        yield chunk


def _write_shard(folder: pathlib.Path, manifest: Manifest, features: RaggedFeatures,
                 predictor: TeacherPredictor, done: Callable[[int], Any]) -> None:
    offsets = features.offsets
    outputs = {name: np.zeros((offsets[-1], *manifest.columns[name]["shape"]), manifest.columns[name]["dtype"])
               for name in (LOGITS, HIDDEN) if name in manifest.columns}
    for answer in predictor.predict(features):
        rows = slice(offsets[answer.index], offsets[answer.index + 1])
        outputs[LOGITS][rows] = answer.logits
        if HIDDEN in outputs:
            outputs[HIDDEN][rows] = answer.hidden[0]
        done(1)
    np.save(folder / f"{OFFSETS}.npy", offsets)
    for name, values in (dict(features.data) | outputs).items():
        np.save(folder / f"{name}.npy", values)
