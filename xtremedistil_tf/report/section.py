"""A section of the report: a heading that can be linked to, and what stands under it."""

from __future__ import annotations

import dataclasses


@dataclasses.dataclass(frozen=True)
class Section:
    """Attributes:
        anchor: name in the page's addresses, unique in the page.
        title: safe text.
        body: HTML.
    """

    anchor: str
    title: str
    body: str

    def html(self) -> str:
        """The section as HTML."""
        heading = f"{self.anchor}-title"
        return (f'<section id="{self.anchor}" aria-labelledby="{heading}">'
                f'<h2 id="{heading}">{self.title}</h2>{self.body}</section>')
