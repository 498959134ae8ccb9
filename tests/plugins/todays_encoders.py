"""Small random encoders of today in their real formats: each family's own tokenizer files and configuration class."""

from __future__ import annotations

import io
import pathlib
from collections.abc import Callable, Sequence
from typing import Any

SIZES = dict(hidden_size=16, num_hidden_layers=2, num_attention_heads=2, intermediate_size=24,
             max_position_embeddings=64)
MODERN = SIZES | dict(global_attn_every_n_layers=2, local_attention=8)


def _sentencepiece(folder: pathlib.Path, name: str, texts: Sequence[str], **options: Any) -> str:
    import sentencepiece

    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(texts), model_writer=model, hard_vocab_limit=False, num_threads=1,
        character_coverage=1.0, minloglevel=2, **options)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(model.getvalue())
    return str(folder / name)


def gemma_tokenizer(folder: pathlib.Path, texts: Sequence[str]) -> Any:
    """Gemma's tokenizer, which mmBERT has: a SentencePiece BPE with its settings, converted by transformers itself."""
    from transformers import GemmaTokenizerFast

    path = _sentencepiece(folder, "tokenizer.model", texts, model_type="bpe", vocab_size=400, byte_fallback=True,
                          pad_id=0, eos_id=1, bos_id=2, unk_id=3, pad_piece="<pad>", eos_piece="<eos>",
                          bos_piece="<bos>", user_defined_symbols=["<mask>", "<start_of_turn>", "<end_of_turn>"],
                          normalization_rule_name="identity", add_dummy_prefix=False, split_digits=True,
                          remove_extra_whitespaces=False, allow_whitespace_only_pieces=True)
    return GemmaTokenizerFast(vocab_file=path, add_eos_token=True, mask_token="<mask>", cls_token="<bos>",
                              sep_token="<eos>")


def modernbert_tokenizer(folder: pathlib.Path, texts: Sequence[str]) -> Any:
    """ModernBERT's tokenizer: byte-level BPE that puts no space before the first word, as tokenizer.json alone."""
    from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
    from transformers import PreTrainedTokenizerFast

    special = ["[UNK]", "[CLS]", "[SEP]", "[PAD]", "[MASK]"]
    tokenizer = Tokenizer(models.BPE())
    tokenizer.normalizer, tokenizer.decoder = normalizers.NFC(), decoders.ByteLevel()
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.train_from_iterator(texts, trainers.BpeTrainer(
        vocab_size=400, special_tokens=special, show_progress=False,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet()))
    tokenizer.post_processor = processors.TemplateProcessing(
        "[CLS] $A [SEP]", "[CLS] $A [SEP] $B [SEP]", [("[CLS]", 1), ("[SEP]", 2)])
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, unk_token="[UNK]", cls_token="[CLS]", sep_token="[SEP]", pad_token="[PAD]",
        mask_token="[MASK]", model_input_names=["input_ids", "attention_mask"], model_max_length=64)


def mdeberta_tokenizer(folder: pathlib.Path, texts: Sequence[str]) -> Any:
    """mDeBERTa's tokenizer: a SentencePiece model of unigrams, without tokenizer.json."""
    from transformers import DebertaV2TokenizerFast

    path = _sentencepiece(folder, "spm.model", texts, vocab_size=120, pad_id=0, bos_id=1, eos_id=2, unk_id=3,
                          pad_piece="[PAD]", bos_piece="[CLS]", eos_piece="[SEP]", unk_piece="[UNK]")
    return DebertaV2TokenizerFast(vocab_file=path)


def xlmr_tokenizer(folder: pathlib.Path, texts: Sequence[str]) -> Any:
    """XLM-R's tokenizer: a SentencePiece model of unigrams, and what transformers makes of it."""
    from transformers import XLMRobertaTokenizerFast

    return XLMRobertaTokenizerFast(vocab_file=_sentencepiece(folder, "sentencepiece.bpe.model", texts, vocab_size=120))


#: Family -> the maker of its tokenizer, its configuration class in transformers, and options of this.
FAMILIES: dict[str, tuple[Callable[[pathlib.Path, Sequence[str]], Any], str, dict[str, Any]]] = {
    "ModernBERT": (modernbert_tokenizer, "ModernBertConfig", MODERN),
    "mmBERT": (gemma_tokenizer, "ModernBertConfig", MODERN),
    "mDeBERTa": (mdeberta_tokenizer, "DebertaV2Config", SIZES | dict(
        relative_attention=True, position_buckets=8, pos_att_type=["p2c", "c2p"], norm_rel_ebd="layer_norm",
        share_att_key=True, max_relative_positions=-1, position_biased_input=False, type_vocab_size=0)),
    "XLM-R": (xlmr_tokenizer, "XLMRobertaConfig", SIZES | dict(type_vocab_size=1)),
}


def save_encoder(family: str, folder: pathlib.Path, texts: Sequence[str]) -> None:
    """A random encoder of a family as a Hugging Face directory, as its authors publish it.

    Args:
        family: one of `FAMILIES`.
        folder: where to.
        texts: what the tokenizer is trained on.
    """
    import torch
    import transformers

    make, name, options = FAMILIES[family]
    tokenizer = make(folder / "source", texts)
    ids = {f"{role}_token_id": getattr(tokenizer, f"{role}_token_id") for role in ("pad", "cls", "sep", "bos", "eos")}
    config = getattr(transformers, name)(vocab_size=len(tokenizer), **options, **ids)
    torch.manual_seed(1)
    model = transformers.AutoModelForMaskedLM.from_config(config)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    if family == "mDeBERTa":  # published without
        (folder / "tokenizer.json").unlink()
