"""Labels text with a large language model behind an OpenAI-compatible endpoint (vLLM, llama.cpp, Ollama, ...).

    python examples/label_with_llm.py --task=tagging --labels=labels.tsv --texts=texts.txt --output=answers.jsonl \
        --url=http://localhost:8000/v1 --model=NAME

Writes a line of JSON for each text, which `run_xtreme_distil.py --transfer_labels=answers.jsonl` reads:

    {"text": "Ada met Bo.", "entities": [{"start": 0, "end": 3, "label": "PER", "text": "Ada"}, ...], "usage": {...}}
    {"text": "Too slow.", "label": "bad", "usage": {...}}                              (--task=classification)

`start` and `end` count Unicode characters; `end` is the first one behind. What the model said and cannot be used is
kept in `answers.rejected.jsonl`, with the reason. A text in either file is not asked about again: start the same
command again after any interruption; delete the second file to ask about its texts again. Needs Python alone.
"""

from __future__ import annotations

import argparse
import ast
import collections
import concurrent.futures
import contextlib
import email.utils
import http.client
import itertools
import json
import os
import pathlib
import queue
import random
import re
import sys
import threading
import time
import unicodedata
import urllib.error
import urllib.request
from collections.abc import Iterable

PASSING = {408, 409, 425, 429, 500, 502, 503, 504, 529}  # HTTP statuses that may be gone on the next try
LIKE = ("'’‘ʼ", '"“”„«»', "-‐‑‒–—")  # characters that models exchange
PATH = "/chat/completions"
FORMS = {
    "tagging": '{"entities": [{"text": "exactly as in the text", "label": "one of the labels"}, ...]}',
    "classification": '{"label": "one of the labels"}'}
RULES = {
    "tagging": "Mark every entity of these kinds in the text of the user. Quote each one exactly as it stands in the "
               "text, in the order of the text, every mention of it. No entity: an empty list.",
    "classification": "Give the text of the user one of these labels."}


class Rejected(Exception):
    """An answer that cannot be used; its message is the reason, by which they are counted."""


class Failed(Exception):
    """No answer came, after all retries. The text is asked about again by the next run."""


class Fatal(Failed):
    """The server refuses every text."""


def read_labels(source: str) -> dict[str, str]:
    """Label -> description. A file has a label, `index<TAB>label` or `index<TAB>label<TAB>description` a line (or
    `label<TAB>anything<TAB>description`); else `source` is a list with commas. `B-` and `I-` go, and so does `O`."""
    if not os.path.isfile(source):
        return {label.strip(): "" for label in source.split(",") if label.strip()}
    found: dict[str, str] = {}
    for line in pathlib.Path(source).read_text(encoding="utf-8-sig").splitlines():
        columns = [column.strip() for column in line.split("\t")]
        label = columns[1] if len(columns) > 1 and columns[0].isdigit() else columns[0]
        label = re.sub("^[BI]-", "", label)
        if label and label != "O":
            found[label] = (columns[2] if len(columns) > 2 else "") or found.get(label, "")
    return found


def read_texts(path: str) -> list[str]:
    """One text a line, or with `.jsonl` the `text` of each object; each text once."""
    lines = filter(str.strip, pathlib.Path(path).read_text(encoding="utf-8-sig").split("\n"))
    return list(dict.fromkeys(json.loads(line)["text"] if path.endswith(".jsonl") else line.strip() for line in lines))


def prompt(args: argparse.Namespace, labels: dict[str, str]) -> list[dict[str, str]]:
    """The messages before the text; the same for all texts, so that servers keep their states."""
    listed = "\n".join(f"- {label}: {description}" if description else f"- {label}"
                       for label, description in labels.items())
    parts = [RULES[args.task], f"Labels:\n{listed}", args.instructions,
             f"Answer with JSON alone, of the form {FORMS[args.task]}"]
    messages = [{"role": "system", "content": "\n\n".join(part for part in parts if part)}]
    for line in pathlib.Path(args.examples).read_text(encoding="utf-8").splitlines() if args.examples else ():
        row = json.loads(line)
        answer = {"label": row["label"]} if args.task == "classification" else {"entities": [
            {"text": row["text"][e["start"]:e["end"]], "label": e["label"]} for e in row["entities"]]}
        messages += [{"role": "user", "content": row["text"]},
                     {"role": "assistant", "content": json.dumps(answer, ensure_ascii=False)}]
    return messages


