"""The folder in transformers.js in a real browser: its default, which is the int8 file, in WebAssembly."""

from __future__ import annotations

import json

import pytest
from chromium import CHROMIUM, answer_of_page

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium (Debian: chromium)")
CALLS = {"tagging": [["pack the quick boxes", {"ignore_labels": []}]],
         "classification": [["the old house", {"top_k": None}]]}


def test_chromium_answers_as_node_does(made, in_node, javascript, tmp_path):
    tasks = {"tagging": "token-classification", "classification": "text-classification"}
    folders = {kind: made("bilstm", kind, True)[1] for kind in CALLS}
    requests = [{"folder": f"/models/{kind}", "task": tasks[kind], "calls": calls} for kind, calls in CALLS.items()]
    (tmp_path / "requests.json").write_text(json.dumps(requests), "utf-8")
    found = answer_of_page("pipelines.html", {
        "requests.json": tmp_path / "requests.json", **{f"models/{kind}": path for kind, path in folders.items()},
        "": javascript}, tmp_path / "profile")
    assert "error" not in found, found["error"]
    wanted = in_node([{**request, "folder": str(folders[kind]), "dtype": "q8"}
                      for kind, request in zip(CALLS, requests)])
    pieces, labels = (answers[0] for answers in found["answers"])
    assert [one["word"] for one in pieces] and [one["entity"] for one in pieces] == [
        one["entity"] for one in wanted[0][0]]
    for one, other in zip([*pieces, *labels], [*wanted[0][0], *wanted[1][0]], strict=True):
        assert one["score"] == pytest.approx(other["score"], abs=1e-4)
