"""The transfer set as text, and whether it is of the same kind as a task's own text."""

from __future__ import annotations

import array
import dataclasses
import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, ClassVar, NamedTuple

import numpy as np

from xtremedistil_tf.corpus.example import AnyExample, Decontaminated, Example, MeasuredTexts, digest, texts_of
from xtremedistil_tf.corpus.sampling import evenly
from xtremedistil_tf.errors import DataError
from xtremedistil_tf.fingerprint import ExamplesDigest

#: How many times as much (or as little) of something in transfer text as in dev text is worth a warning.
FACTOR = 1.5
#: Fewer dev examples than this say too little for a warning.
LEAST = 50
#: A piece is rare that occurs fewer times than this in as much transfer text as the comparison reads.
RARE = 5
_QUANTILES = (0.1, 0.5, 0.9)


class TransferText:
    """Examples to run the teacher over; read as a stream, as often as wanted, in the same order.

    Args:
        read: makes an iterator over the transfer files, the same every time.
        name: what the files are called, for messages.
        surplus: further examples; their labels are not read.
        most: examples to use, spread evenly over the whole (files come by language), 0 for all.
        measured: texts that must not stand in it; examples with such a text are left out.

    Attributes:
        sentences: number of examples.
        fingerprint: of the examples.
        left_out: examples that were left out because their text is measured.
        repeated: examples that were left out because the same text came before.
        has_originals: whether the teacher reads other texts than the student in places: never here.

    Raises:
        DataError: there is no example at all.
    """

    has_originals: ClassVar[bool] = False

    def __init__(self, read: Callable[[], Iterable[AnyExample]], name: str, surplus: Sequence[AnyExample] = (),
                 most: int = 0, measured: MeasuredTexts | None = None):
        self._read, self._surplus, self._measured = read, surplus, measured or MeasuredTexts(())
        self._several: frozenset[int] = frozenset()
        whole, honest, texts = ExamplesDigest(with_labels=False), self._honest(), array.array("Q")
        for example in honest:
            whole.add(example)
            texts.append(_text_digest(example))
        # 8 bytes an example; of the digests themselves only those are kept that occur several times.
        distinct, counts = np.unique(np.frombuffer(texts, np.uint64) if texts else np.zeros(0, np.uint64),
                                     return_counts=True)
        self._several = frozenset(distinct[counts > 1].tolist())
        self._total, self.repeated = len(distinct), len(texts) - len(distinct)
        self.left_out = honest.left_out
        self.sentences = min(most or self._total, self._total)
        self.fingerprint = f"{whole.hex()}-{self.sentences}"
        if self.left_out and not self.sentences:
            raise DataError(f"`transfer_file={name}`: all {self.left_out} examples also occur in dev or test. "
                            "Give other text, or distil on this with `keep_test_text`.")
        if not self.sentences:
            raise DataError(f"`transfer_file={name}`: no sentences. Expected unlabeled text, one sentence per line.")

    def __iter__(self) -> Iterator[AnyExample]:
        return evenly(self._distinct(), self._total, self.sentences)

    def _distinct(self) -> Iterator[AnyExample]:
        seen: set[int] = set()
        for example in self._honest():
            if self._several:
                text = _text_digest(example)
                if text in seen:
                    continue
                if text in self._several:
                    seen.add(text)
            yield example

    def _honest(self) -> Decontaminated:
        return Decontaminated(itertools.chain(self._read(), self._surplus), self._measured)


def _text_digest(example: AnyExample) -> int:
    return digest((example.language or "", *texts_of(example)))


class Measure(NamedTuple):
    """A figure of a profile: its name for people, and the share below which a difference is no matter."""

    title: str
    floor: float


MEASURES = {
    "words": Measure("words a sentence", 0.0),
    "capitalised": Measure("capitalised words", 0.02),
    "unknown": Measure("unknown subwords", 0.005),
    "rare": Measure("rare subwords", 0.01),
    "entity_words": Measure("entity words by the teacher", 0.02),
}


@dataclasses.dataclass(frozen=True)
class TextProfile:
    """What a text is like.

    Attributes:
        sentences: number of examples.
        words: mean number of words of an example.
        word_quantiles: numbers of words that 10, 50 and 90 % of the examples have at most.
        capitalised: share of words that begin with a capital.
        unknown: share of pieces that are the unknown piece.
        rare: share of pieces that are rare in the transfer text, see `RARE`.
        entity_words: share of words that the teacher takes for part of an entity; None where it was not asked.
    """

    sentences: int
    words: float
    word_quantiles: tuple[float, ...]
    capitalised: float
    unknown: float
    rare: float
    entity_words: float | None = None


