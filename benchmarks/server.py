"""The local server under load, quiet and with hostile clients beside: latency, memory, new versions, the end.

  python benchmarks/server.py --seconds=60 --clients=50 --out=benchmarks/results/server.md
  python benchmarks/server.py --model_dir=out --seconds=10

Without --model_dir it serves a random student (its answers mean nothing, its work is real). The phases follow one
another on one server: quiet; hostile, where `hostile_requests.py` is gone through over and over; swaps, where the
model directory is exchanged for another one every second; the end, where SIGTERM comes in the middle.
"""

from __future__ import annotations

import asyncio
import collections
import concurrent.futures
import dataclasses
import itertools
import json
import multiprocessing
import os
import pathlib
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time

import numpy as np
from absl import app, flags

import hostile_directories
import hostile_requests
from pages import commands, environment, table, write_page
from xtremedistil_tf import markdown

_MODEL_DIR = flags.DEFINE_string("model_dir", "", "Folder of a finished run. Default: a random student.")
_OUT = flags.DEFINE_string("out", "benchmarks/results/server.md", "The Markdown file to write.")
_SECONDS = flags.DEFINE_float("seconds", 60.0, "Seconds of each of the first two phases.")
_CLIENTS = flags.DEFINE_integer("clients", 50, "Clients that ask as they should, each one request at a time.")
_FLAGS = flags.DEFINE_multi_string("serve", [], "Further flags of the server, such as --serve=--batch_subwords=512.")
_HOSTILE = flags.DEFINE_integer("hostile_clients", 4, "Clients that do not.")

ROOT = pathlib.Path(__file__).resolve().parents[1]
#: Seconds between two things that a hostile client does.
PAUSE = 0.2
TEXTS = (ROOT / "data" / "sample" / "unlabeled.txt").read_text(encoding="utf-8").splitlines()[:2000]


@dataclasses.dataclass
class Counts:
    """What the good clients met in a phase.

    Attributes:
        seconds: of each answer, from the first byte sent to the last one received.
        failed: why others had none: status, or name of the error.
    """

    seconds: list[float] = dataclasses.field(default_factory=list)
    failed: collections.Counter[str] = dataclasses.field(default_factory=collections.Counter)

    def row(self, name: str, length: float, memory: float) -> list[str]:
        p50, p95, p99 = (1000 * np.percentile(self.seconds, (50, 95, 99))).tolist() if self.seconds else [0.0] * 3
        return [name, f"{len(self.seconds):,}", f"{len(self.seconds) / length:.0f}", f"{p50:.0f}", f"{p95:.0f}",
                f"{p99:.0f}", str(sum(self.failed.values())), f"{memory:.0f}"]


class Served:
    """A server in a process of its own."""

    def __init__(self, model_dir: pathlib.Path):
        command = [sys.executable, str(ROOT / "run_xtreme_distil_serve.py"), f"--model_dir={model_dir}", "--port=0",
                   "--watch_seconds=0.5", "--shutdown_seconds=30", *_FLAGS.value]
        self.log = tempfile.TemporaryFile("w+")  # noqa: SIM115  # as long as the server
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=self.log, text=True, cwd=ROOT)
        printed = ""
        while "Ctrl-C" not in printed:
            line = self.process.stdout.readline()
            if not line:
                self.log.seek(0)
                raise SystemExit(self.log.read())
            printed += line
        self.address = ("127.0.0.1", int(re.search(r"http://127\.0\.0\.1:(\d+)/", printed)[1]))

    @property
    def megabytes(self) -> float:
        """Most memory so far."""
        status = pathlib.Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.search(r"VmHWM:\s+(\d+)", status)[1]) / 1024


async def answer(reader: asyncio.StreamReader) -> tuple[int, bytes, bool]:
    """Status, body, and whether the connection stays."""
    head = (await reader.readuntil(b"\r\n\r\n")).decode()
    body = await reader.readexactly(int(re.search(r"content-length: (\d+)", head, re.I)[1]))
    return int(head.split()[1]), body, "connection: close" not in head.lower()


async def ask_until(stop: float, address: tuple[str, int], counts: Counts, seed: int, stay: bool = True) -> None:
    """One client that asks for a text at a time, on one connection."""
    rng, streams = random.Random(seed), None
    while time.monotonic() < stop:
        data = hostile_requests.request(hostile_requests.asking(rng.choice(TEXTS)),
                                        Connection="keep-alive" if stay else "close")
        begun = time.monotonic()
        try:
            streams = streams or await asyncio.open_connection(*address)
            streams[1].write(data)
            status, body, stays = await asyncio.wait_for(answer(streams[0]), 60)
        except ConnectionRefusedError:
            return  # the server has ended
        except (OSError, asyncio.IncompleteReadError, asyncio.TimeoutError) as error:
            counts.failed[type(error).__name__] += 1
            streams = None
            continue
        if status == 200 and json.loads(body)["predictions"]:
            counts.seconds.append(time.monotonic() - begun)
        else:
            counts.failed[str(status)] += 1
            await asyncio.sleep(1)
        if not stays:
            streams[1].close()
            streams = None


