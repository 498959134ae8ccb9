"""Training a student's own tokenizer on the transfer text; the same text gives the same tokenizer.

The trainers of the tokenizers library go through words in an order that differs from run to run.
WordPiece's breaks ties by piece ids, which follow that order: here all characters get their ids beforehand.
Unigram's sums floating-point numbers in that order and gives characters that it has pruned scores by it:
here scores are rounded, and those characters share the lowest one.
"""

from __future__ import annotations

import collections
import itertools
import json
from collections.abc import Iterable, Iterator

from xtremedistil_tf.checkpoints.nmt import nmt_steps
from xtremedistil_tf.errors import ConfigError, DataError

KINDS = ("wordpiece", "unigram")
_BERT_SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
_XLMR_SPECIAL = ("<s>", "<pad>", "</s>", "<unk>", "<mask>")
_CONTINUING = "##"
_WORDS_PER_TEXT = 1000
# By how much Unigram's trainer tells apart the scores of the characters that it has pruned.
_PRUNED_STEP = 1e-4
_DIGITS = 4


def train_tokenizer(texts: Iterable[str], size: int, kind: str, cased: bool = True, at_most: bool = False):
    """Trains a tokenizer; memory grows with the number of distinct words only.

    `wordpiece` gives a `BertTokenizerFast` with BERT's normalizer and special tokens, `unigram` a
    `PreTrainedTokenizerFast` with NFKC, Metaspace and XLM-RoBERTa's special tokens. At most half of the
    vocabulary goes to single characters; where the text has more, the rarest ones become unknown.

    Args:
        texts: raw texts, or pre-split sentences joined with spaces.
        size: number of pieces, special tokens included.
        kind: one of `KINDS`.
        cased: whether upper and lower case differ; uncased WordPiece strips accents too, as BERT's does.
        at_most: whether fewer pieces will do, where the text has no more.

    Raises:
        ConfigError: unknown kind, too small a size, or a text too small for it.
        DataError: the text holds no words.
    """
    if kind not in KINDS:
        raise ConfigError(f"`student_vocab_type={kind}`: expected one of {', '.join(KINDS)}.")
    if size < 4 * len(_BERT_SPECIAL):
        raise ConfigError(f"`student_vocab_size={size}`: too small for special tokens and characters. Use "
                          "thousands, such as 8000.")
    tokenizer = (_train_wordpiece if kind == "wordpiece" else _train_unigram)(texts, size, cased)
    pieces = len(tokenizer)
    if pieces < size and not at_most:
        raise ConfigError(f"`student_vocab_size={size}`: the transfer text yields only {pieces} subwords. Use "
                          f"`student_vocab_size={pieces}` or less, or more transfer text.")
    return tokenizer


def _train_wordpiece(texts: Iterable[str], size: int, cased: bool):
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, trainers
    from transformers import BertTokenizerFast

    normalizer = normalizers.BertNormalizer(lowercase=not cased)
    counts = _count_words(texts, normalizer, pre_tokenizers.BertPreTokenizer())
    words, alphabet = _affordable(counts, size, _wordpiece_characters)
    unknown = _BERT_SPECIAL[1]
    backend = Tokenizer(models.WordPiece(unk_token=unknown))
    backend.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    trainer = trainers.WordPieceTrainer(vocab_size=size, special_tokens=[*_BERT_SPECIAL, *alphabet],
                                        continuing_subword_prefix=_CONTINUING, show_progress=False)
    backend.train_from_iterator(_repeated(words), trainer)
    vocabulary = dict(sorted(backend.get_vocab().items(), key=lambda entry: entry[1]))
    model = models.WordPiece(vocabulary, unk_token=unknown, continuing_subword_prefix=_CONTINUING,
                             max_input_chars_per_word=100)
    trained = Tokenizer(model)
    trained.normalizer, trained.pre_tokenizer = normalizer, pre_tokenizers.BertPreTokenizer()
    _finish(trained, _BERT_SPECIAL, "[CLS] $A [SEP]", "[CLS] $A [SEP] $B:1 [SEP]:1")
    return BertTokenizerFast(tokenizer_object=trained, do_lower_case=not cased)


