"""What goes into the Markdown of model cards, which leave this machine."""

from __future__ import annotations

import os
import re
from typing import Any


def cell(value: Any) -> str:
    """A value as the text of a cell of a table: on one line, and no markup."""
    return " ".join(re.sub(r"([\\`*<>|\[\]])", r"\\\1", str(value)).split())


def without_folders(sources: str | None) -> str:
    """Comma-separated sources; of absolute paths the last part, for a card goes where the folders are not."""
    names = (source.strip() for source in (sources or "").split(","))
    return ", ".join(os.path.basename(os.path.normpath(name)) if os.path.isabs(os.path.expanduser(name)) else name
                     for name in names)
