"""How files are to be read, where their content does not tell or somebody knows better."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from xtremedistil_tf.corpus.tag_schemes import AUTO
from xtremedistil_tf.errors import DataError

#: A text -> (word, first character, character after the last one) of its words.
SplitWords = Callable[[str], Sequence[tuple[str, int, int]]]


@dataclass(frozen=True)
class Reading:
    """Attributes:
        tag_scheme: of tags, one of `config.fields.TAG_SCHEMES`.
        token_column, tag_column: of files with a token a line; a number from 1, from -1 backwards, or a name in the
            header. Empty: by the content of the file.
        text_column: of texts, of pairs two with a comma between them.
        label_column: of labels.
        split_words: makes words of the texts of annotation tools.
        names: what class numbers in files mean.
        entities: whether tags without B- and I- are types of entities; None: as the file has it.
    """

    tag_scheme: str = AUTO
    token_column: str = ""
    tag_column: str = ""
    text_column: str = ""
    label_column: str = ""
    split_words: SplitWords | None = None
    names: tuple[str, ...] = ()
    entities: bool | None = None


#: As their content says.
BY_CONTENT = Reading()


class UnlabelledError(DataError):
    """A file has texts, but not one label."""


def column_index(given: str, width: int, names: Sequence[str], setting: str, path: str) -> int:
    """The index of a column that a setting names.

    Args:
        given: a number from 1, from -1 backwards, or a name.
        width: number of columns.
        names: of the columns, where there is a header.
        setting: the name of the setting, for messages.
        path: of the file, for messages.

    Raises:
        DataError: there is no such column.
    """
    lowered = [name.strip().lower() for name in names]
    if given.strip().lower() in lowered:
        return lowered.index(given.strip().lower())
    if re.fullmatch("-?[0-9]{1,4}", given.strip()) and 1 <= abs(int(given)) <= width:
        number = int(given)
        return number - 1 if number > 0 else width + number
    named = f", named {', '.join(names)}" if names else ""
    raise DataError(f"{path}: `{setting}={given}`, but the file has {width} columns{named}. Expected a number from 1 "
                    f"to {width}, or a name in its header.")
