"""The front door: `distil` makes a student, `plan` says what that will cost, `load` opens one."""

from __future__ import annotations

import contextlib
import dataclasses
import inspect
import os
import pathlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from xtremedistil_tf.config import DistillationConfig
from xtremedistil_tf.config.arguments import config_from, named_as_given
from xtremedistil_tf.config.fields import listed
from xtremedistil_tf.corpus.objects import is_path, kind_of_objects, write_task, write_text
from xtremedistil_tf.errors import ConfigError
from xtremedistil_tf.student import Student
from xtremedistil_tf.teachers.answering import name_of, teachers_to_ask

if TYPE_CHECKING:
    from xtremedistil_tf.runs.planning import Step

#: Field of the configuration -> the short name that it has here.
_ALIASES = {"task_kind": "kind", "transfer_file": "transfer", "pt_teacher_checkpoint": "teacher", "model_dir": "out"}


def distil(task: Any = None, transfer: Any = None, teacher: Any = None, out: str | os.PathLike[str] = "", *,
           kind: str = "auto", labels: Iterable[str] | None = None, teacher_workers: int = 1,
           **settings: Any) -> Student:
    """Distils a teacher into a student: all that the distillation command does, with the same settings.

    The same call goes on where an interrupted one stopped, and ends with the same student under one `seed`. What was
    finished is not done again.

    What it changes in this process: TensorFlow's operations become deterministic, TensorFlow's global seed is set, and
    Triton counts as not installed unless it is imported already (see `process.hide_triton`). Logging, signal handlers
    and the random numbers of Python and NumPy are left as they are.

    Args:
        task: labelled data: a task folder, `hf:<name>`, or Python objects: `{"train": ..., "dev": ..., "test": ...}`,
            each a list of rows such as `(words, tags)`, `(text, label)`, `(text, pair, label)` or `(question, context,
            answers)`, a tuple of columns, a pandas or Polars frame or a `datasets.Dataset`; without a dev set, every
            tenth example becomes one. Objects are kept in `<out>/data`. None, with a teacher by file or a teacher that
            is a Python object: dev and test sets are cut from its answers.
        transfer: unlabelled text: a file, a folder, or an iterable of texts (words, pairs), however long.
        teacher: pre-trained teacher: a hub name, a folder, or `package:<module>`; several are averaged. Or a Python
            object that answers texts, which is asked for its answers (docs/any_teacher.md): a function `answer(texts)`,
            something with `predict_proba`, a spaCy pipeline, a pipeline of transformers, a Keras model; or a list of
            such and of fine-tuned checkpoints, each perhaps a `PartialTeacher` with the labels that it knows and a
            weight. Answers are kept in
            `<out>/data` as they come, and never asked for twice.
        out: folder that receives the student and everything on the way to it.
        kind: `tagging`, `classification`, `multi_label`, `regression` or `question_answering`; `auto`: by the data.
        labels: names of the labels, of a task that is given as objects; None: from the examples. Of a teacher that
            gives probabilities without names: names of its outputs.
        teacher_workers: calls at once to a teacher that is a Python object, `teacher_batch_size` texts each.
        settings: every flag of the command by its name, such as `embedding_size=50`; see the page of flags.

    Returns:
        The student, measured, saved and exported as SavedModel; `student.metrics` has the figures.

    Raises:
        ConfigError: settings that are wrong or contradict each other, all in one message, before anything begins.
        DataError, ModelLoadError, TransferStoreError, ...: what else a user can mend.
    """
    if settings.get("dry_run"):
        raise ConfigError("`dry_run=True`: call plan(...) with the same arguments; it returns the steps.")
    with _Call(task, transfer, teacher, out, kind, labels, settings, teacher_workers) as config:
        from xtremedistil_tf.runs.distil import distil as run
        from xtremedistil_tf.runs.planning import within_budget

        if config.budget_minutes:
            config = within_budget(config)
        run(config, _shown(task, transfer, teacher, out, kind, settings))
    return Student(config.model_dir)


def plan(task: Any = None, transfer: Any = None, teacher: str | os.PathLike[str] | Sequence[str] | None = None,
         out: str | os.PathLike[str] = "", *, kind: str = "auto", labels: Iterable[str] | None = None,
         **settings: Any) -> list[Step]:
    """Measures every step of a run on a sample, prints what the run will take, and leaves nothing behind.

    Args:
        task, transfer, teacher, out, kind, labels, settings: as those of `distil`. Data given as objects is kept in
            `<out>/data`, where the run finds it.

    Returns:
        The steps with their examples, epochs, batches and seconds.
    """
    if teachers_to_ask(teacher):
        raise ConfigError("`teacher`: a Python object is asked text by text, which no sample foretells. Plan with its "
                          "answers: `transfer_labels`.")
    with _Call(task, transfer, teacher, out, kind, labels, settings | {"dry_run": True}) as config:
        from xtremedistil_tf.runs.planning import dry_run, within_budget

        return dry_run(within_budget(config) if config.budget_minutes else config)


