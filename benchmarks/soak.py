"""The main job under fire: stopped at random moments in five ways, it must end with the student of a quiet run.

  python benchmarks/soak.py --work=DIR --moments=50 --out=benchmarks/results/soak.md -- <flags of run_xtreme_distil.py>

Every moment starts the same command, lets it run for a random time, and then does one of
  kill     SIGKILL
  term     SIGTERM
  full     fills the disk (model directory on a tmpfs) until the command ends
  read     makes that disk read-only until the command ends
  memory   takes away the right to more memory (RLIMIT_AS) until the command ends, or stops it after a while
Before these, it is killed once in every step, as the step begins (way "step").
Then everything that was finished before (teacher, shards, phases) must still be there, untouched. Mounting a tmpfs
takes root; without it only kill, term and memory are done, and the page says so. At the end the student must equal
that of one uninterrupted run, bit for bit.
"""

from __future__ import annotations

import collections
import json
import logging
import os
import pathlib
import random
import re
import resource
import shutil
import signal
import subprocess
import sys
import time

import h5py
import numpy as np
from absl import app, flags

from pages import environment, public_command, table, write_page

_WORK = flags.DEFINE_string("work", None, "Folder of the runs.", required=True)
_OUT = flags.DEFINE_string("out", "benchmarks/results/soak.md", "The Markdown file to write.")
_MOMENTS = flags.DEFINE_integer("moments", 50, "How often to stop the command.")
_MEGABYTES = flags.DEFINE_integer("disk_megabytes", 2000, "Size of the tmpfs.")
_SEED = flags.DEFINE_integer("random_seed", 0, "Seed of the moments.")

ROOT = pathlib.Path(__file__).resolve().parents[1]
#: What a finished step leaves, relative to the model directory.
FINISHED = ("teacher/*/fine-tuning.json", "transfer/*/shard-*/*.npy", "checkpoints/*/result.npz",
            "baseline/*/result.npz", "metrics.json")
LONGEST_END = 120.0


class Disk:
    """The folder of the model directory: a tmpfs where that is allowed."""

    def __init__(self, folder: pathlib.Path, megabytes: int):
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.is_tmpfs = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "soak", str(folder)],
                                       capture_output=True, check=False).returncode == 0
        self._ballast = folder / "ballast"

    def fill(self) -> None:
        free = shutil.disk_usage(self.folder).free
        with self._ballast.open("wb") as file:  # closed, or the room would not come back with the file's end
            os.posix_fallocate(file.fileno(), 0, max(1, free - 4096))

    def empty(self) -> None:
        self._ballast.unlink(missing_ok=True)

    def set_writable(self, writable: bool) -> None:
        # A busy file system refuses to become read-only; then the moment is tried again a little later.
        for _ in range(200):
            if subprocess.run(["mount", "-o", f"remount,{'rw' if writable else 'ro'}", str(self.folder)],
                              capture_output=True, check=False).returncode == 0:
                return
            time.sleep(0.02)

    def leave(self) -> None:
        if self.is_tmpfs:
            subprocess.run(["umount", str(self.folder)], check=False)


def start(model_dir: pathlib.Path, options: list[str], output: pathlib.Path) -> subprocess.Popen:
    with output.open("ab") as file:
        return subprocess.Popen([sys.executable, "run_xtreme_distil.py", *options, f"--model_dir={model_dir}"],
                                cwd=ROOT, stdout=file, stderr=subprocess.STDOUT)


def strike(way: str, process: subprocess.Popen, disk: Disk | None) -> None:
    """Does something bad to a running command and waits for its end."""
    if way == "kill":
        process.kill()
    elif way == "term":
        process.send_signal(signal.SIGTERM)
    elif way == "full":
        disk.fill()
    elif way == "read":
        disk.set_writable(False)
    else:
        pages = int(pathlib.Path(f"/proc/{process.pid}/statm").read_text().split()[0])
        limit = pages * resource.getpagesize()
        resource.prlimit(process.pid, resource.RLIMIT_AS, (limit, limit))
    try:
        process.wait(LONGEST_END)
    except subprocess.TimeoutExpired:  # it had no need of what was taken away
        process.kill()
        process.wait()
    if way == "read":
        disk.set_writable(True)
    if disk:
        disk.empty()


def finished_files(model_dir: pathlib.Path) -> dict[str, tuple[int, int]]:
    """Path -> (size, time of change) of what finished steps left."""
    found = {}
    for pattern in FINISHED:
        for file in model_dir.glob(pattern):
            stat = file.stat()
            found[str(file.relative_to(model_dir))] = stat.st_size, stat.st_mtime_ns
    return found


def step_of(model_dir: pathlib.Path) -> str:
    """The step that a run has come to."""
    if (model_dir / "metrics.json").exists():
        return "finished"
    phases = sorted(model_dir.glob("checkpoints/*/"), key=lambda path: path.name)
    if phases:
        return f"phase {phases[-1].name.rsplit('-', 1)[0]}"
    if any(model_dir.glob("transfer/*/manifest.json")):
        return "transfer store"
    return "teacher" if (model_dir / "teacher").exists() else "start"


def weights(model_dir: pathlib.Path) -> dict[str, np.ndarray]:
    found = {}
    with h5py.File(model_dir / "xtremedistil.weights.h5") as file:
        file.visititems(lambda name, item: found.update({name: item[()]}) if isinstance(item, h5py.Dataset) else None)
    return found


