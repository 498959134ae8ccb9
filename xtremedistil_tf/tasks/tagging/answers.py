"""What a tagger is asked and answers: words with tags and entities with text, offsets and scores, in every form."""

from __future__ import annotations

import dataclasses
import statistics
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from xtremedistil_tf.corpus.example import Example
from xtremedistil_tf.tasks.raw_text import (
    FLOAT,
    INT,
    TEXT,
    Asked,
    Output,
    Outputs,
    RawText,
    Several,
    Spans,
    padded,
    utf8,
)
from xtremedistil_tf.tasks.tagging.prediction import Tagged
from xtremedistil_tf.tokenization.raw_words import RawWords

if TYPE_CHECKING:
    from xtremedistil_tf.tasks.tagging.task import TaggingTask


#: The script of the server's page that shows an answer.
SHOW = r"""
// The entities are those of the answer: offsets count characters, not UTF-16 units.
function show(answer, asked) {
  const characters = Array.from(asked.texts);
  const box = make("div", "card text");
  const rows = [];
  let at = 0;
  answer.entity_types.slice(0, answer.entity_counts).forEach((type, i) => {
    const start = answer.entity_starts[i], end = answer.entity_ends[i], score = answer.entity_scores[i];
    const text = characters.slice(start, end).join("");
    box.append(characters.slice(at, start).join(""), marked(text, type, score));
    rows.push([text, type, `${start}–${end}`, percent(score)]);
    at = end;
  });
  box.append(characters.slice(at).join(""));
  const nothing = characters.length ? "Nothing found in this text." : "The text is empty.";
  return [box, rows.length ? table(["Entity", "Type", "Characters", "Score"], rows) : make("p", "figures", nothing)];
}
"""

#: In the order of `TaggedWord`, and of `Entity`.
_WORD_OUTPUTS = ("words", "tags", "starts", "ends", "scores")
_ENTITY_OUTPUTS = ("entity_types", "entities", "entity_starts", "entity_ends", "entity_scores")


@dataclasses.dataclass(frozen=True)
class Entity:
    """An entity in a text.

    Attributes:
        type: such as `PER`.
        text: as it stands in the text that was given.
        start, end: offsets of its first character and of the one after its last.
        score: mean of the scores of its words.
    """

    type: str
    text: str
    start: int
    end: int
    score: float


@dataclasses.dataclass(frozen=True)
class TaggedWord:
    """A word with its tag.

    Attributes:
        text: as it stands in the text that was given.
        tag: as the model decodes it.
        start, end: offsets as those of `Entity`.
        score: the probability of that tag by the softmax over all.
    """

    text: str
    tag: str
    start: int
    end: int
    score: float


class _Unmade(NamedTuple):
    """What the words of an answer are made of, once they are looked at: most people look at entities only."""

    text: str
    spans: Sequence[tuple[int, int]]
    tags: Sequence[str]
    scores: np.ndarray

    def made(self) -> tuple[TaggedWord, ...]:
        return tuple(TaggedWord(self.text[start:end], tag, start, end, score)
                     for (start, end), tag, score in zip(self.spans[:], self.tags, self.scores.tolist()))


@dataclasses.dataclass(frozen=True)
class Tagging(Several[Entity]):
    """The answer of a tagger: a sequence of entities.

    Attributes:
        entities: in order, see `entity_rules`: of tags that are not IOB2, the runs of equal
            tags other than `O`.
        words: every word with its tag, as `word_splitting` of its run has them.
    """

    entities: tuple[Entity, ...]
    words: tuple[TaggedWord, ...]

    @classmethod
    def _of(cls, entities: tuple[Entity, ...], unmade: _Unmade) -> Tagging:
        found = cls.__new__(cls)
        found.__dict__.update(entities=entities, _unmade=unmade)
        return found

    def __getattr__(self, name: str) -> Any:
        if name != "words" or "_unmade" not in self.__dict__:
            raise AttributeError(name)
        return self.__dict__.setdefault("words", self.__dict__["_unmade"].made())

    @property
    def parts(self) -> tuple[Entity, ...]:
        return self.entities

    @property
    def tags(self) -> list[str]:
        """The tag of each word."""
        unmade = self.__dict__.get("_unmade")
        return list(unmade.tags) if unmade else [word.tag for word in self.words]


