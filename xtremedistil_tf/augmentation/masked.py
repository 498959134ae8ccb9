"""Words exchanged for others that a masked language model finds likely in their place."""

from __future__ import annotations

import functools
import random
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from xtremedistil_tf.augmentation.augmenter import Augmenter, blocks
from xtremedistil_tf.augmentation.editing import Editable, chosen, side_of
from xtremedistil_tf.augmentation.letters import recased
from xtremedistil_tf.augmentation.plan import VariantPlan
from xtremedistil_tf.corpus.example import AnyExample
from xtremedistil_tf.teachers.checkpoints import checkpoint_fingerprint, resolve_checkpoint
from xtremedistil_tf.tokenization.words import EncodedWords, SpecialTokens, encode_words

if TYPE_CHECKING:
    from xtremedistil_tf.augmentation.masked_lm import Likely, MaskedLanguageModel

# Longer ones are runs of a script without spaces, for which one piece is no fair exchange.
_MOST_PIECES = 6
# Beyond the choices, for those that are the original in another case.
_SPARE = 4


class _Draft(NamedTuple):
    """A variant to be: the words, which of them to exchange, and the pieces with masks in their place."""

    number: int
    words: Editable
    places: list[int]
    ids: np.ndarray


class MaskedWords(Augmenter):
    """Each variant has a share of the words of one text masked, one mask a word, and filled in anew.

    A word is drawn from the most likely whole words, in proportion to their probability; the original is not
    among them. The masked model sees the one text only: of a pair the side that is varied, of a question the
    question. Of labelled sentences only words tagged `O` are exchanged. What lies beyond the model's longest
    input stays as it is.

    Args:
        checkpoint: name of a model with a language-model head; loaded when first needed.
        share: of the words of a text to exchange.
        choices: most likely words to draw from.
        batch_size: most sentences in a batch.
        block: examples to read ahead.

    Raises (when first needed):
        ModelLoadError: see `load_masked_lm`.
    """

    name, keeps_label = "masked", True

    def __init__(self, checkpoint: str, share: float = 0.15, choices: int = 10, batch_size: int = 32,
                 block: int = 256):
        self._checkpoint, self._share, self._choices = checkpoint, share, choices
        self._batch_size, self._block = batch_size, block

    @functools.cached_property
    def settings(self) -> dict[str, Any]:
        identity = checkpoint_fingerprint(resolve_checkpoint(self._checkpoint))
        return {"checkpoint": identity, "share": self._share, "choices": self._choices}

    @functools.cached_property
    def _model(self) -> MaskedLanguageModel:
        from xtremedistil_tf.augmentation.masked_lm import MaskedLanguageModel

        return MaskedLanguageModel(self._checkpoint, self._batch_size)

    @functools.cached_property
    def _special(self) -> SpecialTokens:
        return SpecialTokens.of(self._model.tokenizer)

    def variants(self, examples: Iterable[AnyExample], plan: VariantPlan) -> Iterator[Sequence[AnyExample]]:
        for first, block in blocks(examples, self._block):
            generators = [plan.random(first + number) for number in range(len(block))]
            wanted = [plan.wanted(first + number) for number in range(len(block))]
            drafts = self._drafts(block, wanted, generators)
            found: list[list[AnyExample]] = [[] for _ in block]
            answers = self._model.likely([draft.ids for draft in drafts], self._choices + _SPARE)
            for draft, likely in zip(drafts, answers):
                new = self._drawn(draft, likely, generators[draft.number])
                found[draft.number].append(draft.words.with_words(new))
            yield from found

    def _drafts(self, block: list[AnyExample], wanted: list[int],
                generators: list[random.Random]) -> list[_Draft]:
        numbers = [number for number, count in enumerate(wanted) for _ in range(count)]
        words = [Editable.of(block[n], side_of(block[n], generators[n])) for n in numbers]
        encoded = encode_words(self._model.tokenizer, (w.words for w in words))
        drafts = (self._draft(n, w, e, generators[n]) for n, w, e in zip(numbers, words, encoded))
        return [draft for draft in drafts if draft.places]

    def _draft(self, number: int, words: Editable, encoded: EncodedWords, rng: random.Random) -> _Draft:
        room = self._model.max_length - len(self._special)
        pieces = np.bincount(encoded.word_ids, minlength=encoded.num_words)
        cut = set(encoded.word_ids[room:].tolist())
        places = [i for i in words.exchangeable if 0 < pieces[i] <= _MOST_PIECES and i not in cut]
        places = chosen(places, len(words.words), self._share, rng)
        mask = np.int32(self._model.tokenizer.mask_token_id)
        if mask in encoded.ids:  # a text about masks, such as this one: [MASK]
            places = []
        masked = np.isin(encoded.word_ids, places)
        ids = np.where(masked, mask, encoded.ids)
        return _Draft(number, words, places, self._special.wrap(ids[~masked | encoded.word_starts][:room]))

    def _drawn(self, draft: _Draft, likely: Likely, rng: random.Random) -> dict[int, str]:
        """A word for each place."""
        vocabulary, new = self._model.words, {}
        for place, rows, scores in zip(draft.places, likely.rows, likely.scores):
            old = draft.words.words[place]
            options = [(vocabulary.words[row], score) for row, score in zip(rows, scores)
                       if np.isfinite(score) and vocabulary.words[row].casefold() != old.casefold()]
            options = options[: self._choices]
            if options:
                weights = np.exp([score - options[0][1] for _, score in options]).tolist()
                word = rng.choices([word for word, _ in options], weights)[0]
                new[place] = word if vocabulary.cased else recased(word, old)
        return new
