"""What long work needs of its process: TensorFlow without chatter, the same numbers for a seed, lines of a log."""

from __future__ import annotations

import contextlib
import logging
import os
import pathlib
import random
import sys
from collections.abc import Callable, Iterator

OURS = "xtremedistil_tf"


def hide_triton() -> None:
    """Makes Triton, which PyTorch for GPUs installs, count as not installed, unless it was imported before.

    TensorFlow and Triton each bring an LLVM. Loading Triton's after TensorFlow's aborts the process, and transformers
    loads Triton wherever torch is installed. Hidden, torch does without, save for `torch.compile`.
    """
    sys.modules.setdefault("triton", None)  # type: ignore[arg-type]


def peak_memory() -> int | None:
    """Most bytes that this process has held; None on systems that do not tell."""
    status = pathlib.Path("/proc/self/status")
    if status.exists():  # `ru_maxrss` would count those of the parent that it was forked from
        kilobytes = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM:")).split()[1]
        return int(kilobytes) * 1024
    try:
        import resource
    except ImportError:  # Windows
        return None
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def start_tensorflow(deterministic: bool) -> None:
    """Imports TensorFlow without its start-up lines.

    Args:
        deterministic: whether the same seed is to give the same numbers. It cannot be undone in a process.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "true")
    hide_triton()
    with silenced_stderr():
        import tensorflow as tf
        if deterministic:
            tf.config.experimental.enable_op_determinism()


def register_text_ops() -> bool:
    """Makes the operations of tensorflow_text known to TensorFlow; False where it is not to be had, as on Windows.

    A SavedModel whose signatures take texts needs them, if its vocabulary is a WordPiece one.
    """
    try:
        import tensorflow_text  # noqa: F401
    except ImportError:
        return False
    return True


@contextlib.contextmanager
def log_lines() -> Iterator[None]:
    """Shows our log on stderr as the commands do, unless the caller's own logging shows it; leaves nothing behind."""
    ours, handler = logging.getLogger(OURS), line_handler()
    level, propagate = ours.level, ours.propagate
    if level == logging.NOTSET:
        ours.setLevel(logging.INFO)
    shown = ours.hasHandlers()
    if not shown:
        ours.addHandler(handler)
        ours.propagate = False  # libraries that log for the first time give the root a handler of their own
    try:
        yield
    finally:
        ours.setLevel(level)
        if not shown:
            ours.removeHandler(handler)
            ours.propagate = propagate


def line_handler(spell: Callable[[str], str] = str) -> logging.Handler:
    """Writes `12:34:56 message` to stderr.

    Args:
        spell: what becomes of each line.
    """
    handler = logging.StreamHandler()
    handler.setFormatter(_LineFormatter(spell))
    return handler


def is_line_handler(handler: logging.Handler) -> bool:
    """Whether it is one of ours."""
    return isinstance(handler.formatter, _LineFormatter)


class _LineFormatter(logging.Formatter):
    """`12:34:56 message`, warnings marked."""

    def __init__(self, spell: Callable[[str], str]):
        super().__init__("%(asctime)s %(message)s", "%H:%M:%S")
        self._spell = spell

    def format(self, record: logging.LogRecord) -> str:
        line = self._spell(super().format(record))
        return line if record.levelno <= logging.INFO else line.replace(" ", f" {record.levelname}: ", 1)


@contextlib.contextmanager
def kept_random_state() -> Iterator[None]:
    """Gives the caller back the random numbers of Python and NumPy where they were."""
    import numpy as np

    ours, numpys = random.getstate(), np.random.get_state()
    try:
        yield
    finally:
        random.setstate(ours)
        np.random.set_state(numpys)


@contextlib.contextmanager
def silenced_stderr() -> Iterator[None]:
    """TensorFlow's C++ start-up lines go straight to file descriptor 2 and obey no log level."""
    sys.stderr.flush()
    kept, null = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(null, 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(null)
