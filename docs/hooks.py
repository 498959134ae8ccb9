"""Lets pages link files of the repository outside docs/: they become part of the site, below repository/."""

from __future__ import annotations

import pathlib
import re

from mkdocs.structure.files import File

_ROOT = pathlib.Path(__file__).resolve().parents[1]
_SHOWN = ("deploy/*", "flags/*.cfg", "data/sample/labels.tsv")
_LINK = re.compile(r"(\]\()((?:\.\./)+)([^)\s]+)")


def on_files(files, config):
    """Adds the files that pages may link."""
    for pattern in _SHOWN:
        for path in sorted(_ROOT.glob(pattern)):
            name = f"repository/{path.relative_to(_ROOT).as_posix()}"
            files.append(File.generated(config, name, abs_src_path=str(path)))
    return files


def on_page_markdown(markdown, page, config, files):
    """Turns links that leave docs/ into links to what `on_files` has added."""
    depth = page.file.src_uri.count("/")

    def inside(match: re.Match) -> str:
        opening, ups, target = match.groups()
        if ups.count("../") <= depth:
            return match[0]
        return f"{opening}{'../' * depth}repository/{target}"

    return _LINK.sub(inside, markdown)