def parsed(content: str) -> object:
    """The JSON in an answer: behind thoughts, in a code fence, with text around it, with commas too many, or with
    Python's quotes. Raises Rejected."""
    content = re.sub(r"<think>.*?</think>", "", content, flags=re.DOTALL)
    content = re.sub(r'("(?:\\.|[^"\\])*")|,(?=\s*[}\]])', lambda found: found[1] or "", content)
    starts = [content[match.start():] for match in itertools.islice(re.finditer(r"[{\[]", content), 50)]
    fenced = re.findall(r"```\w*\n?(.*?)```", content, flags=re.DOTALL)
    ways = [*((read, part.strip()) for part in (content, *fenced) for read in (json.loads, ast.literal_eval)),
            *((lambda part: json.JSONDecoder().raw_decode(part)[0], part) for part in starts)]
    for read, part in ways:
        with contextlib.suppress(ValueError, SyntaxError, MemoryError, RecursionError):
            value = read(part)
            if isinstance(value, (dict, list)):
                return value
    raise Rejected("not JSON")


def known(label: object, labels: Iterable[str]) -> str | None:
    """The label as it is spelt in the list, None if there is none; letter case does not count."""
    return {n.casefold(): n for n in labels}.get(label.strip().casefold()) if isinstance(label, str) else None


def quotes_of(answer: object) -> list[tuple[str, object]]:
    """Quote and label of each entity, of the form asked for, of a bare list, or of {label: [quotes]}."""
    rows = answer.get("entities", answer) if isinstance(answer, dict) else answer
    if isinstance(rows, dict) and all(isinstance(quotes, list) for quotes in rows.values()):
        rows = [{"text": quote, "label": label} for label, quotes in rows.items() for quote in quotes]
    if isinstance(rows, list) and all(isinstance(row, dict) for row in rows):
        found = [(row.get("text"), row.get("label", row.get("type"))) for row in rows]
        if all(isinstance(quote, str) and quote.strip() for quote, _ in found):
            return found
    raise Rejected("JSON of another form")


def places_of(quote: str, text: str) -> list[tuple[int, int]]:
    """Where a quote stands: whole words if there are any, as they are, else in another letter case or with other
    quotes, dashes and accents; white space may differ."""
    def pattern(letter):
        return r"\s+".join("".join(map(letter, word)) for word in unicodedata.normalize("NFC", quote).split())

    def alike(character):
        forms = {character, unicodedata.normalize("NFD", character), *next((r for r in LIKE if character in r), "")}
        return f"(?:{'|'.join(map(re.escape, sorted(forms)))})"

    for frame, letter in itertools.product((r"(?<!\w){}(?!\w)", "{}"), (re.escape, alike)):
        flags = re.IGNORECASE if letter is alike else 0
        if found := [match.span() for match in re.finditer(frame.replace("{}", pattern(letter)), text, flags)]:
            return found
    return []


def entities_of(answer: object, text: str, labels: Iterable[str], counts: collections.Counter[str]) -> list[dict]:
    """Entities with offsets, in order and without overlaps; of two that overlap the longer one stays.

    A quote that is given once, or always with the same label, stands for every mention of it; one with several labels
    for its mentions in order. What has an unknown label or does not stand in the text is counted.

    Raises:
        Rejected: none of several entities can be placed.
    """
    stated, spans, by_quote = quotes_of(answer), [], {}
    for quote, label in stated:
        name = known(label, labels)
        if name is None:
            counts["entities with an unknown label"] += 1
        else:
            by_quote.setdefault(" ".join(quote.split()), []).append(name)
    for quote, names in by_quote.items():
        places = places_of(quote, text)
        counts["entities that do not stand in the text"] += 0 if places else len(names)
        if len(set(names)) == 1:
            names = names[:1] * len(places)
        spans += [(start, end, name) for (start, end), name in zip(places, names)]
    kept: list[tuple[int, int, str]] = []
    for start, end, name in sorted(set(spans), key=lambda span: (span[0] - span[1], span[0])):
        if all(end <= other[0] or start >= other[1] for other in kept):
            kept.append((start, end, name))
        else:
            counts["entities that overlap a longer one"] += 1
    if stated and not kept:
        raise Rejected("no entity can be placed")
    return [{"start": start, "end": end, "label": name, "text": text[start:end]} for start, end, name in sorted(kept)]


def row_of(reply: dict, text: str, args: argparse.Namespace, labels: dict[str, str],
           counts: collections.Counter[str]) -> dict:
    """The row of a server's reply. Raises Rejected."""
    try:
        choice = reply["choices"][0]
        message, reason = choice["message"], choice.get("finish_reason")
        content = message.get("content")
        refused = message.get("refusal") or reason == "content_filter"
    except (LookupError, TypeError, AttributeError):
        raise Rejected("a reply of another form") from None
    if refused or not isinstance(content, str) or not content.strip():
        raise Rejected("refused by the model" if refused else "an empty answer")
    try:
        answer = parsed(content)
    except Rejected:
        raise Rejected("cut at --max_tokens" if reason == "length" else "not JSON") from None
    if reason == "length" and args.task == "tagging" and "entities" not in answer:
        raise Rejected("cut at --max_tokens")  # an inner part of the list
    if args.task == "tagging":
        return {"text": text, "entities": entities_of(answer, text, labels, counts)}
    label = known(answer.get("label") if isinstance(answer, dict) else None, labels)
    if label is None:
        raise Rejected("an unknown label")
    return {"text": text, "label": label}


