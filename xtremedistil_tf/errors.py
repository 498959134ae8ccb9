"""One exception type per kind of user mistake.

Every message says what was found, where, what was expected and how to fix it. It names a setting in backticks, such
as `seq_len=32`. The command line prints it as one line, with --seq_len=32 in its place, and exits with status 2.
"""

from __future__ import annotations


class XtremeDistilError(Exception):
    """Base of all errors that a user can cause and a user can mend."""


class ConfigError(XtremeDistilError):
    """A setting is missing, malformed or contradicts another."""


class DataError(XtremeDistilError):
    """An input file is missing, unreadable or does not hold what was expected."""


class ModelLoadError(XtremeDistilError):
    """A teacher, tokenizer or model directory cannot be found or read."""


class NoGraphFormError(ModelLoadError):
    """A tokenizer cannot be built into a TensorFlow graph.

    Attributes:
        reason: what the tokenizer is ("a slow one ...").
    """

    def __init__(self, reason: str):
        super().__init__("The raw-string signature is available for WordPiece and Unigram vocabularies; "
                         f"this tokenizer is {reason}; use the token-id signature.")
        self.reason = reason


class MissingExtraError(XtremeDistilError):
    """An optional dependency is needed and not installed."""

    def __init__(self, package: str, extra: str, purpose: str):
        super().__init__(
            f"{purpose} needs the package `{package}`, which is not installed. "
            f"Install it with: pip install 'xtremedistil-tf[{extra}]'"
        )


class TransferStoreError(XtremeDistilError):
    """A transfer store is damaged or does not fit the run that wants to read it."""


class WeakTeacherError(XtremeDistilError):
    """The teacher has learned nothing that a student could learn from it."""


class TeacherError(XtremeDistilError):
    """A teacher that is asked for its answers fails again and again."""


class NonFiniteLossError(XtremeDistilError):
    """Training met a NaN or infinite loss."""


class ExportCheckError(XtremeDistilError):
    """An exported file answers worse than the student by more than is allowed."""


def reason_of(error: Exception) -> str:
    """The first line of a library's error, for a message of ours; its type where it says nothing."""
    return next(iter(str(error).strip().splitlines()), "") or type(error).__name__
