"""The page in a real browser: what it shows, and that texts and labels cannot become HTML."""

from __future__ import annotations

import dataclasses
import html
import html.parser
import http.server
import json
import re
import shutil
import subprocess
import threading
import urllib.parse

import numpy as np
import pytest

from xtremedistil_tf.inference.server.model import ServedModel, ServedSignature, Spec
from xtremedistil_tf.inference.server.page import script_for
from xtremedistil_tf.tasks.registry import KINDS

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
browser = pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium (Debian: chromium)")

_TEXT, _FLOAT, _INT = Spec("string", (None,)), Spec("float32", (None,)), Spec("int32", (None,))
HOSTILE = "</script><img src=x onerror=\"document.title='owned'\">"


class Shown(html.parser.HTMLParser):
    """Texts of the elements in the answer, as (tag, class, text), and everything that runs."""

    def __init__(self, document: str):
        super().__init__()
        self.elements, self.scripts, self.images, self.title = [], 0, 0, ""
        self._open, self._inside = [], False
        self.feed(document)

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        self.scripts += tag == "script"
        self.images += tag == "img"
        self._inside |= attributes.get("id") == "answer"
        if tag not in ("meta", "link", "img", "br"):
            self._open.append([tag, attributes.get("class", ""), ""])

    def handle_data(self, data):
        for element in self._open:
            element[2] += data

    def handle_endtag(self, tag):
        if not self._open:
            return
        element = self._open.pop()
        if tag == "title":
            self.title = element[2]
        if self._inside:
            self.elements.append(tuple(element))
        self._inside &= tag != "section"

    def texts(self, tag, name=""):
        return [text for found, css, text in self.elements if found == tag and name in [*css.split(), ""]]


def shown(server, profile, **query) -> Shown:
    """The page after it has answered what its address asks."""
    return Shown(dumped(f"{server.url}?{urllib.parse.urlencode(query)}", profile))


def dumped(address, profile, *flags) -> str:
    """The document after its script has run."""
    run = subprocess.run(
        [CHROMIUM, "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
         f"--user-data-dir={profile}", "--virtual-time-budget=20000", *flags, "--dump-dom", address],
        capture_output=True, timeout=120)
    return run.stdout.decode()


def model(inputs, outputs, labels, call) -> ServedModel:
    signature = ServedSignature(dict.fromkeys(inputs, _TEXT), outputs, call)
    return ServedModel({"serving_default": signature}, labels, "a test")


TAGS = {"anna": "B-PER", "boris": "B-PER", "köln": "B-LOC",
        HOSTILE.split()[0]: "B-" + HOSTILE}


def tag(inputs):
    """Finds words by name, as entities of a word each."""
    text = inputs["texts"][0].decode()
    found = [(match.group(), match.start(), match.end()) for match in re.finditer(r"\S+", text)]
    found = [(*one, TAGS[one[0]]) for one in found if one[0] in TAGS]

    def row(values, kind=object):
        return np.array([values], kind)

    return {"tags": row([]), "entities": row([word.encode() for word, *_ in found]),
            "entity_types": row([name[2:].encode() for *_, name in found]),
            "entity_scores": row([0.5 + 0.1 * (i % 5) for i in range(len(found))], np.float32),
            "entity_starts": row([start for _, start, *_ in found], np.int32),
            "entity_ends": row([end for _, _, end, _ in found], np.int32),
            "entity_counts": np.array([len(found)], np.int32)}


@pytest.fixture
def tagger():
    types = {"tags": "string", "entities": "string", "entity_types": "string", "entity_scores": "float32",
             "entity_starts": "int32", "entity_ends": "int32"}
    wide = {name: Spec(dtype, (None, None)) for name, dtype in types.items()}
    return model(["texts"], wide | {"entity_counts": _INT}, sorted({"O", *TAGS.values()}), tag)


@browser
def test_the_answer_s_entities_are_marked_where_they_stand_and_listed(serve, tagger, tmp_path):
    page = shown(serve(tagger)[0], tmp_path, text="\U0001F600 anna met  boris\nköln")
    assert page.texts("mark") == ["annaPER 50 %", "borisPER 60 %", "kölnLOC 70 %"]
    assert page.texts("div", "card")[0] == "\U0001F600 annaPER 50 % met  borisPER 60 %\nkölnLOC 70 %"
    assert page.texts("td") == ["anna", "PER", "2–6", "50 %", "boris", "PER", "12–17", "60 %",
                                "köln", "LOC", "18–22", "70 %"]


