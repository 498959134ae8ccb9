"""The graph form of a fast tokenizer, whatever its vocabulary's type."""

from __future__ import annotations

from typing import TYPE_CHECKING

from xtremedistil_tf.errors import NoGraphFormError
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
        NoGraphFormError: the tokenizer is of another type or set up in a way that has no graph form.
    """
    kind = _model_type(tokenizer)
    if kind not in (None, "WordPiece", "Unigram"):
        raise NoGraphFormError(f"one whose model is {kind} instead of WordPiece or Unigram")
    return (InGraphUnigram if kind == "Unigram" else InGraphWordPiece).from_tokenizer(tokenizer, whole_texts)


def _model_type(tokenizer) -> str | None:
    """None: it is a slow tokenizer."""
    backend = getattr(tokenizer, "backend_tokenizer", None)
    # Without the whole tokenizer as text, which of 250,000 pieces takes a second.
    return None if backend is None else type(backend.model).__name__
