"""How hidden states and attention maps are kept small: principal components, int8, a sample of rows.

Principal components (`HiddenPca`) are fitted on a sample of pieces, layer by layer, in one pass:

    <store>/hidden_pca.npz
        mean        float32 [layers, width]
        components  float32 [layers, components, width], orthonormal rows, the first explains most
        energy      float32 [layers], share of the sample's variance that they keep

A piece is kept as (state - mean) @ components.T and given back as kept @ components + mean.

Hidden states as int8 (`quantize`) have a scale and an offset for each channel of each layer in each shard:

    value = scale[layer, channel] * int8 + offset[layer, channel]

The offset is the middle of the channel's range in the shard, so that the range fills -127 to 127. A few
channels of BERT's hidden states are many times larger than the rest, often by a constant: a scale per piece
would drown the others (error 7 % of their deviation where two channels are shifted by 30 deviations; 0.9 %
with this), and clipping at a percentile cuts the rare pieces off whose values are the largest, to gain a
twentieth elsewhere.

An attention map has a row for each piece, which says where that piece looks; some rows are kept instead of all
(`sampled`). They are drawn without replacement, by a generator seeded with the example's pieces, so that they do not
depend on who writes the store. Readers get the map of all pieces, with zeros where nothing is known; a row that is
known sums to one.
"""

from __future__ import annotations

import dataclasses
import pathlib
import zipfile
import zlib

import numpy as np

from xtremedistil_tf.atomic import atomic_file
from xtremedistil_tf.errors import TransferStoreError
from xtremedistil_tf.transfer.format import HIDDEN, Manifest, checksum

PCA_FILE = "hidden_pca.npz"
_PIECES_OF_A_FIT = 4096
# BLAS puts larger products on several threads, which costs a reader that shares its cores with training 3 to 10
# times the processor time.
_LARGEST_PRODUCT = 1 << 18
_INT8_STEPS = 254
_ROWS_AT_ONCE = 16_384