def ask(text: str, args: argparse.Namespace, before: list[dict[str, str]], stop: threading.Event) -> dict:
    """The server's reply. Raises Failed if none comes, Fatal if none will."""
    body = {"model": args.model, "messages": [*before, {"role": "user", "content": text}],
            "max_tokens": args.max_tokens, "temperature": args.temperature}
    if args.response_format != "none":
        body["response_format"] = {"type": args.response_format}
    headers = {"Content-Type": "application/json"}
    if key := os.environ.get(args.api_key_variable):
        headers["Authorization"] = f"Bearer {key}"
    url = args.url.removesuffix("/").removesuffix(PATH) + PATH
    request = urllib.request.Request(url, json.dumps(body).encode(), headers)
    for attempt in range(args.retries + 1):
        wait = min(60.0, args.back_off * 2 ** attempt) * random.uniform(0.5, 1)
        try:
            with urllib.request.urlopen(request, timeout=args.timeout) as response:
                return json.load(response)
        except urllib.error.HTTPError as error:
            said = error.read(300).decode("utf-8", "replace")
            if error.code in {401, 403, 404}:  # no text will be answered
                raise Fatal(f"HTTP {error.code} of {url}: {said}") from None
            if error.code not in PASSING:
                raise Failed(f"HTTP {error.code}: {said}") from None
            wait, problem = max(wait, retry_after(error.headers.get("Retry-After"))), f"HTTP {error.code}"
        except (OSError, http.client.HTTPException, ValueError) as error:  # no connection, too late, cut, not JSON
            problem = f"{type(error).__name__}: {error}"
        if attempt == args.retries or stop.wait(wait):
            break
    raise Failed(problem)


def retry_after(value: str | None) -> float:
    """Seconds that a server asks to wait, given as a number or as a date; 0 without. At most ten minutes."""
    if re.fullmatch(r"\d+(\.\d+)?", value or ""):
        return min(600.0, float(value or 0))
    date = email.utils.parsedate_tz(value)
    return min(600.0, max(0.0, email.utils.mktime_tz(date) - time.time())) if date else 0.0


class Journal:
    """A file of JSON lines that is on the disk after each one. A last line that a kill has broken is taken away."""

    def __init__(self, path: pathlib.Path):
        self.rows: list[dict] = []
        data = path.read_bytes() if path.exists() else b""
        whole = data.rfind(b"\n") + 1
        for number, line in enumerate(data[:whole].splitlines(), start=1):
            try:
                self._remember(json.loads(line))
            except ValueError:
                raise SystemExit(f"{path}: line {number} is no JSON. Mend it, or delete it.") from None
        self._file = open(path, "ab")  # noqa: SIM115 - as long as the program
        if whole < len(data):
            print(f"{path.name}: the last line was cut off ({len(data) - whole} bytes), it goes", file=sys.stderr)
            self._file.truncate(whole)

    def add(self, row: dict) -> None:
        self._file.write(json.dumps(row, ensure_ascii=False).encode() + b"\n")
        self._file.flush()
        os.fsync(self._file.fileno())
        self._remember(row)

    def _remember(self, row: dict) -> None:
        self.rows.append({name: row.get(name) for name in ("text", "reason", "usage")})


