"""The graph form of a fast tokenizer, whatever its vocabulary's type."""

from __future__ import annotations

from typing import TYPE_CHECKING

from xtremedistil_tf.errors import ModelLoadError
from xtremedistil_tf.tokenization import in_graph, in_graph_unigram
from xtremedistil_tf.tokenization.in_graph import InGraphWordPiece
from xtremedistil_tf.tokenization.in_graph_unigram import InGraphUnigram

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast


def graph_tokenizer(tokenizer: PreTrainedTokenizerFast,
                    whole_texts: bool = False) -> InGraphWordPiece | InGraphUnigram:
    """Builds the graph form of a Hugging Face fast tokenizer with a WordPiece or Unigram vocabulary.

    Args:
        tokenizer: fast tokenizer of transformers.
        whole_texts: whether `tokenize_texts` will be used.

    Raises:
        ModelLoadError: the tokenizer is of another type or set up in a way that has no graph form.
    """
    reason = unsupported(tokenizer, whole_texts)
    if reason:
        raise ModelLoadError("The raw-string signature is available for WordPiece and Unigram vocabularies; "
                             f"this tokenizer is {reason}; use the token-id signature.")
    kind = InGraphUnigram if _model_type(tokenizer) == "Unigram" else InGraphWordPiece
    return kind.from_tokenizer(tokenizer, whole_texts)


def unsupported(tokenizer: PreTrainedTokenizerFast, whole_texts: bool = False) -> str | None:
    """What the tokenizer is, if it has no graph form ("a slow one ..."); else None."""
    kind = _model_type(tokenizer)
    if kind in (None, "WordPiece"):
        return in_graph.unsupported(tokenizer, whole_texts)
    if kind == "Unigram":
        return in_graph_unigram.unsupported(tokenizer, whole_texts)
    return f"one whose model is {kind} instead of WordPiece or Unigram"


def _model_type(tokenizer) -> str | None:
    """None: it is a slow tokenizer."""
    backend = getattr(tokenizer, "backend_tokenizer", None)
    # Without the whole tokenizer as text, which of 250,000 pieces takes a second.
    return None if backend is None else type(backend.model).__name__
