"""SentencePiece's rules for odd characters, as steps of a `tokenizer.json` that Rust, Python and JavaScript all read.

Hugging Face has one step `Nmt` for them, at which JavaScript's `@huggingface/tokenizers` refuses the whole file.
"""

from __future__ import annotations

from typing import Any

# What `Nmt` drops, and what it makes a space of.
_DROPPED = "\x01-\x08\x0b\x0e-\x1f\x7f\x8f\x9f"
_SPACES = "\t\n\x0c\r\u1680\u200b-\u200f\u2028\u2029\u2581\ufeff\ufffd"
#: White space to Rust, but not to JavaScript, nor to `Nmt`.
NEXT_LINE = "\x85"


def nmt_steps(next_line: bool) -> list[dict[str, Any]]:
    """Two steps that do what `Nmt` does.

    Args:
        next_line: whether U+0085 becomes a space too, which changes no piece where words are parted at white space.
    """
    return [replace_step(_DROPPED, ""), replace_step(_SPACES + next_line * NEXT_LINE, " ")]


def replace_step(characters: str, content: str) -> dict[str, Any]:
    """Each of the characters, given as a class of an expression holds them, becomes the content."""
    return {"type": "Replace", "pattern": {"Regex": f"[{characters}]"}, "content": content}
