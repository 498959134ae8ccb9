"""Words exchanged for others: those that a masked language model finds likely, or neighbours among word embeddings."""

from __future__ import annotations

import functools
import random
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from xtremedistil_tf.augmentation.augmenter import Augmenter, VariantPlan, blocks
from xtremedistil_tf.augmentation.editing import Editable, WholeWords, chosen, kind_of, recased, side_of
from xtremedistil_tf.augmentation.pretrained import load_masked_lm, longest_input
from xtremedistil_tf.checkpoints.finding import checkpoint_fingerprint, resolve_checkpoint
from xtremedistil_tf.corpus.example import AnyExample
from xtremedistil_tf.tokenization.words import EncodedWords, SpecialTokens, encode_words
from xtremedistil_tf.training.batches import Column, RaggedFeatures, run_over

if TYPE_CHECKING:
    import tensorflow as tf


# Logits of a batch: pieces times vocabulary, 119,547 of multilingual BERT.
_MOST_LOGITS = 1 << 26
# Longer ones are runs of a script without spaces, for which one piece is no fair exchange.
_MOST_PIECES = 6
# Beyond the choices, for those that are the original in another case.
_SPARE_CHOICES = 4
_CHUNK = 4096
_NOT_SOUGHT, _NO_NEIGHBOUR = -2, -1


class Likely(NamedTuple):
    """Rows of `WholeWords` for each masked place, int32 [masks, most], best first; their logits, float32."""

    rows: np.ndarray
    scores: np.ndarray