def _train_unigram(texts: Iterable[str], size: int, cased: bool):
    from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    begin, pad, end, unknown, mask = _XLMR_SPECIAL
    nmt = [normalizers.Replace(Regex(step["pattern"]["Regex"]), step["content"]) for step in nmt_steps(True)]
    normalizer = normalizers.Sequence([*nmt, normalizers.NFKC(), *([] if cased else [normalizers.Lowercase()]),
                                       normalizers.Replace(Regex(" {2,}"), " ")])
    pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Metaspace()])
    words, _ = _affordable(_count_words(texts, normalizer, pre_tokenizer), size, list)
    backend = Tokenizer(models.Unigram())
    backend.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    # The other special tokens are set before the pieces below; the trainer counts its unknown piece.
    trainer = trainers.UnigramTrainer(vocab_size=size - len(_XLMR_SPECIAL) + 1, special_tokens=[unknown],
                                      unk_token=unknown, show_progress=False)
    backend.train_from_iterator(_repeated(words), trainer)
    pieces = [(p, s) for p, s in json.loads(backend.to_str())["model"]["vocab"] if p not in _XLMR_SPECIAL]
    vocabulary = [(token, 0.0) for token in _XLMR_SPECIAL] + _settled(pieces)
    trained = Tokenizer(models.Unigram(vocabulary, unk_id=_XLMR_SPECIAL.index(unknown)))
    trained.normalizer, trained.pre_tokenizer = normalizer, pre_tokenizer
    _finish(trained, _XLMR_SPECIAL, f"{begin} $A {end}", f"{begin} $A {end} {end} $B {end}")
    return PreTrainedTokenizerFast(
        tokenizer_object=trained, bos_token=begin, cls_token=begin, eos_token=end, sep_token=end,
        pad_token=pad, unk_token=unknown, mask_token=mask, model_input_names=["input_ids", "attention_mask"])


def _finish(backend, special: tuple[str, ...], single: str, pair: str) -> None:
    """Sets what the two kinds have in common: special tokens, where they stand, and the decoder."""
    from tokenizers import AddedToken, decoders, processors

    backend.add_special_tokens([AddedToken(token, special=True, normalized=False) for token in special])
    backend.post_processor = processors.TemplateProcessing(
        single, pair, special_tokens=[(token, backend.token_to_id(token)) for token in special])
    backend.decoder = decoders.WordPiece(_CONTINUING) if special is _BERT_SPECIAL else decoders.Metaspace()


def _count_words(texts: Iterable[str], normalizer, pre_tokenizer) -> collections.Counter[str]:
    words: collections.Counter[str] = collections.Counter()
    for text in texts:
        words.update(word for word, _ in pre_tokenizer.pre_tokenize_str(normalizer.normalize_str(text)))
    if not words:
        raise DataError("`student_vocab_size`: the transfer text has no words to train a tokenizer on.")
    return words


def _wordpiece_characters(word: str) -> list[str]:
    return [word[0], *(_CONTINUING + character for character in word[1:])]


def _affordable(words: collections.Counter[str], size: int,
                characters_of) -> tuple[dict[str, int], list[str]]:
    """The words of the most frequent characters that take at most half of the vocabulary, and these."""
    counts: collections.Counter[str] = collections.Counter()
    for word, count in words.items():
        for character in characters_of(word):
            counts[character] += count
    ranked = sorted(counts, key=lambda character: (-counts[character], character))
    alphabet = set(ranked[: size // 2])
    return ({word: count for word, count in words.items() if alphabet.issuperset(characters_of(word))},
            sorted(alphabet))


def _repeated(words: dict[str, int]) -> Iterator[str]:
    """Texts in which every word occurs as often as counted."""
    for word, count in words.items():
        remaining = count
        while remaining > 0:
            yield " ".join(itertools.repeat(word, min(remaining, _WORDS_PER_TEXT)))
            remaining -= _WORDS_PER_TEXT


def _settled(pieces: list[tuple[str, float]]) -> list[tuple[str, float]]:
    """The pieces with scores, and in an order, that do not differ between runs."""
    lowest = min(score for _, score in pieces)
    pruned = lowest + _PRUNED_STEP * sum(len(piece) == 1 for piece, _ in pieces)
    settled = [(piece, round(lowest if len(piece) == 1 and score <= pruned else score, _DIGITS))
               for piece, score in pieces]
    return sorted(settled, key=lambda entry: (-entry[1], entry[0]))
