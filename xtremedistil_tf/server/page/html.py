"""The page as HTML, with a policy that lets nothing but its own style and script run."""

from __future__ import annotations

import base64
import dataclasses
import hashlib
import html
import json
from collections.abc import Mapping
from typing import Any

from xtremedistil_tf.server.api import PREFIX
from xtremedistil_tf.server.config import ServeConfig
from xtremedistil_tf.server.model import ServedModel
from xtremedistil_tf.server.page.script import script_for
from xtremedistil_tf.server.page.style import STYLE
from xtremedistil_tf.tasks.registry import KINDS


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
        facts = {"kind": model.kind, "labels": list(model.labels), "inputs": model.inputs,
                 "optional": sorted(model.default.optional), "example": model.example,
                 "path": f"{PREFIX}{config.serving_name}:predict"}
        script = script_for(model.kind)
        policy = ("default-src 'none'; connect-src 'self'; img-src data:; base-uri 'none'; "
                  "form-action 'none'; frame-ancestors 'none'; "
                  f"style-src {_hash(STYLE)}; script-src {_hash(script)}")
        return cls(_document(config.serving_name, KINDS[model.kind].words.does, facts, script).encode(),
                   {"Content-Security-Policy": policy, "Cache-Control": "no-cache",
                    "Referrer-Policy": "no-referrer"})


def _document(name: str, does: str, facts: Mapping[str, Any], script: str) -> str:
    name = html.escape(name)
    # Inside a script element nothing is escaped but "<", which could end it.
    data = json.dumps(facts, ensure_ascii=False).replace("<", "\\u003c")
    return f"""<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<link rel="icon" href="data:,">
<title>{name}</title>
<style>{STYLE}</style></head>
<body>
<header><p class="quiet">{does}</p><h1>{name}</h1></header>
<form id="ask"><div id="fields"></div><p class="act"><button id="send">Answer</button>
<button id="fill" type="button" class="plain">Example</button><small class="keys">Ctrl + Enter</small></p>
</form>
<noscript><p>This page needs JavaScript; the REST API does not.</p></noscript>
<section id="answer" aria-live="polite"></section>
<details id="raw" hidden><summary>Request and response</summary>
<pre id="request"></pre><pre id="response"></pre></details>
<script type="application/json" id="model">{data}</script>
<script>{script}</script>
</body></html>
"""


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
