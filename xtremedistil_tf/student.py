"""A distilled student, ready to answer: what `distil` returns and `load` opens."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import html
import logging
import os
import pathlib
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from xtremedistil_tf.atomic import atomic_directory, read_json
from xtremedistil_tf.config.arguments import config_from, named_as_given
from xtremedistil_tf.config.commands import LOCAL_FORMS, SERVING_PREFIXES, ExportConfig, check_quantization
from xtremedistil_tf.corpus.example import Example, QuestionExample, TextExample
from xtremedistil_tf.corpus.files import quoted
from xtremedistil_tf.errors import ConfigError, DataError, ModelLoadError
from xtremedistil_tf.tasks.raw_text import asked

if TYPE_CHECKING:
    from xtremedistil_tf.inference.predictor import OpenedStudent


log = logging.getLogger(__name__)

#: What a run keeps beside its student, which a copy does not need.
_WORK = ("teacher", "transfer", "checkpoints", "baseline", "logs", "budget.json", "steps.json")
_SPLITS = ("test", "dev", "train")


class Scores(dict[str, Any]):
    """The scores of a task, by name; prints as lines, in a notebook as a table.

    Args:
        scores: `main_score` and others, `support`, perhaps `per_type` and `per_language`.
        kind: of the task.
        main_score: the one that comes first.
    """

    def __init__(self, scores: Mapping[str, Any], kind: str, main_score: str):
        super().__init__(scores)
        self.kind, self.main_score = kind, main_score

    def rows(self) -> list[tuple[str, str]]:
        """(name, value) of all scores that are numbers, the main one first; shares in per cent."""
        from xtremedistil_tf.tasks.registry import KINDS, score_name

        main, no_shares = self.main_score, KINDS[self.kind].words.other_scores
        names = [main, *(name for name, value in self.items() if isinstance(value, float) and name != main)]
        rows = [(score_name(name, self.kind), f"{self[name]:.4f}" if name in no_shares else f"{100 * self[name]:.2f}")
                for name in names]
        rows += [(f"  {name}", f"{100 * row['f1']:.2f}") for name, row in self.get("per_type", {}).items()]
        return rows + [(f"  {name}", f"{100 * row[main]:.2f}") for name, row in self.get("per_language", {}).items()]

    def __str__(self) -> str:
        width = max(len(name) for name, _ in self.rows())
        return "\n".join(f"{name:<{width}}  {value:>7}" for name, value in self.rows())

    def _repr_html_(self) -> str:
        return _html_table(self.rows())


class Student:
    """A distilled student in one of its forms. Its files are read when it is first asked.

    Args:
        model_dir: folder that a distillation run wrote.
        form: what answers: `keras`, `saved_model`, `tflite`, `onnx`, or the address of a TensorFlow Serving server.
        quantize: which of the form's files: `none`, `float16`, `dynamic` or `int8`.
        threads: maximum threads; None: as many as the runtime likes.
        decoding: of a tagger, `legal` or `argmax`; empty: as the directory says.

    Attributes:
        model_dir, form, quantize: as given.

    Raises:
        ModelLoadError: there is no such directory, or it has not this form; the message names those that it has.
    """

    def __init__(self, model_dir: str | os.PathLike[str], form: str = "keras", quantize: str = "none",
                 threads: int | None = None, decoding: str = ""):
        from xtremedistil_tf.students.metadata import read_metadata

        _check_form(model_dir, form, quantize)
        self.model_dir, self.form, self.quantize = pathlib.Path(model_dir), form, quantize
        self._threads, self._decoding = threads, decoding
        self._facts = read_metadata(self.model_dir)
        if form != "keras":  # nothing heavy: the file is opened at the first answer
            self._opened  # noqa: B018

    @functools.cached_property
    def _opened(self) -> OpenedStudent:
        from xtremedistil_tf.inference.predictor import needs_tensorflow, open_predictor
        from xtremedistil_tf.process import start_tensorflow

        if needs_tensorflow(self.model_dir, self.form):
            start_tensorflow(deterministic=False)
        return open_predictor(self.model_dir, self.form, self.quantize, threads=self._threads, decoding=self._decoding)

    @functools.cached_property
    def _task(self) -> Any:
        from xtremedistil_tf.students.metadata import is_complete, saved_task, with_decoding

        if self.form != "keras" or not is_complete(self._facts):
            return self._opened.task
        task, _ = with_decoding(saved_task(self._facts), self._facts["config"], self._decoding)
        return task

    # What it is

    @property
    def kind(self) -> str:
        """Kind of task, such as `tagging`."""
        found: str = self._task.kind
        return found

    @property
    def labels(self) -> list[str]:
        """Labels of the task."""
        return list(self._task.labels)

    @property
    def config(self) -> Mapping[str, Any]:
        """The settings that it was distilled with."""
        return self._opened.config

    @functools.cached_property
    def metrics(self) -> dict[str, Any]:
        """What the run measured, as `metrics.json` has it; empty where there is none."""
        file = self.model_dir / "metrics.json"
        return read_json(file) if file.exists() else {}

    @property
    def model(self) -> Any:
        """The student as a `tf_keras.Model`.

        Raises:
            ConfigError: it was opened in another form.
        """
        if self.form != "keras":
            raise ConfigError(f"`form={self.form}`: only the Keras form can be trained. Open it with "
                              f"load({str(self.model_dir)!r}).")
        return self._opened.student

    @property
    def tokenizer(self) -> Any:
        """Its tokenizer."""
        return self._opened.tokenizer

    # What it does

    def predict(self, given: Any, batch_size: int | None = None) -> Any:
        """Answers one text, or many.

        Args:
            given: one thing to answer: a text; of pairs `(text, pair)`; of questions `(question, context)`; a mapping
                with these names; an `Example`, `TextExample` or `QuestionExample`. Or several: a list of these (of
                taggers also lists of words), or an iterator.
            batch_size: examples in a batch; None: 256.

        Returns:
            Of one thing its answer: `Tagging` (a sequence of `Entity`), `Label`, `Labels`, `Number` or
            `AnswerSpan`. Of a list a list, in order. Of an iterator an iterator, which reads and answers a few
            thousand at a time.

        Raises:
            DataError: something else was given.
        """
        if self._is_single(given):
            return self._answer(given, batch_size)
        if isinstance(given, bytes) or not isinstance(given, Iterable) or hasattr(given, "columns"):
            raise DataError(f"predict: {quoted(given)}, expected {self._task.raw_text.forms}; or a list or an "
                            "iterator of these, such as a column of a table.")
        answers = self.predict_iter(given, batch_size)
        return answers if isinstance(given, Iterator) else list(answers)

    def _is_single(self, given: Any) -> bool:
        if isinstance(given, str | Example | TextExample | QuestionExample | Mapping):
            return True
        # Words are given as lists of lists, so that a list of strings is always several texts.
        parts = self._task.raw_text.names(bool(self._opened.config.get("do_pairwise")))
        return len(parts) > 1 and isinstance(given, tuple) and all(isinstance(part, str) for part in given)

    def predict_iter(self, given: Iterable[Any], batch_size: int | None = None) -> Iterator[Any]:
        """Answers things one after another, in order, in constant memory.

        Args:
            given: see `predict`.
            batch_size: examples in a batch; None: 256.

        Raises:
            DataError: something else was given.
            ConfigError: a batch size below 1.
        """
        if isinstance(given, str | bytes) or not isinstance(given, Iterable):
            raise DataError(f"predict_iter: {quoted(given)}, expected an iterable. One text alone is for predict.")
        _check_batch_size(batch_size)
        return self._answers(iter(given), batch_size)

    def _answer(self, given: Any, batch_size: int | None) -> Any:
        _check_batch_size(batch_size)
        predictor = self._opened.predictor
        before = predictor.truncated
        answer, = predictor.answers([asked(self._task, given)], batch_size)
        self._note_cut(before, 1)
        return answer

    def _note_cut(self, before: int, count: int) -> None:
        predictor = self._opened.predictor
        if predictor.truncated > before:
            from xtremedistil_tf.inference.predictor import cut_note

            log.warning(cut_note(predictor.truncated - before, count, predictor.max_length))

    def _answers(self, given: Iterator[Any], batch_size: int | None) -> Iterator[Any]:
        predictor, count = self._opened.predictor, 0
        before = predictor.truncated
        rows = (asked(self._task, one, number) for number, one in enumerate(given, 1))
        for count, answer in enumerate(predictor.answer_stream(rows, batch_size), 1):  # noqa: B007
            yield answer
        self._note_cut(before, count)

    def evaluate(self, data: Any = "test") -> Scores:
        """Measures it.

        Args:
            data: `test`, `dev` or `train` of the task that it was distilled on (`test` is `dev` where there is no
                test set); a labelled file; or examples as Python objects, see `distil`.

        Returns:
            The task's scores, of all and of each language.

        Raises:
            DataError, ConfigError: there is no such data, or it is faulty.
        """
        task, predictor = self._task, self._opened.predictor
        examples = self._labelled(data)
        return Scores(task.scores(examples, predictor.predict(examples, "evaluation")), task.kind, task.main_score)

    def _labelled(self, data: Any) -> Sequence[Any]:
        from xtremedistil_tf.config import DistillationConfig
        from xtremedistil_tf.corpus.objects import examples_of, is_path
        from xtremedistil_tf.tasks.opening import kind_named, open_corpus, read_labelled, reading_of

        settings, task = DistillationConfig.from_json(self.config).moved_to(self.model_dir), self._task
        if isinstance(data, str) and data in _SPLITS:
            corpus = open_corpus(dataclasses.replace(settings, task_kind=task.kind, do_NER=False))
            return corpus.test or corpus.dev if data == "test" else getattr(corpus, data)
        labels = task.labels if task.names_outputs else None
        if not is_path(data):
            return examples_of(data, kind_named(task.kind, settings.do_pairwise), labels)
        if data is None or not os.path.exists(data):
            raise DataError(f"evaluate: {data!r}, expected 'test', 'dev' or 'train', a labelled file, or examples.")
        return read_labelled(data, task.kind, settings.do_pairwise, labels, reading_of(settings))

    def export(self, form: str, quantize: str = "none", **settings: Any) -> pathlib.Path:
        """Writes it in a form that servers and phones run, checks it against the Keras student, and measures it.

        Args:
            form: `saved_model`, `tflite`, `onnx`, `serving`, `hub`, `mediapipe`, `triton` or
                `onnx_text`.
            quantize: `none`, `float16`, `dynamic` or `int8`, as the form has it.
            settings: further settings of the export command, such as `max_f1_drop` or `measure`.

        Returns:
            The file or folder.

        Raises:
            ConfigError: the form does not exist, or has no such quantization.
            ExportCheckError: it cannot be written, or loses more than `max_f1_drop`.
        """
        with _named():
            config = config_from(ExportConfig, {"model_dir": self.model_dir, "formats": form, "quantize": quantize}
                                 | settings)
        from xtremedistil_tf.process import log_lines, start_tensorflow
        from xtremedistil_tf.students.metadata import exported_path

        with log_lines(), _named():
            start_tensorflow(deterministic=False)
            from xtremedistil_tf.runs.export import run

            run(config, lambda table: log.info("%s", table))
        return exported_path(self.model_dir, form, quantize)

    def report(self) -> pathlib.Path:
        """The page with results, learning curves, sizes and latencies of its run.

        Raises:
            ModelLoadError: there is none.
        """
        file = self.model_dir / "report.html"
        if not file.exists():
            raise ModelLoadError(f"{file}: not found. A distillation run writes it at its end.")
        return file

    def save(self, folder: str | os.PathLike[str]) -> Student:
        """Copies what prediction, export and readers need of it, and leaves the run's work behind.

        Args:
            folder: new folder.

        Returns:
            The student there.

        Raises:
            ConfigError: there is something already.
        """
        if not isinstance(folder, str | os.PathLike) or not os.fspath(folder):
            raise ConfigError(f"`folder={folder!r}`: expected the path of a new folder.")
        target = pathlib.Path(folder)
        if target.exists() and (not target.is_dir() or any(target.iterdir())):
            raise ConfigError(f"`folder={target}` already exists. Expected the path of a new folder.")
        with atomic_directory(target) as part:
            shutil.copytree(self.model_dir, part, dirs_exist_ok=True, ignore=_ignored(self.model_dir))
        return Student(target, self.form, self.quantize)

    # How it is shown

    def _rows(self) -> list[tuple[str, str]]:
        form = self.form if self.quantize == "none" else f"{self.form} {self.quantize}"
        rows = [("folder", str(self.model_dir)), ("task", self.kind.replace("_", " ")), ("form", form),
                ("labels", ", ".join(self.labels[:12]) + (" ..." if len(self.labels) > 12 else ""))]
        main, measured = self.metrics.get("main_score"), self.metrics.get("student", {})
        if main in measured:
            rows.append((f"{main} on {self.metrics['split']}", f"{100 * measured[main]:.2f}"))
        if "retention" in self.metrics:
            rows.append(("of the teacher's", f"{100 * self.metrics['retention'][main]:.1f} %"))
        return rows

    def __repr__(self) -> str:
        return f"Student({', '.join(f'{name}: {value}' for name, value in self._rows())})"

    def _repr_html_(self) -> str:
        return _html_table(self._rows())


def _check_batch_size(size: Any) -> None:
    if size is not None and (not isinstance(size, int) or size < 1):
        raise ConfigError(f"`batch_size={size!r}`: expected a whole number of at least 1.")


def _check_form(model_dir: Any, form: str, quantize: str) -> None:
    if not isinstance(model_dir, str | os.PathLike) or "://" in os.fspath(model_dir):
        raise ConfigError(f"`model_dir={model_dir!r}`: expected the folder of a student. The address of a server is "
                          "a form: load(folder, form=\"serving://host:port\").")
    if form not in LOCAL_FORMS and not form.startswith(SERVING_PREFIXES):
        raise ConfigError(f"`form={form!r}`: expected one of {', '.join(LOCAL_FORMS)}, or a server's address such as "
                          "serving://host:port.")
    check_quantization(form, quantize)


def _named() -> contextlib.AbstractContextManager[None]:
    return named_as_given({"formats": "form"})


def _ignored(root: pathlib.Path) -> Any:
    def ignored(folder: str, names: list[str]) -> list[str]:
        hidden = [name for name in names if name.startswith((".part-", ".old-"))]
        if pathlib.Path(folder) == root / "data":
            hidden += [name for name in names if name.startswith("transfer-")]
        return [*hidden, *(_WORK if pathlib.Path(folder) == root else ())]

    return ignored


def _html_table(rows: Sequence[tuple[str, str]]) -> str:
    cells = "".join(f"<tr><th style='text-align:left;white-space:pre'>{html.escape(name)}</th>"
                    f"<td style='text-align:right'>{html.escape(value)}</td></tr>" for name, value in rows)
    return f"<table><tbody>{cells}</tbody></table>"
