"""Entity F1 of a tagger on text as people write it, beside its F1 on the same sentences split into words, in every form.

  python benchmarks/natural_text.py --model_dir=DIR --data=FOLDER --languages=de,en [--teacher=DIR] [--lines=500]
      [--train=2000] [--out=benchmarks/results/natural_text.md]

The folder has a folder for each language with train.tsv and test.tsv. Test sentences are joined to text as people write it
(`joining.Joiner`). Entities are compared by type and place in that text, so that a mark too much is a fault. Each form
answers words that are given, and text split by the student's rule, or, of a student that has none, by the one that the
training words give (`tokenization.word_habits.rule_of`); the Keras student also text split at white space. Sentences with
wiki markup are counted apart: people do not write it, and data sets split it in ways that text does not show.
"""

from __future__ import annotations

import itertools
import os
import pathlib
import re
import sys
import tempfile
from collections.abc import Sequence
from typing import Any, NamedTuple

from absl import app, flags

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

from joining import Joiner, f1
from natural_forms import Form, Place, forms_of, teacher_of
from pages import environment, percent, public_command, table, write_page
from xtremedistil_tf.students.metadata import read_metadata, saved_task
from xtremedistil_tf.tasks.opening import load_task
from xtremedistil_tf.tasks.tagging.decoding import entities
from xtremedistil_tf.tokenization.raw_words import RawWords
from xtremedistil_tf.tokenization.word_habits import described, rule_of

_MODEL = flags.DEFINE_string("model_dir", None, "Folder of a tagger.", required=True)
_TEACHER = flags.DEFINE_string("teacher", None, "Folder of its fine-tuned teacher.")
_DATA = flags.DEFINE_string("data", None, "Folder of labelled data.", required=True)
_LANGUAGES = flags.DEFINE_list("languages", None, "Languages to measure.", required=True)
_LINES = flags.DEFINE_integer("lines", 500, "Test sentences of each language.")
_TRAIN = flags.DEFINE_integer("train", 2000, "Training sentences of each language that the rule is found from.")
_OUT = flags.DEFINE_string("out", None, "The Markdown file to write.")

_MARKUP = re.compile(r"''|``|\[\[|\]\]|\*")


class Sentences(NamedTuple):
    """Test sentences of a language.

    Attributes:
        words: of each.
        texts: the words joined.
        spans: the place of each word in the text.
        wanted: the entities.
        natural: whether there is no wiki markup in it.
    """

    words: list[Sequence[str]]
    texts: list[str]
    spans: list[Sequence[tuple[int, int]]]
    wanted: list[set[Place]]
    natural: list[bool]

    def scores(self, found: Sequence[set[Place]]) -> dict[str, float]:
        """F1 of all sentences, and of those without markup."""
        pairs = [*zip(self.wanted, found, strict=True)]
        return {"all": f1(*zip(*pairs)), "natural": f1(*zip(*itertools.compress(pairs, self.natural)))}


def tagged(tags: Sequence[str], spans: Sequence[tuple[int, int]], labels: Sequence[str]) -> set[Place]:
    """The entities of tags whose words stand at these places."""
    return {(entity.type, spans[entity.first][0], spans[entity.last][1]) for entity in entities(tags, labels)}


def sentences(language: str, labels: Sequence[str]) -> Sentences:
    """The test sentences of a language."""
    examples = load_task(_DATA.value, [language]).test[: _LINES.value]
    texts, spans = zip(*(Joiner(language).text(example.words) for example in examples))
    wanted = [tagged(example.tags, places, labels) for example, places in zip(examples, spans)]
    return Sentences([example.words for example in examples], [*texts], [*spans], wanted,
                     [not _MARKUP.search(text) for text in texts])


def measure(form: Form, languages: dict[str, Sentences], labels: Sequence[str]) -> dict[str, Any]:
    """F1 on words and on text of each language."""
    found = {}
    for language, rows in languages.items():
        of_words = [tagged(tags, spans, labels) for tags, spans in zip(form.tags(rows.words), rows.spans)]
        found[language] = {"words": rows.scores(of_words), "text": rows.scores(form.places(rows.texts))}
    print(form.name, found, flush=True)
    return found


