"""What a full disk, a read-only one or too little memory is called, in one message."""

from __future__ import annotations

import errno
import os

from xtremedistil_tf.atomic import is_disk_full

_ROOM = "Free some space, or name folders on another disk (--model_dir, --transfer_store_dir)"
_RIGHT = "Name folders that may be written to"
_REMEDIES = {errno.ENOSPC: _ROOM, errno.EDQUOT: _ROOM, errno.EROFS: _RIGHT, errno.EACCES: _RIGHT, errno.EPERM: _RIGHT,
             errno.ENOMEM: "Give it more memory, or smaller batches"}
_MEMORY = ("OOM when allocating", "MemoryError")
_KEPT = "nothing that was finished is lost: then run the same command again."


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
