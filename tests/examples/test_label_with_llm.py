"""The program that labels text with a language model, against a local server that speaks the protocol."""

from __future__ import annotations

import collections
import email.utils
import http.server
import importlib.util
import json
import pathlib
import re
import signal
import subprocess
import sys
import threading
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

PROGRAM = pathlib.Path(__file__).resolve().parents[2] / "examples" / "label_with_llm.py"
LABELS = {"PER": "people", "LOC": "places"}


@pytest.fixture(scope="module")
def program():
    spec = importlib.util.spec_from_file_location("label_with_llm", PROGRAM)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def entities(*pairs):
    return json.dumps({"entities": [{"text": quote, "label": label} for quote, label in pairs]}, ensure_ascii=False)


def reply(content, reason="stop", **message):
    return {"choices": [{"message": {"role": "assistant", "content": content, **message}, "finish_reason": reason}],
            "usage": {"prompt_tokens": 100, "completion_tokens": 10}}


class Server:
    """Answers `/v1/chat/completions`: for each text a list of what it says call by call, the last one again and again.

    What it says is a reply, a status with headers, bytes, or a function that may wait.
    """

    def __init__(self):
        self.script, self.calls, self.requests = {}, collections.Counter(), []
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                text = request["messages"][-1]["content"]
                outer.requests.append((self.path, request, self.headers.get("Authorization")))
                said = outer.script.get(text, [reply('{"entities": []}')])
                said = said[min(outer.calls[text], len(said) - 1)]
                outer.calls[text] += 1
                said = said() if callable(said) else said
                status, headers = said if isinstance(said, tuple) else (200, {})
                body = said if isinstance(said, bytes) else b"busy" if status != 200 else json.dumps(said).encode()
                try:
                    self.send_response(status)
                    for name, value in headers.items():
                        self.send_header(name, value)
                    self.send_header("Content-Length", str(len(body)))
                    self.end_headers()
                    self.wfile.write(body)
                except OSError:
                    pass  # the client has gone

            def log_message(self, *args):
                pass

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/v1"
        threading.Thread(target=self._server.serve_forever, kwargs=dict(poll_interval=0.01), daemon=True).start()

    def close(self):
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def server():
    server = Server()
    yield server
    server.close()


@pytest.fixture
def words_of(server, tmp_path):
    """Texts and further flags -> the command's words."""
    def words(texts, *flags, task="tagging", labels="PER,LOC"):
        (tmp_path / "texts.txt").write_text("".join(text + "\n" for text in texts), encoding="utf-8")
        return [f"--task={task}", f"--labels={labels}", f"--texts={tmp_path / 'texts.txt'}",
                f"--output={tmp_path / 'answers.jsonl'}", f"--url={server.url}", "--model=small", "--back_off=0.01",
                *flags]
    return words


def rows(path):
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def spans(row):
    return [(row["text"][e["start"]:e["end"]], e["start"], e["label"]) for e in row["entities"]]