@dataclasses.dataclass(frozen=True)
class Comparison:
    """Transfer text beside dev text.

    Attributes:
        transfer, dev: what they are like.
        without_text: languages of dev text without a sentence in the transfer text, where its languages are known.
    """

    transfer: TextProfile
    dev: TextProfile
    without_text: tuple[str, ...] = ()

    def with_entity_words(self, transfer: float, dev: float) -> Comparison:
        """The same with the shares of words that the teacher takes for part of an entity."""
        return dataclasses.replace(self, transfer=dataclasses.replace(self.transfer, entity_words=transfer),
                                   dev=dataclasses.replace(self.dev, entity_words=dev))

    @property
    def unlike(self) -> list[str]:
        """The measures in which the texts differ by more than `FACTOR`."""
        pairs = {name: (getattr(self.transfer, name), getattr(self.dev, name)) for name in MEASURES}
        return [name for name, (transfer, dev) in pairs.items()
                if dev is not None and self.dev.sentences >= LEAST and _differ(transfer, dev, MEASURES[name].floor)]

    def rows(self) -> list[tuple[str, str, str]]:
        """(measure, of the transfer text, of the dev text), for people."""
        quantiles = " / ".join(f"{quantile:.0%}" for quantile in _QUANTILES)
        ours, devs = self.transfer, self.dev
        rows = [("sentences compared", f"{ours.sentences:,}", f"{devs.sentences:,}")]
        rows += [(measure.title, _shown(ours, name), _shown(devs, name)) for name, measure in MEASURES.items()
                 if getattr(devs, name) is not None]
        rows.insert(2, (f"  {quantiles} have at most", _shown_quantiles(ours), _shown_quantiles(devs)))
        return rows

    def warnings(self) -> list[str]:
        """A line for each measure in which the texts differ much, and for languages without text."""
        lines = [f"the transfer text is unlike the dev text: {MEASURES[name].title} {_shown(self.transfer, name)}, dev "
                 f"{_shown(self.dev, name)}" for name in self.unlike]
        if self.without_text:
            lines.append(f"no transfer text in {', '.join(self.without_text)}, which dev has")
        return lines

    def to_json(self) -> dict[str, Any]:
        """For `metrics.json`."""
        return dataclasses.asdict(self) | {"unlike": self.unlike}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Comparison:
        """What `to_json` gave."""
        transfer, dev = (TextProfile(**value[name]) for name in ("transfer", "dev"))
        return cls(transfer, dev, tuple(value["without_text"]))


def words_of(example: AnyExample) -> Sequence[str]:
    """The words of an example, of several texts those of all."""
    return example.words if isinstance(example, Example) else " ".join(texts_of(example)).split()


def capitalised_share(words: Sequence[str]) -> float:
    """Share of words that begin with a capital; 0 of no words."""
    return sum(word[0].isupper() for word in words) / max(1, len(words))


def text_profile(examples: Iterable[AnyExample], counts: np.ndarray, reference: np.ndarray,
                 unknown: int | None) -> TextProfile:
    """Profile of a text.

    Args:
        examples: of the text, at least one.
        counts: int [pieces], how often each piece occurs in it, special tokens aside.
        reference: int [pieces], the same of the transfer text.
        unknown: id of the unknown piece; None where the tokenizer has none.
    """
    lengths, capitals = [], 0.0
    for example in examples:
        words = words_of(example)
        lengths.append(len(words))
        capitals += capitalised_share(words) * len(words)
    shares = counts / max(1, int(counts.sum()))
    return TextProfile(len(lengths), float(np.mean(lengths)), tuple(np.quantile(lengths, _QUANTILES).tolist()),
                       capitals / max(1, sum(lengths)), 0.0 if unknown is None else float(shares[unknown]),
                       float(shares[reference < RARE].sum()))


def _differ(one: float, other: float, floor: float) -> bool:
    low, high = sorted((one, other))
    return high > FACTOR * max(low, floor)


def _shown_quantiles(profile: TextProfile) -> str:
    return " / ".join(f"{words:.0f}" for words in profile.word_quantiles)


def _shown(profile: TextProfile, name: str) -> str:
    value = getattr(profile, name)
    return f"{value:.1f}" if name == "words" else f"{100 * value:.1f} %"
