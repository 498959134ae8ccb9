"""Tagging and measuring text with a model directory."""

from __future__ import annotations

import contextlib
import pathlib
import sys
from typing import Iterable, Iterator, Sequence, TextIO

from xtremedistil_tf.atomic import atomic_file
from xtremedistil_tf.config import PredictionConfig
from xtremedistil_tf.corpus import Example, load_task, open_lines, read_tagged
from xtremedistil_tf.corpus.tagged import FORMATS, stem_and_suffix
from xtremedistil_tf.errors import ConfigError, DataError
from xtremedistil_tf.evaluation.comparison import score
from xtremedistil_tf.students.model_directory import SavedStudent, load_student
from xtremedistil_tf.students.prediction import StudentTagger

_CHUNK = 4096
STANDARD_STREAM = "-"


def run(config: PredictionConfig) -> None:
    """Does what `run_xtreme_distil_predict.py` was asked for."""
    saved = load_student(pathlib.Path(config.model_dir))
    tagger = StudentTagger(saved.student, saved.tokenizer, saved.labels, config.batch_size)
    if config.do_predict:
        with _output(config) as output:
            for line in tagged_lines(tagger, _input_lines(config.pred_file)):
                print(line, file=output)
    if config.do_eval:
        print(scores_text(evaluate(saved, tagger, config)), file=sys.stderr if config.do_predict else sys.stdout)


def tagged_lines(tagger: StudentTagger, sentences: Iterable[Sequence[str]]) -> Iterator[str]:
    """`words<TAB>tags` for each sentence, in order; an empty line for a sentence without words.

    Works in chunks of a few thousand sentences, so memory does not grow with the input.
    """
    for chunk in _chunks(sentences):
        for words, tags in zip(chunk, tagger.tag(chunk)):
            yield f"{' '.join(words)}\t{' '.join(tags)}" if words else ""


def evaluate(saved: SavedStudent, tagger: StudentTagger, config: PredictionConfig) -> dict:
    """Entity scores on `pred_file` if it is tagged, else on the test (or dev) set of the task."""
    examples = _gold(saved, config)
    return score(examples, tagger.tag([e.words for e in examples]))


def scores_text(scores: dict) -> str:
    """Scores as lines for a person."""
    lines = [f"entity F1 {100 * scores['f1']:.2f}  precision {100 * scores['precision']:.2f}  "
             f"recall {100 * scores['recall']:.2f}  entities {scores['support']}"]
    if "per_language" in scores:
        lines.append(f"mean over languages {100 * scores['mean_f1']:.2f} ±{100 * scores['std_f1']:.2f}")
    for group in ("per_type", "per_language"):
        lines += [f"  {name:<12} {100 * row['f1']:.2f}" for name, row in scores.get(group, {}).items()]
    return "\n".join(lines)


def _gold(saved: SavedStudent, config: PredictionConfig) -> list[Example]:
    if config.pred_file != STANDARD_STREAM and _is_tagged(config.pred_file):
        return read_tagged(config.pred_file, saved.labels)
    task = config.task or saved.config.get("task", "")
    if not pathlib.Path(task).is_dir():
        raise ConfigError(f"--do_eval: {task or 'no task'} is not a folder here. Give --task, or a tagged "
                          "--pred_file.")
    languages = [name for name in saved.config.get("languages", "").split(",") if name]
    corpus = load_task(task, languages=languages)
    return corpus.test or corpus.dev


def _is_tagged(path: str) -> bool:
    return stem_and_suffix(path)[1] in FORMATS


def _input_lines(source: str) -> Iterator[list[str]]:
    if source == STANDARD_STREAM:
        for number, raw in enumerate(sys.stdin.buffer, 1):
            try:
                yield raw.decode("utf-8").split()
            except UnicodeDecodeError as error:
                raise DataError(f"standard input:{number}: not UTF-8 ({error.reason} at byte {error.start}). "
                                "Convert it to UTF-8.") from error
    elif _is_tagged(source):
        for example in read_tagged(source):
            yield list(example.words)
    else:
        for _, text in open_lines(source):
            yield text.split()


@contextlib.contextmanager
def _output(config: PredictionConfig) -> Iterator[TextIO]:
    target = config.output_file or (
        STANDARD_STREAM if config.pred_file == STANDARD_STREAM else f"{config.model_dir}/predictions.txt")
    if target == STANDARD_STREAM:
        sys.stdout.reconfigure(encoding="utf-8")
        yield sys.stdout
        return
    with atomic_file(target) as part:
        with open(part, "w", encoding="utf-8") as handle:
            yield handle
    print(f"wrote {target}", file=sys.stderr)


def _chunks(sentences: Iterable[Sequence[str]]) -> Iterator[list[Sequence[str]]]:
    chunk: list[Sequence[str]] = []
    for words in sentences:
        chunk.append(words)
        if len(chunk) == _CHUNK:
            yield chunk
            chunk = []
    if chunk:
        yield chunk
