"""A model directory's tokenizer without transformers, which takes most of a second to import."""

from __future__ import annotations

import json
import pathlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import tokenizers

# The classes that add nothing of their own to what tokenizer.json says, and whether their models have token types.
_TOKEN_TYPES = (dict.fromkeys(("Albert", "Bert", "ConvBert", "Deberta", "DebertaV2", "Electra", "Funnel", "MobileBert",
                               "PreTrained", "RemBert", "SqueezeBert", "XLNet"), True)
                | dict.fromkeys(("BigBird", "Camembert", "DistilBert", "GPT2", "Longformer", "MPNet", "Roberta",
                                 "XLMRoberta"), False))
_ANY_CLASS = "PreTrained"
# Settings of a part that the classes overwrite with those of tokenizer_config.json.
_SETTINGS = {"normalizer": {"lowercase": "do_lower_case", "strip_accents": "strip_accents",
                            "handle_chinese_chars": "tokenize_chinese_chars"},
             "pre_tokenizer": {"add_prefix_space": "add_prefix_space"},
             "post_processor": {"add_prefix_space": "add_prefix_space", "trim_offsets": "trim_offsets"}}
_SPECIAL = ("bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token", "mask_token")


class Encodings(NamedTuple):
    """Attributes:
        encodings: the `tokenizers.Encoding` of each text.
    """

    encodings: list[Any]


class LightTokenizer:
    """What encoding examples needs of a fast tokenizer of transformers, with the same answers.

    Args:
        backend: the tokenizer itself; it is set not to pad and not to truncate.
        pad_token, cls_token: special tokens; None: there is none.
        model_input_names: inputs of the tokenizer's models.
    """

    def __init__(self, backend: tokenizers.Tokenizer, pad_token: str, cls_token: str | None,
                 model_input_names: Sequence[str]):
        backend.no_padding()
        backend.no_truncation()
        self.backend_tokenizer = backend
        self.model_input_names = list(model_input_names)
        self.pad_token_id: int = backend.token_to_id(pad_token)
        self.cls_token_id: int | None = None if cls_token is None else backend.token_to_id(cls_token)

    def __len__(self) -> int:
        """Number of pieces, added tokens included."""
        return self.backend_tokenizer.get_vocab_size(with_added_tokens=True)

    def __call__(self, text: Any, text_pair: str | None = None, *, is_split_into_words: bool = False,
                 add_special_tokens: bool = True, **ignored: Any) -> Encodings:
        """Encodes a text, a pair of texts, a list of texts, or (split into words) lists of words."""
        batch = [(text, text_pair)] if text_pair is not None else [text] if isinstance(text, str) else text
        return Encodings(self.backend_tokenizer.encode_batch(batch, is_pretokenized=is_split_into_words,
                                                             add_special_tokens=add_special_tokens))


def light_tokenizer(folder: pathlib.Path) -> LightTokenizer | None:
    """Reads `tokenizer.json` and `tokenizer_config.json` of a folder that `save_pretrained` wrote.

    Args:
        folder: model directory.

    Returns:
        A tokenizer that gives the same pieces as transformers would. None where these files alone do not tell: one is
        missing, damaged or from before transformers 4.34, they contradict each other, or the class does more than
        its files say. Then transformers has to read them.
    """
    try:
        return _read(folder)
    except Exception:  # tokenizers raises Exception itself; of what is not as it should be, transformers tells
        return None


def _read(folder: pathlib.Path) -> LightTokenizer | None:
    config = json.loads((folder / "tokenizer_config.json").read_text(encoding="utf-8"))
    backend = tokenizers.Tokenizer.from_file(str(folder / "tokenizer.json"))
    kind = config.get("tokenizer_class", "").removesuffix("Fast").removesuffix("Tokenizer")
    if kind not in _TOKEN_TYPES or "auto_map" in config or not config.get("pad_token"):
        return None
    if not _tokens_are_there(backend, config) or not _settings_agree(backend, config, kind):
        return None
    names = ["input_ids", *(["token_type_ids"] if _TOKEN_TYPES[kind] else []), "attention_mask"]
    backend.encode_special_tokens = bool(config.get("split_special_tokens"))
    return LightTokenizer(backend, _content(config["pad_token"]), _content(config.get("cls_token")),
                          config.get("model_input_names") or names)


def _tokens_are_there(backend: tokenizers.Tokenizer, config: Mapping[str, Any]) -> bool:
    """Whether transformers would find no token to add."""
    if "added_tokens_decoder" not in config:
        return False
    there = backend.get_added_tokens_decoder().values()
    added = {repr(tokenizers.AddedToken(**token)) for token in config["added_tokens_decoder"].values()}
    return added <= {repr(token) for token in there} and set(_special_tokens(config)) <= {
        token.content for token in there if token.special}


def _special_tokens(config: Mapping[str, Any]) -> Iterator[str]:
    named = config.get("extra_special_tokens") or {}
    more = config.get("additional_special_tokens") or []
    for token in (*(config.get(name) for name in _SPECIAL), *more, *named.values()):
        if token is not None:
            yield _content(token)


def _content(token: Any) -> Any:
    return token["content"] if isinstance(token, Mapping) else token


def _settings_agree(backend: tokenizers.Tokenizer, config: Mapping[str, Any], kind: str) -> bool:
    """Whether transformers would find no setting to change."""
    states = {name: _state(getattr(backend, name)) for name in _SETTINGS}
    # Words need the space that byte-level BPE wants before them, see `load_tokenizer`.
    wanted = {"add_prefix_space": False, **config} | (
        {"add_prefix_space": True} if "ByteLevel" in json.dumps(states["pre_tokenizer"]) else {})
    parts = ["pre_tokenizer"] if kind == _ANY_CLASS else list(_SETTINGS)
    return all(setting in wanted and wanted[setting] == states[part][name] for part in parts
               for name, setting in _SETTINGS[part].items() if name in states[part])


def _state(part: Any) -> dict[str, Any]:
    return {} if part is None else json.loads(part.__getstate__())