@dataclasses.dataclass(frozen=True)
class HiddenPca:
    """Attributes:
        mean: float32 [layers, width].
        components: float32 [layers, components, width].
        energy: float32 [layers].
    """

    mean: np.ndarray
    components: np.ndarray
    energy: np.ndarray

    def project(self, states: np.ndarray) -> np.ndarray:
        """float32 [pieces, layers, width] -> [pieces, layers, components]."""
        centred = (states - self.mean).swapaxes(0, 1)
        return np.matmul(centred, self.components.swapaxes(1, 2)).swapaxes(0, 1)

    def restore(self, kept: np.ndarray) -> np.ndarray:
        """float32 [pieces, layers, components] -> [pieces, layers, width]."""
        pieces, layers, components = kept.shape
        states = np.empty((pieces, *self.mean.shape), np.float32)
        columns = max(1, _LARGEST_PRODUCT // max(1, pieces * components))
        for layer in range(layers):
            for begin in range(0, states.shape[-1], columns):
                part = slice(begin, begin + columns)
                np.matmul(kept[:, layer], self.components[layer, :, part], out=states[:, layer, part])
        states += self.mean
        return states

    @property
    def checksum(self) -> str:
        """Of mean and components: values kept with others cannot be read with these."""
        return checksum(self.mean, self.components)

    def save(self, store: pathlib.Path) -> None:
        with atomic_file(store / PCA_FILE) as part:
            np.savez(part, **{field.name: getattr(self, field.name) for field in dataclasses.fields(self)})

    @classmethod
    def load(cls, store: pathlib.Path, layers: int, components: int, width: int) -> HiddenPca:
        """Raises TransferStoreError where the file is missing, damaged, or of other shapes."""
        path = store / PCA_FILE
        expected = {"mean": (layers, width), "components": (layers, components, width), "energy": (layers,)}
        try:
            with np.load(path) as arrays:
                pca = cls(*(arrays[name].astype(np.float32) for name in expected))
        except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
            raise TransferStoreError(f"{path}: missing or damaged ({error}); without it the store's hidden "
                                     "states cannot be read. Run the command that writes the store again."
                                     ) from error
        for name, shape in expected.items():
            if getattr(pca, name).shape != shape or not np.isfinite(getattr(pca, name)).all():
                raise TransferStoreError(f"{path}: {name} has shape {list(getattr(pca, name).shape)}, expected "
                                         f"finite numbers of shape {list(shape)}.")
        return pca


def load_pca(store: pathlib.Path, manifest: Manifest) -> HiddenPca | None:
    """The principal components of a store that keeps hidden states as such.

    Raises:
        TransferStoreError: they are missing or damaged.
    """
    if not manifest.num_components:
        return None
    layers, width = manifest.column(HIDDEN).shape
    return HiddenPca.load(store, layers, manifest.num_components, width)


class PcaFit:
    """Collects states and finds their principal components, in memory that does not grow with their number.

    Args:
        layers, width: of the states.
    """

    def __init__(self, layers: int, width: int):
        self._count = 0
        self._waiting: list[np.ndarray] = []
        self._shift: np.ndarray | None = None
        self._sum = np.zeros((layers, width))
        self._products = np.zeros((layers, width, width))

    def add(self, states: np.ndarray) -> None:
        """Takes float [pieces, layers, width]."""
        self._waiting.append(states.astype(np.float32))
        if self._pieces_waiting >= _PIECES_OF_A_FIT:
            self._flush()

    @property
    def _pieces_waiting(self) -> int:
        return sum(map(len, self._waiting))

    def _flush(self) -> None:
        if not self._pieces_waiting:
            return
        block = np.concatenate(self._waiting).swapaxes(0, 1)
        self._waiting = []
        if self._shift is None:  # channels far from zero would lose their variance to rounding
            self._shift = block.mean(1)
        block = block - self._shift[:, None]
        self._count += block.shape[1]
        self._sum += block.sum(1, dtype=np.float64)
        self._products += np.matmul(block.swapaxes(1, 2), block)

    def result(self, components: int) -> HiddenPca:
        """The first components of every layer.

        Raises:
            TransferStoreError: there were no states, or some were not finite.
        """
        with np.errstate(invalid="ignore"):  # what is not finite is refused below
            self._flush()
        mean = self._sum / max(self._count, 1)
        covariance = self._products / max(self._count, 1) - mean[:, :, None] * mean[:, None, :]
        if not self._count or not np.isfinite(covariance).all():
            raise TransferStoreError("the teacher's hidden states are not finite; they have no principal "
                                     "components. Check the teacher: one that diverged in fine-tuning "
                                     "returns NaN.")
        values, vectors = np.linalg.eigh(covariance)
        values, vectors = np.maximum(values[:, ::-1], 0), vectors[:, :, ::-1]
        total = values.sum(-1)
        energy = np.where(total > 0, values[:, :components].sum(-1) / np.where(total > 0, total, 1), 1)
        kept = np.ascontiguousarray(vectors[:, :, :components].swapaxes(1, 2))
        return HiddenPca((mean + self._shift).astype(np.float32), kept.astype(np.float32),
                         energy.astype(np.float32))


@dataclasses.dataclass(frozen=True)
class Quantized:
    """Attributes:
        values: int8 [pieces, layers, channels].
        scale, offset: float32 [layers, channels].
    """

    values: np.ndarray
    scale: np.ndarray
    offset: np.ndarray


def quantize(states: np.ndarray) -> Quantized:
    """float [pieces, layers, channels] as int8; no value is off by more than half a step of its channel.

    Raises:
        TransferStoreError: values that are not finite.
    """
    low, high = (np.zeros(states.shape[1:], np.float32) for _ in range(2))
    for number, begin in enumerate(range(0, len(states), _ROWS_AT_ONCE)):
        rows = states[begin: begin + _ROWS_AT_ONCE].astype(np.float32)
        low, high = ((rows.min(0), rows.max(0)) if not number else
                     (np.minimum(low, rows.min(0)), np.maximum(high, rows.max(0))))
    if not np.isfinite(high - low).all():
        raise TransferStoreError("the teacher's hidden states are not finite, or overflow float16; they cannot "
                                 "be kept as int8. Check the teacher: one that diverged in fine-tuning returns "
                                 "NaN.")
    offset = (low + high) / 2
    scale = np.where(high > low, (high - low) / _INT8_STEPS, 1).astype(np.float32)
    values = np.empty(states.shape, np.int8)
    for begin in range(0, len(states), _ROWS_AT_ONCE):
        part = slice(begin, begin + _ROWS_AT_ONCE)
        values[part] = np.clip(np.rint((states[part] - offset) / scale), -127, 127)
    return Quantized(values, scale, offset)


def dequantize(values: np.ndarray, scale: np.ndarray, offset: np.ndarray) -> np.ndarray:
    """float32 [pieces, layers, channels]."""
    states = np.multiply(values, scale, dtype=np.float32)
    states += offset
    return states


def sampled_rows(input_ids: np.ndarray, count: int) -> np.ndarray:
    """int32 [count]: positions in an example, in ascending order, then -1 where it has fewer pieces."""
    length = len(input_ids)
    rows = np.full(count, -1, np.int32)
    if length <= count:
        rows[:length] = np.arange(length)
    else:
        rng = np.random.default_rng(zlib.crc32(np.ascontiguousarray(input_ids).tobytes()))
        rows[:] = np.sort(rng.choice(length, count, replace=False))
    return rows


def sampled(maps: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """[count, ...]: the rows of maps [pieces, ...] that are kept, zeros where there are fewer."""
    kept = maps[np.maximum(rows, 0)]
    kept[rows < 0] = 0
    return kept


def restored(kept: np.ndarray, rows: np.ndarray, length: int) -> np.ndarray:
    """[length, ...]: the maps of all pieces, zeros where nothing is known."""
    maps = np.zeros((length, *kept.shape[1:]), kept.dtype)
    maps[rows[rows >= 0]] = kept[rows >= 0]
    return maps