def load(model_dir: str | os.PathLike[str], form: str = "keras", quantize: str = "none", *,
         threads: int | None = None, decoding: str = "") -> Student:
    """Opens a distilled student.

    What `onnx` and `tflite` answer needs neither TensorFlow nor transformers in the process.

    Args:
        model_dir: folder that a distillation run wrote, also the original program's.
        form: `keras`, `saved_model`, `tflite`, `onnx`, or `serving://host:port[/name]`.
        quantize: which of the form's files: `none`, `float16`, `dynamic` or `int8`.
        threads: maximum threads; None: as many as the runtime likes.
        decoding: of a tagger, `legal` or `argmax`; empty: as the directory says.

    Raises:
        ModelLoadError: there is no such directory, or it has not this form; the message names those that it has.
    """
    return Student(model_dir, form, quantize, threads, decoding)


class _Call:
    """One call of `distil` or `plan`: its configuration, its data as files, and the process prepared for it."""

    def __init__(self, task: Any, transfer: Any, teacher: Any, out: Any, kind: str, labels: Iterable[str] | None,
                 settings: Mapping[str, Any], workers: int = 1):
        self._asked, self._workers = teachers_to_ask(teacher), workers
        teacher = None if self._asked else teacher
        self._stack = contextlib.ExitStack()
        self._task, self._transfer, self._settings = _read_once(task), transfer, dict(settings)
        self._labels: Any = labels if labels is None or isinstance(labels, str) else list(labels)
        self._given = {"kind": kind, "teacher": teacher, "out": out}
        answers = self._settings.get("transfer_labels")
        self._rows = None if is_path(answers) or _are_paths(answers) else answers

    def __enter__(self) -> DistillationConfig:
        from xtremedistil_tf.process import kept_random_state, log_lines, start_tensorflow

        try:
            self._stack.enter_context(named_as_given(_ALIASES))
            config = self._with_files(config_from(DistillationConfig, *self._arguments()))
            start_tensorflow(deterministic=True)
            self._stack.enter_context(log_lines())
            self._stack.enter_context(kept_random_state())
        except BaseException as error:
            if not self._stack.__exit__(type(error), error, error.__traceback__):
                raise
        return config

    def __exit__(self, *error: Any) -> bool | None:
        return self._stack.__exit__(*error)

    def _arguments(self) -> tuple[dict[str, Any], list[str]]:
        """The arguments by the names of the configuration, and what is wrong with them."""
        arguments, out, faults = dict(self._settings), self._given["out"], []
        short = {"task": self._task, "transfer_file": self._transfer, "pt_teacher_checkpoint": self._given["teacher"],
                 "model_dir": out or None, "task_kind": None if self._given["kind"] == "auto" else self._given["kind"]}
        for name, value in short.items():
            if value is not None and name in arguments:
                faults.append(f"`{_ALIASES[name]}` is given twice, the second time as {name}. Give it once.")
            if value is not None:
                arguments[name] = value
        folder = pathlib.Path(arguments.get("model_dir") or "") / "data"
        faults += self._answers(arguments)
        if not is_path(self._task):
            if not arguments.get("model_dir"):
                faults.append("`out` is required: examples that are given as objects are kept in <out>/data.")
                arguments["model_dir"] = "."  # lest it is missed twice
            arguments["task"] = str(folder)
            if arguments.get("do_NER"):
                arguments["task_kind"] = "tagging"
            elif "task_kind" not in arguments:
                arguments["task_kind"], pairs = kind_of_objects(self._task)
                arguments["do_pairwise"] = arguments.get("do_pairwise", pairs)
        elif self._labels is not None and not self._asked:
            faults.append("`labels` is for a task that is given as objects. List the labels of a task folder in its "
                          "labels.tsv.")
        if isinstance(self._labels, str):
            faults.append(f"`labels={self._labels!r}`: expected a list of names.")
        if not is_path(self._transfer) and not self._asked:
            arguments["transfer_file"] = str(folder)
        return arguments, faults + self._missing()

    def _answers(self, arguments: dict[str, Any]) -> list[str]:
        """Faults of a teacher whose answers become a file; the file's place until it is there."""
        if not self._asked and self._rows is None:
            return []
        faults = []
        if self._asked and self._transfer is None:
            faults.append("`transfer` is required with a teacher that is a Python object: the texts that it is asked "
                          "about.")
        if not arguments.get("model_dir"):
            faults.append("`out` is required: the teacher's answers are kept in <out>/data.")
            arguments["model_dir"] = "."
        arguments["transfer_labels"] = str(pathlib.Path(arguments["model_dir"]) / "data")
        if self._asked:
            arguments.pop("transfer_file", None)
        return faults

    def _missing(self) -> list[str]:
        """What is named and is not there, told before anything begins."""
        faults = []
        if isinstance(self._task, str) and not self._task.startswith("hf:") and not os.path.exists(self._task):
            faults.append(f"`task={self._task!r}`: no such folder. Give a task folder, hf:<name>, or examples.")
        if isinstance(self._transfer, str) and not os.path.exists(self._transfer):
            names = listed(self._transfer)
            if missing := [name for name in names if not os.path.exists(name)]:
                which = f" {missing[0]}" if len(names) > 1 else ""
                faults.append(f"`transfer={self._transfer!r}`: no such file or folder{which}. Give a file, a folder, "
                              "or a list of texts.")
        return faults

    def _with_files(self, config: DistillationConfig) -> DistillationConfig:
        """Keeps what was given as objects in files."""
        from xtremedistil_tf.tasks.opening import kind_named, kind_of

        folder = pathlib.Path(config.model_dir) / "data"
        kind = kind_named(kind_of(config) if config.task else "classification", config.do_pairwise)
        if not is_path(self._task):
            task = write_task(folder, self._task, kind, self._labels)
            config = dataclasses.replace(config, task=str(task))
        if self._asked or self._rows is not None:
            return dataclasses.replace(config, transfer_labels=",".join(self._answer_files(folder)))
        if not is_path(self._transfer):
            file = write_text(folder, self._transfer, kind)
            config = dataclasses.replace(config, transfer_file=str(file))
        return config


    def _answer_files(self, folder: pathlib.Path) -> Iterator[str]:
        """The files of all answers; teachers that are Python objects are asked now."""
        from xtremedistil_tf.runs.asked_teacher import ASKED_AT_ONCE, ask_teacher, write_answers

        given, size = self._settings.get("transfer_labels"), self._settings.get("teacher_batch_size", ASKED_AT_ONCE)
        if self._rows is not None:
            yield str(write_answers(self._rows, folder))
        elif given is not None:
            yield ",".join(map(os.fspath, given if _are_paths(given) else [given]))
        for one in self._asked:
            file = ask_teacher(one.teacher, self._transfer, folder, self._labels, size, self._workers)
            yield f"{file}{one.settings}"


