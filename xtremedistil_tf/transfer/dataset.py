"""A transfer store as a `tf.data.Dataset`, for a training loop of one's own."""

from __future__ import annotations

import itertools
import os
import pathlib
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from xtremedistil_tf.batching.plan import BatchPlan
from xtremedistil_tf.batching.ragged import pad_batch
from xtremedistil_tf.transfer.reader import TransferStore

if TYPE_CHECKING:
    import tensorflow as tf


def transfer_dataset(store: str | os.PathLike[str], tokenizer: Any, batch_size: int = 128, *,
                     columns: Sequence[str] | None = None, examples: Sequence[int] | None = None,
                     shuffle: bool = True, seed: int = 42) -> tf.data.Dataset:
    """Batches of a transfer store, as the stages are to `fit` on.

    Examples of similar length stand in a batch. Every pass has another order, the same for the same seed. Memory does
    not depend on the size of the store.

    Args:
        store: its folder.
        tokenizer: the student's, for the id of the padding piece.
        batch_size: examples in a batch.
        columns: to read, such as `("input_ids", "word_starts", "teacher_logits")`; None: all.
        examples: numbers of the examples to take; None: all.
        shuffle: whether to shuffle; else the order is that of the store.
        seed: of the order.

    Returns:
        Dicts of padded tensors: of every column [batch, time, ...] or [batch, ...], and `attention_mask` int32
        [batch, time].

    Raises:
        TransferStoreError: the store is unfinished or damaged, or has no such column.
    """
    import tensorflow as tf

    from xtremedistil_tf.batching.pipeline import batch_spec, stream

    source = TransferStore(pathlib.Path(store), list(columns) if columns else None)
    chosen = np.arange(len(source)) if examples is None else np.asarray(examples, np.int64)
    plan, passes = BatchPlan(source.lengths, chosen, batch_size, seed), itertools.count()

    def batches() -> Iterable[np.ndarray]:
        if shuffle:
            return plan.epoch(next(passes))
        return np.array_split(chosen, range(batch_size, len(chosen), batch_size))

    dataset = stream(lambda: (pad_batch(source, rows, tokenizer.pad_token_id) for rows in batches()),
                     batch_spec(source))
    return dataset.apply(tf.data.experimental.assert_cardinality(-(-len(chosen) // batch_size)))
