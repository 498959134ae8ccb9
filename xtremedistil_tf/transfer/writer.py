"""Writing a transfer store: tokenize, run the teacher, write shard by shard; only what is missing is written.

In one process the three overlap: while the teacher runs over a shard's text, a thread tokenizes the next and
another writes the last. Order and content are those of one after the other. Three shards are in memory at
most, however large the store. Several processes can do it together, see `Workforce`.
"""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import itertools
import logging
import pathlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from xtremedistil_tf.atomic import is_disk_full, remove_leftovers, why_not_writable
from xtremedistil_tf.config.choices import HIDDEN_DTYPES
from xtremedistil_tf.corpus.example import AnyExample
from xtremedistil_tf.corpus.sampling import evenly
from xtremedistil_tf.errors import ConfigError, TransferStoreError
from xtremedistil_tf.fingerprint import fingerprint
from xtremedistil_tf.progress import progress_bar
from xtremedistil_tf.training.batches import Column
from xtremedistil_tf.transfer.format import (
    ALIGNED,
    ATTENTION,
    HIDDEN,
    KNOWN,
    LOGITS,
    MANIFEST,
    RELATIONS,
    Manifest,
    column_facts,
)
from xtremedistil_tf.transfer.hidden_states import HiddenPca, PcaFit, load_pca
from xtremedistil_tf.transfer.making import InBackground, Rows, ShardMaker, made_ahead
from xtremedistil_tf.transfer.piece_states import PIECE_STATES_FILE, gather, has_sums
from xtremedistil_tf.transfer.shards import Shards, writer_lock
from xtremedistil_tf.transfer.size import check_room, sampled_mean_pieces

if TYPE_CHECKING:
    from tqdm import tqdm

    from xtremedistil_tf.tasks.targets import Softening
    from xtremedistil_tf.tasks.task import Task
    from xtremedistil_tf.teachers.protocol import TeacherPredictor, TeacherSignals

log = logging.getLogger(__name__)

_PIECES_PER_SHARD = 262_144
_BYTES_PER_SHARD = 1 << 30


