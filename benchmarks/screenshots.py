"""Screenshots of the local server's page and of a report, in a real browser: light, dark, and as wide as a phone.

  python benchmarks/screenshots.py --model_dir=DIR [--out=docs/img] [--looks=light,dark,phone,print]

Needs Chromium (Debian: chromium). Of each page and look there is a PNG; `print` gives a PDF.
"""

from __future__ import annotations

import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import urllib.parse

from absl import app, flags

ROOT = pathlib.Path(__file__).resolve().parents[1]
_MODEL = flags.DEFINE_string("model_dir", None, "Folder of a tagger with an ONNX or SavedModel export.", required=True)
_TEXT = flags.DEFINE_string("text", "Ada Lovelace met Charles Babbage in London, and later wrote to him from Paris.",
                            "What the server is asked.")
_LOOKS = flags.DEFINE_list("looks", ["light", "dark", "phone", "print"], "Which looks.")
_OUT = flags.DEFINE_string("out", "docs/img", "Folder for the pictures.")
#: Flags of Chromium for each look; the phone is 390 pixels wide.
LOOKS = {"light": ["--window-size=1000,760"], "dark": ["--window-size=1000,760", "--force-dark-mode"],
         "phone": ["--window-size=390,1200"], "print": []}


def chromium() -> str:
    """The browser."""
    found = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if not found:
        raise SystemExit("error: no Chromium found. Install it (Debian: apt-get install chromium).")
    return found


def shoot(address: str, look: str, file: pathlib.Path) -> None:
    """One picture of one page."""
    kind = f"--print-to-pdf={file}" if look == "print" else f"--screenshot={file}"
    with tempfile.TemporaryDirectory() as profile:
        subprocess.run([chromium(), "--headless=new", "--no-sandbox", "--hide-scrollbars", f"--user-data-dir={profile}",
                        "--virtual-time-budget=8000", *LOOKS[look], kind, address], check=True, capture_output=True,
                       timeout=120)
    print(file, f"{file.stat().st_size / 1000:.0f} kB", flush=True)


def main(argv):
    del argv
    out, folder = pathlib.Path(_OUT.value), pathlib.Path(_MODEL.value).absolute()
    out.mkdir(parents=True, exist_ok=True)
    with subprocess.Popen([sys.executable, str(ROOT / "run_xtreme_distil_serve.py"), f"--model_dir={folder}", "--port=0"],
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as server:
        try:
            address = next(found[0] for line in server.stdout if (found := re.search(r"http://127\.0\.0\.1:\d+", line)))
            pages = {"local_server": f"{address}/?text={urllib.parse.quote(_TEXT.value)}",
                     "report": (folder / "report.html").as_uri()}
            for name, page in pages.items():
                for look in _LOOKS.value:
                    shoot(page, look, out.absolute() / f"{name}_{look}.{'pdf' if look == 'print' else 'png'}")
        finally:
            server.terminate()


if __name__ == "__main__":
    app.run(main)
