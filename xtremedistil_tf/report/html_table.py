"""Tables of the page, and the bars in them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from xtremedistil_tf.report.values import finite


def html_table(caption: str, heads: Sequence[Sequence[str]], rows: Sequence[Sequence[str]],
               spans: Sequence[int] = (), bars: bool = False, words: bool = False,
               sortable: bool = False) -> str:
    """A table of cells that are HTML already, in a frame that scrolls sideways where it is too wide.

    Args:
        caption: safe text; what the table shows.
        heads: rows of the head.
        rows: each begins with its name.
        spans: columns that each cell of the first head row covers; empty: one.
        bars: whether the second column holds bars.
        words: whether the other columns hold words rather than numbers.
        sortable: whether the reader may sort it by its columns.
    """
    head = "".join(_head_row(cells, spans if spans and number == 0 else (), bars)
                   for number, cells in enumerate(heads))
    body = []
    for first, *rest in rows:
        cells = [f'<td class="{"bar" if bars and i == 0 else "words" if words else "number"}">{cell}</td>'
                 for i, cell in enumerate(rest)]
        body.append(f'<tr><th scope="row">{first}</th>{"".join(cells)}</tr>')
    css = " ".join(name for name, wanted in (("bars", bars), ("sortable", sortable)) if wanted)
    head = f"<thead>{head}</thead>" if head else ""
    return framed(f'<table class="{css}">{caption_of(caption)}{head}<tbody>{"".join(body)}</tbody></table>',
                  caption)


def caption_of(caption: str) -> str:
    """A caption that stays in sight where the table is scrolled sideways."""
    return f"<caption><span>{caption}</span></caption>"


def framed(table: str, caption: str) -> str:
    """A table that can be scrolled, with the keyboard too."""
    return f'<div class="scroll" role="region" tabindex="0" aria-label="{caption}">{table}</div>'


def bar(share: Any, css: str, start: float = 0.0) -> str:
    """A bar over a share of its track, from the share `start` on; the number stands in a cell beside it."""
    share = min(1.0 - start, max(0.0, finite(share) or 0.0))
    begins = f"margin-left:{100 * start:.1f}%;" if start else ""
    return f'<i aria-hidden="true"><b class="{css}" style="{begins}width:{100 * share:.1f}%"></b></i>'


def _head_row(cells: Sequence[str], spans: Sequence[int], bars: bool) -> str:
    widths = spans or (1,) * len(cells)
    parts = []
    for number, (width, cell) in enumerate(zip(widths, cells)):
        css = ' class="bar"' if bars and number == 1 else ""
        parts.append(f'<th scope="{"col" if width == 1 else "colgroup"}" colspan="{width}"{css}>{cell}</th>')
    return f"<tr>{''.join(parts)}</tr>"