@dataclasses.dataclass(frozen=True)
class StoreSpec:
    """What a store is to hold.

    Attributes:
        identity: everything the content depends on, JSON-able; its fingerprint is the store's.
        task: what the teacher answers.
        sentences: number of transfer examples.
        seq_len: most pieces of an example, special tokens included.
        signals: which of HIDDEN, ATTENTION and RELATIONS to keep, and as what columns.
        aligned: whether student and teacher have different tokenizers, or read different texts in places.
        hidden_components: principal components to keep of the hidden states of each layer, 0 for all of their
            width. Readers get the whole width back, without what the components do not explain.
        hidden_dtype: float16, or int8 with a scale and an offset per channel. Readers get float16.
        attention_sample: pieces of an example whose attention maps are kept, 0 for all.
        piece_states: whether to keep the mean state of each piece, see `piece_states`; of the last layer of hidden
            states that the predictor gives.
        softening: how what teachers by file said of the examples becomes probabilities; None: a teacher is run.
        partly_known: whether such a teacher does not know all labels.
    """

    identity: Mapping[str, Any]
    task: Task
    sentences: int
    seq_len: int
    signals: Mapping[str, Column]
    aligned: bool = False
    hidden_components: int = 0
    hidden_dtype: str = "float16"
    attention_sample: int = 0
    piece_states: bool = False
    softening: Softening | None = None
    partly_known: bool = False

    @property
    def columns(self) -> dict[str, Column]:
        """All columns of the store, as readers get them."""
        kept = dict(self.task.text_columns)
        kept[LOGITS] = Column(np.float32, (self.task.num_outputs,), self.task.per_piece)
        if self.partly_known:
            kept[KNOWN] = kept[LOGITS]
        return kept | dict(self.signals) | ({ALIGNED: Column(np.float32)} if self.aligned else {})

    @property
    def encodings(self) -> dict[str, dict[str, Any]]:
        """How columns are kept on disk where that is not as readers get them, see `Manifest`.

        Raises:
            ConfigError: a setting that cannot be meant.
        """
        return self._hidden_encoding() | self._attention_encoding()

    def _attention_encoding(self) -> dict[str, dict[str, Any]]:
        if not 0 <= self.attention_sample < self.seq_len:
            raise ConfigError(f"`attention_sample={self.attention_sample}`: an example has at most "
                              f"`seq_len={self.seq_len}` subwords. Expected 1 to {self.seq_len - 1}, or 0 for all.")
        sampled = self.attention_sample and ATTENTION in self.signals
        return {ATTENTION: {"rows": self.attention_sample}} if sampled else {}

    def _hidden_encoding(self) -> dict[str, dict[str, Any]]:
        if self.hidden_dtype not in HIDDEN_DTYPES:
            raise ConfigError(f"`hidden_dtype={self.hidden_dtype}`: expected one of "
                              f"{', '.join(HIDDEN_DTYPES)}.")
        if HIDDEN not in self.signals or (self.hidden_components, self.hidden_dtype) == (0, HIDDEN_DTYPES[0]):
            return {}
        width = self.signals[HIDDEN].shape[-1]
        if not 0 <= self.hidden_components < width:
            raise ConfigError(f"`hidden_components={self.hidden_components}`: the teacher's hidden states are "
                              f"{width} wide. Expected 1 to {width - 1}, or 0 to keep them whole.")
        return {HIDDEN: {"components": self.hidden_components, "dtype": self.hidden_dtype}}

    def manifest(self) -> Manifest:
        """Of an unfinished store."""
        columns = {name: column_facts(column) for name, column in self.columns.items()}
        identity = dict(self.identity) | {"task": self.task.kind, "columns": columns, "seq_len": self.seq_len}
        identity |= {"encodings": self.encodings} if self.encodings else {}
        return Manifest(fingerprint(identity), identity, columns, self.sentences, self._shard_sentences,
                        encodings=self.encodings)

    @property
    def _shard_sentences(self) -> int:
        rows = self._attention_encoding().get(ATTENTION, {}).get("rows", self.seq_len)
        piece = sum(int(np.prod(column.shape, dtype=np.int64)) * column.dtype.itemsize
                    * (rows if name == ATTENTION else self.seq_len)
                    for name, column in self.columns.items() if column.per_piece) // self.seq_len
        most = min(_PIECES_PER_SHARD, _BYTES_PER_SHARD // piece)
        return max(1, min(8192, most // self.seq_len))


def signal_columns(signals: TeacherSignals, width: int, heads: int, seq_len: int) -> dict[str, Column]:
    """The columns that keep what of the teacher's inner workings is asked for."""
    relations = signals.relations
    shapes = {HIDDEN: (len(signals.hidden), width), ATTENTION: (len(signals.attentions), heads, seq_len),
              RELATIONS: (len(relations.kinds), relations.heads, seq_len) if relations else (0,)}
    return {name: Column(np.float16, shape) for name, shape in shapes.items() if shape[0]}


class ShardWorkers(Protocol):
    """Whoever runs a `ShardMaker`: this process, or others."""

    def pca_fit(self, sample: list[AnyExample]) -> PcaFit:
        """As `ShardMaker.pca_fit`."""

    def make(self, shards: Iterator[tuple[int, list[AnyExample]]], bar: tqdm) -> int:
        """Writes shards, given as number and examples; returns how many examples were cut.

        The bar moves on by every example done.
        """


#: Begins and ends the work of those who run a `ShardMaker`.
Workforce = Callable[[ShardMaker], contextlib.AbstractContextManager[ShardWorkers]]


class _ThisProcess:
    """The teacher runs over a shard while a thread tokenizes the next and another writes the last."""

    def __init__(self, maker: ShardMaker):
        self._maker, self.pca_fit = maker, maker.pca_fit

    def make(self, shards: Iterator[tuple[int, list[AnyExample]]], bar: tqdm) -> int:
        maker, truncated = self._maker, 0
        with contextlib.closing(made_ahead(self._with_rows(shards))) as prepared, InBackground() as writing:
            for shard, rows, cut in prepared:
                outputs = maker.outputs(rows, bar.update)
                writing.start(functools.partial(maker.save, shard, rows, outputs, cut))
                truncated += cut
        return truncated

    def _with_rows(self, shards: Iterable[tuple[int, list[AnyExample]]]) -> Iterator[tuple[int, Rows, int]]:
        for shard, examples in shards:
            yield shard, *self._maker.rows(examples)


def in_this_process(maker: ShardMaker) -> contextlib.AbstractContextManager[ShardWorkers]:
    """A `Workforce` of one."""
    return contextlib.nullcontext(_ThisProcess(maker))


def write_store(root: pathlib.Path, spec: StoreSpec, examples: Callable[[], Iterable[AnyExample]],
                tokenizer: Any, predictor: Callable[[], TeacherPredictor], teacher_tokenizer: Any = None,
                verify: bool = False, workforce: Workforce = in_this_process) -> pathlib.Path:
    """Writes the store below `root` and returns its folder; what is already there is kept.

    Shards that are missing or too short are written; once there is something to write, also those whose
    checksums are wrong. Another process that writes the same store is waited for.

    Args:
        root: folder of stores; this one is `root/<fingerprint>`.
        spec: what to hold.
        examples: makes an iterator over the transfer set, the same every time.
        tokenizer: the student's fast tokenizer.
        predictor: makes the teacher's predictor, which gives logits and `spec.signals`; not called when
            nothing is missing.
        teacher_tokenizer: the teacher's, where it is another one; `spec.aligned` then.
        verify: whether to compare the checksums of a complete store as well, which reads it all.
        workforce: who makes what is missing; the store is the same, whoever does.

    Raises:
        TransferStoreError: no room on the disk, or a teacher whose hidden states are not finite.
        ConfigError: settings of `spec` that cannot be meant.
    """
    manifest = spec.manifest()
    store = root / manifest.fingerprint
    if not verify and _is_complete(store, spec):
        log.info("transfer store %s: already complete, %d examples; the teacher is not run", store,
                 manifest.sentences)
        return store
    if reason := why_not_writable(store):
        raise TransferStoreError(f"`transfer_store_dir`: there is no finished store {store}, and nothing can be "
                                 f"written there ({reason}). Give a folder that may be written to.")
    with writer_lock(store):
        if not verify and _is_complete(store, spec):  # another process wrote it meanwhile
            return store
        remove_leftovers(store)
        try:
            maker = ShardMaker(store, spec, _begun(store, manifest), tokenizer, teacher_tokenizer, predictor)
            _Writing(maker, examples, workforce).run()
        except OSError as error:
            if not is_disk_full(error):
                raise
            raise TransferStoreError(f"{store}: the disk is full. What is written is kept: free some space and run the "
                                     "same command again to continue.") from error
    return store


def _is_complete(store: pathlib.Path, spec: StoreSpec) -> bool:
    """Whether a store is finished, by its manifest and the shapes of its arrays."""
    if spec.piece_states and not (store / PIECE_STATES_FILE).exists():
        return False
    try:
        manifest = Manifest.load(store)
        shards = Shards(store, manifest, load_pca(store, manifest))
    except TransferStoreError:
        return False
    return (manifest.complete and manifest.sentences == spec.sentences
            and all(map(shards.is_whole, range(manifest.num_shards))))


def _begun(store: pathlib.Path, manifest: Manifest) -> Manifest:
    """The manifest with the size of the shards that are there, whatever would be chosen today."""
    if not (store / MANIFEST).exists():
        return manifest
    return dataclasses.replace(manifest, shard_sentences=Manifest.load(store).shard_sentences)


class _Writing:
    """Writes what a store lacks. Arguments as those of `write_store`; `maker` makes its shards."""

    def __init__(self, maker: ShardMaker, examples: Callable[[], Iterable[AnyExample]], workforce: Workforce):
        self._maker, self._examples, self._workforce = maker, examples, workforce
        self._store, self._spec, self._manifest = maker.store, maker.spec, maker.manifest

    def run(self) -> None:
        self._manifest.save(self._store)
        self._maker.hidden_pca = self._known_pca()
        missing = self._missing()
        truncated = 0
        if missing or self._lacks_pca:
            mean = sampled_mean_pieces(self._spec, self._examples(), self._maker.tokenizer)
            check_room(self._store, self._spec, mean, self._sentences(missing))
            with self._workforce(self._maker) as workers:
                if self._lacks_pca:
                    self._maker.hidden_pca = self._fitted_pca(workers)
                    missing = self._missing()
                truncated = self._make(workers, missing)
        truncated += self._truncated_before(missing)
        if self._spec.piece_states:
            gather(self._store, self._manifest.num_shards)
        dataclasses.replace(self._manifest, complete=True, truncated=truncated).save(self._store)

    @property
    def _lacks_pca(self) -> bool:
        return self._manifest.num_components > 0 and self._maker.hidden_pca is None

    def _known_pca(self) -> HiddenPca | None:
        try:
            return load_pca(self._store, self._manifest)
        except TransferStoreError:
            return None

    def _missing(self) -> list[int]:
        """Shards to write; the manifest is not complete here, so that their checksums are worth reading."""
        shards, missing = self._maker.shards, []
        for shard in range(self._manifest.num_shards):
            fault = shards.fault(shard) or shards.wrong_values(shard)
            if not fault and self._spec.piece_states and not has_sums(self._store, shard):
                fault = f"no {PIECE_STATES_FILE}"
            if fault:
                missing.append(shard)
            if fault not in (None, "missing"):
                log.info("%s: %s; it is written again", shards.path(shard), fault)
        return missing

    def _sentences(self, shards: Iterable[int]) -> int:
        return sum(map(self._manifest.sentences_of, shards))

    def _fitted_pca(self, workers: ShardWorkers) -> HiddenPca:
        """Principal components of the hidden states of a shard's worth of examples, spread over all."""
        sample = list(evenly(self._examples(), self._manifest.sentences, self._manifest.shard_sentences))
        log.info("transfer store %s: finding %d principal components of the hidden states of %d examples",
                 self._store, self._manifest.num_components, len(sample))
        # Solved here, whoever collected the states: the last digits depend on the number of threads.
        pca = workers.pca_fit(sample).result(self._manifest.num_components)
        pca.save(self._store)
        log.info("they keep %s of the variance", ", ".join(f"{share:.2%}" for share in pca.energy))
        return pca

    def _make(self, workers: ShardWorkers, missing: list[int]) -> int:
        """Writes shards and returns how many of their examples were cut."""
        total, todo = self._manifest.sentences, self._sentences(missing)
        if 0 < todo < total:
            log.info("transfer store %s: %d of %d examples are written; continuing", self._store, total - todo,
                     total)
        label = "answers to transfer set" if self._spec.softening else "teacher over transfer set"
        with progress_bar(total, label, "sentence", initial=total - todo) as bar:
            return workers.make(self._with_examples(missing), bar)

    def _truncated_before(self, missing: list[int]) -> int:
        """How many examples were cut in the shards that were there."""
        there = set(range(self._manifest.num_shards)).difference(missing)
        known = {shard: self._maker.shards.facts(shard).truncated for shard in there}
        unknown = [shard for shard, truncated in known.items() if truncated is None]
        return (sum(truncated or 0 for truncated in known.values())
                + sum(self._maker.rows(examples)[1] for _, examples in self._with_examples(unknown)))

    def _with_examples(self, wanted: Iterable[int]) -> Iterator[tuple[int, list[AnyExample]]]:
        """The number and the examples of some shards, in order."""
        last, wanted = max(wanted, default=-1), set(wanted)
        stream = iter(self._examples()) if wanted else iter(())
        for shard in range(last + 1):
            examples = list(itertools.islice(stream, self._manifest.sentences_of(shard)))
            if shard in wanted:
                yield shard, examples