def test_what_is_asked_and_what_is_written(program, server, words_of, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("MY_KEY", "secret")
    (tmp_path / "labels.tsv").write_text("0\tO\n1\tB-PER\ta person's name\n2\tI-PER\n3\tB-LOC\tplaces\n4\tI-LOC\n")
    (tmp_path / "shown.jsonl").write_text('{"text": "Bo!", "entities": [{"start": 0, "end": 2, "label": "PER"}]}\n')
    server.script["Ada Lovelace met Bo in 👍 Wien."] = [
        reply(entities(("Ada Lovelace", "PER"), ("Bo", "per"), ("Wien", "LOC")))]
    words = words_of(["Ada Lovelace met Bo in 👍 Wien.", "", "Nobody.", "Nobody."], "--api_key_variable=MY_KEY",
                     f"--examples={tmp_path / 'shown.jsonl'}", "--instructions=No fictional people.",
                     "--price_per_million_input=1000", "--price_per_million_output=5000",
                     labels=str(tmp_path / "labels.tsv"))
    assert program.main(words) == 0
    found = {row["text"]: row for row in rows(tmp_path / "answers.jsonl")}
    assert spans(found["Ada Lovelace met Bo in 👍 Wien."]) == [
        ("Ada Lovelace", 0, "PER"), ("Bo", 17, "PER"), ("Wien", 25, "LOC")]
    assert found["Nobody."]["entities"] == [] and len(found) == 2
    assert all(entity["text"] == row["text"][entity["start"]:entity["end"]]
               for row in found.values() for entity in row["entities"])
    path, request, key = server.requests[0]
    assert path == "/v1/chat/completions" and key == "Bearer secret" and request["model"] == "small"
    system, shown, answer, _ = request["messages"]
    assert "- PER: a person's name\n- LOC: places\n" in system["content"]
    assert "No fictional people." in system["content"]
    assert shown["content"] == "Bo!" and json.loads(answer["content"]) == json.loads(entities(("Bo", "PER")))
    assert "200 tokens in, 20 out, 0.30 paid" in capsys.readouterr().err


GOOD = [("Ada", 0, "PER"), ("Wien", 11, "LOC")]
STATED = entities(("Ada", "PER"), ("Wien", "LOC"))


@pytest.mark.parametrize("content", [
    STATED, f"```json\n{STATED}\n```", f"Here you are: {STATED} I hope that this helps {{}}.",
    f"<think>Is {{Ada}} a [person]?</think>\n{STATED}",
    STATED.replace("}]", "},]").replace("]}", "],\n}"), repr(json.loads(STATED)),
    json.dumps(json.loads(STATED)["entities"]),
    '{"PER": ["Ada"], "LOC": ["Wien"]}', '{"entities": {"PER": ["Ada"], "LOC": ["Wien"]}}',
    entities(("Ada", "PER"), ("Wien", "LOC"), ("Berlin", "LOC"), ("is", "VERB")),
], ids=["plain", "fence", "around", "thoughts", "commas", "python", "list", "by label", "nested", "invented"])
def test_repaired(program, content):
    args, counts = program.argparse.Namespace(task="tagging"), collections.Counter()
    row = program.row_of(reply(content), "Ada, is in Wien.", args, LABELS, counts)
    assert spans(row) == GOOD
    assert counts.total() == (2 if "Berlin" in content else 0)


@pytest.mark.parametrize(("said", "reason"), [
    (reply("I cannot do that."), "not JSON"), (reply(STATED[:40], "length"), "cut at --max_tokens"),
    (reply('{"notes": [], "entities": [{"te', "length"), "cut at --max_tokens"), (reply(STATED[:20]), "not JSON"),
    (reply(None, refusal="no"), "refused by the model"), (reply(STATED, "content_filter"), "refused by the model"),
    (reply(""), "an empty answer"), ({"error": "x"}, "a reply of another form"), ([], "a reply of another form"),
    (reply('{"entities": "none"}'), "JSON of another form"),
    (reply('{"entities": [{"text": 3}]}'), "JSON of another form"),
    (reply(entities(("Oslo", "LOC"), ("Rom", "LOC"))), "no entity can be placed")])
def test_rejected(program, said, reason):
    with pytest.raises(program.Rejected, match=f"^{reason}$"):
        program.row_of(said, "Ada, is in Wien.", program.argparse.Namespace(task="tagging"), LABELS,
                       collections.Counter())


@pytest.mark.parametrize(("text", "stated", "wanted"), [
    ("Bo saw Bo, Bob.", [("Bo", "PER")], [("Bo", 0, "PER"), ("Bo", 7, "PER")]),
    ("May in May.", [("May", "PER"), ("May", "LOC")], [("May", 0, "PER"), ("May", 7, "LOC")]),
    ("NEW  YORK and new york", [("New York", "LOC")], [("NEW  YORK", 0, "LOC"), ("new york", 14, "LOC")]),
    ("ann saw annals", [("Ann", "PER")], [("ann", 0, "PER")]),
    ("我在北京。", [("北京", "LOC")], [("北京", 2, "LOC")]),
    ("L’Aquila, d'Artagnan", [("L'Aquila", "LOC"), ("d’Artagnan", "PER")],
     [("L’Aquila", 0, "LOC"), ("d'Artagnan", 10, "PER")]),
    ("in Ko\u0308ln", [("Köln", "LOC")], [("Ko\u0308ln", 3, "LOC")]),
    ("New York City", [("York", "LOC"), ("New York City", "LOC"), ("New York", "LOC")], [("New York City", 0, "LOC")]),
    ("a (b) [c", [("(b) [c", "LOC")], [("(b) [c", 2, "LOC")]),
])
def test_offsets_of_quotes(program, text, stated, wanted):
    found = program.entities_of(json.loads(entities(*stated)), text, LABELS, collections.Counter())
    assert spans({"text": text, "entities": found}) == wanted


@given(st.data())
def test_any_quotes_of_a_text_are_found_where_they_stand(program, data):
    text = data.draw(st.text(st.sampled_from("abé .'’🙂北İß\u0301-(\n"), min_size=1, max_size=30))
    begins = data.draw(st.lists(st.integers(0, len(text) - 1), max_size=4))
    quotes = [quote for begin in begins if (quote := text[begin:begin + data.draw(st.integers(1, 9))]).strip()]
    for quote in quotes:
        places = program.places_of(quote, text)
        assert places and all(text[start:end].split() for start, end in places)
    found = program.entities_of({"entities": [{"text": q, "label": "PER"} for q in quotes]}, text, LABELS,
                                collections.Counter())
    ends = [0, *(e["end"] for e in found)]
    assert all(e["text"] == text[e["start"]:e["end"]] and e["start"] >= end for e, end in zip(found, ends))


def test_retries(program, server, words_of, tmp_path, capsys):
    waits = []

    def late():
        time.sleep(0.6)
        return reply(STATED)

    def timed():
        waits.append(time.monotonic())
        return (429, {"Retry-After": "0.3"}) if len(waits) == 1 else reply(STATED)

    server.script = {"busy": [(503, {}), (500, {}), reply('{"entities": []}')], "late": [late, reply(entities())],
                     "waits": [timed], "half": [b'{"choices": [{"mes', reply(entities())],
                     "never": [(502, {})], "bad": [(400, {})]}
    assert program.main(words_of(server.script, "--timeout=0.3", "--retries=2", "--workers=6")) == 1
    assert {row["text"] for row in rows(tmp_path / "answers.jsonl")} == {"busy", "late", "half"}
    assert server.calls == dict(busy=3, late=2, waits=2, half=2, never=3, bad=1)
    assert waits[1] - waits[0] >= 0.3
    assert rows(tmp_path / "answers.rejected.jsonl")[0]["reason"] == "no entity can be placed"
    said = capsys.readouterr().err
    assert "1 texts not answered (HTTP 502)" in said and "1 texts not answered (HTTP 400: busy)" in said
    server.script = {}
    assert program.main(words_of(["never", "bad", "busy", "waits"])) == 0
    assert server.calls["never"] == 4 and server.calls["busy"] == 3 and server.calls["waits"] == 2


@pytest.mark.parametrize(("said", "calls", "message"), [
    ((401, {}), 1, "stopped: HTTP 401 of .*busy"),
    (reply("no"), 3, "stopped: 3 texts in a row without an answer, the last one: not JSON")])
def test_it_stops_where_nothing_will_be_answered(program, server, words_of, capsys, said, calls, message):
    texts = [f"text {number}" for number in range(30)]
    server.script = {text: [said] for text in texts}
    assert program.main(words_of(texts, "--workers=1", "--stop_after=3")) == 1
    assert server.calls.total() == calls
    assert re.search(message, capsys.readouterr().err)


def test_classification(program, server, words_of, tmp_path):
    server.script = {"Great!": [reply('{"label": "Good "}')], "Hm.": [reply('{"label": "fine"}')]}
    assert program.main(words_of(server.script, task="classification", labels="good,bad")) == 0
    assert [(row["text"], row["label"]) for row in rows(tmp_path / "answers.jsonl")] == [("Great!", "good")]
    assert rows(tmp_path / "answers.rejected.jsonl")[0]["reason"] == "an unknown label"
    assert "label" in json.dumps(server.requests[0][1]["messages"][0])


def test_killed_and_resumed(program, server, words_of, tmp_path):
    texts = [f"text {number}" for number in range(40)]
    gate = threading.Event()
    server.script = {text: [reply(entities())] if number < 15 else [lambda: (gate.wait(20), reply(entities()))[1]]
                     for number, text in enumerate(texts)}
    words, answers = words_of(texts, "--workers=4"), tmp_path / "answers.jsonl"
    process = subprocess.Popen([sys.executable, "-I", str(PROGRAM), *words], stderr=subprocess.DEVNULL)
    while not answers.exists() or answers.read_bytes().count(b"\n") < 15:
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    gate.set()
    kept = answers.read_bytes()
    with open(answers, "ab") as file:
        file.write(b'{"text": "text 15", "entities": [], "us')
    before = dict(server.calls)
    assert program.main(words) == 0
    assert answers.read_bytes().startswith(kept)
    assert sorted(row["text"] for row in rows(answers)) == sorted(texts)
    assert all(server.calls[text] == before[text] == 1 for text in texts[:15])
    done = answers.read_bytes()
    assert program.main(words) == 0 and answers.read_bytes() == done


def test_interrupted(program, server, words_of, tmp_path, capsys):
    def interrupt():
        signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)  # as the terminal does
        time.sleep(0.2)
        return reply(entities())

    texts = [f"text {number}" for number in range(20)]
    server.script = {text: [reply(entities())] for text in texts} | {"text 3": [interrupt]}
    # Shells start what is in the background with interrupts ignored.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        assert program.main(words_of(texts, "--workers=1")) == 1
    finally:
        signal.signal(signal.SIGINT, before)
    assert "stopped: interrupted; the same command goes on" in capsys.readouterr().err
    done = rows(tmp_path / "answers.jsonl")
    assert 4 <= len(done) == server.calls.total() < 20
    assert program.main(words_of(texts)) == 0 and server.calls.total() == 20


def test_how_long_a_server_asks_to_wait(program):
    date = email.utils.formatdate(time.time() + 90, usegmt=True)
    waits = [program.retry_after(value) for value in (None, "", "7", "0.5", "99999", "soon", "-3", date)]
    assert waits[:-1] == [0, 0, 7, 0.5, 600, 0, 0] and 80 < waits[-1] <= 90


def test_a_damaged_file_is_not_gone_on_with(program, server, words_of, tmp_path):
    (tmp_path / "answers.jsonl").write_text('{"text": "a"}\n{"te\n{"text": "b"}\n')
    with pytest.raises(SystemExit, match=r"answers.jsonl: line 2 is no JSON"):
        program.main(words_of(["a"]))
    assert not server.calls


def test_a_full_disk_ends_it(program, server, words_of, monkeypatch, capsys):
    def full(descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(program.os, "fsync", full)
    assert program.main(words_of([f"text {number}" for number in range(30)], "--workers=1")) == 1
    assert server.calls.total() == 1 and "stopped: OSError: [Errno 28] No space left" in capsys.readouterr().err