class Labelling:
    """Asks about texts in parallel, and writes each answer down when it comes."""

    def __init__(self, args: argparse.Namespace):
        self.args, self.labels = args, read_labels(args.labels)
        if len(self.labels) < (2 if args.task == "classification" else 1):
            raise SystemExit(f"--labels={args.labels}: too few labels, or no such file.")
        path = pathlib.Path(args.output)
        self.answers, self.rejected = Journal(path), Journal(path.with_name(f"{path.stem}.rejected.jsonl"))
        self.counts = collections.Counter[str]()
        self._before, self._lock, self.stop = prompt(args, self.labels), threading.Lock(), threading.Event()
        self._in_a_row, self.fatal = 0, ""
        self._texts: queue.SimpleQueue[str] = queue.SimpleQueue()

    def _work(self) -> None:
        try:
            while not self.stop.is_set():
                self._label(self._texts.get_nowait())
        except queue.Empty:
            return
        except Exception as error:  # such as a full disk: no more calls that are paid for
            self.fatal = f"{type(error).__name__}: {error}"
            self.stop.set()

    def _label(self, text: str) -> None:
        counts, reply = collections.Counter[str](), {}
        try:
            reply = ask(text, self.args, self._before, self.stop)
            journal, row = self.answers, row_of(reply, text, self.args, self.labels, counts)
        except Rejected as error:
            journal, row = self.rejected, {"text": text, "reason": str(error), "reply": reply}
        except Failed as error:
            with self._lock:
                self.counts[f"texts not answered ({error})"] += 1
                self._lost(str(error), isinstance(error, Fatal))
            return
        with self._lock:
            journal.add(row | {"usage": (reply.get("usage") if isinstance(reply, dict) else None) or {}})
            self.counts += counts
            if journal is self.rejected:
                self._lost(row["reason"])
            else:
                self._in_a_row = 0

    def _lost(self, why: str, fatal: bool = False) -> None:
        self._in_a_row += 1
        if (fatal or self._in_a_row >= self.args.stop_after) and not self.stop.is_set():
            self.fatal = why if fatal else f"{self._in_a_row} texts in a row without an answer, the last one: {why}"
            self.stop.set()

    def run(self, texts: list[str]) -> None:
        done = {row["text"] for journal in (self.answers, self.rejected) for row in journal.rows}
        rest = [text for text in texts if text not in done]
        print(f"{len(texts)} texts, {len(texts) - len(rest)} of them done before", file=sys.stderr)
        for text in rest:
            self._texts.put(text)
        begin = time.monotonic()
        with concurrent.futures.ThreadPoolExecutor(self.args.workers) as pool:
            work = [pool.submit(self._work) for _ in range(self.args.workers)]
            try:
                while concurrent.futures.wait(work, timeout=10).not_done:
                    self._tell(len(rest), begin)
            except KeyboardInterrupt:
                self.fatal = "interrupted; the same command goes on"
                self.stop.set()  # what is under way is still written down
        if rest:
            self._tell(len(rest), begin)

    def _tell(self, total: int, begin: float) -> None:
        number, seconds = total - self._texts.qsize(), time.monotonic() - begin
        print(f"{number}/{total}  {number / seconds:.1f} texts/s  {seconds * (total / max(1, number) - 1):.0f} s left  "
              f"{self.cost()}", file=sys.stderr)

    def cost(self) -> str:
        """Tokens of all answers in the two files, and what they cost."""
        usage = [row.get("usage") or {} for journal in (self.answers, self.rejected) for row in list(journal.rows)]
        sent, received = (sum(of.get(name) or 0 for of in usage) for name in ("prompt_tokens", "completion_tokens"))
        price = (sent * self.args.price_per_million_input + received * self.args.price_per_million_output) / 1e6
        return f"{sent} tokens in, {received} out" + (f", {price:.2f} paid" if price else "")

    def report(self) -> str:
        reasons = collections.Counter(f"answers rejected: {row['reason']}" for row in self.rejected.rows)
        lines = [f"{len(self.answers.rows)} texts answered: {self.args.output}", self.cost()]
        return "\n".join(lines + [f"{n} {what}" for what, n in [*reasons.most_common(), *self.counts.most_common()]])


def arguments(words: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add("--task", choices=list(FORMS), required=True)
    add("--labels", required=True, help="a file such as labels.tsv, or names with commas")
    add("--texts", required=True, help="one text a line; or .jsonl with `text`")
    add("--output", required=True, help="answers, JSON lines; goes on where it ends")
    add("--url", required=True, help="of the API, such as http://localhost:11434/v1 (Ollama)")
    add("--model", required=True, help="its name on the server")
    add("--api_key_variable", default="OPENAI_API_KEY", help="environment variable with the key, if there is one")
    add("--instructions", default="", help="more for the prompt: the domain, what is hard, what does not count")
    add("--examples", help="a few rows in the form of the output, as examples in the prompt")
    add("--response_format", choices=["json_object", "none"], default="json_object")
    add("--max_tokens", type=int, default=1024, help="of an answer")
    add("--temperature", type=float, default=0.0)
    add("--workers", type=int, default=8, help="requests at the same time")
    add("--timeout", type=float, default=120.0, help="seconds for an answer")
    add("--retries", type=int, default=6, help="after 429, 5xx, no connection, or no answer in time")
    add("--back_off", type=float, default=1.0, help="seconds before the first retry; twice as long before each next")
    add("--stop_after", type=int, default=20, help="texts in a row without a usable answer")
    add("--price_per_million_input", type=float, default=0.0, help="of tokens, in any currency")
    add("--price_per_million_output", type=float, default=0.0)
    return parser.parse_args(words)


def main(words: list[str] | None = None) -> int:
    args = arguments(words)
    labelling = Labelling(args)
    labelling.run(read_texts(args.texts))
    print(labelling.report(), file=sys.stderr)
    if labelling.fatal:
        print(f"stopped: {labelling.fatal}", file=sys.stderr)
    return int(bool(labelling.fatal or any("not answered" in what for what in labelling.counts)))


if __name__ == "__main__":
    sys.exit(main())