def form_rows(figures: dict[str, Any]) -> list[list[str]]:
    """A row of the table of forms: mean F1 over the languages, and the greatest loss."""
    rows = []
    for name, of_form in figures.items():
        row = [name]
        for kind in ("natural", "all"):
            words, texts = ([one[given][kind] for one in of_form.values()] for given in ("words", "text"))
            worst = min(zip((text - word for word, text in zip(words, texts)), of_form))
            row += [percent(sum(words) / len(words)), percent(sum(texts) / len(texts)), f"{100 * worst[0]:+.2f} ({worst[1]})"]
        rows.append(row)
    return rows


def language_rows(keras: dict[str, Any], space: dict[str, Any], languages: dict[str, Sentences]) -> list[list[Any]]:
    """A row of the table of languages: the Keras student."""
    rows = []
    for name, one in keras.items():
        row: list[Any] = [name]
        for kind, count in (("natural", sum(languages[name].natural)), ("all", len(languages[name].texts))):
            words, text = one["words"][kind], one["text"][kind]
            row += [count, percent(words), percent(space[name][kind]), percent(text), f"{100 * (text - words):+.2f}"]
        rows.append(row)
    return rows


def rule_of_student(task: Any) -> RawWords:
    """The student's rule; that of the training words where it has none."""
    if not task.raw_words.is_whitespace:
        return task.raw_words
    train = (load_task(_DATA.value, [language]).train[: _TRAIN.value] for language in _LANGUAGES.value)
    return rule_of(itertools.chain.from_iterable(train))


def main(argv):
    del argv
    model_dir = pathlib.Path(_MODEL.value)
    task = saved_task(read_metadata(model_dir))
    rule, labels = rule_of_student(task), task.labels
    print(described(rule), flush=True)
    languages = {language: sentences(language, labels) for language in _LANGUAGES.value}
    with tempfile.TemporaryDirectory() as folder:
        forms = forms_of(model_dir, rule, pathlib.Path(folder))
        figures = {form.name: measure(form, languages, labels) for form in forms}
        at_space = forms[0].with_rule(RawWords())
        space = {name: rows.scores(at_space.places(rows.texts)) for name, rows in languages.items()}
    if _TEACHER.value:
        figures["teacher"] = measure(teacher_of(pathlib.Path(_TEACHER.value), task, rule), languages, labels)
    write(figures, space, languages, rule)


def write(figures: dict[str, Any], space: dict[str, Any], languages: dict[str, Sentences], rule: RawWords) -> None:
    """Prints the tables, and writes the page."""
    headings = [f"{name}{suffix}" for suffix in ("", ", with markup") for name in ("words, F1", "text, F1", "greatest loss")]
    by_form = table(["form", *headings], form_rows(figures))
    headings = [f"{name}{suffix}" for suffix in ("", ", with markup") for name in (
        "sentences", "words, F1", "at white space, F1", "by the rule, F1", "loss")]
    by_language = table(["language", *headings], language_rows(figures["Keras"], space, languages))
    print(by_form, by_language, sep="\n\n")
    if not _OUT.value:
        return
    import tensorflow as tf

    command = public_command("python benchmarks/natural_text.py " + " ".join(sys.argv[1:]))
    write_page(pathlib.Path(_OUT.value), [
        "# Text as people write it", environment({"python": sys.version.split()[0], "tensorflow": tf.__version__}),
        f"```sh\n{command}\n```", "## Languages: the Keras student", by_language,
        "## Forms: means over the languages", by_form,
        "Entity F1 by type and place in the joined text: words given as the data splits them; text split at white space; text "
        "split by the rule. First the sentences without wiki markup (`''`, `[[`, `*` and the like), then all. The SavedModel and "
        "the TensorFlow Lite file of raw strings split text themselves; for the other forms, which take token ids, Python does. "
        f"The rule: {described(rule)}."],
        {"forms": figures, "white space": space, "rule": rule.facts()})


if __name__ == "__main__":
    app.run(main)
