"""A tokenizer's file as Rust, Python and JavaScript all read it, with the same pieces.

JavaScript's `@huggingface/tokenizers`, which transformers.js loads, refuses a file with a step that it does not know.
"""

from __future__ import annotations

import functools
import itertools
import re
import sys
import unicodedata
from collections.abc import Mapping, Sequence
from typing import Any

from xtremedistil_tf.checkpoints.nmt import NEXT_LINE, nmt_steps, replace_step
from xtremedistil_tf.errors import ConfigError
from xtremedistil_tf.tokenization.raw_words import MARK, PUNCTUATION, RawWords, kind_of
from xtremedistil_tf.tokenization.texts import flat_steps

#: Normalizers that JavaScript has.
_KNOWN = ("BertNormalizer", "Precompiled", "Replace", "NFC", "NFD", "NFKC", "NFKD", "Strip", "StripAccents",
          "Lowercase", "Prepend")
# JavaScript lower-cases one at the end of a word otherwise than Rust does.
_SIGMA = replace_step("\u03a3", "\u03c3")
# Ideographs that BERT's normalizer makes words of. JavaScript's does so too, but for those of more than 16 bits.
_IDEOGRAPHS = ("[\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
               "\U00020000-\U0002a6df\U0002a700-\U0002b81f\U0002b920-\U0002ceaf\U0002f800-\U0002fa1f]")


def portable_spec(spec: Mapping[str, Any]) -> dict[str, Any]:
    """The contents of a `tokenizer.json` without settings of a batch, and with steps that are read everywhere.

    Args:
        spec: the contents, see `tokenizer_spec`.

    Returns:
        The same tokenizer: it gives every text the same pieces.

    Raises:
        ConfigError: a step has no form that JavaScript reads.
    """
    parts = flat_steps(spec["pre_tokenizer"], "pretokenizers")
    parted = "WhitespaceSplit" in (part["type"] for part in parts)
    steps = [new for step in flat_steps(spec["normalizer"], "normalizers") for new in _portable(step, parted)]
    steps = [step for step, before in zip(steps, [None, *steps]) if step != _SIGMA or before != _SIGMA]
    ideographs = _split(_IDEOGRAPHS)
    if any(step.get("handle_chinese_chars") for step in steps) and ideographs not in parts:
        parts = [*parts, ideographs]
    if parted and not any(NEXT_LINE in step.get("pattern", {}).get("Regex", "") for step in steps):
        steps.insert(0, replace_step(NEXT_LINE, " "))
    return {**spec, "truncation": None, "padding": None, "normalizer": _together(steps, "normalizers"),
            "pre_tokenizer": _together(parts, "pretokenizers")}


def _together(steps: Sequence[Mapping[str, Any]], name: str) -> Mapping[str, Any] | None:
    """The other way about than `flat_steps`."""
    if len(steps) < 2:
        return steps[0] if steps else None
    return {"type": "Sequence", name: steps}


def with_words(spec: Mapping[str, Any], words: RawWords) -> dict[str, Any]:
    """The tokenizer of a tagger for raw text: SentencePiece's then parts marks from words, nearly as the rule does.

    Expressions cannot tell all that the rule tells: of marks before a word two runs are parted, abbreviations lose
    their period, and text without spaces stays whole. BERT's pre-tokenizer parts every mark by itself; byte-level
    ones stay as they are.

    Args:
        spec: contents of a `tokenizer.json`.
        words: how the tagger's words are made of raw text.
    """
    steps = flat_steps(spec["pre_tokenizer"], "pretokenizers")
    *before, last = steps or [{"type": ""}]
    if words.rule != PUNCTUATION or last["type"] != "Metaspace" or last["prepend_scheme"] != "always" or (
            [step["type"] for step in before] not in ([], ["WhitespaceSplit"])):
        return dict(spec)
    return {**spec, "pre_tokenizer": _together(
        [{"type": "WhitespaceSplit"}, *map(_split, _patterns(words)), last], "pretokenizers")}


def _split(pattern: str) -> dict[str, Any]:
    """What matches becomes a word of its own."""
    return {"type": "Split", "pattern": {"Regex": pattern}, "behavior": "Isolated", "invert": False}


@functools.cache
def _marks() -> str:
    """Marks by the tables that the rule asks: Rust's and JavaScript's `\\p{P}` are of other versions of Unicode."""
    def is_mark(character: str) -> bool:
        return unicodedata.category(character)[0] in "PS" and kind_of(character) & MARK > 0

    runs = [list(run) for mark, run in itertools.groupby(map(chr, range(sys.maxunicode + 1)), is_mark) if mark]
    edges = [[re.sub(r"([]\\[^-])", r"\\\1", edge) for edge in (run[0], run[-1])] for run in runs]
    return f"[{''.join(f'{first}-{last}' for first, last in edges)}]"


def _patterns(words: RawWords) -> list[str]:
    """What is parted from the rest of a chunk, one after the other; both Oniguruma and JavaScript read them."""
    before, after = (_but(marks) for marks in (words.kept_before, words.kept_after))
    mark = _marks()
    leading = rf"^({before}{mark})\1*"
    # The period of an initial stays: `J.`, `U.S.`.
    trailing = rf"({after}(?!\.){mark}|(?<!^\p{{Lu}}|[.]\p{{Lu}})\.)\1*(?={mark}*$)"
    patterns = [leading, leading, trailing]
    if words.parted:
        patterns.append(rf"(?<=\p{{L}})[{_escaped(words.parted)}](?=\p{{L}})")
    for parts, pattern in ((words.beginnings, "^(?:{})(?=.)"), (words.endings, "(?<=.)(?:{})$")):
        if parts:
            patterns.append(pattern.format("|".join(map(_part, parts))))
    return patterns


def _part(part: str) -> str:
    """`n't` in both cases of its letters, with either apostrophe."""
    return "".join("['\u2019]" if one == "'" else f"[{one.lower()}{one.upper()}]" if one.isalpha() else _escaped(one)
                   for one in part)


def _but(marks: str) -> str:
    return f"(?![{_escaped(marks)}])" if marks else ""


def _escaped(marks: str) -> str:
    """Marks in a class of characters."""
    return re.sub(r"([\\\]\[^$.|?*+(){}/&~-])", r"\\\1", marks)


def _portable(step: Mapping[str, Any], parted: bool) -> Sequence[Mapping[str, Any]]:
    """Steps for one; `parted`: words are parted at white space."""
    if step["type"] == "Nmt":
        return nmt_steps(parted)
    if step["type"] == "Lowercase" or step.get("lowercase"):
        return [_SIGMA, step]
    if step["type"] not in _KNOWN:
        raise ConfigError(f"the tokenizer's normalizer has a step {step['type']}, which JavaScript does not read. Use "
                          "another teacher, or a vocabulary of the student's own (`student_vocab_type`).")
    return [step]
