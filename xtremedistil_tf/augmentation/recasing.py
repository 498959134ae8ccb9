"""Texts in another letter case: all small, all capital, every word capitalised. The teacher reads the original."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Iterable, Iterator, Sequence

from xtremedistil_tf.augmentation.augmenter import Augmenter, VariantPlan
from xtremedistil_tf.corpus.example import Answer, AnyExample, Example, QuestionExample, TextExample, texts_of


def lower(text: str) -> str:
    """The text in small letters, of the same length: letters whose other case is longer stay."""
    return "".join(map(_lower, text))


def upper(text: str) -> str:
    """The text in capital letters, of the same length."""
    return "".join(map(_upper, text))


def title(text: str) -> str:
    """The text with a capital at the begin of every word and small letters after it, of the same length."""
    return re.sub(r"\S+", lambda found: _capitalised(found.group()), text)


CASES: dict[str, Callable[[str], str]] = {"lower": lower, "title": title, "upper": upper}


def recased(example: AnyExample, case: Callable[[str], str]) -> AnyExample:
    """The example in another case, labels and offsets as before; the teacher reads the example itself."""
    if isinstance(example, Example):
        return dataclasses.replace(example, words=tuple(map(case, example.words)), original=example)
    if isinstance(example, TextExample):
        pair = None if example.pair is None else case(example.pair)
        return dataclasses.replace(example, text=case(example.text), pair=pair, original=example)
    return _recased_question(example, case)


def _recased_question(example: QuestionExample, case: Callable[[str], str]) -> QuestionExample:
    context = case(example.context)
    answers = example.answers
    if answers is not None:
        answers = tuple(Answer(context[a.start:a.start + len(a.text)], a.start) for a in answers)
    return dataclasses.replace(example, question=case(example.question), context=context, answers=answers,
                               original=example)


class OtherCase(Augmenter):
    """Makes variants in another letter case, in an order that is drawn for each example; those that leave a text as it
    is are left out."""

    name = "case"
    keeps_label = True
    teacher_reads_original = True

    def __init__(self) -> None:
        self.settings = {"cases": sorted(CASES)}

    def variants(self, examples: Iterable[AnyExample], plan: VariantPlan) -> Iterator[Sequence[AnyExample]]:
        for index, example in enumerate(examples):
            found: list[AnyExample] = []
            if plan.wanted(index):
                names = sorted(CASES)
                plan.random(index).shuffle(names)
                texts = {texts_of(example)}
                for name in names:
                    variant = recased(example, CASES[name])
                    if texts_of(variant) not in texts:
                        texts.add(texts_of(variant))
                        found.append(variant)
            yield found


def _lower(character: str) -> str:
    return other if len(other := character.lower()) == 1 else character


def _upper(character: str) -> str:
    return other if len(other := character.upper()) == 1 else character


def _capitalised(word: str) -> str:
    """A capital for the first letter, which marks may precede: `(berlin` is `(Berlin`."""
    first = next((number for number, character in enumerate(word) if character.isalpha()), 0)
    return lower(word[:first]) + upper(word[first:first + 1]) + lower(word[first + 1:])