def _asked(task: TaggingTask, given: Any) -> Asked | None:
    """A text, which the task's rule parts, or words."""
    if not isinstance(given, str) and isinstance(given, Mapping):
        given = next((given[key] for key in ("text", "tokens", "words") if key in given), None)
    if isinstance(given, str):
        return asked_text(given, task.raw_words)
    words = given.words if isinstance(given, Example) else given
    if not isinstance(words, Sequence | np.ndarray) or not all(isinstance(w, str) and w.strip() for w in words):
        return None
    words = tuple(map(str, words))
    ends = (np.cumsum([len(word) + 1 for word in words]) - 1).tolist()
    return Asked(Example(words), " ".join(words), [(end - len(word), end) for word, end in zip(words, ends)])


def asked_text(text: str, rule: RawWords) -> Asked:
    """What a text asks whose words are those of a rule."""
    words, places = rule.placed(text)
    return Asked(Example(tuple(words)), text, Spans(places))


def some_words(one: Asked | None) -> Asked | None:
    """What is asked, None where it has no words."""
    return one if one and one.spans else None


def _answer(task: TaggingTask, one: Asked, prediction: Tagged) -> Tagging:
    tags, scores, spelled = prediction
    found = []
    for kind, first, last in spelled:
        start, end = one.spans[first][0], one.spans[last][1]
        mean = statistics.fmean(scores[first:last + 1].tolist())
        found.append(Entity(kind, one.text[start:end], start, end, mean))
    return Tagging._of(tuple(found), _Unmade(one.text, one.spans, tags, scores))


def _read(outputs: Outputs) -> list[Tagging]:
    answers = []
    for row, (words, found) in enumerate(zip(outputs["word_counts"], outputs["entity_counts"])):
        # A batch is padded to the text with the most words, and to that with the most entities.
        by_word = [outputs[name][row][:words].tolist() for name in _WORD_OUTPUTS]
        by_entity = [outputs[name][row][:found].tolist() for name in _ENTITY_OUTPUTS]
        answers.append(Tagging(tuple(Entity(*values) for values in zip(*by_entity)),
                               tuple(TaggedWord(*values) for values in zip(*by_word))))
    return answers


def _answered(example: Example, answer: Tagging) -> Example:
    """The words are those of the answer: who asks need not know how the model splits texts."""
    return dataclasses.replace(example, words=tuple(word.text for word in answer.words))


def _arrays(task: TaggingTask, answers: Sequence[Tagging]) -> dict[str, np.ndarray]:
    words, found = [one.words for one in answers], [one.entities for one in answers]
    return (_columns(_WORD_OUTPUTS, TaggedWord, words) | _columns(_ENTITY_OUTPUTS, Entity, found)
            | {"word_counts": np.array([len(row) for row in words], np.int32),
               "entity_counts": np.array([len(row) for row in found], np.int32)})


def _columns(names: Sequence[str], part: type, rows: Sequence[Iterable[Any]]) -> dict[str, np.ndarray]:
    """Parts of answers as arrays [answers, most parts], by the names of outputs in the order of the part's fields."""
    found = {}
    for name, field in zip(names, dataclasses.fields(part)):
        values = [[getattr(one, field.name) for one in row] for row in rows]
        dtype = _OUTPUTS[name].dtype
        found[name] = padded(map(utf8, values), b"") if dtype == TEXT else padded(values, -1, dtype)
    return found


_DTYPES = {TEXT: ("words", "tags", "entities", "entity_types"), FLOAT: ("scores", "entity_scores"),
           INT: ("starts", "ends", "entity_starts", "entity_ends")}
_OUTPUTS = {name: Output(dtype, 2) for dtype, names in _DTYPES.items() for name in names}
RAW_TEXT = RawText(("texts",), frozenset(), _OUTPUTS | {"word_counts": Output(INT), "entity_counts": Output(INT)},
                   _asked, "a text, or a list of words", _answer, _arrays, _read,
                   frozenset(["word_counts", *_WORD_OUTPUTS, "entity_counts", *_ENTITY_OUTPUTS]),
                   frozenset(["tags"]), "tag", lambda answer: answer.tags, _answered,
                   answer_class=Tagging,
                   counted=(dict.fromkeys(_WORD_OUTPUTS, "word_counts")
                            | dict.fromkeys(_ENTITY_OUTPUTS, "entity_counts")))
