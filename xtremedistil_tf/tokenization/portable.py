"""A tokenizer's file as Rust, Python and JavaScript all read it, with the same pieces.

JavaScript's `@huggingface/tokenizers`, which transformers.js loads, refuses a file with a step that it does not know.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from xtremedistil_tf.checkpoints.nmt import NEXT_LINE, nmt_steps, replace_step
from xtremedistil_tf.errors import ConfigError
from xtremedistil_tf.tokenization.raw_words import PUNCTUATION, RawWords
from xtremedistil_tf.tokenization.texts import flat_steps

#: Normalizers that JavaScript has.
_KNOWN = ("BertNormalizer", "Precompiled", "Replace", "NFC", "NFD", "NFKC", "NFKD", "Strip", "StripAccents",
          "Lowercase", "Prepend")
_MARK = r"[\p{P}\p{S}]"


def portable_spec(spec: Mapping[str, Any]) -> dict[str, Any]:
    """The contents of a `tokenizer.json` without settings of a batch, and with steps that are read everywhere.

    Args:
        spec: the contents, see `tokenizer_spec`.

    Returns:
        The same tokenizer: it gives every text the same pieces.

    Raises:
        ConfigError: a step has no form that JavaScript reads.
    """
    parted = "WhitespaceSplit" in (step["type"] for step in flat_steps(spec["pre_tokenizer"], "pretokenizers"))
    steps = [new for step in flat_steps(spec["normalizer"], "normalizers") for new in _portable(step, parted)]
    if parted and not any(NEXT_LINE in step.get("pattern", {}).get("Regex", "") for step in steps):
        steps.insert(0, replace_step(NEXT_LINE, " "))
    one = steps[0] if len(steps) == 1 else {"type": "Sequence", "normalizers": steps}
    return {**spec, "truncation": None, "padding": None, "normalizer": one if steps else None}


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
    parted = [{"type": "Split", "pattern": {"Regex": pattern}, "behavior": "Isolated", "invert": False}
              for pattern in _patterns(words)]
    return {**spec, "pre_tokenizer": {"type": "Sequence", "pretokenizers": [
        {"type": "WhitespaceSplit"}, *parted, last]}}


def _patterns(words: RawWords) -> list[str]:
    """What is parted from the rest of a chunk, one after the other; both Oniguruma and JavaScript read them."""
    before, after = (_but(marks) for marks in (words.kept_before, words.kept_after))
    leading = rf"^({before}{_MARK})\1*"
    # The period of an initial stays: `J.`, `U.S.`.
    trailing = rf"({after}(?!\.){_MARK}|(?<!^\p{{Lu}}|[.]\p{{Lu}})\.)\1*(?={_MARK}*$)"
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
    if step["type"] not in _KNOWN:
        raise ConfigError(f"the tokenizer's normalizer has a step {step['type']}, which JavaScript does not read. Use "
                          "another teacher, or a vocabulary of the student's own (`student_vocab_type`).")
    return [step]
