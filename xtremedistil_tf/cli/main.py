"""What every command does around its job: quiet libraries, readable logs, errors as one line."""

from __future__ import annotations

import errno
import functools
import logging
import os
import sys
import warnings
from collections.abc import Callable

from xtremedistil_tf.atomic import is_disk_full
from xtremedistil_tf.cli.flags import as_flags
from xtremedistil_tf.errors import XtremeDistilError
from xtremedistil_tf.process import OURS, is_line_handler, line_handler, silenced_stderr, start_tensorflow

_ROOM = "Free some space, or name folders on another disk (--model_dir, --transfer_store_dir)"
_RIGHT = "Name folders that may be written to"
_REMEDIES = {errno.ENOSPC: _ROOM, errno.EDQUOT: _ROOM, errno.EROFS: _RIGHT, errno.EACCES: _RIGHT, errno.EPERM: _RIGHT,
             errno.ENOMEM: "Give it more memory, or smaller batches"}
_MEMORY = ("OOM when allocating", "MemoryError")
_KEPT = "nothing that was finished is lost: then run the same command again."
EXIT_USER_ERROR = 2
EXIT_INTERRUPTED = 130


def explained(error: BaseException) -> str | None:
    """One message for a failure of the machine; None where the error is something else.

    Libraries wrap the system's error in their own, whose text still has the system's words for it.
    """
    code = _code(error)
    if code is None:
        return None
    file = getattr(error, "filename", None)
    where = f" ({file})" if file else ""
    return f"{os.strerror(code)}{where}. {_REMEDIES[code]}; {_KEPT}"


def _code(error: BaseException) -> int | None:
    if isinstance(error, MemoryError):
        return errno.ENOMEM
    if isinstance(error, OSError) and error.errno in _REMEDIES:
        return error.errno
    if isinstance(error, OSError) and is_disk_full(error):
        return errno.ENOSPC
    is_wrapped = isinstance(error, OSError | RuntimeError) or type(error).__module__.startswith("tensorflow.")
    text = str(error)
    if not is_wrapped:
        return None
    if any(words in text for words in _MEMORY):
        return errno.ENOMEM
    return next((code for code in _REMEDIES if os.strerror(code) in text), None)


def run_command(job: Callable[[list[str]], None], config_class: type | None = None) -> None:
    """Runs a command's job on `sys.argv` and exits: 0 done, 2 a mistake or a lack that the user can mend.

    Args:
        job: what the command does.
        config_class: of the command; errors name its settings as flags. None: it has none.
    """
    try:
        job(sys.argv)
    except XtremeDistilError as error:
        print(f"error: {as_flags(str(error), config_class) if config_class else error}", file=sys.stderr)
        sys.exit(EXIT_USER_ERROR)
    except BrokenPipeError:  # whoever read our output, such as `head`, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except KeyboardInterrupt:
        print("interrupted; run the same command again to continue from the last checkpoint", file=sys.stderr)
        sys.exit(EXIT_INTERRUPTED)
    except Exception as error:
        message = explained(error)
        if message is None:
            raise
        print(f"error: {message}", file=sys.stderr)
        sys.exit(EXIT_USER_ERROR)


def prepare_tensorflow(config_class: type, deterministic: bool = True, trains: bool = False) -> None:
    """Imports TensorFlow without its start-up chatter and does what `prepare_logging` does.

    Args:
        config_class: of the command.
        deterministic: whether the same command is to give the same numbers.
        trains: whether this process may be one of several workers, which are waited for then.
    """
    prepare_logging(config_class)
    start_tensorflow(deterministic)
    if trains:  # a worker must not touch its devices before it has joined the others
        _join_workers()
        return
    import tensorflow as tf

    with silenced_stderr():
        tf.config.list_logical_devices()


def prepare_logging(config_class: type) -> None:
    """Sets up logging to stderr and keeps libraries quiet that are not imported yet; a second time changes nothing.

    Args:
        config_class: of the command; lines of the log name its settings as flags.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "true")
    _quiet_libraries()
    ours = logging.getLogger(OURS)
    ours.setLevel(logging.INFO)
    ours.propagate = False
    ours.handlers = [*(other for other in ours.handlers if not is_line_handler(other)), command_handler(config_class)]


def command_handler(config_class: type) -> logging.Handler:
    """Writes the lines of a command's log to stderr, with settings named as flags."""
    return line_handler(functools.partial(as_flags, config_class=config_class))


def _join_workers() -> None:
    if os.environ.get("TF_CONFIG"):
        logging.getLogger(OURS).info("TF_CONFIG is set: waiting for the other workers")
    with silenced_stderr():
        from xtremedistil_tf.training.distribution import strategy_for

        strategy_for()


def _quiet_libraries() -> None:
    from absl import flags
    from absl import logging as absl_logging

    flags.FLAGS.mark_as_parsed()  # absl complains on stderr until somebody has parsed its global flags
    absl_logging.set_verbosity(absl_logging.ERROR)
    warnings.filterwarnings("ignore", message="`seed_generator` is deprecated")  # transformers warns of itself
    logging.getLogger("tensorflow").setLevel(logging.ERROR)
