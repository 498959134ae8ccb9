"""Pages in headless Chromium: a server of static files to which a page posts what it found."""

from __future__ import annotations

import functools
import http.server
import json
import pathlib
import queue
import shutil
import subprocess
import threading
from collections.abc import Mapping
from typing import Any

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)


class _Handler(http.server.SimpleHTTPRequestHandler):
    extensions_map = http.server.SimpleHTTPRequestHandler.extensions_map | {".mjs": "text/javascript",
                                                                            ".wasm": "application/wasm"}

    def __init__(self, *args: Any, folders: Mapping[str, pathlib.Path], found: queue.Queue[Any], **kwargs: Any):
        self._folders, self._found = folders, found
        super().__init__(*args, **kwargs)

    def translate_path(self, path: str) -> str:
        name = path.partition("?")[0].lstrip("/")
        for prefix, folder in self._folders.items():
            if name.startswith(prefix):
                return str(folder / name.removeprefix(prefix).lstrip("/"))
        return "/nonexistent"

    def do_POST(self) -> None:
        self._found.put(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
        self.send_response(200)
        self.end_headers()

    def log_message(self, *args: Any) -> None:
        pass


def answer_of_page(page: str, folders: Mapping[str, pathlib.Path], profile: pathlib.Path, *flags: str,
                   seconds: float = 100) -> Any:
    """What the page posts.

    Args:
        page: its address on the server, such as "page.html".
        folders: beginning of an address -> the folder there; the first that fits counts.
        profile: an empty folder.
        flags: more flags for Chromium.
        seconds: when to give up.
    """
    found: queue.Queue[Any] = queue.Queue()
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(_Handler, folders=folders,
                                                                                found=found))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    profile.mkdir(parents=True, exist_ok=True)
    browser = subprocess.Popen(
        [str(CHROMIUM), "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
         f"--user-data-dir={profile}", *flags, f"http://127.0.0.1:{server.server_port}/{page}"],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        return found.get(timeout=seconds)
    finally:
        browser.terminate()
        browser.wait(20)
        server.shutdown()
        server.server_close()