@browser
@pytest.mark.parametrize("text, note", [("", "The text is empty."),
                                        ("just words", "Nothing found in this text.")])
def test_a_text_without_entities(serve, tagger, tmp_path, text, note):
    page = shown(serve(tagger)[0], tmp_path, text=text)
    assert page.texts("mark") == [] and page.texts("p", "figures") == [note]


@browser
def test_texts_and_types_stay_text(serve, tagger, tmp_path):
    page = shown(serve(tagger)[0], tmp_path, text=f"x {HOSTILE} anna")
    assert HOSTILE.split()[0] + HOSTILE in page.texts("mark")[0] and page.texts("td")[1] == HOSTILE
    assert (page.images, page.scripts, page.title) == (0, 2, "m")


@browser
@pytest.mark.parametrize("source", ["configuration", "answer", "none"])
def test_classes_are_bars_in_order(serve, tmp_path, source):
    names = ["bad", "fair", HOSTILE] if source != "none" else ["0", "1", "2"]
    outputs = {"labels": _TEXT, "scores": _FLOAT, "probabilities": Spec("float32", (None, 3))}
    answer = {"labels": np.array([b"fair"], object), "scores": np.array([0.7], np.float32),
              "probabilities": np.array([[0.04, 0.7, 0.26]], np.float32)}
    if source == "answer":
        answer["label_names"] = np.array([[name.encode() for name in names]], object)
    labels = names if source == "configuration" else []
    classes = model(["texts", "pairs"], outputs, labels, lambda inputs: answer)
    page = shown(serve(classes)[0], tmp_path, text="a", pair="b")
    assert page.texts("dt") == [names[1], names[2], names[0]] and page.texts("dd") == ["70 %", "26 %", "4.0 %"]
    assert (page.images, page.scripts) == (0, 2)


@browser
@pytest.mark.parametrize("found", [True, False])
def test_an_answer_is_marked_in_its_context(serve, tmp_path, found):
    def call(inputs):
        context = inputs["contexts"][0].decode()
        start = context.index("Köln") if found else 0
        return {"answers": np.array([b"K\xc3\xb6ln" if found else b""], object),
                "starts": np.array([start], np.int32),
                "ends": np.array([start + 4 if found else 0], np.int32),
                "scores": np.array([1.5], np.float32), "no_answer_scores": np.array([-2.25], np.float32)}

    outputs = {"answers": _TEXT, "starts": _INT, "ends": _INT, "scores": _FLOAT, "no_answer_scores": _FLOAT}
    answering = model(["questions", "contexts"], outputs, ["start", "end"], call)
    page = shown(serve(answering)[0], tmp_path, text="Where?",
                 context="\U0001F600 She lives in Köln <b>now</b>.")
    assert page.texts("mark") == (["Köln"] if found else [])
    assert page.texts("div", "card") == ["\U0001F600 She lives in Köln <b>now</b>." if found
                                         else "The context holds no answer."]
    assert page.texts("p", "figures") == ["Score 1.500; of “no answer” -2.250"]


@browser
def test_a_number_and_an_error(serve, tmp_path):
    server, _ = serve(max_text_bytes=20)
    assert shown(server, tmp_path, text="a" * 15).texts("p", "number") == ["1.500"]
    wrong = shown(server, tmp_path, text="a" * 30).texts("p", "wrong")
    assert len(wrong) == 1 and wrong[0].startswith("A text of 33 bytes, at most 20")


@browser
def test_without_a_question_nothing_is_asked(serve, tmp_path):
    assert shown(serve()[0], tmp_path).elements == [("section", "", "")]


FOREIGN = """<title>asking</title><script>
const bodies = [JSON.stringify({instances: ["a"]}), new Blob(['{"instances": ["a"]}'])];
const asked = bodies.flatMap(body => ["no-cors", "cors"].map(mode => fetch("ADDRESS", {method: "POST", mode, body})));
const typed = fetch("ADDRESS", {method: "POST", body: bodies[0], headers: {"Content-Type": "application/json"}});
Promise.allSettled([...asked, typed]).then(all => {
  document.title = all.map(one => one.value?.type ?? "refused").join(" "); });
</script>"""


