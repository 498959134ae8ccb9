"""The local page: the number."""

from __future__ import annotations

SHOW = r"""
function show(answer) {
  return [make("div", "card", make("p", "number", decimals(answer)))];
}
"""
