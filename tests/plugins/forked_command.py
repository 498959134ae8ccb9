"""Asks the fork server for a process and stands for it: signals, streams, exit status. See forked_python.py."""

from __future__ import annotations

import json
import os
import signal
import socket
import struct
import sys

_PASSED_ON = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2)


def main() -> None:
    connection = socket.socket(socket.AF_UNIX)
    connection.connect(sys.argv[1])
    request = json.dumps({"words": sys.argv[2:], "folder": os.getcwd(), "environment": dict(os.environ)}).encode()
    socket.send_fds(connection, [struct.pack("!Q", len(request))], [0, 1, 2])
    connection.sendall(request)
    for number in _PASSED_ON:
        signal.signal(number, lambda number, frame: connection.send(bytes([number])))
    # The command alone holds these now: who reads its output sees its end when it ends.
    null = os.open(os.devnull, os.O_RDWR)
    for stream in range(2):
        os.dup2(null, stream)
    answer = connection.recv(4)
    if len(answer) < 4:
        with open(os.path.join(os.path.dirname(sys.argv[1]), "log"), encoding="utf-8") as log:
            sys.exit(f"The fork server is gone: {log.read()}")
    (status,) = struct.unpack("!i", answer)
    if status >= 0:
        os._exit(status)
    signal.signal(-status, signal.SIG_DFL) if -status not in (signal.SIGKILL, signal.SIGSTOP) else None
    os.kill(os.getpid(), -status)


main()
