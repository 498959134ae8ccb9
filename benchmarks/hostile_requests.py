"""What a client may do to the local server: the list that `server.py` goes through while others ask as they should.

Each kind opens its own connections to an address, does its worst for a few seconds and leaves. What it is answered is
no matter here: that all others go on being answered is.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
from collections.abc import Awaitable, Callable
from typing import Any

PATH = "/v1/models/xtremedistil:predict"
_PATIENCE = 4.0
Address = tuple[str, int]


def request(body: bytes, path: str = PATH, method: str = "POST", **headers: str) -> bytes:
    """A request as it is sent."""
    fields = {"Host": "localhost", "Content-Type": "application/json", "Content-Length": str(len(body))} | {
        name.replace("_", "-"): value for name, value in headers.items()}
    head = "".join(f"{name}: {value}\r\n" for name, value in fields.items() if value)
    return f"{method} {path} HTTP/1.1\r\n{head}\r\n".encode() + body


def asking(*texts: str) -> bytes:
    """The body that asks for texts."""
    return json.dumps({"instances": texts}, ensure_ascii=False).encode()


@contextlib.asynccontextmanager
async def _connected(address: Address):
    reader, writer = await asyncio.open_connection(*address)
    try:
        yield reader, writer
    finally:
        writer.transport.abort()


async def _send(address: Address, data: bytes, read: bool = True) -> None:
    async with _connected(address) as (reader, writer):
        writer.write(data)
        await writer.drain()
        if read:
            await reader.read(1 << 16)


async def _trickle(address: Address, begin: bytes, count: int = 20) -> None:
    async with contextlib.AsyncExitStack() as stack:
        writers = [(await stack.enter_async_context(_connected(address)))[1] for _ in range(count)]
        for writer in writers:
            writer.write(begin)
        for _ in range(int(_PATIENCE / 0.5)):
            await asyncio.sleep(0.5)
            for writer in writers:
                writer.write(b"x")


async def _idle(address: Address) -> None:
    async with contextlib.AsyncExitStack() as stack:
        for _ in range(100):
            await stack.enter_async_context(_connected(address))
        await asyncio.sleep(_PATIENCE)


async def _unread(address: Address) -> None:
    async with _connected(address) as (_, writer):
        writer.write(request(asking("a " * 60_000)) * 3)
        await asyncio.sleep(_PATIENCE)


async def _come_and_go(address: Address) -> None:
    for _ in range(100):
        async with _connected(address):
            pass


async def _retry_at_once(address: Address) -> None:
    for _ in range(100):
        await _send(address, request(asking("again"), Connection="close"))


def _sends(data: bytes, read: bool = True) -> Callable[[Address], Awaitable[None]]:
    return lambda address: _send(address, data, read)


def _ids(*rows: Any) -> bytes:
    return json.dumps({"signature_name": "token_ids", "inputs": {"input_ids": rows, "attention_mask": rows}}).encode()


def _v2(shape: list[int]) -> bytes:
    return json.dumps({"inputs": [{"name": "texts", "shape": shape, "datatype": "BYTES", "data": ["a"]}]}).encode()


_LETTERS = random.Random(0)
KINDS: dict[str, Callable[[Address], Awaitable[None]]] = {
    "a thousand short texts and one of 30,000 words": _sends(request(asking(*["a"] * 1000, "ab " * 30_000))),
    "a word of 900 kB": _sends(request(asking("a" * 900_000))),
    "500,000 words of a letter": _sends(request(asking("a " * 500_000))),
    "1,024 texts of 900 bytes": _sends(request(asking(*["some words " * 82] * 1024))),
    "60 kB of accents on one letter": _sends(request(asking("a" + "\u0301" * 30_000))),
    "60 kB of emoji": _sends(request(asking("\U0001F468\u200d" * 9_000))),
    "60 kB of NUL and controls": _sends(request(asking("\0\x01\x1b" * 10_000))),
    "60 kB of random letters of all planes": _sends(request(asking("".join(
        chr(_LETTERS.choice([_LETTERS.randrange(0x20, 0xD800), _LETTERS.randrange(0xE000, 0x110000)]))
        for _ in range(15_000))))),
    "lists 100,000 deep": _sends(request(b"[" * 100_000)),
    "a number of 100,000 digits": _sends(request(b'{"instances": [' + b"1" * 100_000 + b"]}")),
    "100,000 keys": _sends(request(json.dumps({"instances": [{str(i): i for i in range(60_000)}]}).encode())),
    "10 GB announced": _sends(request(b"", Content_Length="10000000000")),
    "2 MB sent, 1 allowed": _sends(request(b" " * 2_000_000)),
    "chunks": _sends(request(b"2\r\n{}\r\n0\r\n\r\n", Content_Length="", Transfer_Encoding="chunked")),
    "gzip": _sends(request(b"\x1f\x8b" + bytes(1000), Content_Encoding="gzip")),
    "waits for permission, sends nothing": lambda address: _trickle(
        address, request(b"", Content_Length="1000", Expect="100-continue"), 5),
    "heads that trickle": lambda address: _trickle(address, b"GET /healthz HTTP/1.1\r\nX-"),
    "bodies that trickle": lambda address: _trickle(address, request(b'{"instances": ["', Content_Length="100000")),
    "100 idle connections": _idle,
    "a head of 70 kB": _sends(request(b"", X_Long="x" * 70_000)),
    "2,000 headers": _sends(request(b"", **{f"X_{i}": "x" for i in range(2000)})),
    "no HTTP": _sends(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(500)),
    "100 requests at once on a connection": _sends(request(asking("a")) * 100),
    "leaves before its answer": _sends(request(asking(*["some words " * 80] * 1000)), read=False),
    "does not read its answer": _unread,
    "another Host": _sends(request(asking("a"), Host="evil.example")),
    "another Origin": _sends(request(asking("a"), Origin="https://evil.example")),
    "a form": _sends(request(asking("a"), Content_Type="text/plain")),
    "ids that are none": _sends(request(_ids([999_999_999] * 500, [1] * 500))),
    "ids in rows of unequal length": _sends(request(_ids([1] * 5000, [1]))),
    "not UTF-8": _sends(request(b'{"instances": ["\xff\xfe"]}')),
    "a path of 8 kB": _sends(request(b"", "/" + "%41" * 2700, "GET")),
    "a method of its own": _sends(request(b"", method="BREW")),
    "a negative length": _sends(request(b"{}", Content_Length="-1")),
    "an upgrade to a WebSocket": _sends(request(b"", "/", "GET", Connection="Upgrade", Upgrade="websocket")),
    "a shape of 10^30": _sends(request(_v2([10 ** 30]), "/v2/models/xtremedistil/infer")),
    "comes and goes 100 times": _come_and_go,
    "asks again at once, 100 times": _retry_at_once,
}


async def attack(kind: str, address: Address) -> None:
    """Does one kind of harm, for a few seconds at most; what the server does to it is its own affair."""
    with contextlib.suppress(OSError, asyncio.TimeoutError, asyncio.IncompleteReadError):
        await asyncio.wait_for(KINDS[kind](address), 2 * _PATIENCE)