class MaskedLanguageModel:
    """A checkpoint with a language-model head.

    Args:
        checkpoint: name, see `load_masked_lm`.
        batch_size: most sentences in a batch.

    Raises:
        ModelLoadError: see `load_masked_lm`; no piece of the vocabulary is a word.
    """

    def __init__(self, checkpoint: str, batch_size: int):
        self._model, self.tokenizer = load_masked_lm(checkpoint)
        self.words = WholeWords.of(self.tokenizer)
        self.max_length = longest_input(self._model.config, self.tokenizer)
        self._batch_size = batch_size
        self._row_of_id = np.zeros(self._model.config.vocab_size, np.int32)
        self._row_of_id[self.words.ids] = np.arange(len(self.words.ids))
        # Kept by the instance: a cache of the class would keep the model after its last user.
        self._forward = functools.lru_cache(maxsize=2)(self._traced)

    def likely(self, sentences: Sequence[np.ndarray], most: int) -> list[Likely]:
        """The most likely whole words in the masked places of each sentence, in order.

        Args:
            sentences: each int32 [pieces], with special tokens, at most `max_length`.
            most: words to return for each place; fewer where the vocabulary has fewer.
        """
        if not sentences:
            return []
        mask = self.tokenizer.mask_token_id
        columns = {"input_ids": Column(np.int32), "masked": Column(np.int32)}
        rows = [{"input_ids": ids, "masked": ids == mask} for ids in sentences]
        source = RaggedFeatures.from_rows(rows, columns)
        longest = int(source.lengths.max(initial=1))
        batch = max(1, min(self._batch_size, _MOST_LOGITS // (longest * len(self._row_of_id))))
        forward = self._forward(min(most, len(self.words.ids)))
        answers: list[Likely | None] = [None] * len(sentences)
        for index, outputs in run_over(forward, source, batch, self.tokenizer.pad_token_id,
                                       {"ids": True, "scores": True}):
            places = sentences[index] == mask
            answers[index] = Likely(self._row_of_id[outputs["ids"][places]], outputs["scores"][places])
        return answers

    def _traced(self, most: int) -> Callable[[dict[str, tf.Tensor]], dict[str, tf.Tensor]]:
        import tensorflow as tf

        forbidden = np.full(len(self._row_of_id), -np.inf, np.float32)
        forbidden[self.words.ids] = 0

        @tf.function(input_signature=[tf.TensorSpec([None, None], tf.int32)] * 3)
        def run(ids: tf.Tensor, attention: tf.Tensor, masked: tf.Tensor) -> dict[str, tf.Tensor]:
            logits = self._model(input_ids=ids, attention_mask=attention, training=False).logits
            places = tf.where(masked > 0)
            # Only masked places are ranked: to rank a vocabulary costs more than to score it.
            best = tf.math.top_k(tf.cast(tf.gather_nd(logits, places), tf.float32) + forbidden, most)
            shape = tf.concat([tf.shape(ids, tf.int64), [most]], axis=0)
            return {"ids": tf.scatter_nd(places, best.indices, shape),
                    "scores": tf.scatter_nd(places, best.values, shape)}

        return lambda batch: run(batch["input_ids"], batch["attention_mask"], batch["masked"])


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
            answers = self._model.likely([draft.ids for draft in drafts], self._choices + _SPARE_CHOICES)
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


class NeighbourTable:
    """The nearest neighbours of whole words by cosine, found when a word is first asked for.

    Neighbours have the script and the case (lower, title, upper) of their word. Besides the embeddings it
    holds 4 bytes for each word and neighbour.

    Args:
        table: float [vocab, width], the embeddings.
        words: the whole words of that vocabulary.
        count: neighbours of each word.
    """

    def __init__(self, table: np.ndarray, words: WholeWords, count: int):
        self._table, self._ids = table, words.ids
        self._found = np.full((len(words.ids), count), _NOT_SOUGHT, np.int32)
        kinds: dict[tuple[str, str], int] = {}
        self._kind = np.array([kinds.setdefault(kind_of(word), len(kinds)) for word in words.words], np.int32)

    def of(self, rows: np.ndarray) -> np.ndarray:
        """int32 [len(rows), count], rows of the neighbours, in no order; -1 where there are fewer.

        Args:
            rows: int, of the whole words.
        """
        new = np.unique(rows[self._found[rows, 0] == _NOT_SOUGHT])
        for kind in np.unique(self._kind[new]):
            members = np.flatnonzero(self._kind == kind).astype(np.int32)
            same = new[self._kind[new] == kind]
            for begin in range(0, len(same), _CHUNK):
                part = same[begin: begin + _CHUNK]
                self._found[part] = self._nearest(part, members)
        return self._found[rows]

    def _nearest(self, rows: np.ndarray, members: np.ndarray) -> np.ndarray:
        count = self._found.shape[1]
        best = np.full((len(rows), count), _NO_NEIGHBOUR, np.int32)
        scores = np.full((len(rows), count), -np.inf, np.float32)
        asked = self._directions(rows)
        for begin in range(0, len(members), _CHUNK):
            part = members[begin: begin + _CHUNK]
            cosines = asked @ self._directions(part).T
            cosines[rows[:, None] == part] = -np.inf
            scores = np.concatenate([scores, cosines], axis=1)
            best = np.concatenate([best, np.broadcast_to(part, cosines.shape)], axis=1)
            top = np.argpartition(-scores, count - 1, axis=1)[:, :count]
            best, scores = np.take_along_axis(best, top, 1), np.take_along_axis(scores, top, 1)
        # Sorted by row, since the order by cosine hangs on the last bit of a float.
        return np.sort(np.where(np.isfinite(scores), best, _NO_NEIGHBOUR), axis=1)

    def _directions(self, rows: np.ndarray) -> np.ndarray:
        vectors = self._table[self._ids[rows]].astype(np.float32)
        return vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)


class NeighbouringWords(Augmenter):
    """Each variant has a share of the words of one text exchanged for a neighbour, any of them as likely.

    Only words that are one piece of the vocabulary are exchanged; of labelled sentences those tagged `O`.

    Args:
        table: makes float [vocab, width], the teacher's word embeddings; called when first needed.
        tokenizer: the teacher's.
        identity: stands for the table, such as the teacher's fingerprint.
        neighbours: to choose from.
        share: of the words of a text to exchange.
        block: examples to read ahead.
    """

    name, keeps_label = "neighbours", True

    def __init__(self, table: Callable[[], np.ndarray], tokenizer: Any, identity: str, neighbours: int = 10,
                 share: float = 0.15, block: int = 1024):
        self._make_table, self._tokenizer = table, tokenizer
        self._count, self._share, self._block = neighbours, share, block
        self.settings: dict[str, Any] = {"table": identity, "neighbours": neighbours, "share": share}

    @functools.cached_property
    def _words(self) -> WholeWords:
        return WholeWords.of(self._tokenizer)

    @functools.cached_property
    def _table(self) -> NeighbourTable:
        return NeighbourTable(self._make_table(), self._words, self._count)

    def variants(self, examples: Iterable[AnyExample], plan: VariantPlan) -> Iterator[Sequence[AnyExample]]:
        for first, block in blocks(examples, self._block):
            generators = [plan.random(first + number) for number in range(len(block))]
            drafts = [self._drafts(example, plan.wanted(first + number), rng)
                      for number, (example, rng) in enumerate(zip(block, generators))]
            rows = [row for found in drafts for _, places in found for row in places.values()]
            self._table.of(np.array(rows, np.int64))  # of a whole block at once
            for found, rng in zip(drafts, generators):
                yield [words.with_words(self._exchanged(words, places, rng)) for words, places in found]

    def _drafts(self, example: AnyExample, wanted: int,
                rng: random.Random) -> list[tuple[Editable, dict[int, int]]]:
        """The words of each variant, and the row of each word that is exchanged."""
        found = []
        for _ in range(2 * wanted):
            words = Editable.of(example, side_of(example, rng))
            known = {i: row for i in words.exchangeable if (row := self._words.find(words.words[i])) >= 0}
            if places := chosen(list(known), len(words.words), self._share, rng):
                found.append((words, {i: known[i] for i in places}))
        return found

    def _exchanged(self, words: Editable, places: dict[int, int], rng: random.Random) -> dict[int, str]:
        new = {}
        for place, row in places.items():
            options = [int(n) for n in self._table.of(np.array([row]))[0] if n >= 0]
            if options:
                word = self._words.words[rng.choice(options)]
                new[place] = word if self._words.cased else recased(word, words.words[place])
        return new
