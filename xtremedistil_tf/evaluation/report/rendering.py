"""The templates of the report and the model card, and what is laid out with them."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import jinja2
from markupsafe import Markup

from xtremedistil_tf.evaluation.report.values import finite, printable
from xtremedistil_tf.markdown import cell


@dataclasses.dataclass(frozen=True)
class Section:
    """A section of the page.

    Attributes:
        anchor: name in the page's addresses, unique in the page.
        title: its heading.
        layout: macro of `sections.html.jinja` that lays it out.
        data: what that macro is given.
    """

    anchor: str
    title: str
    data: Mapping[str, Any]
    layout: str = "tables"


class Bar(NamedTuple):
    """A bar in its track: the class that gives its colour, and where it begins and ends, as CSS."""

    css: str
    style: str


class Noted(NamedTuple):
    """A value of a table with a smaller one beside it."""

    value: str
    note: str


@dataclasses.dataclass(frozen=True)
class Table:
    """A table of the page.

    Attributes:
        caption: what it shows.
        heads: of the columns, texts or models; empty: none.
        rows: each is its name and its cells: texts, `Noted`, or a list of `Bar` in the second column.
        groups: above the heads, with how many columns each of them covers; empty: none.
        words: whether cells hold words rather than numbers.
        sortable: whether the reader may sort it by its columns.
    """

    caption: str
    heads: Sequence[Any]
    rows: Sequence[Sequence[Any]]
    groups: Sequence[tuple[Any, int]] = ()
    words: bool = False
    sortable: bool = False

    @property
    def bars(self) -> bool:
        """Whether the second column holds bars."""
        return any(len(row) > 1 and isinstance(row[1], list) for row in self.rows)


def bar(share: Any, css: str, start: float = 0.0) -> Bar:
    """A bar over a share of its track, from the share `start` on; the number stands in a cell beside it."""
    share = min(1.0 - start, max(0.0, finite(share) or 0.0))
    begins = f"margin-left:{100 * start:.1f}%;" if start else ""
    return Bar(css, f"{begins}width:{100 * share:.1f}%")


def render(template: str, **values: Any) -> str:
    """A template of this package with values in it. In HTML, all but `Markup` is escaped.

    Raises:
        jinja2.UndefinedError: the template names a value that there is not.
    """
    return _environment().get_template(template).render(values)


def source(name: str) -> Markup:
    """A file beside the templates as it is, such as the style sheet."""
    environment = _environment()
    return Markup(environment.loader.get_source(environment, name)[0])


@functools.cache
def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader(__package__), undefined=jinja2.StrictUndefined, finalize=_finalized,
        autoescape=jinja2.select_autoescape(["html.jinja"], default=False), trim_blocks=True, lstrip_blocks=True,
        keep_trailing_newline=True)
    environment.filters["in_a_line"] = cell
    return environment


def _finalized(value: Any) -> Any:
    """What stands in the place of a value; whatever a template shows passes here."""
    return value if isinstance(value, (Markup, jinja2.Undefined)) else printable(value)