@browser
def test_a_page_of_another_site_gets_no_answer(serve, tmp_path):
    asked = []

    def call(inputs):
        asked.append(inputs)
        return {"scores": np.array([1], np.float32)}

    server, client = serve(model(["texts"], {"scores": _FLOAT}, ["score"], call))
    page = FOREIGN.replace("ADDRESS", f"{server.url}v1/models/m:predict").encode()

    class Site(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.end_headers()
            self.wfile.write(page)

        def log_message(self, *words):
            pass

    with http.server.HTTPServer(("127.0.0.1", 0), Site) as site:
        threading.Thread(target=site.serve_forever, daemon=True).start()
        document = dumped(f"http://127.0.0.1:{site.server_port}/", tmp_path)
        site.shutdown()
    # What it sends without asking first arrives, and is refused; it cannot read that either.
    assert "<title>opaque refused opaque refused refused</title>" in document and not asked
    assert client.predict({"instances": ["a"]})[0] == 200 and asked


@pytest.mark.parametrize("open_model", [True, False])
def test_a_model_that_runs_code_is_told_of_at_the_head(serve, tagger, open_model):
    _, client = serve(dataclasses.replace(tagger, runs_code=open_model))
    client.connection.request("GET", "/")
    document = client.connection.getresponse().read().decode()
    assert ("Open only what you trust" in document.partition("<h1>")[0]) == open_model


@browser
def test_programs_that_ask_the_same_are_shown(serve, tagger, tmp_path):
    query = urllib.parse.urlencode({"text": "'anna" + "x" * 300})
    document = dumped(f"{serve(tagger)[0].url}?{query}", tmp_path,
                      "--window-size=390,900")
    shown_ = html.unescape(document)
    assert "-H 'Content-Type: application/json' -d '{\"instances\":[{\"texts\":\"'\\''anna" in shown_
    assert "requests.post(" in shown_ and "await fetch(" in shown_ and shown_.count(">Copy<") == 3


def test_the_page_needs_nothing_else_and_may_run_nothing_else(serve, tagger):
    _, client = serve(tagger)
    client.connection.request("GET", "/?text=x")
    response = client.connection.getresponse()
    document = response.read().decode()
    policy = response.getheader("Content-Security-Policy")
    assert response.getheader("Content-Type") == "text/html; charset=utf-8"
    assert "default-src 'none'" in policy and "unsafe" not in policy
    assert re.findall("(?:src|href)=[^ >]*", document.partition("<script type")[0]) == ['href="data:,"']
    assert "innerHTML" not in document and "http://" not in document and "https://" not in document
    # The label that would end the script element does not: only the page's own two end there.
    assert document.count("</script>") == 2


_RUN = """
const element = () => ({style: {setProperty() {}}, children: [], append(...more) { this.children.push(...more); },
  addEventListener() {}, focus() {}, textContent: JSON.stringify({labels: [], inputs: ["texts"], optional: []})});
globalThis.document = {getElementById: element, createElement: element};
globalThis.location = {search: ""};
SCRIPT
const textOf = node => typeof node === "string" ? node : node.children.map(textOf).join("|");
for (const answer of ANSWERS)
  console.log(JSON.stringify(show(answer).map(node => [node.className, node.children.map(child => [child.className,
    textOf(child)])])));
"""


@pytest.mark.skipif(shutil.which("node") is None, reason="needs Node.js (Debian: nodejs)")
def test_labels_that_are_given_stand_out(tmp_path):
    shares = {"probabilities": [0.1, 0.7, 0.6], "label_names": ["a", "b", "c"]}
    answers = [{"labels": ["c", ""], "label_counts": 1} | shares, {"labels": [], "label_counts": 0} | shares]
    script = script_for("multi_label").replace('"use strict";', "")
    (tmp_path / "run.js").write_text(_RUN.replace("SCRIPT", script).replace("ANSWERS", json.dumps(answers)), "utf-8")
    run = subprocess.run(["node", str(tmp_path / "run.js")], capture_output=True, text=True, timeout=60)
    assert not run.stderr, run.stderr
    one, none = map(json.loads, run.stdout.splitlines())
    assert [[css, text.split("|")[:2]] for css, text in one[0][1]] == [
        ["bar best", ["c", "60 %"]], ["bar", ["b", "70 %"]], ["bar", ["a", "10 %"]]]
    assert [css for css, _ in none[0][1]] == ["bar"] * 3 and none[1][0] == "figures"


@pytest.mark.skipif(shutil.which("node") is None, reason="needs Node.js (Debian: nodejs)")
@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_s_script_is_valid(kind, tmp_path):
    (tmp_path / "page.js").write_text(script_for(kind), "utf-8")
    assert subprocess.run(["node", "--check", str(tmp_path / "page.js")], timeout=60).returncode == 0