def kill_in_every_step(options: list[str], model_dir: pathlib.Path, output: pathlib.Path) -> list[dict]:
    """Kills the command in the first epoch of the teacher and of every phase, until none is left; a record of each."""
    killed, records = set(), []
    while True:
        before, place = finished_files(model_dir), output.stat().st_size if output.exists() else 0
        process, step = start(model_dir, options, output), None
        while step is None and process.poll() is None:
            time.sleep(0.02)
            with output.open("rb") as file:
                file.seek(place)
                said = re.findall(r"(\S+) epoch 1/", file.read().decode(errors="replace"))
            step = next((name for name in said if name not in killed), None)
        if step is None:
            if process.returncode:
                raise SystemExit(f"the run failed; see {output}")
            return records
        strike("kill", process, None)
        killed.add(step)
        after = finished_files(model_dir)
        spoilt = sorted(name for name, facts in before.items() if after.get(name) != facts)
        records.append({"way": "step", "step": step_of(model_dir), "status": process.returncode, "spoilt": spoilt})
        logging.info("killed in the first epoch of %s%s", step, f", SPOILT: {spoilt}" if spoilt else "")


def soak(options: list[str], work: pathlib.Path, quiet_seconds: float) -> tuple[list[dict], bool]:
    """Strikes at random moments; returns a record of each and whether there was a tmpfs."""
    rng = random.Random(_SEED.value)
    disk = Disk(work / "disk", _MEGABYTES.value)
    model_dir, output = disk.folder / "out", work / "soak.log"
    ways = ["kill", "term", "memory", *(["full", "read"] if disk.is_tmpfs else [])]
    try:
        steps = kill_in_every_step(options, model_dir, output)
        check_equal(model_dir, work / "quiet")
        shutil.rmtree(model_dir)
        records: list[dict] = []
        while len(records) < _MOMENTS.value:
            before, way = finished_files(model_dir), ways[len(records) % len(ways)]
            process, began = start(model_dir, options, output), time.monotonic()
            wait = rng.uniform(0, 2.5 * quiet_seconds / max(4, _MOMENTS.value / 4)) + 8
            while process.poll() is None and time.monotonic() - began < wait:
                time.sleep(0.02)
            if process.poll() is None:
                strike(way, process, disk)
            after = finished_files(model_dir)
            spoilt = sorted(name for name, facts in before.items() if after.get(name) != facts)
            records.append({"way": way, "step": step_of(model_dir), "status": process.returncode, "spoilt": spoilt})
            logging.info("moment %d: %s after %.0f s, status %s, at %s%s", len(records), way, wait, process.returncode,
                         records[-1]["step"], f", SPOILT: {spoilt}" if spoilt else "")
            if records[-1]["step"] == "finished":  # begin again, so that all moments meet work
                check_equal(model_dir, work / "quiet")
                shutil.rmtree(model_dir)
        if start(model_dir, options, output).wait():
            raise SystemExit(f"the last run failed; see {output}")
        check_equal(model_dir, work / "quiet")
    finally:
        disk.leave()
    return steps + records, disk.is_tmpfs


def check_equal(model_dir: pathlib.Path, quiet: pathlib.Path) -> None:
    """Ends the program unless both students are the same."""
    ours, theirs = weights(model_dir), weights(quiet)
    different = [name for name in theirs if not np.array_equal(ours.get(name), theirs[name])]
    if different or set(ours) != set(theirs):
        raise SystemExit(f"FAILED: the student is another one; different: {different}")


def main(argv):
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    work, options = pathlib.Path(_WORK.value).resolve(), argv[1:]
    work.mkdir(parents=True, exist_ok=True)
    if not (work / "quiet" / "metrics.json").exists() and start(work / "quiet", options, work / "quiet.log").wait():
        raise SystemExit(f"the quiet run failed; see {work / 'quiet.log'}")
    metrics = json.loads((work / "quiet" / "metrics.json").read_text(encoding="utf-8"))
    quiet_seconds = max(60.0, metrics["seconds"]["this run"])
    records, is_tmpfs = soak(options, work, quiet_seconds)
    spoilt = [record for record in records if record["spoilt"]]
    counts = collections.Counter((record["way"], record["step"]) for record in records)
    steps = list(dict.fromkeys(sorted(record["step"] for record in records)))
    rows = [[way, *[counts[way, step] or "" for step in steps]] for way in dict.fromkeys(r["way"] for r in records)]
    parts = ["# Under fire", environment(metrics["versions"]),
             "```sh\npython benchmarks/soak.py --work=DIR -- " + public_command(" ".join(options)) + "\n```",
             f"{len(records)} moments, by way (rows) and by the step that was under way (columns):",
             table(["way", *steps], rows),
             f"Finished teachers, shards and phases that were changed or lost: {len(spoilt)}. The student of every run "
             "that came to its end equals that of an uninterrupted run, bit for bit.",
             "" if is_tmpfs else "No tmpfs could be mounted: full and read-only disks were not tried."]
    write_page(pathlib.Path(_OUT.value), [part for part in parts if part], {"records": records})
    if spoilt:
        raise SystemExit(f"FAILED: finished work was spoilt {len(spoilt)} times")


if __name__ == "__main__":
    app.run(main)
