"""The page on which one tries the model: one document that needs nothing but the server.

Its policy lets nothing but its own style and script run; they are named by their hashes.
"""

from __future__ import annotations

import dataclasses
import pathlib
from collections.abc import Mapping

import jinja2
import markupsafe
from starlette.responses import Response

from xtremedistil_tf.config.commands import ServeConfig
from xtremedistil_tf.fingerprint import policy_hash
from xtremedistil_tf.inference.server.api import PREFIX, Api
from xtremedistil_tf.inference.server.model import ServedModel
from xtremedistil_tf.tasks.registry import KINDS

_FOLDER = pathlib.Path(__file__).parent / "templates"


@dataclasses.dataclass(frozen=True)
class Page:
    """Attributes:
        html: the document, UTF-8.
        headers: headers that it is sent with.
    """

    html: bytes
    headers: Mapping[str, str]

    @classmethod
    def of(cls, model: ServedModel, config: ServeConfig) -> Page:
        """The page for a model."""
        facts = {"key": bool(config.api_key_file), "kind": model.kind, "labels": list(model.labels),
                 "inputs": model.inputs,
                 "optional": sorted(model.default.optional), "example": model.example,
                 "path": f"{PREFIX}{config.serving_name}:predict"}
        style, script = _source("style.css"), script_for(model.kind)
        policy = ("default-src 'none'; connect-src 'self'; img-src data:; base-uri 'none'; "
                  "form-action 'none'; frame-ancestors 'none'; "
                  f"style-src {policy_hash(style)}; script-src {policy_hash(script)}")
        # Both are files of this package and hold nothing that a model or a flag says.
        template = jinja2.Template(_source("page.html.jinja"), autoescape=True, undefined=jinja2.StrictUndefined)
        document = template.render(
            name=config.serving_name, does=KINDS[model.kind].words.does, facts=facts, runs_code=model.runs_code,
            style=markupsafe.Markup(style), script=markupsafe.Markup(script))
        return cls(document.encode(), {"Content-Security-Policy": policy, "Cache-Control": "no-cache",
                                       "Referrer-Policy": "no-referrer"})


class PageOf:
    """The page for what is served now.

    Args:
        api: what is served.
        config: name and limits.
    """

    def __init__(self, api: Api, config: ServeConfig):
        self._api, self._config = api, config
        self._made: tuple[ServedModel, Page] | None = None
        self.response()  # a model that no kind answers like is told before the first request

    def response(self) -> Response:
        """The page with its headers."""
        if self._made is None or self._made[0] is not self._api.model:
            self._made = (self._api.model, Page.of(self._api.model, self._config))
        page = self._made[1]
        return Response(page.html, media_type="text/html", headers=dict(page.headers))


def script_for(kind: str) -> str:
    """The script for a kind of task, whose `show` makes the nodes that show an answer."""
    return _source("script.js").replace("SHOW_OF_THE_KIND", KINDS[kind].module("formats").SHOW.strip() + "\n")


def _source(name: str) -> str:
    # With "\n" on every system, as browsers read it before they compare hashes.
    return (_FOLDER / name).read_text("utf-8")
