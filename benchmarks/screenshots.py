"""Screenshots of the local server's page and of a report, in a real browser: light, dark, and as wide as a phone.

  python benchmarks/screenshots.py --model_dir=DIR [--out=docs/img] [--looks=light,dark,phone,print]
  python benchmarks/screenshots.py --demo=DIR [--out=docs/img] [--looks=light,dark,phone,print]

The second is for the folder that examples/browser_demo/build.py makes. Needs Chromium (Debian: chromium). Of each page
and look there is a PNG; `print` gives a PDF.
"""

from __future__ import annotations

import contextlib
import functools
import http.server
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import urllib.parse
from collections.abc import Iterator

from absl import app, flags

ROOT = pathlib.Path(__file__).resolve().parents[1]
_MODEL = flags.DEFINE_string("model_dir", None, "Folder of a tagger with an ONNX or SavedModel export.")
_DEMO = flags.DEFINE_string("demo", None, "Folder of the page without a server.")
_TEXT = flags.DEFINE_string("text", "Ada Lovelace met Charles Babbage in London, and later wrote to him from Paris.",
                            "What the page is asked.")
_LOOKS = flags.DEFINE_list("looks", ["light", "dark", "phone", "print"], "Which looks.")
_OUT = flags.DEFINE_string("out", "docs/img", "Folder for the pictures.")
#: Flags of Chromium for each look; the phone is 390 pixels wide.
LOOKS = {"light": ["--window-size=1000,760"], "dark": ["--window-size=1000,760", "--force-dark-mode"],
         "phone": ["--window-size=390,1200"], "print": []}
# Chromium waits for the picture, the picture for the answer.
_WAITING = b"""<img src="/wait" alt="" hidden><script type="module">
const timer = setInterval(() => { const { answered, failed } = document.body.dataset;
  if (answered ?? failed) { clearInterval(timer); fetch("/done"); } }, 20);
</script></body>"""


def chromium() -> str:
    """The browser."""
    found = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if not found:
        raise SystemExit("error: no Chromium found. Install it (Debian: apt-get install chromium).")
    return found


class _Demo(http.server.SimpleHTTPRequestHandler):
    """Files of the demo, whose page is ready when it has answered."""

    answered = threading.Event()

    def do_GET(self) -> None:
        if self.path == "/wait":
            self.answered.wait(60)
            self.answered.clear()
        elif self.path == "/done":
            self.answered.set()
        if self.path.startswith("/?"):
            page = (pathlib.Path(self.directory) / "index.html").read_bytes().replace(b"</body>", _WAITING)
        elif self.path in ("/wait", "/done"):
            page = b""
        else:
            super().do_GET()
            return
        self.send_response(200)
        self.end_headers()
        self.wfile.write(page)

    def log_message(self, *args) -> None:
        pass


@contextlib.contextmanager
def demo_address(folder: pathlib.Path) -> Iterator[str]:
    """The address of the demo, served."""
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(_Demo, directory=folder)) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()


def shoot(address: str, look: str, file: pathlib.Path, *options: str) -> None:
    """One picture of one page."""
    kind = f"--print-to-pdf={file}" if look == "print" else f"--screenshot={file}"
    with tempfile.TemporaryDirectory() as profile:
        subprocess.run([chromium(), "--headless=new", "--no-sandbox", "--hide-scrollbars", f"--user-data-dir={profile}",
                        *options, *LOOKS[look], kind, address], check=True, capture_output=True, timeout=120)
    print(file, f"{file.stat().st_size / 1000:.0f} kB", flush=True)


@contextlib.contextmanager
def server_address(folder: pathlib.Path) -> Iterator[str]:
    """The address of the local server, started for a model directory."""
    with subprocess.Popen([sys.executable, str(ROOT / "run_xtreme_distil_serve.py"), f"--model_dir={folder}", "--port=0"],
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as server:
        try:
            yield next(found[0] for line in server.stdout if (found := re.search(r"http://127\.0\.0\.1:\d+", line)))
        finally:
            server.terminate()


def main(argv):
    del argv
    out, asked = pathlib.Path(_OUT.value).absolute(), f"/?text={urllib.parse.quote(_TEXT.value)}"
    out.mkdir(parents=True, exist_ok=True)

    def shoot_all(name: str, page: str, *options: str) -> None:
        for look in _LOOKS.value:
            shoot(page, look, out / f"{name}_{look}.{'pdf' if look == 'print' else 'png'}", *options)

    if _DEMO.value:
        with demo_address(pathlib.Path(_DEMO.value)) as address:
            shoot_all("browser_demo", address + asked)
    if _MODEL.value:
        folder, patient = pathlib.Path(_MODEL.value).absolute(), "--virtual-time-budget=8000"
        with server_address(folder) as address:
            shoot_all("local_server", address + asked, patient)
            shoot_all("report", (folder / "report.html").as_uri(), patient)


if __name__ == "__main__":
    app.run(main)
