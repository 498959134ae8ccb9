"""What every command does around its job: quiet libraries, readable logs, errors as one line."""

from __future__ import annotations

import contextlib
import logging
import os
import sys
import warnings
from collections.abc import Callable, Iterator

from xtremedistil_tf.cli.failures import explained
from xtremedistil_tf.errors import XtremeDistilError

EXIT_USER_ERROR = 2
EXIT_INTERRUPTED = 130


def run_command(job: Callable[[list[str]], None]) -> None:
    """Runs a command's job on `sys.argv` and exits: 0 done, 2 a mistake or a lack that the user can mend."""
    try:
        job(sys.argv)
    except XtremeDistilError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(EXIT_USER_ERROR)
    except BrokenPipeError:  # whoever read our output, such as `head`, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except KeyboardInterrupt:
        print("interrupted; the same command goes on from the last checkpoint", file=sys.stderr)
        sys.exit(EXIT_INTERRUPTED)
    except Exception as error:
        message = explained(error)
        if message is None:
            raise
        print(f"error: {message}", file=sys.stderr)
        sys.exit(EXIT_USER_ERROR)


def prepare_tensorflow(deterministic: bool = True, trains: bool = False) -> None:
    """Imports TensorFlow without its start-up chatter and does what `prepare_logging` does.

    Args:
        deterministic: whether the same command is to give the same numbers.
        trains: whether this process may be one of several workers, which are waited for then.
    """
    prepare_logging()
    with _silenced_stderr():
        import tensorflow as tf
        if deterministic:
            tf.config.experimental.enable_op_determinism()
        if not trains:  # a worker must not touch its devices before it has joined the others
            tf.config.list_logical_devices()
    if trains:
        _join_workers()


def prepare_logging() -> None:
    """Sets up logging to stderr and keeps libraries quiet that are not imported yet; a second time changes nothing."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "true")
    _quiet_libraries()
    handler = logging.StreamHandler()
    handler.setFormatter(_LineFormatter("%(asctime)s %(message)s", "%H:%M:%S"))
    ours = logging.getLogger("xtremedistil_tf")
    ours.setLevel(logging.INFO)
    ours.propagate = False
    ours.handlers = [*(other for other in ours.handlers if not isinstance(other.formatter, _LineFormatter)), handler]


def _join_workers() -> None:
    if os.environ.get("TF_CONFIG"):
        logging.getLogger("xtremedistil_tf").info("TF_CONFIG is set: waiting for the other workers")
    with _silenced_stderr():
        from xtremedistil_tf.training.distribution import strategy_for

        strategy_for()


def _quiet_libraries() -> None:
    from absl import flags
    from absl import logging as absl_logging

    flags.FLAGS.mark_as_parsed()  # absl complains on stderr until somebody has parsed its global flags
    absl_logging.set_verbosity(absl_logging.ERROR)
    warnings.filterwarnings("ignore", message="`seed_generator` is deprecated")  # transformers warns of itself
    logging.getLogger("tensorflow").setLevel(logging.ERROR)


class _LineFormatter(logging.Formatter):
    """`12:34:56 message`, warnings marked."""

    def format(self, record: logging.LogRecord) -> str:
        line = super().format(record)
        return line if record.levelno <= logging.INFO else line.replace(" ", f" {record.levelname}: ", 1)


@contextlib.contextmanager
def _silenced_stderr() -> Iterator[None]:
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