async def hostile_until(stop: float, address: tuple[str, int], begin: int) -> int:
    """One client that goes through the list; the number of kinds done."""
    kinds = itertools.cycle([*hostile_requests.KINDS][begin:] + [*hostile_requests.KINDS][:begin])
    done = 0
    while time.monotonic() < stop:
        await hostile_requests.attack(next(kinds), address)
        await asyncio.sleep(PAUSE)
        done += 1
    return done


def all_hostile(stop: float, address: tuple[str, int], clients: int) -> int:
    """All hostile clients, in a process of their own: they do not hold up the clocks of the good ones."""
    async def both() -> int:
        step = max(1, len(hostile_requests.KINDS) // clients)
        return sum(await asyncio.gather(*(hostile_until(stop, address, step * number) for number in range(clients))))

    return asyncio.run(both())


async def health_until(stop: float, address: tuple[str, int]) -> list[float]:
    """Seconds of each look at /healthz, one every tenth of a second."""
    found = []
    while time.monotonic() < stop:
        begun = time.monotonic()
        reader, writer = await asyncio.open_connection(*address)
        writer.write(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        status, _, _ = await answer(reader)
        writer.close()
        assert status == 200
        found.append(time.monotonic() - begun)
        await asyncio.sleep(0.1)
    return found


async def phase(served: Served, seconds: float, hostile: int = 0) -> tuple[Counts, list[float], int]:
    """Good clients for a while, with hostile ones beside: what the good ones met, seconds of health, kinds done."""
    counts, stop = Counts(), time.monotonic() + seconds
    good = [ask_until(stop, served.address, counts, seed) for seed in range(_CLIENTS.value)]
    with concurrent.futures.ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
        done = asyncio.get_running_loop().run_in_executor(
            pool, all_hostile, stop, served.address, hostile) if hostile else asyncio.sleep(0, 0)
        health, _, *_ = await asyncio.gather(health_until(stop, served.address), *good)
        return counts, health, await done


async def swaps(served: Served, link: pathlib.Path, others: list[pathlib.Path]) -> tuple[Counts, int]:
    """The model directory is exchanged under load: what the clients met, and the version at the end."""
    counts, stop = Counts(), time.monotonic() + 12
    clients = [asyncio.ensure_future(ask_until(stop, served.address, counts, seed)) for seed in range(_CLIENTS.value)]
    for other in itertools.islice(itertools.cycle(others), 6):
        await asyncio.sleep(1.5)
        new = link.with_name("new")
        new.symlink_to(other)
        new.replace(link)
    await asyncio.gather(*clients)
    reader, writer = await asyncio.open_connection(*served.address)
    writer.write(hostile_requests.request(b"", "/v1/models/xtremedistil", "GET"))
    version = json.loads((await answer(reader))[1])["model_version_status"][0]["version"]
    writer.close()
    return counts, int(version)


async def end(served: Served) -> tuple[Counts, int]:
    """SIGTERM under load, where each request has its connection: what was lost, and the status of the process."""
    counts, stop = Counts(), time.monotonic() + 20
    clients = [asyncio.ensure_future(ask_until(stop, served.address, counts, seed, stay=False))
               for seed in range(_CLIENTS.value)]
    await asyncio.sleep(2)
    served.process.send_signal(signal.SIGTERM)
    await asyncio.gather(*clients)
    return counts, served.process.wait(60)


def make_student(folder: pathlib.Path, seed: int) -> None:
    """A model directory with a random student in its ONNX form."""
    import tensorflow as tf
    import tf_keras
    from transformers import BertTokenizerFast

    from xtremedistil_tf.config import DistillationConfig
    from xtremedistil_tf.export.onnx import export_onnx
    from xtremedistil_tf.students.bilstm import BiLSTMShape
    from xtremedistil_tf.students.metadata import exported_path
    from xtremedistil_tf.students.model_directory import save_student
    from xtremedistil_tf.students.registry import new_student
    from xtremedistil_tf.tasks.registry import make_task

    words = collections.Counter(word for text in TEXTS for word in text.split())
    letters = sorted({letter for word in words for letter in word})
    pieces = dict.fromkeys([*letters, *(f"##{letter}" for letter in letters), *(word for word, _ in words.most_common(3000))])
    folder.mkdir(parents=True)
    (folder / "vocab.txt").write_text("\n".join(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *pieces]), "utf-8")
    tokenizer = BertTokenizerFast(str(folder / "vocab.txt"), do_lower_case=False)
    tf_keras.utils.set_random_seed(seed)
    task = make_task("tagging", ["O", *(f"{begin}-{kind}" for kind in ("LOC", "ORG", "PER") for begin in "BI")])
    student = new_student(BiLSTMShape(len(tokenizer), 100, 200, 64, task.num_outputs, per_piece=True))
    for variable in student.variables:
        variable.assign(tf.random.normal(variable.shape, stddev=0.1))
    save_student(folder, student, tokenizer, task, DistillationConfig(task="t").to_json())
    export_onnx(exported_path(folder, "onnx"), student, tokenizer, task, "none")


def measure(served: Served, link: pathlib.Path, others: list[pathlib.Path]) -> dict:
    """All phases: rows of the table, and what else the page says."""
    rows, seconds = [], _SECONDS.value
    asyncio.run(phase(served, min(3.0, seconds)))  # nothing is cold
    quiet, quiet_health, _ = asyncio.run(phase(served, seconds))
    rows.append(quiet.row("quiet", seconds, served.megabytes))
    hostile, health, done = asyncio.run(phase(served, seconds, _HOSTILE.value))
    rows.append(hostile.row("with hostile clients", seconds, served.megabytes))
    swapped, version = asyncio.run(swaps(served, link, others))
    rows.append(swapped.row("model exchanged", 12, served.megabytes))
    memory = served.megabytes
    ended, status = asyncio.run(end(served))
    rows.append(ended.row("SIGTERM after 2 s", 2, memory))
    ratio = np.percentile(hostile.seconds, 99) / np.percentile(quiet.seconds, 99)
    return {"rows": rows, "ratio": float(ratio), "hostile_done": done, "version": version, "status": status,
            "health_ms": [1000 * max(quiet_health), 1000 * max(health)],
            "failed": {name: dict(counts.failed) for name, counts in (
                ("quiet", quiet), ("hostile", hostile), ("swaps", swapped), ("end", ended))}}


def page(found: dict, figures: dict) -> list[str]:
    """The parts of the page."""
    columns = ("phase", "answers", "a second", "p50 ms", "p95 ms", "p99 ms", "failed", "peak MB")
    quiet_health, hostile_health = found["health_ms"]
    return ["# The local server under load",
            f"{_CLIENTS.value} clients ask for a text at a time and ask again as soon as they have their answer. Beside "
            f"them, {_HOSTILE.value} hostile clients go through the {len(hostile_requests.KINDS)} kinds of "
            f"`benchmarks/hostile_requests.py`, with a fifth of a second between two of them ({found['hostile_done']} in "
            "this run). All run on the machine that serves, and share its cores with the server.",
            table(columns, found["rows"]),
            f"- p99 with hostile clients: {found['ratio']:.2f} times the quiet one.\n"
            f"- The slowest `/healthz`: {quiet_health:.0f} ms quiet, {hostile_health:.0f} ms with hostile clients.\n"
            f"- Version {found['version']} is served after the exchanges of the model directory.\n"
            f"- The process ends with status {found['status']}. A request is lost where its connection was accepted and "
            "had no answer.",
            "## Crafted model directories\n\n"
            f"The {len(figures['directories'])} directories of `benchmarks/hostile_directories.py`, and what the server "
            "says in place of opening them:",
            table(("directory", "message"), [[kind, markdown.cell(text[:160])] for kind, text in
                                             figures["directories"].items()]).replace("---:", "---"),
            environment(figures["versions"]),
            commands([" ".join(sys.argv)])]


def main(argv: list[str]) -> None:
    from importlib.metadata import version

    work = pathlib.Path(tempfile.mkdtemp(prefix="server-"))
    link, folders = work / "model", [work / "first", work / "second"]
    served = None
    try:
        for seed, folder in enumerate(folders):
            if _MODEL_DIR.value:
                shutil.copytree(_MODEL_DIR.value, folder)
            else:
                make_student(folder, seed)
        link.symlink_to(folders[0])
        served = Served(link)
        found = measure(served, link, folders[::-1])
        directories = {kind: hostile_directories.message_of(kind, folders[0], work)
                       for kind in hostile_directories.KINDS}
        bad = [kind for kind, text in directories.items() if not text or "\n" in text]
        if bad:
            raise SystemExit(f"opened, or no single message: {', '.join(bad)}")
        figures = found | {"directories": directories, "versions": {name: version(name) for name in ("uvicorn", "starlette", "onnxruntime")}}
        write_page(pathlib.Path(_OUT.value), page(found, figures), figures)
        print(table(("phase", "answers", "a second", "p50 ms", "p95 ms", "p99 ms", "failed", "peak MB"), found["rows"]))
        print({name: value for name, value in found.items() if name != "rows"})
    finally:
        if served and served.process.poll() is None:
            served.process.kill()
        shutil.rmtree(work, ignore_errors=True)


if __name__ == "__main__":
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    app.run(main)
