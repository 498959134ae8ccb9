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
from xtremedistil_tf.corpus.objects import is_path, kind_of_objects, write_task, write_text
from xtremedistil_tf.errors import ConfigError
from xtremedistil_tf.student import Student

if TYPE_CHECKING:
    from xtremedistil_tf.runs.planning import Step

#: Field of the configuration -> the short name that it has here.
_ALIASES = {"task_kind": "kind", "transfer_file": "transfer", "pt_teacher_checkpoint": "teacher", "model_dir": "out"}


def distil(task: Any, transfer: Any = None, teacher: str | os.PathLike[str] | Sequence[str] | None = None,
           out: str | os.PathLike[str] = "", *, kind: str = "auto", labels: Iterable[str] | None = None,
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
            tenth example becomes one. Objects are kept in `<out>/data`.
        transfer: unlabelled text: a file, a folder, or an iterable of texts (words, pairs), however long.
        teacher: pre-trained teacher: a hub name, a folder, or `package:<module>`; several are averaged.
        out: folder that receives the student and everything on the way to it.
        kind: `tagging`, `classification`, `multi_label`, `regression` or `question_answering`; `auto`: by the data.
        labels: names of the labels, of a task that is given as objects; None: from the examples.
        settings: every flag of the command by its name, such as `embedding_size=50`; see the page of flags.

    Returns:
        The student, measured, saved and exported as SavedModel; `student.metrics` has the figures.

    Raises:
        ConfigError: settings that are wrong or contradict each other, all in one message, before anything begins.
        DataError, ModelLoadError, TransferStoreError, ...: what else a user can mend.
    """
    if settings.get("dry_run"):
        raise ConfigError("`dry_run=True`: call plan(...) with the same arguments; it returns the steps.")
    with _Call(task, transfer, teacher, out, kind, labels, settings) as config:
        from xtremedistil_tf.runs.distil import distil as run
        from xtremedistil_tf.runs.planning import within_budget

        if config.budget_minutes:
            config = within_budget(config)
        run(config, _shown(task, transfer, teacher, out, kind, settings))
    return Student(config.model_dir)


def plan(task: Any, transfer: Any = None, teacher: str | os.PathLike[str] | Sequence[str] | None = None,
         out: str | os.PathLike[str] = "", *, kind: str = "auto", labels: Iterable[str] | None = None,
         **settings: Any) -> list[Step]:
    """Measures every step of a run on a sample, prints what the run will take, and leaves nothing behind.

    Args:
        task, transfer, teacher, out, kind, labels, settings: as those of `distil`. Data given as objects is kept in
            `<out>/data`, where the run finds it.

    Returns:
        The steps with their examples, epochs, batches and seconds.
    """
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
                 settings: Mapping[str, Any]):
        self._stack = contextlib.ExitStack()
        self._task, self._transfer, self._settings = _read_once(task), transfer, dict(settings)
        self._labels: Any = labels if labels is None or isinstance(labels, str) else list(labels)
        self._given = {"kind": kind, "teacher": teacher, "out": out}

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
        elif self._labels is not None:
            faults.append("`labels` is for a task that is given as objects. List the labels of a task folder in its "
                          "labels.tsv.")
        if isinstance(self._labels, str):
            faults.append(f"`labels={self._labels!r}`: expected a list of names.")
        if not is_path(self._transfer):
            arguments["transfer_file"] = str(folder)
        return arguments, faults + self._missing()

    def _missing(self) -> list[str]:
        """What is named and is not there, told before anything begins."""
        faults = []
        if isinstance(self._task, str) and not self._task.startswith("hf:") and not os.path.exists(self._task):
            faults.append(f"`task={self._task!r}`: no such folder. Give a task folder, hf:<name>, or examples.")
        if isinstance(self._transfer, str) and not os.path.exists(self._transfer):
            names = [name.strip() for name in self._transfer.split(",") if name.strip()]
            if missing := [name for name in names if not os.path.exists(name)]:
                which = f" {missing[0]}" if len(names) > 1 else ""
                faults.append(f"`transfer={self._transfer!r}`: no such file or folder{which}. Give a file, a folder, "
                              "or a list of texts.")
        return faults

    def _with_files(self, config: DistillationConfig) -> DistillationConfig:
        """Keeps what was given as objects in files."""
        from xtremedistil_tf.tasks.opening import kind_named, kind_of

        folder, kind = pathlib.Path(config.model_dir) / "data", kind_named(kind_of(config), config.do_pairwise)
        if not is_path(self._task):
            task = write_task(folder, self._task, kind, self._labels)
            config = dataclasses.replace(config, task=str(task))
        if not is_path(self._transfer):
            file = write_text(folder, self._transfer, kind)
            config = dataclasses.replace(config, transfer_file=str(file))
        return config


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
             "teacher": teacher, "out": out, "kind": kind} | dict(settings)
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