def _are_paths(given: Any) -> bool:
    return isinstance(given, list | tuple) and all(isinstance(one, str | os.PathLike) for one in given)


def _read_once(task: Any) -> Any:
    """A task whose examples can be read again."""
    if isinstance(task, Iterator):
        return list(task)
    if isinstance(task, Mapping):
        return {name: list(part) if isinstance(part, Iterator) else part for name, part in task.items()}
    return task


def _shown(task: Any, transfer: Any, teacher: Any, out: Any, kind: str, settings: Mapping[str, Any]) -> str:
    """The call, for the report."""
    given = {"task": task if is_path(task) else "...", "transfer": transfer if is_path(transfer) else "...",
             "teacher": ", ".join(name_of(one.teacher) for one in teachers_to_ask(teacher)) or teacher, "out": out,
             "kind": kind} | dict(settings)
    return f"distil({', '.join(f'{name}={value!r}' for name, value in given.items() if value is not None)})"


def _with_settings(function: Any) -> None:
    """Shows every setting in the function's signature, for `help` and editors."""
    own = inspect.signature(function)
    parameters = [p for p in own.parameters.values() if p.kind is not inspect.Parameter.VAR_KEYWORD]
    taken = {p.name for p in parameters} | set(_ALIASES) - {"task_kind"}
    parameters += [inspect.Parameter(field.name, inspect.Parameter.KEYWORD_ONLY, default=field.default,
                                     annotation=field.type)
                   for field in dataclasses.fields(DistillationConfig) if field.name not in taken | {"task_kind"}]
    function.__signature__ = own.replace(parameters=parameters)


_with_settings(distil)
_with_settings(plan)
